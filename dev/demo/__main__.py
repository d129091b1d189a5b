"""A day of business on the local cloud. Every sentence that it prints as true was checked; it exits 0 only if all were.

The people, the faults and the checks are here; what happens in between is the product.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dev.cloud import WEBHOOK_SECRET, start
from dev.demo import customers, orders
from dev.demo.stage import Stage


def forged(stage: Stage) -> None:
    """A caller without the secret is turned away."""
    stage.scene("Somebody calls the webhook without the secret")
    answer = stage.http.post(f"{stage.cloud.api}/dataverse/events", json={"MessageName": "Create"})
    stage.claim("401", lambda: answer.status_code == 401)  # noqa: PLR2004 -- the claim itself
    answer = stage.http.post(
        f"{stage.cloud.api}/dataverse/events", content=b"{", headers={"x-webhook-secret": WEBHOOK_SECRET}
    )
    stage.claim("a broken body is a clear 400", lambda: answer.status_code == 400)  # noqa: PLR2004 -- the claim itself


def summary(stage: Stage) -> None:
    """Print all links and the counts."""
    table = Table("flow", "Dynamics", "SAP", "status", "fields in step", "parked", title="Links")
    keys = [("s4/account", r["accountid"]) for r in stage.rows("account") if r.get("cr_sapnumber")]
    keys += [("s4/order", r["salesorderid"]) for r in stage.rows("salesorder") if r.get("cr_sapnumber")]
    for flow, key in keys:
        link = stage.ops(f"links/{flow}/{key}")
        fields, parked = len(link.get("fields_in_step", [])), len(link.get("parked", []))
        table.add_row(flow, key, link.get("sap", ""), link.get("status", ""), str(fields), str(parked))
    stage.console.print()
    stage.console.print(table)
    queues = stage.http.get(f"{stage.cloud.bus_admin}/queues").json()
    dead = sum(q["dead_letter"] for q in queues.values())
    stage.claim("no message is in a dead-letter queue", lambda: dead == 0)


def main() -> int:
    """Live the day; 0 if every claim was true."""
    argparse.ArgumentParser(prog="python -m dev.demo", description=__doc__).parse_args()
    console, began = Console(highlight=False), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        console.print("[dim]starting table store, Service Bus, Dataverse, S/4HANA and the Functions host …[/dim]")
        with start(Path(folder)) as cloud:
            console.print(f"[dim]up after {time.monotonic() - began:.1f} s; the app is at {cloud.api}[/dim]")
            stage = Stage(cloud, console)
            key = customers.created_in_dynamics(stage)
            customers.edited_in_sap(stage, key)
            customers.edited_on_both_sides(stage, key)
            customers.delivered_five_times(stage)
            customers.sap_is_down(stage)
            customers.answer_is_lost(stage)
            orders.order_before_its_customer(stage)
            forged(stage)
            summary(stage)
            if stage.failed:
                console.print(f"[dim]{cloud.host.log.read_text('utf-8')[-4000:]}[/dim]", markup=False)
    seconds = time.monotonic() - began
    console.print(f"\n{stage.claims - len(stage.failed)} of {stage.claims} claims true, {seconds:.0f} s")
    return 1 if stage.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
