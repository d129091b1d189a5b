"""Verbs for numbers, flags, codes and days. Pure.

Amounts are Decimal; no verb rounds silently: `money` refuses what would change, `round` says in its name what it does.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.core.model import Scalar
from shared.core.values import exact, has_scale, rounded, sap_day, sap_day_text, written_out
from shared.mapping.verbs.verb import CodeTable, Kind, Quiet, Unfit, Verb, always, as_long

_NUMBER_CHARACTERS = 40
_INT_CHARACTERS = 11  # -2147483648


def money(scale: int = 2) -> Verb:
    """An amount with at most `scale` decimals, both ways: 52.6500 <-> 52.65; 52.655 is refused."""

    def step(amount: Decimal) -> Decimal:
        if not has_scale(amount, scale):
            raise Unfit("rounding", f"an amount with at most {scale} decimals", "correct it, or round it in the row")
        return rounded(amount, scale)

    return Verb(step, step, takes="decimal", gives="decimal")


def round_half_up(scale: int = 2) -> Verb:
    """An amount rounded half up to `scale` decimals: 2.345 -> 2.35. One-way."""

    def step(amount: Decimal) -> Decimal:
        try:
            return rounded(amount, scale)
        except ValueError as e:
            raise Unfit("number", str(e).replace("not ", ""), "correct it") from None

    return Verb(step, takes="decimal", gives="decimal")


def number() -> Verb:
    """An amount <-> a text of plain digits: 12.50 <-> '12.50'; SAP's trailing sign is read ('12.50-')."""

    def there(amount: Decimal) -> str:
        if not amount.is_finite():
            raise Unfit("number", "a finite amount", "correct it")
        return written_out(amount)

    def back(text: str) -> Decimal:
        try:
            return exact(text.strip())
        except ValueError:
            raise Unfit("number", "a plain decimal number such as 12.50", "correct it") from None

    return Verb(there, back, takes="decimal", lengths=(always(_NUMBER_CHARACTERS), as_long))


def whole() -> Verb:
    """A whole number <-> an amount without decimals: 5 <-> 5.000."""

    def back(amount: Decimal) -> int:
        if not has_scale(amount, 0):
            raise Unfit("whole", "a whole number", "correct it")
        return int(amount)

    return Verb(Decimal, back, takes="int", gives="decimal")


def option() -> Verb:
    """A Dynamics choice (a whole number) <-> its text, as code tables have it: 3 <-> '3'."""

    def back(text: str) -> int:
        if len(text) > _INT_CHARACTERS or not (text.isascii() and text.removeprefix("-").isdigit()):
            raise Unfit("option", "a whole number", "correct it, or the code table")
        return int(text)

    return Verb(str, back, takes="int", lengths=(always(_INT_CHARACTERS), as_long))


def flag(on: str | int, off: str | int) -> Verb:
    """A two-valued Dynamics code <-> an SAP flag: statecode 1, on 1, off 0 <-> true."""
    if type(on) is not type(off) or on == off:
        raise ValueError(f"on is {on!r} and off is {off!r}, expected two different values of one type")

    def there(value: str | int) -> bool:
        if value not in (on, off):
            raise Unfit("flag", f"{on!r} or {off!r}", "correct it")
        return value == on

    kind: Kind = "int" if isinstance(on, int) else "text"
    return Verb(there, lambda value: on if value else off, takes=kind, gives="flag")


def mark(on: str = "X", off: str = "") -> Verb:
    """A Dynamics flag <-> an SAP one-letter mark: true <-> 'X', false <-> ''."""
    if on in ("", off):
        raise ValueError(f"on is {on!r} and off is {off!r}, expected two different texts, on not empty")

    def back(text: str) -> bool:
        if text not in (on, off):
            raise Unfit("mark", f"{on!r} or {off!r}", "correct it")
        return text == on

    longest = max(len(on), len(off))
    absent_back = None if off else False
    lengths = (always(longest), as_long)
    return Verb(lambda value: on if value else off, back, takes="flag", absent_back=absent_back, lengths=lengths)


