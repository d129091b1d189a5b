"""Settings under which the routes are called, and the process's worker given back as it was."""

from collections.abc import Iterator

import pytest

from shared.settings import IN_AZURE
from shared.triggers.access import guard
from shared.triggers.access.limit import Limiter
from shared.wiring import WORKER, settings
from tests.security.door import SETTINGS


@pytest.fixture(autouse=True)
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*IN_AZURE, "WEBSITE_AUTH_ENABLED", "DEV_IDENTITY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    before, guard.LIMITER._buckets = (WORKER._app, WORKER._look_again_at), {}
    yield
    WORKER._app, WORKER._look_again_at = before
    assert isinstance(guard.LIMITER, Limiter)
    settings.cache_clear()
