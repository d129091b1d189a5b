"""A day of business on the local cloud. Every sentence that it prints as true was checked; it exits 0 only if all were.

The people, the faults and the checks are here; what happens in between is the product.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from dev.cloud import HOST_KEY, WEBHOOK_SECRET, Cloud, start

PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.15
TRACE_SECONDS = 3.0
BACK_OFFICE = "5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001"  # may change submitted orders, see dev/dynamics/dataverse

type Row = dict[str, Any]


@dataclass
class Stage:
    """The cloud, as people and operators reach it, and what has been claimed so far."""

    cloud: Cloud
    console: Console
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))
    failed: list[str] = field(default_factory=list)
    claims: int = 0
    traced: set[str] = field(default_factory=set)

    # -------------------------------------------------------------------------------------------------- talking

    def scene(self, title: str) -> None:
        """Begin a scene."""
        self.console.print(f"\n[bold]{title}[/bold]")

    def says(self, text: str) -> None:
        """Tell what a person or a fault does."""
        self.console.print(f"  [dim]…[/dim] {text}")

    def claim(self, text: str, look: Callable[[], object]) -> Any:  # noqa: ANN401 -- whatever was looked for
        """Wait until `look` finds something true; that makes the claim true."""
        self.claims += 1
        began, found = time.monotonic(), None
        while time.monotonic() - began < PATIENCE_SECONDS:
            found = look()
            if found:
                self.console.print(f"  [green]✓[/green] {text} [dim]({time.monotonic() - began:.1f} s)[/dim]")
                return found
            time.sleep(LOOK_SECONDS)
        self.failed.append(text)
        self.console.print(f"  [red]✗ {text}[/red]")
        return found

    # --------------------------------------------------------------------------------------------------- people

    def crm(self, path: str, body: Row | None = None, method: str = "POST") -> Any:  # noqa: ANN401 -- parsed JSON
        """Let somebody do something in Dynamics, or to it."""
        answer = self.http.request(method, f"{self.cloud.dataverse.url}/sim/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def erp(self, path: str, body: Row | None = None, method: str = "POST") -> Any:  # noqa: ANN401 -- parsed JSON
        """Let somebody do something in SAP, or to it."""
        answer = self.http.request(method, f"{self.cloud.s4.url}/sim/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def rows(self, table: str, **like: object) -> list[Row]:
        """Return the rows of a Dynamics table that hold these values."""
        return [r for r in self.crm(f"rows/{table}", method="GET") if all(r.get(k) == v for k, v in like.items())]

    def sap(self, entity_set: str, **like: object) -> list[Row]:
        """Return the rows of an SAP entity set that hold these values."""
        return [r for r in self.erp(f"rows/{entity_set}", method="GET") if all(r.get(k) == v for k, v in like.items())]

    def ops(self, path: str) -> Row:
        """Ask the product as an operator would."""
        answer = self.http.get(f"{self.cloud.api}/ops/{path}", headers={"x-functions-key": HOST_KEY})
        return answer.json() if answer.is_success else {}

    # --------------------------------------------------------------------------------------------------- helpers

    def new_account(self, name: str, **more: object) -> str:
        """Let sales enter a customer; return the row's id."""
        values = {
            "name": name, "customertypecode": 3, "address1_line1": "Hauptstraße 7", "address1_city": "Walldorf",
            "address1_postalcode": "69190", "address1_country": "Germany", "telephone1": "+49 6227 1000", **more,
        }  # fmt: skip
        return str(self.crm("create", {"table": "account", "values": values})["accountid"])

    def account(self, key: str) -> Row:
        """Return an account as Dynamics has it now."""
        return self.rows("account", accountid=key)[0]

    def number(self, key: str) -> str:
        """Return the SAP number that Dynamics shows for an account, '' while there is none."""
        return self.account(key).get("cr_sapnumber") or ""

    def address(self, number: str) -> Row:
        """Return a partner's address as SAP has it now."""
        return (self.sap("A_BusinessPartnerAddress", BusinessPartner=number) or [{}])[0]

    def edit_city(self, number: str, city: str) -> None:
        """Let accounting correct a city in SAP."""
        row = self.address(number)
        key = {"BusinessPartner": number, "AddressID": row["AddressID"]}
        self.erp("edit", {"set": "A_BusinessPartnerAddress", "key": key, "values": {"CityName": city}})

    def partners(self, name: str) -> list[Row]:
        """Return the partners of a name."""
        return self.sap("A_BusinessPartner", OrganizationBPName1=name)

    def trace(self, flow: str, key: str) -> None:
        """Print the newest journal entry of a pair: it is written just after the effect that was seen."""
        began = time.monotonic()
        while time.monotonic() - began < TRACE_SECONDS:
            for entry in self.ops(f"links/{flow}/{key}").get("journal", [])[:1]:
                if entry["correlation"] in self.traced:
                    break
                self.traced.add(entry["correlation"])
                done = ", ".join(entry["writes"]) or entry["outcome"]
                self.console.print(f"    [dim]correlation {entry['correlation']}: {done}: {entry['reason']}[/dim]")
                return
            time.sleep(LOOK_SECONDS)


