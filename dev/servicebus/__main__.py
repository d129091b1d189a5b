"""The command line: `python -m dev.servicebus --port 5672 --data DIR [--queues FILE.json] [--admin-port 5300]`."""

import argparse
import asyncio
import sqlite3
import sys
from pathlib import Path

from pydantic import ValidationError

from dev.servicebus.queues.definition import load_definitions
from dev.servicebus.serve import serve

DEFAULT_QUEUES = Path(__file__).with_name("queues.json")


def main() -> int:
    """Read the arguments and serve; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.servicebus", description="A Service Bus for one machine.")
    parser.add_argument("--port", type=int, default=5672, help="AMQP port on 127.0.0.1, 0 = any that is free")
    parser.add_argument("--data", type=Path, required=True, help="directory where the messages are kept")
    parser.add_argument("--queues", type=Path, default=DEFAULT_QUEUES, help="JSON file that defines the queues")
    parser.add_argument("--admin-port", type=int, help="also serve HTTP for inspection and faults, 0 = any free port")
    arguments = parser.parse_args()
    try:
        definitions = load_definitions(arguments.queues)
        asyncio.run(serve(definitions, arguments.data, arguments.port, arguments.admin_port))
    except ValidationError as error:
        print(f"{arguments.queues}: {error}", file=sys.stderr)
    except (OSError, sqlite3.OperationalError) as error:
        print(f"The service bus cannot run in {arguments.data} on port {arguments.port}: {error}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
