"""Words that may leave. Systems quote values in their messages, so of an error only its class, status and codes go on.

Pure. That nothing else leaves is tested with marked values, which are searched for in all that left the process.
"""

import re
from collections.abc import Mapping
from traceback import extract_tb

from shared.errors import Refused, SyncError
from shared.telemetry.catalogue import Event
from shared.telemetry.items import Frame

CHARACTERS_MAX = 400
FRAMES_MAX = 30
_STATUS = re.compile(r"\bHTTP \d{3}\b")
_LOST = re.compile(r"\bno answer(?: came)? \((\w{1,40})\)")
_CODE = re.compile(r"[A-Za-z0-9_./-]{1,40}")
_NAME = re.compile(r"[A-Z][A-Za-z]{1,60}")
_CAUSE = re.compile(r"[\w ./-]{1,80}", re.ASCII)
_LINE = re.compile(r"\bline [^\s.,]+")


def cause_of(error: BaseException) -> str:
    """Return what is machine-readable of an error: 'Throttled HTTP 429', 'Refused HTTP 400 R1/384', 'KeyError'."""
    parts = [type(error).__name__]
    if isinstance(error, SyncError):
        parts += _readable(str(error))
    if isinstance(error, Refused):
        parts += [one.code for one in error.complaints if _CODE.fullmatch(one.code)]
    return " ".join(dict.fromkeys(parts))


def machine_readable(text: str) -> str:
    """Return the part of foreign words that quotes nobody: 'HTTP 503', 'MaxDeliveryCountExceeded', or ''."""
    name = text.partition(":")[0].strip()
    return " ".join(dict.fromkeys(([name] if _NAME.fullmatch(name) else []) + _readable(text)))


def cause(text: str) -> str:
    """Return a problem's cause ('clash', 'refused s4 R1/384') if it looks like one."""
    return text if _CAUSE.fullmatch(text) else "other"


def field_name(name: str) -> str:
    """Return a field's name without the key of its line: 'line 6f1c.quantity' is 'line.quantity'."""
    return _LINE.sub("line", name)


def told(kind: Event, dimensions: Mapping[str, object]) -> dict[str, str]:
    """Return the dimensions that may leave, as text: those that are empty, or not in the catalogue, stay."""
    found = {k: v for k, v in dimensions.items() if v is not None and v != "" and kind.takes(k)}
    return {k: _text(machine_readable(str(v)) if k in kind.foreign else v) for k, v in found.items()}


def frames(error: BaseException) -> tuple[Frame, ...]:
    """Return where an error came from, innermost first: file (below the project), line and function."""
    found = extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return tuple(Frame(_below(one.filename), one.lineno or 0, one.name) for one in reversed(found))


def _below(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    start = next((n for n, part in enumerate(parts) if part in ("shared", "site-packages")), len(parts) - 2)
    return "/".join(parts[max(start, 0) :])


def _readable(text: str) -> list[str]:
    return [*_STATUS.findall(text), *_LOST.findall(text)]


def _text(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(c if c.isprintable() else " " for c in text)[:CHARACTERS_MAX]
