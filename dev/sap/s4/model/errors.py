"""How anything in the simulator refuses a request: one exception that carries SAP's messages and the HTTP status."""

from dataclasses import dataclass
from typing import Literal

from dev.sap.s4.model.messages import TEXTS

type Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Message:
    """One SAP message, e.g. `Message("V1/384", "Sales unit XX is not defined for item 10", target="to_Item")`."""

    code: str
    text: str
    severity: Severity = "error"
    target: str = ""


def message(code: str, *values: object, target: str = "", severity: Severity = "error") -> Message:
    """Fill the text of the catalogue; a missing code is a KeyError, so that no message goes without a text."""
    return Message(code, TEXTS[code].format(*values), severity, target)


class Refused(Exception):
    """The request is answered with `status` and the messages; what it did is rolled back."""

    def __init__(self, *messages: Message, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__("; ".join(each.text for each in messages))
        self.messages = messages
        self.status = status
        self.headers = headers or {}


def refused(code: str, *values: object, target: str = "", status: int = 400) -> Refused:
    """Make the common refusal with a single message."""
    return Refused(message(code, *values, target=target), status=status)


def refuse_any(messages: list[Message]) -> None:
    """Raise all errors at once, as SAP's error log does."""
    if any(each.severity == "error" for each in messages):
        raise Refused(*messages)