def code(
    table: str,
    fold: bool = False,  # noqa: FBT001, FBT002  # an argument of the mapping file
    keep: int = 0,
    otherwise: str = "",
    unknown: Literal["fails", "silent"] = "fails",
    *,
    tables: Mapping[str, CodeTable],
) -> Verb:
    """Dynamics' word <-> SAP's code, by a table of mappings/codes/: 'Germany' <-> 'DE'.

    `fold` compares words without regard to case. What the table lacks fails the field; other wishes: up to `keep`
    characters it is a code already and travels as it is; `otherwise` is the code for it (then there is no way back);
    `unknown: silent` leaves the other side as it is.
    """
    if table not in tables:
        raise LookupError(table)
    known = tables[table]
    there_by = {word.casefold(): c for word, c in known.there.items()} if fold else known.there

    def lacking(value: str, what: str) -> str:
        if len(value) <= keep:
            return value
        if unknown == "silent":
            raise Quiet
        mend = f"add it to codes/{table}.yaml, or correct the record"
        raise Unfit(f"code {table}", f"a {what} of code table {table}", mend)

    def there(word: str) -> str:
        found = there_by.get(word.casefold() if fold else word)
        return found or otherwise or lacking(word, "word")

    def back(found: str) -> str | None:
        return known.back[found] if found in known.back else lacking(found, "code")

    codes = max(keep, len(otherwise), *map(len, known.there.values()))
    words = max(keep, 0, *map(len, known.there))
    return Verb(
        there,
        None if otherwise or known.unclear else back,
        lengths=(always(codes), always(words)),
        about={"there": dict(known.there), "back": dict(known.back)},
        unclear=known.unclear,
    )


def default(value: str | int | bool) -> Verb:  # noqa: FBT001  # an argument of the mapping file
    """What absence becomes on the way to SAP: nothing -> '0001'. One-way."""
    absent: Scalar = value
    return Verb(lambda found: found, takes="any", gives="any", absent=absent)


def link(to: str, required: bool = False) -> Verb:  # noqa: FBT001, FBT002  # an argument of the mapping file
    """The key of a record that another flow syncs <-> its key on the other side, by that record's link.

    `required: true` makes the record wait until that link exists; otherwise the field is filled when it appears.
    """
    return Verb(lambda key: key, lambda key: key, link=to, required=required)


def iso_date() -> Verb:
    """A text '2024-03-09' <-> a day. Anything else is refused."""

    def there(text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Unfit("date", "a day such as 2024-03-09", "correct it") from None

    return Verb(there, date.isoformat, gives="date", lengths=(as_long, always(10)))


def day(zone: str = "UTC") -> Verb:
    """An instant -> the day it falls on in `zone`; back: that day's midnight there ('2024-03-09T07:15Z' <-> 9 March).

    Both are in step whenever the instant falls on the day.
    """
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"zone is {zone!r}, expected a name such as Europe/Berlin or UTC") from None

    def there(instant: datetime) -> date:
        if instant.tzinfo is None:
            raise Unfit("date", "an instant with a time zone", "this is a defect of the connector: report it")
        return _moved(instant, here).date()

    def back(found: date) -> datetime:
        return _moved(datetime.combine(found, time(), here), UTC)

    return Verb(there, back, takes="instant", gives="date")


def _moved(instant: datetime, zone: tzinfo) -> datetime:
    try:
        return instant.astimezone(zone)
    except OverflowError:
        raise Unfit("date", "a date between the years 1 and 9999 in every time zone", "correct it") from None


def dats() -> Verb:
    """A day <-> ABAP's eight digits: 9 March 2024 <-> '20240309'; '00000000' means no date."""

    def back(text: str) -> date | None:
        try:
            return sap_day(text)
        except ValueError:
            raise Unfit("date", "eight digits YYYYMMDD, or 00000000 for no date", "correct it") from None

    return Verb(sap_day_text, back, takes="date", lengths=(always(8), as_long))
