"""One reconcile of one flow: what it is at, what it has found. Kept in the state between the messages that move it.

Two slots take turns for the pages of keys: one holds this run's, the other those of the last run that was complete,
against which records are compared whose version the link does not know.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter

from shared.core.model import SIDES, Change, Side
from shared.ports import App

FINDINGS_MAX = 500

type Stage = Literal["scan dynamics", "scan sap", "compare", "judge", "enqueue", "end"]
type State = Literal["running", "waiting for approval", "reported", "finished", "failed"]
type Slot = Literal["a", "b"]
type Kind = Literal["missing", "moved", "slice", "unlinked", "unfinished", "came back", "retired"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that keys and versions cannot vouch for, and why: its body is read, or it is sent to the pipeline."""

    kind: Kind
    side: Side
    key: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One record that is not in step. `would` is what the pipeline would do, `fields` what it would write."""

    what: str
    side: Side
    key: str
    would: str
    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pages:
    """How many pages of keys a slot holds, by side."""

    slot: Slot = "b"
    counts: Mapping[Side, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """`at` counts the chunks of the stage that are done, `chunks` those of candidates. `fields` and `counts` by name.

    `why` is what the guard has to say: then nothing is written without a person. `unjudged` are candidates that were
    not looked at because enough was known.
    """

    id: str
    flow: str
    started: datetime
    number: int
    pages: Pages
    before: Pages | None = None
    asked_by: str = ""
    repairs: bool = True
    stage: Stage = "scan dynamics"
    state: State = "running"
    token: str = ""
    at: int = 0
    chunks: int = 0
    records: Mapping[Side, int] = field(default_factory=dict)
    links: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, int] = field(default_factory=dict)
    writes: int = 0
    money: int = 0
    judged: int = 0
    unjudged: int = 0
    to_enqueue: int = 0
    enqueued: int = 0
    why: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    approved_by: str = ""
    ended: datetime | None = None
    reason: str = ""

    def counting(self, more: Mapping[str, int]) -> "Run":
        """Return the run with counts added."""
        return replace(self, counts=dict(Counter(self.counts) + Counter(more)))

    def next_stage(self, stage: Stage) -> "Run":
        """Return the run at the beginning of another stage."""
        return replace(self, stage=stage, token="", at=0)

    def driver(self) -> Change:
        """Return the message that moves the run on."""
        origin = f"{self.id} {self.stage} {self.at} {self.token[-40:]}"
        return Change(self.flow, "dynamics", "", origin, self.id, "reconcile", asked_by=self.asked_by, bulk=True)


_RUN = TypeAdapter(Run)
_CANDIDATES = TypeAdapter(list[Candidate])


async def last_run(flow: str, app: App) -> Run | None:
    """Return a flow's last run."""
    text = await app.state.watermark(f"reconcile/{flow}")
    return _RUN.validate_json(text) if text else None


async def every_run(app: App) -> list[Run]:
    """Return the last run of each flow."""
    found = await app.state.watermarks("reconcile")
    return [_RUN.validate_json(text) for _, text in sorted(found.items())]


async def keep(run: Run, app: App) -> None:
    """Keep how far a run is."""
    await app.state.set_watermark(f"reconcile/{run.flow}", _RUN.dump_json(run, exclude_defaults=True).decode())


def place(run: Run, name: str, slot: Slot | None = None) -> str:
    """Return the name of a watermark below a run's slot: 'reconcile-s4.account-a/sap-00012'."""
    return f"reconcile-{run.flow.replace('/', '.')}-{slot or run.pages.slot}/{name}"


async def keep_candidates(run: Run, found: list[Candidate], number: int, app: App) -> None:
    """Keep one chunk of candidates."""
    await app.state.set_watermark(place(run, f"todo-{number:05d}"), _CANDIDATES.dump_json(found).decode())


async def candidates(run: Run, number: int, app: App) -> list[Candidate]:
    """Return one chunk of candidates."""
    return _CANDIDATES.validate_json(await app.state.watermark(place(run, f"todo-{number:05d}")))


def report(run: Run, *, findings: bool = True) -> dict[str, Any]:
    """Return a run as JSON for people."""
    told: dict[str, Any] = orjson.loads(_RUN.dump_json(run))
    hidden = {"pages", "before", "token", "at", "chunks", "number"} | (set() if findings else {"findings"})
    kept = {name: value for name, value in told.items() if name not in hidden}
    scanned = {side: run.records.get(side, 0) for side in SIDES}
    asked = {side: run.pages.counts.get(side, 0) for side in SIDES}
    return kept | {"records": scanned, "pages": asked, "findings_shown_at_most": FINDINGS_MAX}
