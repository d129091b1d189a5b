"""`python -m shared.ops.mappings check | schema | show FLOW`: what mapping files say, before anything runs.

Reads files and prints; it connects to no system.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from shared.core.model import SIDES, Selection, Side
from shared.errors import BadMapping
from shared.mapping.catalogue import Catalogue
from shared.mapping.flow import Field, Flow
from shared.mapping.load import load_flows
from shared.mapping.schema import json_schema
from shared.settings import for_mappings, read_settings

MAPPINGS = Path(__file__).parents[2] / "mappings"
type Catalogues = Mapping[str, Catalogue]
type Say = Callable[[str], None]


def load_all(folder: Path, catalogues: Catalogues, settings: Mapping[str, str]) -> dict[str, Flow]:
    """Load every SAP system's folder below `folder`. Raises BadMapping with the faults of all of them."""
    flows: dict[str, Flow] = {}
    faults: list[str] = []
    for system in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "codes"):
        try:
            flows |= load_flows(system, catalogues, settings)
        except BadMapping as e:
            faults.append(str(e))
    if faults:
        raise BadMapping("\n".join(faults))
    return flows


def filtering_attributes(flow: Flow) -> tuple[str, ...]:
    """Return the Dynamics attributes whose change can matter, for the webhook's filter: sorted, no paths.

    All that the flow reads, as `register` has it: also what SAP owns, for a person's edit of it is taken back.
    """
    return tuple(sorted({attribute(name) for name in flow.selections["dynamics"].columns}))


def attribute(column: str) -> str:
    """Return the attribute behind a column: '_customerid_value' and 'customerid_account.name' -> 'customerid…'."""
    first = column.partition(".")[0]
    return first.removeprefix("_").removesuffix("_value") if first.startswith("_") else first


def describe(flow: Flow) -> Iterator[str]:
    """Yield a flow as lines of text: its rows, what it reads of either side, what its webhook filters by."""
    yield f"{flow.name}: {flow.pair}"
    yield from _rows("", flow.rows.fields)
    if flow.lines is not None:
        yield from _rows("line ", flow.lines.rows.fields)
    for side in SIDES:
        yield from _select(side, flow.selections[side])
    yield f"dynamics filtering attributes: {','.join(filtering_attributes(flow))}"


def _rows(kind: str, rows: Sequence[Field]) -> Iterator[str]:
    for row in rows:
        owner = row.owner + (f" then {row.then}" if row.then else "")
        ends = {side: ", ".join(row.columns[side]) or "-" for side in SIDES}
        arrow = f"{'<' if row.writes['dynamics'] else '-'}-{'>' if row.writes['sap'] else '-'}"
        notes = [note for note, said in (("create only", row.create_only), ("waits", row.required)) if said]
        line = f"  {kind + row.name:<24} {owner:<18} {ends['dynamics']} {arrow} {ends['sap']}"
        yield line + (f"  ({', '.join(notes)})" if notes else "")


def _select(side: Side, selection: Selection) -> Iterator[str]:
    yield f"{side} {selection.object} $select: {','.join(selection.columns)}"
    if selection.lines:
        yield f"{side} {selection.lines} $select: {','.join(selection.line_columns)}"


def run(arguments: Sequence[str], catalogues: Catalogues, environment: Mapping[str, str], say: Say) -> int:
    """Run one command; return the exit code: 0, or 1 for faults in the files or an unknown flow."""
    asked = _parser().parse_args(arguments)
    if asked.command == "schema":
        say(json.dumps(json_schema(), indent=2))
        return 0
    try:
        known = {**_values(asked.settings), **environment}
        flows = load_all(MAPPINGS, catalogues, for_mappings(read_settings(known), known))
    except BadMapping as e:
        say(str(e))
        return 1
    if asked.command == "check":
        say(f"{len(flows)} flows ok")
        return 0
    if asked.flow not in flows:
        say(f"no flow {asked.flow!r}; there are {', '.join(sorted(flows))}")
        return 1
    for line in describe(flows[asked.flow]):
        say(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.ops.mappings", description=__doc__)
    parser.add_argument("--settings", type=Path, help="local.settings.json: settings that the environment lacks")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="load all mapping files and print every fault, or how many flows are ok")
    commands.add_parser("schema", help="print the JSON schema of a mapping file")
    commands.add_parser("show", help="print what a flow reads and writes").add_argument("flow", help="s4/account")
    return parser


def _values(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    values: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["Values"]
    return values


if __name__ == "__main__":
    # An entry point is a place where things are wired, and the module below it may not import the wiring.
    wiring = importlib.import_module("shared.wiring")
    sys.exit(run(sys.argv[1:], wiring.catalogues(), os.environ, print))
