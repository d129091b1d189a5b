"""What the pipeline needs from the world. Adapters fit these; nothing above knows an adapter.

All methods raise only `shared.errors`. Every adapter may coalesce calls that arrive within a few milliseconds, but
answers each caller for itself.
"""

from shared.ports.app import App, Entrance, Pauses, Reconciling, Retention
from shared.ports.bus import Bus, Message
from shared.ports.state import Parked, State, Step
from shared.ports.system import Page, Scan, System, Term, Touched, Traits

__all__ = [
    "App",
    "Bus",
    "Entrance",
    "Message",
    "Page",
    "Parked",
    "Pauses",
    "Reconciling",
    "Retention",
    "Scan",
    "State",
    "Step",
    "System",
    "Term",
    "Touched",
    "Traits",
]
