"""`python -m shared register | checklist | mappings …`: what an administrator runs beside the app.

It reads the command line, picks what the commands need from the wiring, and turns errors into sentences.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from shared import wiring
from shared.errors import BadRequest, Refused, SyncError
from shared.ops import mappings
from shared.ops.registration import checklist as sap
from shared.ops.registration.command import OUR_NAME, Order, Say, prefix_of, register
from shared.ops.registration.needs import SYSTEM, readings
from shared.ops.registration.rows import Row, queue, webhook


def main(arguments: Sequence[str], say: Say = print) -> int:
    """Run one command and return its exit code: 0, or 1 when something is wrong or missing."""
    if arguments and arguments[0] == "mappings":
        return mappings.run(arguments[1:], wiring.catalogues(), os.environ, say)
    asked = _parser().parse_args(arguments)
    if asked.settings:
        values: dict[str, str] = json.loads(asked.settings.read_text(encoding="utf-8"))["Values"]
        os.environ.update({name: value for name, value in values.items() if name not in os.environ})
    try:
        if asked.command == "checklist":
            return _checklist(asked, say)
        return asyncio.run(_register(asked, say))
    except SyncError as error:
        complaints = error.complaints if isinstance(error, Refused) else ()
        for told in (str(error), *(complaint.message for complaint in complaints)):
            say(f"error: {told}")
        return 1


async def _register(asked: argparse.Namespace, say: Say) -> int:
    chosen = wiring.settings()
    order = Order(
        do=asked.do,
        name=asked.name,
        endpoint=_endpoint(asked),
        create_columns=asked.create_columns,
        new_secret=asked.new_secret,
        solution=asked.solution,
        organization=chosen.dataverse_organization_id,
    )
    flows = wiring.flows(os.environ)
    needed = readings(flows, wiring.entrances(flows), wiring.catalogues()[SYSTEM])
    admin = wiring.dataverse_admin()
    try:
        return await register(order, needed, admin, say)
    finally:
        await admin.close()


def _endpoint(asked: argparse.Namespace) -> Row | None:
    prefix = prefix_of(asked.name)
    if asked.service_bus:
        if not os.environ.get(asked.service_bus):
            raise BadRequest(f"--service-bus names {asked.service_bus}, which the environment does not have")
        return queue(prefix, os.environ[asked.service_bus])
    secrets = wiring.settings().secrets("dataverse_secrets")
    return webhook(prefix, asked.url, secrets[0] if secrets else "") if asked.url else None


def _checklist(asked: argparse.Namespace, say: Say) -> int:
    chosen = wiring.settings()
    flows = wiring.flows(os.environ)
    system = sap.Sap(chosen.s4_url, chosen.s4_client, asked.url or sap.ROUTE)
    for line in sap.checklist(flows, wiring.sap_sets(flows), system):
        say(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared", description=__doc__)
    parser.add_argument("--settings", type=Path, help="local.settings.json: settings that the environment lacks")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("mappings", help="check | schema | show FLOW: what the mapping files say")
    listed = commands.add_parser("checklist", help="print what a person has to set up in SAP, as markdown")
    listed.add_argument("--url", help="where SAP's events go: https://app.example/api/sap/events")
    asked = commands.add_parser("register", help="make Dataverse send the events that the enabled flows need")
    do = asked.add_mutually_exclusive_group(required=True)
    for name, text in (
        ("plan", "show what differs, change nothing"),
        ("apply", "show what differs and make it so"),
        ("remove", "delete what this command has registered"),
    ):
        do.add_argument(f"--{name}", dest="do", action="store_const", const=name, help=text)
    to = asked.add_mutually_exclusive_group()
    to.add_argument("--url", help="post events there: https://app.example/api/dataverse/events")
    to.add_argument(
        "--service-bus",
        metavar="NAME",
        help="write events to a queue: the environment variable with the connection string of a policy with Send",
    )
    asked.add_argument("--create-columns", action="store_true", help="with --apply: make missing columns and keys too")
    asked.add_argument("--new-secret", action="store_true", help="send the secret again: it cannot be compared")
    asked.add_argument("--solution", default="", metavar="NAME", help="unmanaged solution that new parts join")
    asked.add_argument("--name", default=OUR_NAME, help="begins the names of all rows; one for each app")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
