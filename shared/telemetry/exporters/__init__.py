"""Makes the exporter that the settings name, and says once, not a thousand times, that telemetry cannot be delivered.

Each exporter has a bounded queue and one thread of its own, keeps nothing on disk, and tries a batch at most twice.
"""

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.telemetry.items import Exporter, Exporting

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_LOG = logging.getLogger("sync")

QUEUE_MAX = 8_192  # items; some 8 MB
BATCH_MAX = 200
SEND_SECONDS = 10.0
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
    """Whether the last batch arrived. It logs a change, so one line an outage."""

    well: bool = True

    def ended(self, *, well: bool) -> None:
        """Note how a batch ended."""
        if well != self.well:
            told = "telemetry arrives again" if well else "telemetry does not arrive: it is dropped until it does"
            _LOG.warning(told)
        self.well = well
