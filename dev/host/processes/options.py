"""How the host is to run, and the environment that its workers get."""

import os
from dataclasses import dataclass
from pathlib import Path

from dev.host.settings import SettingsError, check_runtime, read_local_settings


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `port` 0 takes a free one, `settings` None means the app's local.settings.json if it has one."""

    app: Path
    port: int = 7071
    workers: int = 1
    settings: Path | None = None
    data: Path | None = None
    key: str | None = None
    drain_seconds: float = 30.0
    verbose: bool = False


def environment(options: Options, url: str) -> dict[str, str]:
    """Make the environment of the workers: what Azure sets, the local settings, and over both that of this process.

    Raises SettingsError when they are not those of a Python app in a folder that exists.
    """
    if not options.app.is_dir():
        raise SettingsError(f"{options.app}: no such folder; --app names the one that holds function_app.py")
    settings = options.settings or options.app / "local.settings.json"
    values = read_local_settings(settings) if options.settings or settings.exists() else {}
    platform = {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "WEBSITE_HOSTNAME": url.removeprefix("http://"),
    }
    env = {**platform, **values, **os.environ}
    check_runtime(env)
    return env
