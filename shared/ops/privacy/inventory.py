"""`python -m shared.ops.privacy.inventory [--write]`: what personal data this app touches and keeps, a page for docs/.

Made from the mappings (which columns travel), the list of tables below (what is kept), and the settings' defaults. It
reads files and prints; it connects to no system.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shared.core.model import SIDES, Side
from shared.mapping.flow import Field, Flow
from shared.ops.privacy.erase import REMAINS
from shared.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "privacy.md"


class Kept(NamedTuple):
    """What of a person may stand in a table, until when, and what erasure takes of it."""

    what: str
    until: str
    erased: str


# Every table of the state: a test compares it with those that there are.
KEPT: Mapping[str, Kept] = {
    "links": Kept(
        "both record keys, keyed digests of fields (no values), versions and stamps; journal: who asked (a person's "
        "sign-in name or a key's name), field names, digests before and after, the systems' own warnings",
        "links as long as the pair; journal RETENTION_DAYS_JOURNAL",
        "both rows and the whole journal",
    ),
    "correlations": Kept(
        "record keys by correlation id, what came in and when, who discarded and why",
        "RETENTION_DAYS_CORRELATIONS, then by whole months",
        "every step that names the record",
    ),
    "parked": Kept(
        "record keys, causes, and messages about the shape of a value (of fields marked personal: false the value "
        "itself; a refusing system's own words, which may quote one); dead letters without values",
        "until the problem is mended, or erased",
        "the record's entries, and dead letters that name it",
    ),
    "waiting": Kept("record keys of who waits for whom", "WAIT_LIMIT_HOURS", "the record's own waits"),
    "watermarks": Kept(
        "record keys in lists of backfills and reconciles, who asked for them, who paused what and why, proofs of "
        "erasure (a keyed digest of the key, and who asked)",
        "backfills and proofs RETENTION_DAYS_JOURNAL; the last two reconciles; twelve reports, which name nobody",
        "what ended backfills and the last reconcile have noted",
    ),
}
HEAD = """\
# Personal data: what travels, what is kept, how it ends

Made by `python -m shared.ops.privacy.inventory --write` from the mappings and the tables of the state; a test keeps it
current. A field counts as personal unless its mapping says `personal: false`.

Values are read from one system and written to the other, and never kept: the state holds keyed digests, which cannot be
turned back without the key in the vault. Personal data in the two systems is theirs to keep and to end.

## What travels
"""
ELSEWHERE = """\
The one timer purges once a day, a piece a minute, and goes on where it stopped.

## What passes elsewhere

| where | what | until |
|---|---|---|
| Service Bus | record keys; a person's typed choice for a clash | until worked off; dead letters lose their values |
| Application Insights | names, counts, durations, digests of keys; operators' addresses, which name keys | \
`logRetentionDays` of the deployment (90 days) |
| memory of a worker | records while they are compared | seconds: nothing is cached |

## Erasing a person

1. Delete the record, or make it anonymous, in Dynamics and in SAP, by their own means. Let that sync.
2. `DELETE /api/ops/subjects/dynamics/account/ID`, or `…/subjects/sap/BusinessPartner/NUMBER`, as `Sync.Admin`.
   It finds the pair by either key, deletes what the table above says, and answers how much of each.
3. If it answers 409, a change of the record is under way: ask again a little later. If `complete` is false, repeat.

A change that has read the record before and saves afterwards finds its link gone, reads again, and links anew only if
the records are still there: by birthmark or match key the same two, never a second record.

The state keeps a proof: who asked, when, how much, and a keyed digest of the key. What remains, as the answer says:
"""


def page(flows: Mapping[str, Flow]) -> str:
    """Return the page as Markdown."""
    remains = (f"- {sentence}" for sentence in REMAINS)
    return "\n".join([HEAD.rstrip(), *_flows(flows), *_kept(), "", ELSEWHERE, *remains]) + "\n"


def _flows(flows: Mapping[str, Flow]) -> Iterator[str]:
    for name, flow in sorted(flows.items()):
        yield ""
        yield f"### {name}: {flow.selections['dynamics'].object} and {flow.selections['sap'].object}"
        yield ""
        fields = [("", row) for row in flow.rows.fields]
        fields += [("line ", row) for row in flow.lines.rows.fields] if flow.lines is not None else []
        personal = [(kind, row) for kind, row in fields if row.personal]
        if not personal:
            yield "No field is marked personal."
            continue
        yield "| field | Dynamics | SAP | goes to |"
        yield "|---|---|---|---|"
        for kind, row in personal:
            columns = {side: ", ".join(f"`{one}`" for one in row.columns[side]) for side in SIDES}
            yield f"| {kind}{row.name} | {columns['dynamics']} | {columns['sap']} | {_goes_to(row)} |"
        rest = len(fields) - len(personal)
        yield ""
        yield f"{rest} further fields are marked as not personal."


def _goes_to(row: Field) -> str:
    names: Mapping[Side, str] = {"dynamics": "Dynamics", "sap": "SAP"}
    return " and ".join(names[side] for side in SIDES if row.writes[side]) or "nowhere: it is only read"


def _kept() -> Iterator[str]:
    yield ""
    yield "## What is kept, in Azure Table Storage"
    yield ""
    yield "| table | what of a person | until | erasure takes |"
    yield "|---|---|---|---|"
    for name, kept in KEPT.items():
        yield f"| `{name}` | {kept.what} | {_with_defaults(kept.until)} | {kept.erased} |"


def _with_defaults(text: str) -> str:
    """Return the text with each setting's default behind its name."""
    for name, field in Settings.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        if field.alias and field.alias in text:
            unit = "hours" if name.endswith("hours") else "days"
            text = text.replace(field.alias, f"`{field.alias}` ({default} {unit})")
    return text


def run(arguments: Sequence[str], flows: Mapping[str, Flow], target: Path = PAGE) -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m shared.ops.privacy.inventory", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"bring {target.name} up to date")
    if parser.parse_args(arguments).write:
        target.write_text(page(flows), "utf-8")
    else:
        sys.stdout.write(page(flows))
    return 0


if __name__ == "__main__":
    # An entry point is a place where things are wired, and the module below it may not import the wiring.
    wiring = importlib.import_module("shared.wiring")
    sys.exit(run(sys.argv[1:], wiring.flows(os.environ)))
