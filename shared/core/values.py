"""Single values: exact numbers, SAP's days, ALPHA conversion, rounding. Pure.

No columns and no mappings here: what a value must look like for a column is the mapping's business.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)  # Decimal(31,14) is the widest in S/4: never round by context
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?-?")
_NO_DAY = "00000000"


def exact(text: str) -> Decimal:
    """Read a plain decimal number: '12.50', '-3', and SAP's trailing sign '12.50-'.

    Raises ValueError for anything else: '1e3', '1,5', 'NaN', blanks.
    """
    if not _NUMBER.fullmatch(text) or (text[0] == "-" and text[-1] == "-"):
        raise ValueError("not a plain decimal number such as 12.50")
    return Decimal(f"-{text[:-1]}" if text[-1] == "-" else text)


def written_out(number: Decimal) -> str:
    """Write a number without an exponent: Decimal('1E+2') -> '100', Decimal('0.50') -> '0.50'."""
    return f"{number:f}"


def rounded(number: Decimal, scale: int) -> Decimal:
    """Round half up to `scale` decimals: 2.345, 2 -> 2.35; -2.345, 2 -> -2.35; 12, 2 -> 12.00.

    Also rounds a quantity to the decimals of its unit (pieces: 0). Raises ValueError for NaN, infinities and numbers
    of more than 60 digits.
    """
    try:
        found = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACT)
    except InvalidOperation:
        raise ValueError("not a finite number of at most 60 digits") from None
    if not found.is_finite():
        raise ValueError("not a finite number")
    return found


def has_scale(number: Decimal, scale: int) -> bool:
    """Return whether the number survives `scale` decimals unchanged: 12.500 has scale 1, 12.55 has not."""
    try:
        return rounded(number, scale) == number
    except ValueError:
        return False


def sap_day(text: str) -> date | None:
    """Read ABAP DATS: '20240309' -> 9 March 2024; '00000000' and '' mean no date. Raises ValueError otherwise."""
    if text in ("", _NO_DAY):
        return None
    if not re.fullmatch(r"[0-9]{8}", text):
        raise ValueError("not eight digits YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def sap_day_text(day: date) -> str:
    """Write ABAP DATS: 9 March 2024 -> '20240309'."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def alpha_in(text: str, length: int) -> str:
    """Convert to SAP's inner form: '4711', 10 -> '0000004711'. Keys with anything but digits stay as they are."""
    return text.zfill(length) if _digits(text) else text


def alpha_out(text: str) -> str:
    """Convert to SAP's outer form: '0000004711' -> '4711'; '000' -> '0'; 'A01' stays."""
    return (text.lstrip("0") or "0") if _digits(text) else text


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def shape(value: object) -> str:
    """Describe a value without telling it: '12 characters', 'an amount with 3 decimals', '2 parts of 40, 3'."""
    match value:
        case None | "":
            found = "nothing"
        case bool():
            found = "a flag"
        case str():
            found = f"{len(value)} character{'s' * (len(value) != 1)}"
        case Decimal() if value.is_finite():
            found = f"an amount with {max(0, -int(value.as_tuple().exponent))} decimals"
        case int():
            found = "a whole number"
        case datetime():
            found = "an instant" if value.tzinfo else "an instant without a time zone"
        case date():
            found = "a day"
        case tuple():
            found = f"{len(value)} parts ({', '.join(shape(part) for part in value)})"
        case _:
            found = f"a {type(value).__name__}"
    return found
