"""A strict Dataverse Web API v9.2 with its own rules, rows, events and faults, for tests and for the demo.

``with start(seed=True) as org:`` runs one on a free port; ``python -m dev.dynamics.dataverse`` runs one by hand.
"""

from dev.dynamics.dataverse.events.register import Subscription
from dev.dynamics.dataverse.running import Running, start

__all__ = ["Running", "Subscription", "start"]
