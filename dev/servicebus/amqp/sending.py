"""The one way into a queue, for links and for scheduling, with the fault switches that can spoil a send."""

from dev.servicebus.amqp.codec import parse
from dev.servicebus.faults import Faults
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import MessageTooLarge, NotAllowed, ServerBusy

MESSAGE_BYTES_MAX = 256 * 1024  # a message or a batch: Service Bus quotas, standard tier


def send(queue: Queue, raws: list[bytes], faults: Faults) -> list[int]:
    """Put encoded messages into a queue, all or none; returns their sequence numbers. Raises Refused."""
    if queue.dead_letters is None:
        # Service Bus documentation, "Overview of dead-letter queues"
        raise NotAllowed("A dead-letter queue takes messages by the dead-letter operation of its parent entity only.")
    if faults.strikes("refuse_sends"):
        raise ServerBusy("The server is busy (a fault switch is set). Try again later.")
    size = sum(map(len, raws))
    if size > MESSAGE_BYTES_MAX:
        raise MessageTooLarge(f"The message or batch has {size} bytes; {MESSAGE_BYTES_MAX} are allowed.")
    messages = [parse(raw) for raw in raws]
    if faults.strikes("drop_next_sends"):
        return [0] * len(messages)
    return queue.send(messages)