def created_in_dynamics(stage: Stage) -> str:
    """One account travels to SAP, and its number comes back in the same sync."""
    stage.scene("Sales enters a customer in Dynamics")
    key = stage.new_account("Contoso Maschinenbau GmbH", cr_vatid="DE813579246", emailaddress1="info@contoso.example")
    number = stage.claim("SAP has a business partner, its number stands in Dynamics", lambda: stage.number(key))
    partner = stage.sap("A_BusinessPartner", BusinessPartner=number)[0]
    stage.claim(
        "name, street, tax number and customer role are right in SAP",
        lambda: (
            partner["OrganizationBPName1"] == "Contoso Maschinenbau GmbH"
            and stage.address(number)["StreetName"] == "Hauptstraße"
            and stage.sap("A_BusinessPartnerTaxNumber", BusinessPartner=number, BPTaxType="DE0")
            and stage.sap("A_Customer", Customer=partner["Customer"])
        ),
    )
    stage.trace("s4/account", key)
    return key


def edited_in_sap(stage: Stage, key: str) -> None:
    """What SAP changes, Dynamics follows."""
    stage.scene("Accounting corrects the city in SAP")
    stage.edit_city(stage.number(key), "Heidelberg")
    stage.claim("Dynamics shows the new city", lambda: stage.account(key)["address1_city"] == "Heidelberg")
    stage.trace("s4/account", key)


def edited_on_both_sides(stage: Stage, key: str) -> None:
    """Different fields merge; the same field is for a person."""
    number = stage.number(key)
    stage.scene("Both sides edit different fields before either event arrives")
    _hold(stage)
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_postalcode": "69115"}})
    stage.edit_city(number, "Mannheim")
    _release(stage)
    stage.claim(
        "both edits are on both sides",
        lambda: stage.account(key)["address1_city"] == "Mannheim" and stage.address(number)["PostalCode"] == "69115",
    )
    stage.trace("s4/account", key)

    stage.scene("Both sides edit the same field")
    _hold(stage)
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_city": "Speyer"}})
    stage.edit_city(number, "Worms")
    _release(stage)

    def parked() -> str:
        found = [p for p in stage.ops(f"links/s4/account/{key}").get("parked", []) if p["field"] == "city"]
        return found[0]["message"] if found else ""

    reason = stage.claim("the field is parked, neither side was overwritten", parked)
    stage.console.print(f"    [yellow]{reason}[/yellow]")
    stage.claim(
        "Dynamics keeps Speyer, SAP keeps Worms",
        lambda: stage.account(key)["address1_city"] == "Speyer" and stage.address(number)["CityName"] == "Worms",
    )
    stage.says("somebody settles it: Dynamics takes SAP's city")
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_city": "Worms"}})
    stage.claim("the field has left the list", lambda: not parked())


def delivered_five_times(stage: Stage) -> None:
    """Doubled and reordered events make one partner."""
    stage.scene("The webhook is delivered five times, out of order")
    stage.crm("faults", {"events": {"duplicate": 5, "reorder": True, "hold": True}})
    key = stage.new_account("Fünffach AG")
    stage.crm("edit", {"table": "account", "id": key, "values": {"telephone1": "+49 6227 2000"}})
    stage.crm("events/release")
    stage.crm("faults", method="DELETE")
    stage.claim("the number is back", lambda: stage.number(key))
    stage.claim("every delivery was taken", lambda: not stage.crm("events", method="GET")["pending"])
    stage.claim("there is one partner", lambda: len(stage.partners("Fünffach AG")) == 1)
    stage.trace("s4/account", key)


def sap_is_down(stage: Stage) -> None:
    """SAP answers 503 for a while: nothing is lost."""
    stage.scene("SAP answers 503 for a while")
    stage.erp("faults", {"match": {"path": "API_BUSINESS_PARTNER"}, "times": 2, "status": 503, "html": True})
    key = stage.new_account("Geduld & Söhne KG")
    stage.claim("the customer arrives all the same", lambda: stage.number(key))
    stage.claim("there is one partner", lambda: len(stage.partners("Geduld & Söhne KG")) == 1)
    stage.erp("faults", method="DELETE")
    stage.trace("s4/account", key)


def answer_is_lost(stage: Stage) -> None:
    """SAP creates the partner, and its answer never comes."""
    stage.scene("SAP creates a partner, but its answer is lost")
    stage.erp("faults", {"match": {"method": "POST", "path": "A_BusinessPartner"}, "lose_answer": True})
    key = stage.new_account("Verlorene Antwort SE")
    number = stage.claim("the partner is found again by its mark, its number is back", lambda: stage.number(key))
    found = stage.claim("there is one partner", lambda: len(stage.partners("Verlorene Antwort SE")) == 1)
    stage.erp("faults", method="DELETE")
    if found and number:
        stage.trace("s4/account", key)


