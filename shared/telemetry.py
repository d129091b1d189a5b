"""One wide event a change, as one log line of JSON: names, digests' owners and durations, never a value.

The only place that will know an exporter. Application Insights takes the line as a trace with `customDimensions`.
"""

import logging
from collections.abc import Mapping

_LOG = logging.getLogger("sync")
QUIET = ("azure", "httpx", "httpcore", "aiohttp")  # at INFO the SDKs cost 0.8 ms a record, and write addresses


def quiet() -> None:
    """Silence the libraries below warnings; called once per worker."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def event(name: str, level: int = logging.INFO, **dimensions: str | float | None) -> None:
    """Write one event. Dimensions are names, keys, counts and durations; a caller never passes a record's value."""
    told: Mapping[str, str | int | float] = {k: v for k, v in dimensions.items() if v is not None and v != ""}
    text = " ".join(f"{k}={v}" for k, v in told.items())
    _LOG.log(level, "%s %s", name, text, extra={"custom_dimensions": {"event": name, **told}})
