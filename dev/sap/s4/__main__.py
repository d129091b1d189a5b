"""The command line: `python -m dev.sap.s4 --port 8001 --seed-data --events http://127.0.0.1:7071/api/sap/events`."""

import argparse
import asyncio
from pathlib import Path

from dev.sap.s4.server import Server
from dev.sap.s4.settings import Settings
from dev.sap.s4.sim.webhooks import Webhook


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.sap.s4", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--client", help="SAP client, 100 by default")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--events", metavar="URL", help="webhook that gets the business events")
    parser.add_argument("--events-header", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument("--seed-data", action="store_true", help="start with three business partners")
    parser.add_argument("--settings", type=Path, metavar="FILE.json", help="switches, see dev/sap/s4/settings.py")
    return parser.parse_args()


def main() -> None:
    """Run until interrupted."""
    given = arguments()
    settings = Settings.load(given.settings, client=given.client, user=given.user, password=given.password)
    headers = dict(each.split("=", 1) for each in given.events_header)
    webhook = Webhook(1, given.events, headers=headers) if given.events else None
    try:
        server = Server(settings, given.port, given.host, given.seed_data, webhook)
        asyncio.run(server.run(lambda: print(f"s4 ready {server.url}", flush=True)))
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise SystemExit(f"s4: cannot listen on port {given.port}: {error.strerror}") from None


if __name__ == "__main__":
    main()
