"""Settings under which the functions are called."""

import logging
from collections.abc import Iterator

import pytest

from shared.wiring import settings
from tests.flows.bodies import SOURCE
from tests.fuzz.house import OPS_KEY, SECRET, at_home

SETTINGS = {
    "DATAVERSE_WEBHOOK_SECRETS": SECRET,
    "S4_EVENT_SECRETS": SECRET,
    "S4_EVENT_ORIGINS": "*",
    "S4_EVENT_SOURCE": SOURCE,
    "OPS_KEYS": f"admin:{OPS_KEY}",
    "REQUESTS_PER_MINUTE": "1000000",
}


@pytest.fixture(autouse=True)
def set_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.CRITICAL, "sync")  # thousands of lines about refused events
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    with at_home():
        yield
    settings.cache_clear()
