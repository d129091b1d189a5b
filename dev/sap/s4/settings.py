"""What one simulated system is like: its users, client and the switches that differ between real systems.

Faults that come and go during a test are not settings; they live in `sim.faults`.
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from dev.sap.s4.store.customizing import Customizing


@dataclass(slots=True)
class Settings:
    """All switches with a believable system's values; `/sim/settings` changes them while it runs."""

    client: str = "100"
    system: str = "S4H"
    user: str = "SYNC"
    password: str = "Welcome1"  # noqa: S105  # the simulator's own made-up logon
    oauth_client: str = "SYNC_CLIENT"
    oauth_secret: str = "sync-secret"  # noqa: S105  # the same
    token_seconds: int = 3600
    session_idle_seconds: float = 1800
    bad_logons_max: int = 5
    logon_page: bool = False  # an unauthenticated call gets 200 and an HTML logon page unless saml2=disabled
    page_size: int = 1000
    url_length_max: int = 8192  # of path and query, as the web server below the gateway limits them
    filter_to_many: bool = False  # whether $filter may go over a to-many navigation
    refuse_readonly: bool = False  # a read-only field in a body is refused instead of ignored
    child_changes_bump_partner: bool = False
    new_partner_has_change_date: bool = False  # a new partner's change date stays empty until its first change
    customer_equals_partner: bool = True
    single_post_change_sets: tuple[str, ...] = ("API_SALES_ORDER_SRV",)
    gui_user: str = "MUELLER"
    event_source: str = "/default/sap.s4.beh/S4HCLNT100"
    event_attempts: int = 5
    event_backoff_seconds: float = 0.2
    event_pause_after: int = 10
    customizing: Customizing = field(default_factory=Customizing)

    def change(self, values: dict[str, Any]) -> None:
        """Set switches by name; `customizing` takes whole tables. An unknown name is a KeyError."""
        known = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise KeyError(f"unknown setting {name!r}; known: {', '.join(sorted(known))}")
            if name == "customizing":
                self.customizing.replace(value)
            else:
                setattr(self, name, tuple(value) if isinstance(value, list) else value)

    @classmethod
    def load(cls, path: Path | None, **values: Any) -> Self:  # noqa: ANN401  # values of any field
        """Read a JSON file of switches and lay keyword values over it."""
        settings = cls()
        if path is not None:
            settings.change(json.loads(path.read_text(encoding="utf-8")))
        settings.change({name: value for name, value in values.items() if value is not None})
        return settings
