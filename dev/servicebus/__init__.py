"""A Service Bus for one machine, spoken to in AMQP 1.0 by the SDKs of the real one. Never deployed.

It has queues with sessions, settlement, schedules, duplicate detection and dead letters, kept in SQLite; it has no
topics, transactions, forwarding, TLS or authorisation. `python -m dev.servicebus --port 5672 --data DIR` runs it,
`start` runs it for a test.
"""

from dev.servicebus.launch import Bus, start

__all__ = ["Bus", "start"]