def order_before_its_customer(stage: Stage) -> None:
    """An order waits for its customer; a removed line is rejected in SAP."""
    stage.scene("An order is submitted before its customer was ever synced")
    stage.crm("faults", {"events": {"drop": 1.0}})
    key = stage.new_account("Eilige Besteller OHG")
    stage.crm("faults", method="DELETE")
    stage.says("the customer's own event is lost")
    order = _submitted_order(stage, key)
    number = stage.claim("the customer arrives in SAP, asked for by the order", lambda: stage.number(key))

    def in_dynamics() -> Row:
        return stage.rows("salesorder", salesorderid=order)[0]

    sap_order = stage.claim("the order follows, its number is back", lambda: in_dynamics()["cr_sapnumber"])
    stage.claim(
        "three items, sold to the new customer",
        lambda: (
            len(stage.sap("A_SalesOrderItem", SalesOrder=sap_order)) == 3  # noqa: PLR2004 -- as submitted
            and stage.sap("A_SalesOrder", SalesOrder=sap_order)[0]["SoldToParty"] == number
        ),
    )
    stage.claim(
        "net total and status of SAP stand in Dynamics",
        lambda: (row := in_dynamics())["cr_sapstatus"] == "A" and float(row["cr_saptotalnet"] or 0) > 0,
    )
    stage.trace("s4/order", order)

    stage.scene("A line is removed in Dynamics")
    lines = stage.rows("salesorderdetail", _salesorderid_value=order)
    gone = next(r for r in lines if r["lineitemnumber"] == 2)  # noqa: PLR2004 -- the second line
    stage.crm("delete", {"table": "salesorderdetail", "id": gone["salesorderdetailid"], "user": BACK_OFFICE})

    def rejected() -> bool:
        items = stage.sap("A_SalesOrderItem", SalesOrder=sap_order)
        return [i["SalesDocumentRjcnReason"] for i in items].count("61") == 1 and len(items) == 3  # noqa: PLR2004

    stage.claim("the item is rejected in SAP, not silently kept", rejected)
    stage.trace("s4/order", order)


def _submitted_order(stage: Stage, account: str) -> str:
    prices = stage.rows("pricelevel")[0]["pricelevelid"]
    currency = stage.rows("transactioncurrency", isocurrencycode="EUR")[0]["transactioncurrencyid"]
    unit = stage.rows("uom", name="Piece")[0]["uomid"]
    products = {p["productnumber"]: p["productid"] for p in stage.rows("product")}
    lines = [
        {
            "lineitemnumber": n, "quantity": n, "productid@odata.bind": f"/products({products[product]})",
            "uomid@odata.bind": f"/uoms({unit})",
        }
        for n, product in enumerate(("TG11", "TG12", "TG18"), start=1)
    ]  # fmt: skip
    values = {
        "name": "Erstbestellung", "customerid_account@odata.bind": f"/accounts({account})",
        "pricelevelid@odata.bind": f"/pricelevels({prices})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})", "order_details": lines,
    }  # fmt: skip
    order = str(stage.crm("create", {"table": "salesorder", "values": values})["salesorderid"])
    stage.crm(f"submit-order/{order}", {})
    return order


def _hold(stage: Stage) -> None:
    stage.crm("faults", {"events": {"hold": True}})
    stage.erp("faults", {"events": {"hold": True}})


def _release(stage: Stage) -> None:
    stage.crm("events/release")
    stage.crm("faults", method="DELETE")
    stage.erp("faults", method="DELETE")
    stage.erp("events/release")


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
    console, began = Console(highlight=False), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        console.print("[dim]starting table store, Service Bus, Dataverse, S/4HANA and the Functions host …[/dim]")
        with start(Path(folder)) as cloud:
            console.print(f"[dim]up after {time.monotonic() - began:.1f} s; the app is at {cloud.api}[/dim]")
            stage = Stage(cloud, console)
            key = created_in_dynamics(stage)
            edited_in_sap(stage, key)
            edited_on_both_sides(stage, key)
            delivered_five_times(stage)
            sap_is_down(stage)
            answer_is_lost(stage)
            order_before_its_customer(stage)
            forged(stage)
            summary(stage)
            if stage.failed:
                console.print(f"[dim]{cloud.host.log.read_text('utf-8')[-4000:]}[/dim]", markup=False)
    seconds = time.monotonic() - began
    console.print(f"\n{stage.claims - len(stage.failed)} of {stage.claims} claims true, {seconds:.0f} s")
    return 1 if stage.failed else 0


if __name__ == "__main__":
    sys.exit(main())
