"""How the demo talks to people, to both systems and to the product, and how it checks what it claims."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from dev.cloud import HOST_KEY, Cloud

PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.15
TRACE_SECONDS = 3.0

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

    def hold(self) -> None:
        """Keep the events of both systems back, once everything before is worked off."""
        began = time.monotonic()
        while not self._is_quiet() and time.monotonic() - began < PATIENCE_SECONDS:
            time.sleep(LOOK_SECONDS)
        self.crm("faults", {"events": {"hold": True}})
        self.erp("faults", {"events": {"hold": True}})

    def _is_quiet(self) -> bool:
        queues = self.http.get(f"{self.cloud.bus_admin}/queues").json().values()
        return (
            not any(queue["active"] + queue["locked"] for queue in queues)
            and not self.crm("events", method="GET")["pending"]
            and not any(hook["backlog"] for hook in self.erp("webhooks", method="GET"))
        )

    def release(self) -> None:
        """Let the events go that were kept back."""
        self.crm("events/release")
        self.crm("faults", method="DELETE")
        self.erp("faults", method="DELETE")
        self.erp("events/release")

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
