"""Chaos: the real local cloud at work while its systems misbehave and its processes are killed, then an audit.

`python -m dev.chaos --changes 5000 --seed 1`. People change records on both sides; the host's workers, the bus and the
table store die by SIGKILL again and again. In the end everything is healthy, and `audit/` compares both systems record
by record. It shares no code with the product. Never deployed.
"""
