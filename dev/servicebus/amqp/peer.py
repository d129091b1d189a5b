"""What the broker keeps for each connection and link of a client. No behaviour beyond that of a record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from proton import Connection, Delivery, Receiver, Sender
from proton import Session as AmqpSession

from dev.servicebus.queues.message import Session
from dev.servicebus.queues.queue import Queue

CBS = "$cbs"
MANAGEMENT = "/$management"


@dataclass(slots=True, eq=False)
class Peer:
    """One connection: its links for answers, and the way to cut it off without a word."""

    cut: Callable[[], None]
    answers: list[Sender] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Intake:
    """The link on which a client sends to a queue."""

    queue: Queue


@dataclass(frozen=True, slots=True)
class Requests:
    """The link on which a client asks `$cbs` or (with a queue) `<queue>/$management`."""

    address: str


@dataclass(frozen=True, slots=True)
class Answers:
    """The link on which a client gets the answers of the same address."""

    address: str


@dataclass(slots=True, eq=False)
class Outlet:
    """The link on which a client receives from a queue.

    `session` is the one that it holds, or the only lane of a queue without sessions, or None while it waits for one
    until `wait_until_ms`. The outlet is the owner under which the queue knows the holder of a session.
    """

    queue: Queue
    link: Sender
    deletes: bool
    session: Session | None = None
    wait_until_ms: int = 0

    @property
    def holds_session(self) -> bool:
        """Tell whether the session is still its own; the only lane of a queue without sessions is everybody's."""
        return self.session is not None and (self.session.session_id is None or self.session.owner is self)


type Link = Sender | Receiver  # seen from here: a client's receiver is a Sender


class Happening(Protocol):
    """One of Proton's events, which has those of these that it is about (Proton's own class says that any may lack)."""

    connection: Connection
    session: AmqpSession
    link: Link
    delivery: Delivery


type Role = Intake | Requests | Answers | Outlet


def node(address: str | None) -> str:
    """Find the entity in a link's address: `amqps://host:5672/changes/` -> `changes`."""
    path = address or ""
    if "://" in path:
        path = path.split("://", 1)[1].partition("/")[2]
    return path.strip("/")


def role_of(link: Link) -> Role | None:
    """Tell what this link is for; None before it is attached, and after it was refused."""
    role: Role | None = getattr(link, "role", None)
    return role
