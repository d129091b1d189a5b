"""Requests and their answers: reads one, has it done, and sends the answer on the link that the client keeps for it.

Serves `$cbs`, where clients put tokens, and `<queue>/$management`. No token is checked: who can
reach a loopback port is let in.
"""

from uuid import uuid4

from proton import Message, MessageException, Sender, int32, symbol

from dev.servicebus.amqp.management import Body, Call, perform
from dev.servicebus.amqp.peer import CBS, MANAGEMENT, Answers, Link, node, role_of
from dev.servicebus.faults import Faults
from dev.servicebus.queues.namespace import Namespace
from dev.servicebus.queues.refusals import InvalidArgument, Refused


def serve(link: Link, address: str, raw: bytes, namespace: Namespace, faults: Faults) -> None:
    """Do what a request asks and answer it; one that does not decode is ignored, for nobody could be told."""
    request = Message()
    try:
        request.decode(raw)
    except MessageException:
        return
    if address == CBS:
        _reply(link, address, request, {"status-code": int32(202), "status-description": "Accepted"}, {})
        return
    try:
        body = _manage(address, request, namespace, faults)
        if body is None:
            properties = _status(204, "No Content", "com.microsoft:message-not-found")
        else:
            properties = _status(200, "OK")
    except Refused as refusal:
        body, properties = None, _status(refusal.status, str(refusal), refusal.condition)
    _reply(link, address, request, properties, body or {})


def _manage(address: str, request: Message, namespace: Namespace, faults: Faults) -> Body | None:
    queue = namespace.find(address.removesuffix(MANAGEMENT))
    asked: Body = request.properties or {}
    if not isinstance(request.body, dict):
        raise InvalidArgument("The request's body is not a map.")
    body = {str(key): value for key, value in request.body.items()}
    return perform(str(asked.get("operation")), Call(queue, body, asked.get("associated-link-name"), faults))


def _status(code: int, text: str, condition: str | None = None) -> Body:
    properties: Body = {"statusCode": int32(code), "statusDescription": text}
    if condition is not None:
        properties["errorCondition"] = symbol(condition)
    return properties


def _reply(link: Link, address: str, request: Message, properties: Body, body: Body) -> None:
    answer = Message(body=body, properties=properties, correlation_id=request.id, inferred=False)
    answers: list[Sender] = [a for a in link.connection.peer.answers if role_of(a) == Answers(address)]
    named = [a for a in answers if request.reply_to and node(a.remote_target.address) == node(request.reply_to)]
    for sender in (named or answers)[:1]:
        delivery = sender.delivery(uuid4().bytes)  # type: ignore[arg-type]  # annotated as str, takes bytes
        sender.stream(answer.encode())
        sender.advance()
        delivery.settle()
