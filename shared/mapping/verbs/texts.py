"""Verbs for text. Pure."""

import re

from shared.core.values import alpha_in, alpha_out
from shared.mapping.verbs.verb import Length, Step, Unfit, Verb, always, as_long, unknown

_HOUSE_NUMBER_CHARACTERS = 10  # A_BusinessPartnerAddress.HouseNumber: max 10, API_BUSINESS_PARTNER metadata
_NUMBER = r"[0-9]+ ?[a-zA-Z]?(?: ?[-/+] ?[0-9]+ ?[a-zA-Z]?)*"
_NUMBER_LAST = re.compile(rf"(?P<street>\S(?:.*?\S)??) (?P<number>{_NUMBER})")
_NUMBER_FIRST = re.compile(rf"(?P<number>{_NUMBER}) (?P<street>\S.*)")
_PHONE = re.compile(r"\+?[0-9]+")


def trim() -> Verb:
    """Blanks around a text are dropped, both ways: ' Walldorf ' <-> 'Walldorf'."""
    return Verb(str.strip, str.strip)


def compact() -> Verb:
    """No blanks at all: 'DE 123 456 789' -> 'DE123456789'; back as SAP has it. Both are in step with each other."""
    return Verb(lambda text: "".join(text.split()), str.strip)


def lower() -> Verb:
    """Lower case, both ways: 'Info@Contoso.example' <-> 'info@contoso.example'."""
    return Verb(str.lower, str.lower)


def upper() -> Verb:
    """Upper case, both ways: 'Contoso' -> 'CONTOSO'. A change on the SAP side arrives in capitals."""
    return Verb(str.upper, str.upper)


def cut(length: int) -> Verb:
    """Only the first `length` characters: 'Contoso', 3 -> 'Con'. One-way."""
    _at_least(1, length=length)
    return Verb(lambda text: text[:length], lengths=(lambda n: length if n is None else min(n, length), always(length)))


def split(width: int, parts: int = 2) -> Verb:
    """One text <-> `parts` consecutive lines of `width` characters (SAP name and text lines).

    SAP drops blanks at the end of a line, so a line never ends with one: where the seam falls behind a blank, the line
    is left shorter and that one blank is dropped; further blanks lead the next line. Back: a full line is continued
    without a blank, a shorter one (also one that a person typed) with one. So every text comes back as it was, except
    for blanks at its very end; a text that cannot (dozens of blanks at a seam) is refused.
    """
    _at_least(1, width=width, parts=parts)

    def there(text: str) -> tuple[str | None, ...]:
        rest = whole = text.rstrip()
        if len(whole) <= width:
            return (whole or None, *(None,) * (parts - 1))
        lines: list[str] = []
        for _ in range(parts - 1):
            line = rest[:width].rstrip()
            dropped = len(line) < len(rest[:width])
            lines.append(line)
            rest = rest[len(line) + dropped :]
        lines.append(rest)
        if len(rest) > width or back(tuple(lines)) != whole:
            raise Unfit("length", f"text that fits {parts} lines of {width} characters", "shorten it")
        return tuple(line or None for line in lines)

    def back(lines: tuple[str | None, ...]) -> str:
        text, full = "", True
        for line in lines:
            if line:
                text += line if full else f" {line}"
                full = len(line) >= width
        return text

    room = width * parts
    return Verb(there, back, parts=(1, parts), lengths=(lambda n: room if n is None else min(n, room), always(room)))


def join(separator: str = " ", parts: int = 2) -> Verb:
    """Several Dynamics columns -> one text: ('Ann', 'Lee') -> 'Ann Lee'; absent parts are left out. One-way."""
    _at_least(2, parts=parts)
    return Verb(
        lambda columns: separator.join(part for part in columns if part),
        parts=(parts, 1),
        lengths=(lambda n: None if n is None else n + len(separator) * (parts - 1), unknown),
    )


