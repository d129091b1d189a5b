"""How refusals look on the wire. Decides nothing."""

from uuid import uuid4

from proton import Condition, Endpoint, Terminus, symbol

from dev.servicebus.amqp.peer import Link
from dev.servicebus.queues.refusals import Refused


def condition_of(refusal: Refused) -> Condition:
    """Write a refusal as an AMQP error. It always has an info map: clients hang on an error without its third field."""
    return Condition(refusal.condition, str(refusal), {symbol("tracking-id"): str(uuid4())})


def close_link(link: Link, refusal: Refused) -> None:
    """End a link with an error; one that is not attached yet is attached to nothing first, as AMQP 2.6.3 asks."""
    if link.state & Endpoint.LOCAL_UNINIT:
        link.source.type = Terminus.UNSPECIFIED
        link.target.type = Terminus.UNSPECIFIED
        link.open()
    link.role = None
    link.condition = condition_of(refusal)
    link.close()
