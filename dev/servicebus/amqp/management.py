"""What `<queue>/$management` can do: a table from operation names to functions of a queue and a request's body.

Bodies are AMQP maps; their shapes are those of the Service Bus documentation, "AMQP request-response operations".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from proton import UNDESCRIBED, Array, Data, int32, timestamp

from dev.servicebus.amqp.codec import owned, render
from dev.servicebus.amqp.peer import Outlet
from dev.servicebus.amqp.sending import send
from dev.servicebus.faults import Faults
from dev.servicebus.queues.message import Session
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import InvalidArgument, NotImplementedHere, SessionLockLost

type Body = dict[str, Any]  # the values are whatever AMQP can carry

MAX_DATE_MS = 253_402_300_799_999  # .NET's last date: as `last-updated-time` it asks for the sessions of any age
RECEIVE_AND_DELETE = 0  # in `receiver-settle-mode`


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the queue, the body, and the receiving link on whose behalf it is made (if the client says so)."""

    queue: Queue
    body: Body
    link_name: str | None
    faults: Faults

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - whatever AMQP can carry
        """Read a value that the body must have; raises InvalidArgument."""
        if key not in self.body:
            raise InvalidArgument(f"The request's body lacks '{key}'; it has {sorted(self.body)}.")
        return owned(self.body[key])

    def session(self) -> Session:
        """Find the session of the request, which its receiver must hold; raises SessionLockLost."""
        session = self.queue.sessions.held(str(self["session-id"]))
        holder = session.owner
        if self.link_name is not None and isinstance(holder, Outlet) and holder.link.name != self.link_name:
            raise SessionLockLost(f"The lock on session '{session.session_id}' has passed to another receiver.")
        return session


def perform(operation: str, call: Call) -> Body | None:
    """Do what a request asks; None means that there is nothing to show. Raises Refused."""
    act = OPERATIONS.get(operation.removeprefix("com.microsoft:"))
    if act is None:
        raise NotImplementedHere(f"Unknown operation '{operation}'; known: {', '.join(OPERATIONS)}.")
    return act(call)


def _items(value: object) -> Iterable[Any]:
    """Read an AMQP array or list."""
    if not isinstance(value, (Array, list)):
        raise InvalidArgument(f"An array was expected, not {type(value).__name__}.")
    return list(value)


def _array(kind: int, items: list[int]) -> Array:
    return Array(UNDESCRIBED, kind, *items)  # type: ignore[arg-type]  # the constant's class is left out of its union


def _renew_lock(call: Call) -> Body:
    until: list[int] = [timestamp(call.queue.renew(token)) for token in _items(call["lock-tokens"])]
    return {"expirations": _array(Data.TIMESTAMP, until)}


def _renew_session_lock(call: Call) -> Body:
    return {"expiration": timestamp(call.queue.renew_session(str(call.session().session_id)))}


def _peek(call: Call) -> Body | None:
    first, limit = int(call["from-sequence-number"]), int(call["message-count"])
    found = call.queue.peek(first, limit, call.body.get("session-id"))
    return {"messages": [{"message": render(message)} for message in found]} if found else None


def _schedule(call: Call) -> Body:
    raws = [bytes(item["message"]) for item in _items(call["messages"])]
    return {"sequence-numbers": _array(Data.LONG, send(call.queue, raws, call.faults))}


def _cancel(call: Call) -> Body:
    call.queue.cancel(int(number) for number in _items(call["sequence-numbers"]))
    return {}


def _receive_deferred(call: Call) -> Body:
    if call.queue.definition.requires_session:
        call.session()
    delete = int(call.body.get("receiver-settle-mode", 1)) == RECEIVE_AND_DELETE
    numbers = [int(number) for number in _items(call["sequence-numbers"])]
    found = call.queue.receive_deferred(numbers, delete=delete)
    tokens = [message.lock.token if message.lock is not None else UUID(int=0) for message in found]
    return {
        "messages": [
            {"message": render(message, locked=not delete), "lock-token": token}
            for message, token in zip(found, tokens, strict=True)
        ]
    }


def _update_disposition(call: Call) -> Body:
    if call.queue.definition.requires_session:
        call.session()
    given = {
        "DeadLetterReason": call.body.get("deadletter-reason"),
        "DeadLetterErrorDescription": call.body.get("deadletter-description"),
        **(call.body.get("properties-to-modify") or {}),
    }
    amendments = {str(key): owned(value) for key, value in given.items() if value is not None}
    for token in _items(call["lock-tokens"]):
        call.queue.settle(token, str(call["disposition-status"]), amendments)
    return {}


def _get_session_state(call: Call) -> Body:
    return {"session-state": call.session().state}


def _set_session_state(call: Call) -> Body:
    state = call["session-state"]
    call.queue.set_session_state(str(call.session().session_id), None if state is None else bytes(state))
    return {}


def _message_sessions(call: Call) -> Body | None:
    updated_ms, skip, top = int(call["last-updated-time"]), int(call["skip"]), int(call["top"])
    # a date beyond .NET's last one is clamped to it there
    found = call.queue.session_ids(None if updated_ms > MAX_DATE_MS else updated_ms)[skip : skip + top]
    return {"skip": int32(skip + len(found)), "sessions-ids": found} if found else None


OPERATIONS: dict[str, Callable[[Call], Body | None]] = {
    "renew-lock": _renew_lock,
    "renew-session-lock": _renew_session_lock,
    "peek-message": _peek,
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel,
    "receive-by-sequence-number": _receive_deferred,
    "update-disposition": _update_disposition,
    "get-session-state": _get_session_state,
    "set-session-state": _set_session_state,
    "get-message-sessions": _message_sessions,
}
