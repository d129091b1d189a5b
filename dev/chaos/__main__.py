"""The command line: live through the storm, audit, print the figures; 0 only if nothing is lost, doubled or wrong."""

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, astuple
from pathlib import Path

from dev.chaos.audit.books import Books, Row
from dev.chaos.audit.checks import Audit, Flow, Trace, audit, summary
from dev.chaos.cloud import start
from dev.chaos.people import DEEDS, People, new_account
from dev.chaos.quiet import FLOWS, Aftermath, messages_in
from dev.chaos.storm import Storm

LOOK_EVERY_SECONDS = 6.0
TELL_EVERY_SECONDS = 30.0
BUSY_MAX = 300  # messages; then people wait a moment
SHOWN_MAX = 40


def say(text: str) -> None:
    """Print a line with the time since the start."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {text}", flush=True)


BEGAN = time.monotonic()


def work(people: People, storm: Storm, aftermath: Aftermath, changes: int, rate: float) -> None:
    """Let people make changes, not faster than `rate` a second, nor than the product can take in."""
    looked = told = time.monotonic()
    began = time.monotonic()
    while (done := people.books.done.total()) < changes and not storm.troubles:
        people.do_one(DEEDS, new_account)
        now = time.monotonic()
        if now - looked > LOOK_EVERY_SECONDS:
            people.look()
            storm.calm_webhooks()
            looked = now
            aftermath.let_it_work(BUSY_MAX)
        if now - told > TELL_EVERY_SECONDS:
            say(f"{done} changes, killed {dict(storm.kills)}")
            told = now
        time.sleep(max(0.0, began + done / rate - time.monotonic()))


def judge(people: People, aftermath: Aftermath) -> Audit:
    """Compare both systems as they are now."""
    people.look()
    known: dict[tuple[Flow, str], list[Trace]] = {}

    def traces(flow: Flow, key: str) -> list[Trace]:
        if (flow, key) not in known:
            found: Row = aftermath.get(f"ops/links/s4/{flow}/{key}")
            known[flow, key] = [Trace(p["field"], p["cause"]) for p in _problems(found)]
        return known[flow, key]

    return audit(people.known, people.books, traces)


def _problems(found: Row) -> list[Row]:
    """Return what is parked on a link, or of a record without one."""
    return [p for one in found.get("parked", []) for p in (one.get("problems") or [one])]


def told(made: Audit) -> str:
    """Return the verdict."""
    return f"lost {made.count('lost')}, doubled {made.count('doubled')}, wrong {made.count('wrong')}"


def table(title: str, counts: Counter[str]) -> None:
    """Print counts, the largest first."""
    print(f"{title}: {sum(counts.values())}")
    for name, count in counts.most_common():
        print(f"  {count:6}  {name}")


def live(data: Path, changes: int, seed: int, rate: float) -> int:
    """Run everything once; returns the exit code."""
    with start(data) as cloud:
        say(f"everything is up; {changes} changes on seed {seed}, logs in {data / 'logs'}")
        aftermath, storm = Aftermath(cloud, say), Storm(cloud, random.Random(seed + 1))
        people = People(cloud, Books(), random.Random(seed))
        storm.begin()
        work(people, storm, aftermath, changes, rate)
        faults = storm.end()
        say(f"the storm is over: {people.books.done.total()} changes, {storm.kills.total()} kills")
        storm.calm_webhooks()
        quiet = aftermath.settle("after the storm")
        aftermath.sweep()
        quiet &= aftermath.settle("after the sweeps")
        first = judge(people, aftermath)
        say(f"before any reconcile: {told(first)}")
        for line in list(summary(first.findings))[:SHOWN_MAX]:
            print(f"          {line}")
        if aftermath.behind:
            aftermath.sync_all(people.known)
            quiet &= aftermath.settle("after everything was asked for once")
        runs = {flow: aftermath.reconcile(flow) for flow in FLOWS}
        say("reconciled: " + "; ".join(f"{f} {r['state']} {r.get('counts', r.get('why'))}" for f, r in runs.items()))
        quiet &= aftermath.settle("after the reconciles")
        made = judge(people, aftermath)
        status = aftermath.get("ops/status")
        _keep(data, people, made, aftermath)
    table("changes made", people.books.done)
    table("refused by the systems' own rules", people.books.refused)
    table("killed", storm.kills)
    table("faults", faults)
    table("explained by what is parked", made.parked)
    for name, flow in status.get("flows", {}).items():
        table(f"parked in {name}", Counter(flow["causes"]))
    table("retried, by what went wrong", retries(cloud.host.log))
    print(f"messages: {messages_in(data / 'bus')}")
    print(f"records: {len(people.known.accounts)} accounts, {len(people.known.partners)} partners, "
          f"{len(people.known.orders)} orders; {made.agreed} values agree")  # fmt: skip
    for line in summary(made.findings):
        print(line)
    for trouble in storm.troubles:
        print(f"the test bed failed: {trouble}")
    print(f"{time.monotonic() - BEGAN:.0f} s; {told(made)}{'' if quiet else '; NOT QUIET'}")
    return 0 if quiet and not made.findings and not storm.troubles else 1


def _keep(data: Path, people: People, made: Audit, aftermath: Aftermath) -> None:
    """Write down what is needed to understand a finding: both systems, what people did, what the product says."""
    links = {one.key: aftermath.get(f"ops/links/s4/{one.flow}/{one.key.partition(' ')[0]}") for one in made.findings}
    edits = {" ".join(key): [astuple(one) for one in each] for key, each in people.books.edits.items()}
    kept = {"world": asdict(people.known), "edits": edits, "gone": people.books.gone, "links": links}
    (data / "audit.json").write_text(json.dumps(kept, default=sorted, indent=1), "utf-8")


def retries(log: Path) -> Counter[str]:
    """Count the changes that came back, by the outcome of the attempt before, from the app's own log."""
    found: Counter[str] = Counter()
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if " again_at=" in line and (outcome := re.search(r" outcome=(\w+)", line)):
                found[outcome[1]] += 1
    return found


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.chaos", description=__doc__)
    parser.add_argument("--changes", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=8.0, help="changes a second at most")
    parser.add_argument("--data", type=Path, help="keep tables, messages and logs there")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, everything that it started ends
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        return live(given.data or Path(folder), given.changes, given.seed, given.rate)


if __name__ == "__main__":
    sys.exit(main())
