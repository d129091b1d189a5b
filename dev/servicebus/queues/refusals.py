"""Every way in which Service Bus declines, with the AMQP condition and management status that clients map to errors.

Refused
+-- EntityNotFound          no such queue
+-- NotAllowed              the queue is not of that kind
+-- InvalidArgument         a value outside the service's limits
+-- MalformedMessage        bytes that are no AMQP message
+-- MessageTooLarge
+-- MessageLockLost         settle or renew came too late
+-- MessageNotFound         no scheduled or deferred message with that number
+-- SessionLockLost
+-- SessionTaken            somebody else holds the session
+-- NoSessionAvailable      waited in vain for one
+-- ServerBusy              asked to try again
+-- NotImplementedHere      an operation that this local bus lacks
"""


class Refused(Exception):
    """The service declines and nothing has changed; `condition` and `status` tell the client why."""

    condition = "amqp:internal-error"
    status = 500


class EntityNotFound(Refused):
    """There is no queue of that name."""

    condition, status = "amqp:not-found", 404


class NotAllowed(Refused):
    """The queue is not of the kind that this asks for, e.g. a message without a session id on a session queue."""

    condition, status = "amqp:not-allowed", 400


class InvalidArgument(Refused):
    """A value lies outside the service's limits, e.g. a message id of more than 128 characters."""

    condition, status = "com.microsoft:argument-error", 400


class MalformedMessage(Refused):
    """The bytes do not decode as an AMQP message."""

    condition, status = "amqp:decode-error", 400


class MessageTooLarge(Refused):
    """The message is larger than the link allows."""

    condition, status = "amqp:link:message-size-exceeded", 400


class MessageLockLost(Refused):
    """The lock expired, or the message is settled already."""

    condition, status = "com.microsoft:message-lock-lost", 410


class MessageNotFound(Refused):
    """No scheduled (or deferred) message has that sequence number."""

    condition, status = "com.microsoft:message-not-found", 404


class SessionLockLost(Refused):
    """The session is not, or no longer, held by who asks."""

    condition, status = "com.microsoft:session-lock-lost", 410


class SessionTaken(Refused):
    """Another receiver holds the session."""

    condition, status = "com.microsoft:session-cannot-be-locked", 409


class NoSessionAvailable(Refused):
    """No session had messages within the time that the client would wait."""

    condition, status = "com.microsoft:timeout", 408


class ServerBusy(Refused):
    """The service asks to try again later."""

    condition, status = "com.microsoft:server-busy", 503


class NotImplementedHere(Refused):
    """Service Bus has this operation, the local bus does not."""

    condition, status = "amqp:not-implemented", 501
