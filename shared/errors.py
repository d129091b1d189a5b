"""Every way a sync can fail. A class says what happens next; `settlement.py` holds that as one table.

* SyncError
  x Transient             the same change may succeed later
    + Stale               somebody moved what we were about to write      -> gather again at once
    + Throttled           the system named a wait                         -> re-schedule, no sooner
    + Unavailable         no answer, or the answer of a sick system       -> re-schedule with back-off
      - Unconfirmed       a write left and no answer came: it may have happened
    + NotAllowed          credentials or roles (401, 403)                 -> never a loop: SAP locks users
    + NotYet              we know when to look again                      -> re-schedule to that time
    + Elsewhere           the pair lives in another partition             -> send it there
  x NeedsPerson           no repetition will help
    + Refused             the system's own validation said no             -> park the field, or the side
    + BadMapping          a mapping file does not fit itself or the data  -> park; at load: refuse to start
    + BadRequest          somebody asked us for something impossible      -> 400 with the reason
    + WrongEnvironment    another organisation or client than configured  -> refuse

Anything else is a bug: the message goes back and ends in the dead-letter queue.
"""

from dataclasses import dataclass
from datetime import datetime


class SyncError(Exception):
    """Base of all expected failures."""


class Transient(SyncError):
    """The same change may succeed later."""


class Stale(Transient):
    """What we were about to write moved since we read it (412, 428, a link written by another worker)."""


class Throttled(Transient):
    """The system asked us to slow down (429, or 503 with Retry-After: it did not do the work)."""

    def __init__(self, message: str, *, wait_seconds: float) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Unavailable(Transient):
    """The system did not answer, or answered that it is sick; nothing was changed by this call."""


class Unconfirmed(Unavailable):
    """A write left and no answer came back: it may have happened, now or later. Look before repeating."""


class NotAllowed(Transient):
    """Authentication or authorisation failed; repeating quickly locks SAP users."""


class NotYet(Transient):
    """Something has to pass first, and we know until when: another worker's claim, an open create."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Outdated(NotYet):
    """A system showed an older state than was seen before: a lagging replica, or a restored database (law 13)."""


class Elsewhere(Transient):
    """The pair's partition is not the one that this change was sent to; `pair_key` names the right one.

    `key` is the record's own key where the change spells it otherwise ('' = as it does).
    """

    def __init__(self, message: str, *, pair_key: str = "", key: str = "") -> None:
        super().__init__(message)
        self.pair_key = pair_key
        self.key = key


class NeedsPerson(SyncError):
    """No repetition will help."""


class AwaitsApproval(NeedsPerson):
    """A create was taken as a draft that somebody has to approve there; the record does not exist yet.

    Business One answers so when a document enters an approval procedure (-2028, and the draft is in Drafts).
    """


@dataclass(frozen=True, slots=True)
class Complaint:
    """One objection of a system against one write.

    `code` is the system's own (S/4 'R1/384', Dataverse '0x80044331'), `message` its own words, `column` the column of
    our write that it names ('' when it names none, 'address.PostalCode' in the connector's path form), `line` the key
    of the line it is about ('' for the header).
    """

    code: str
    message: str
    column: str = ""
    line: str = ""


class Refused(NeedsPerson):
    """The target system's own validation rejected the write; nothing was changed by this call."""

    def __init__(self, message: str, complaints: tuple[Complaint, ...] = ()) -> None:
        super().__init__(message)
        self.complaints = complaints


class BadMapping(NeedsPerson):
    """A mapping file does not fit itself, the systems' metadata, or the data."""


class BadRequest(NeedsPerson):
    """A caller asked for something that is not there or not possible; the message says what is."""


class WrongEnvironment(NeedsPerson):
    """An event or a connection belongs to another organisation or SAP client than this app is bound to."""
