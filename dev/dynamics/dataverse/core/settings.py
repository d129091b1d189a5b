"""What can be chosen when the simulator starts; a --settings FILE.json holds the same names.

Plain data: nothing here reads the environment.
"""

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

ORGANIZATION_ID: Final = "b015df52-a05f-ee11-a382-000d3a64db73"
BUSINESS_UNIT_ID: Final = "d5807889-0f5f-ee11-8def-000d3adbef1f"
TENANT: Final = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"


@dataclass(frozen=True, slots=True)
class User:
    """A row of systemuser; one with a client id is an application user and may ask for tokens."""

    id: str
    name: str
    object_id: str
    client_id: str = ""
    client_secret: str = ""
    integration: bool = False
    may_impersonate: bool = True


SYNC_USER: Final = User(
    id="5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001",
    name="# SAP Sync",
    object_id="0f9c2c39-53f1-4f3e-9f6a-6f2b0d1c0001",
    client_id="11111111-2222-3333-4444-555555555555",
    client_secret="local-secret",  # noqa: S106 - made up; it opens this simulator only
    integration=True,
)
OTHER_APPLICATION: Final = User(
    id="5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0002",
    name="# Web Shop",
    object_id="0f9c2c39-53f1-4f3e-9f6a-6f2b0d1c0002",
    client_id="11111111-2222-3333-4444-666666666666",
    client_secret="other-secret",  # noqa: S106 - made up; it opens this simulator only
    may_impersonate=False,
)
PERSON: Final = User(
    id="c7877889-0f5f-ee11-8def-000d3adbef1f", name="Maria Campbell", object_id="3d280606-3712-4759-b6b9-7302f8d1a3b0"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Service protection per application user; None switches a limit off. Real: 6000, 1200, 52 in 300 s."""

    requests: int | None = None
    execution_seconds: float | None = None
    concurrent: int | None = None
    window_seconds: float = 300.0
    dop_hint: int = 8


@dataclass(frozen=True, slots=True)
class Events:
    """How execution contexts look and travel."""

    escape_slashes: bool = False
    offset: str = "+0000"
    newer_members: bool = True
    byte_order_mark: bool = False
    delay_seconds: float = 0.0
    parallel: int = 8
    timeout_seconds: float = 60.0
    retry_seconds: float = 1.0
    webhook_bytes_max: int = 256 * 1024
    service_bus_bytes_max: int = 192 * 1024
    keep_jobs: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about the organisation that a test may want different; a ``seed_chance`` makes ids repeat."""

    auth: bool = True
    tenant: str = TENANT
    audience: tuple[str, ...] = ()
    token_seconds: int = 3599
    users: tuple[User, ...] = (SYNC_USER, OTHER_APPLICATION, PERSON)
    organization_id: str = ORGANIZATION_ID
    organization_name: str = "unqb015df52a05fee11a382000d3a64d"
    domain: str = "contoso.crm4.dynamics.com"
    business_unit_id: str = BUSINESS_UNIT_ID
    page_size: int = 5000
    latency_seconds: float = 0.0
    change_tracking_days: int = 7
    reject_read_only_columns: bool = False
    inactive_rows_read_only: bool = True
    sales_order_processing: bool = False
    price_calculation: bool = True
    untracked: tuple[str, ...] = ()
    without_optimistic_concurrency: tuple[str, ...] = ()
    pending_keys: tuple[str, ...] = ()
    seed_chance: int | None = None
    limits: Limits = field(default_factory=Limits)
    events: Events = field(default_factory=Events)


_NESTED: Final = {"limits": Limits, "events": Events}


def settings_from(data: dict[str, Any], base: Settings | None = None) -> Settings:
    """Overlay named values on settings, e.g. ``{"page_size": 3, "limits": {"requests": 10}}``; unknown names fail."""
    base = base or Settings()
    known = {item.name for item in fields(Settings)}
    if unknown := set(data) - known:
        raise ValueError(f"unknown settings {sorted(unknown)}; known: {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name in _NESTED and isinstance(value, dict):
            values[name] = replace(getattr(base, name), **value)
        elif name == "users":
            values[name] = tuple(User(**user) if isinstance(user, dict) else user for user in value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return replace(base, **values)


def read_settings(file: Path) -> Settings:
    """Read a --settings file."""
    return settings_from(json.loads(file.read_text("utf-8")))