def street(number: str = "last") -> Verb:
    """One address line <-> (street, house number): 'Königstraße 12a' <-> ('Königstraße', '12a').

    `number: last` splits a number that ends the line ('Am Markt 12-14'), `number: first` one that begins it
    ('221B Baker Street'). A number is digits with at most one letter each, ranges with - / +, at most 10 characters,
    with exactly one blank between street and number. Any other line stays whole in the street ('12 rue de la Paix'
    with `last`, 'Hauptstr.12', 'Königstraße'), so whatever is produced comes back as it was, without blanks around.
    """
    if number not in ("last", "first"):
        raise ValueError(f"number is {number!r}, expected last or first")
    pattern = _NUMBER_LAST if number == "last" else _NUMBER_FIRST

    def there(line: str) -> tuple[str | None, str | None]:
        line = line.strip()
        if not line:
            return None, None
        found = pattern.fullmatch(line)
        if found is None or len(found["number"]) > _HOUSE_NUMBER_CHARACTERS:
            return line, None
        return found["street"], found["number"]

    def back(parts: tuple[str | None, str | None]) -> str:
        return " ".join(part for part in (parts if number == "last" else parts[::-1]) if part)

    return Verb(there, back, parts=(1, 2), lengths=(as_long, lambda n: None if n is None else n + 1))


def alpha(length: int) -> Verb:
    """SAP's ALPHA conversion: '4711', 10 <-> '0000004711'. Keys with letters stay as they are."""
    _at_least(1, length=length)

    def there(text: str) -> str:
        padded = alpha_in(text, length)
        if len(padded) > length:
            raise Unfit("length", f"at most {length} characters", "shorten it")
        return padded

    return Verb(there, alpha_out, lengths=(always(length), always(length)))


def digits() -> Verb:
    """Digits and plus signs only: '+49 (89) 12' -> '+498912'. One-way."""
    return Verb(lambda text: re.sub(r"[^0-9+]", "", text))


def phone() -> Verb:
    """A telephone number without its ornaments: '+49 (89) 123-45' -> '+498912345'; back as SAP has it.

    Both systems may write one number differently: they are in step when the Dynamics number without ornaments is
    SAP's, or when Dynamics has exactly SAP's. Letters are refused: an extension belongs in a column of its own.
    """

    def there(text: str) -> str:
        bare = re.sub(r"[\s()/.\-]", "", text)
        if not _PHONE.fullmatch(bare):
            raise Unfit("phone", "digits with an optional + in front, blanks and ( ) / . -", "correct the number")
        return bare

    return Verb(there, str.strip)


def prefix(text: str) -> Verb:
    """A fixed beginning that only SAP has: 'SO-7', text 'D365-' <-> 'D365-SO-7'."""
    return Verb(lambda value: text + value, _without(text), lengths=_longer_there(len(text)))


def strip_prefix(text: str) -> Verb:
    """A fixed beginning that only Dynamics has: 'DE123', text 'DE' <-> '123'."""
    return Verb(_without(text), lambda value: text + value, lengths=_longer_there(-len(text)))


def replace(find: str, by: str) -> Verb:
    """Every `find` becomes `by`: 'a;b', find ';', by ',' -> 'a,b'. One-way."""
    _at_least(1, find=len(find))
    return Verb(lambda text: text.replace(find, by), lengths=(unknown if len(by) > len(find) else as_long, unknown))


def _without(text: str) -> Step:
    def strip(value: str) -> str:
        if not value.startswith(text):
            raise Unfit("prefix", f"text that begins with {text!r}", "correct it")
        return value.removeprefix(text)

    return strip


def _longer_there(by: int) -> tuple[Length, Length]:
    return (lambda n: None if n is None else n + by, lambda n: None if n is None else n - by)


def _at_least(least: int, **arguments: int) -> None:
    for name, value in arguments.items():
        if value < least:
            raise ValueError(f"{name} is {value}, expected at least {least}")
