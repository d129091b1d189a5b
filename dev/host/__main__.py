"""`python -m dev.host --app DIR`: run a function app here as Azure would."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from dev.host.processes.options import Options
from dev.host.processes.supervisor import run


def main() -> int:
    """Read the command line and run; 0 after an orderly end, 1 if the app cannot run."""
    parser = argparse.ArgumentParser(prog="python -m dev.host", description="A local Azure Functions host.")
    parser.add_argument("--app", type=Path, default=Path(), help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--workers", type=int, default=1, help="worker processes, each like an instance in Azure")
    parser.add_argument("--settings", type=Path, help="default: local.settings.json of the app, if there is one")
    parser.add_argument("--data", type=Path, help="folder for the timers' status; default: a temporary one")
    parser.add_argument("--key", help="master and function key; default: setting FUNCTIONS_HOST_KEYS, else a new one")
    parser.add_argument(
        "--drain", type=float, default=30.0, metavar="SECONDS", help="longest wait for running functions"
    )
    parser.add_argument("--verbose", action="store_true", help="print the key, the functions and each execution")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", level="INFO")
    options = Options(
        app=arguments.app.resolve(),
        port=arguments.port,
        workers=max(1, arguments.workers),
        settings=arguments.settings.resolve() if arguments.settings else None,
        data=arguments.data.resolve() if arguments.data else None,
        key=arguments.key,
        drain_seconds=arguments.drain,
        verbose=arguments.verbose,
    )
    return asyncio.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
