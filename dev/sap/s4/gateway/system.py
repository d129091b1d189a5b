"""One simulated system: everything that its parts share."""

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field, fields

from dev.sap.s4.gateway.session import Sessions
from dev.sap.s4.rules.stamps import Event
from dev.sap.s4.settings import Settings
from dev.sap.s4.sim.events import EventBus
from dev.sap.s4.sim.faults import Faults
from dev.sap.s4.store.rows import Store
from dev.sap.s4.store.seed import fill

LOG_MAX = 10_000


@dataclass(slots=True)
class System:
    """Store, sessions, faults, events and the request log of one system; `seed_data` fills in business partners."""

    settings: Settings
    seed_data: bool = True
    store: Store = field(default_factory=Store)
    faults: Faults = field(default_factory=Faults)
    log: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=LOG_MAX))
    sessions: Sessions = field(init=False)
    _started: Settings = field(init=False)
    bus: EventBus = field(init=False)

    def __post_init__(self) -> None:
        self._started = deepcopy(self.settings)
        self.sessions = Sessions(self.settings)
        self.bus = EventBus(self.settings, self.faults.events)
        self.reset()

    def reset(self) -> None:
        """Start over as at the beginning: seed rows, settings as started, no faults, log, events or webhooks."""
        for each in fields(Settings):
            setattr(self.settings, each.name, deepcopy(getattr(self._started, each.name)))
        self.store = Store()
        self.faults.remove()
        self.log.clear()
        self.sessions.bad_logons.clear()
        self.bus.clear()
        fill(self.store, self.settings, partners=self.seed_data)

    def publish(self, events: list[Event]) -> None:
        """Raise the events of a committed change."""
        self.bus.publish(events)
