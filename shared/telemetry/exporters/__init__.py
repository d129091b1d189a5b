"""Makes the exporter that the settings name, and says once, not a thousand times, that telemetry does not arrive.

Each exporter has a bounded queue and one thread of its own, keeps nothing on disk, and tries a batch at most twice.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from shared.telemetry.items import Exporter, Exporting

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_LOG = logging.getLogger("sync")

QUEUE_MAX = 8_192  # items; some 8 MB
BATCH_MAX = 200
SEND_SECONDS = 10.0
TOLD_AGAIN_SECONDS = 600.0
# Nothing leaves but what we say: neither SDK reports about itself, nor asks for instructions.
OPT_OUTS = (
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)
MUTE = (
    "opencensus",
    "opentelemetry",
    "azure.monitor",
    "azure.identity",
    "urllib3",
)  # they quote what they could not send


def make(chosen: Exporting) -> Exporter:
    """Return the exporter. Raises ValueError for what is no exporter or no connection string, ImportError."""
    for name in OPT_OUTS:
        os.environ.setdefault(name, "true")
    for name in MUTE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    match chosen.exporter:
        case "opencensus":
            from shared.telemetry.exporters.opencensus import OpenCensus  # noqa: PLC0415 -- only where it is wanted

            return OpenCensus(chosen)
        case "opentelemetry":
            from shared.telemetry.exporters.opentelemetry import OpenTelemetry  # noqa: PLC0415 -- only where wanted

            return OpenTelemetry(chosen)
        case other:
            raise ValueError(f"{other!r} is no exporter")


def credential(authentication: str) -> "TokenCredential | None":
    """Return the identity that 'ClientId=…;Authorization=AAD' means; None where the instrumentation key is enough."""
    pairs = (part.partition("=") for part in authentication.split(";"))
    found = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if found.get("authorization", "").upper() != "AAD":
        return None
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 -- 180 ms, and only where identity is used

    return ManagedIdentityCredential(client_id=found.get("clientid") or None)


@dataclass(slots=True)
class Delivery:
    """How batches end. That one did not arrive is told once in ten minutes, however many fail meanwhile."""

    now: Callable[[], float] = monotonic
    told_at: float | None = None

    def ended(self, *, well: bool) -> None:
        """Note how a batch ended."""
        now = self.now()
        if well or (self.told_at is not None and now - self.told_at < TOLD_AGAIN_SECONDS):
            return
        self.told_at = now
        _LOG.warning("telemetry does not arrive: it is dropped until it does")
