"""People at work on both sides, the operators, and the machine room: how the flow tests reach the local cloud.

Everything is asked over HTTP, as it would be from outside. Waiting is for a condition, with a bound, never for a time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from dev.cloud import HOST_KEY, WEBHOOK_SECRET, Cloud

PATIENCE_SECONDS = 150.0  # a busy machine is no failure
LOOK_SECONDS = 0.04
QUIET_LOOKS = 4  # in a row: an event that has left its sender and has not reached the app shows nowhere
BACK_OFFICE = "5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001"  # may change submitted orders

type Row = dict[str, Any]


@dataclass
class Office:
    """One cloud. `crm` and `erp` are what people and faults do, `ops` is what an operator sees."""

    cloud: Cloud
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))

    def close(self) -> None:
        self.http.close()

    # ------------------------------------------------------------------------------------------------------- talking

    def crm(self, path: str, body: object = None, method: str = "POST") -> Any:
        return self._ask(method, f"{self.cloud.dataverse.url}/sim/{path}", body)

    def erp(self, path: str, body: object = None, method: str = "POST") -> Any:
        return self._ask(method, f"{self.cloud.s4.url}/sim/{path}", body)

    def bus(self, path: str, body: object = None) -> Any:
        return self._ask("GET" if body is None else "POST", f"{self.cloud.bus_admin}/{path}", body)

    def _ask(self, method: str, url: str, body: object) -> Any:
        answer = self.http.request(method, url, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def ask_ops(self, path: str, body: object = None, key: str = HOST_KEY) -> httpx.Response:
        method = "GET" if body is None else "POST"
        return self.http.request(method, f"{self.cloud.api}/ops/{path}", json=body, headers={"x-functions-key": key})

    def ops(self, path: str, body: object = None) -> Row:
        answer = self.ask_ops(path, body)
        return answer.json() if answer.is_success else {}

    def post(self, path: str, content: bytes, secret: str = WEBHOOK_SECRET, **headers: str) -> httpx.Response:
        """Call a way in, as an event's sender does; header names with underscores for dashes."""
        given = {"x-webhook-secret": secret, "content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"{self.cloud.api}/{path}", content=content, headers=given)

    def fire(self, function: str) -> None:
        """Run a function by hand, as the portal does."""
        url = f"{self.cloud.host.url}/admin/functions/{function}"
        assert self.http.post(url, json={}, headers={"x-functions-key": HOST_KEY}).status_code == 202

    # ------------------------------------------------------------------------------------------------------- waiting

    def until[T](self, look: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
        """Look until it finds something true, and return that."""
        end = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{self._last_words()}"
            time.sleep(LOOK_SECONDS)
        return found

    def quiet(self, *, also_later: bool = False) -> None:
        """Wait until no event and no change is under way, nor, if asked for, `also_later`: scheduled."""
        seen = 0

        def looks() -> bool:
            nonlocal seen
            seen = seen + 1 if self._is_quiet(also_later=also_later) else 0
            return seen >= QUIET_LOOKS

        self.until(looks, "everything is worked off")

    def _is_quiet(self, *, also_later: bool) -> bool:
        queues: list[dict[str, int]] = list(self.bus("queues").values())
        return (
            not any(queue["active"] + queue["locked"] for queue in queues)
            and not (also_later and any(queue["scheduled"] for queue in queues))
            and not self.crm("events", method="GET")["pending"]
            and not any(hook["backlog"] for hook in self.erp("webhooks", method="GET"))
        )

    def _last_words(self) -> str:
        log = self.cloud.host.log.read_text("utf-8", errors="replace")[-1500:]
        return f"queues: {self.bus('queues')}\nhost: {log}"

    # -------------------------------------------------------------------------------------------------------- faults

    def calm(self) -> None:
        """Take all faults away, and let go what they held."""
        self.crm("faults", method="DELETE")
        self.erp("faults", method="DELETE")
        self.crm("events/release")
        self.erp("events/release")

    @contextmanager
    def events_lost(self) -> Iterator[None]:
        """Let nobody hear of what happens in the block, on either side."""
        with self._events({"drop": 1.0}, {"drop": 0.0}):
            yield

    @contextmanager
    def events_held(self) -> Iterator[None]:
        """Let events go only after the block, on both sides; other faults stay."""
        with self._events({"hold": True}, {"hold": False}):
            yield
        self.crm("events/release")
        self.erp("events/release")

    @contextmanager
    def _events(self, during: Row, after: Row) -> Iterator[None]:
        self.crm("faults", {"events": during})
        (fault,) = self.erp("faults", {"events": during})
        yield
        self.crm("faults", {"events": after})
        self.erp(f"faults/{fault['id']}", method="DELETE")

    # ------------------------------------------------------------------------------------------------------- looking

    def rows(self, table: str, **like: object) -> list[Row]:
        """Return the rows of a Dynamics table that hold these values."""
        return [r for r in self.crm(f"rows/{table}", method="GET") if all(r.get(k) == v for k, v in like.items())]

    def sap(self, entity_set: str, **like: object) -> list[Row]:
        """Return the rows of an SAP entity set that hold these values."""
        return [r for r in self.erp(f"rows/{entity_set}", method="GET") if all(r.get(k) == v for k, v in like.items())]

    def account(self, key: str) -> Row:
        return self.rows("account", accountid=key)[0]

    def number(self, key: str) -> str:
        """Return the SAP number that Dynamics shows for an account, '' while there is none."""
        return self.account(key).get("cr_sapnumber") or ""

    def partner(self, number: str) -> Row:
        return self.sap("A_BusinessPartner", BusinessPartner=number)[0]

    def partners(self, name: str) -> list[Row]:
        return self.sap("A_BusinessPartner", OrganizationBPName1=name)

    def address(self, number: str) -> Row:
        return self.sap("A_BusinessPartnerAddress", BusinessPartner=number)[0]

    def order(self, key: str) -> Row:
        return self.rows("salesorder", salesorderid=key)[0]

    def items(self, number: str) -> list[Row]:
        return self.sap("A_SalesOrderItem", SalesOrder=number)

    def pair(self, key: str, flow: str = "account") -> Row:
        """Return a pair as an operator sees it; empty while it is not known."""
        return self.ops(f"links/{flow}/{key}")

    def parked(self, key: str, field_name: str, flow: str = "account") -> Row:
        """Return what is parked of a field, empty when nothing is."""
        found: list[Row] = self.pair(key, flow).get("parked", [])
        problems = [each for one in found for each in one.get("problems", [one])]
        return next((one for one in problems if one["field"] == field_name), {})

    def last_sweep(self, flow: str) -> str:
        return str(self.ops("status")["flows"][flow]["last_sweep"] or "")

    # --------------------------------------------------------------------------------------------------------- doing

    def new_account(self, name: str, **more: object) -> str:
        """Let sales enter a customer; return the row's id."""
        values = {
            "name": name, "customertypecode": 3, "address1_line1": "Hauptstraße 7", "address1_city": "Walldorf",
            "address1_postalcode": "69190", "address1_country": "Germany", **more,
        }  # fmt: skip
        return str(self.crm("create", {"table": "account", "values": values})["accountid"])

    def linked_account(self, name: str, **more: object) -> tuple[str, str]:
        """Let sales enter a customer, and wait until both sides are in step; return both keys."""
        key = self.new_account(name, **more)
        self.until(lambda: self.pair(key).get("status") == "linked", f"{name} is linked")
        return key, self.number(key)

    def unheard_account(self, name: str, **more: object) -> str:
        """Let sales enter a customer that no event tells of."""
        with self.events_lost():
            return self.new_account(name, **more)

    def edit_account(self, key: str, **values: object) -> None:
        self.crm("edit", {"table": "account", "id": key, "values": values})

    def edit_city(self, number: str, city: str) -> None:
        """Let accounting correct a city in SAP."""
        key = {"BusinessPartner": number, "AddressID": self.address(number)["AddressID"]}
        self.erp("edit", {"set": "A_BusinessPartnerAddress", "key": key, "values": {"CityName": city}})

    def draft_order(self, account: str, *products: str) -> str:
        """Let sales write an order with a line a product, the first one piece, the second two …; return its id."""
        unit = self.rows("uom", name="Piece")[0]["uomid"]
        known = {p["productnumber"]: p["productid"] for p in self.rows("product")}
        lines = [
            {
                "lineitemnumber": n, "quantity": n, "productid@odata.bind": f"/products({known[product]})",
                "uomid@odata.bind": f"/uoms({unit})",
            }
            for n, product in enumerate(products, start=1)
        ]  # fmt: skip
        currency = self.rows("transactioncurrency", isocurrencycode="EUR")[0]["transactioncurrencyid"]
        values = {
            "name": f"order {uuid4().hex[:8]}", "customerid_account@odata.bind": f"/accounts({account})",
            "pricelevelid@odata.bind": f"/pricelevels({self.rows('pricelevel')[0]['pricelevelid']})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})", "order_details": lines,
        }  # fmt: skip
        return str(self.crm("create", {"table": "salesorder", "values": values})["salesorderid"])

    def submitted_order(self, account: str, *products: str) -> str:
        order = self.draft_order(account, *products)
        self.crm(f"submit-order/{order}", {})
        return order

    def linked_order(self, account: str, *products: str) -> tuple[str, str]:
        """Let sales submit an order, and wait until both sides are in step; return both keys."""
        order = self.submitted_order(account, *products)
        self.until(lambda: self.pair(order, "order").get("status") == "linked", "the order is linked")
        return order, str(self.order(order)["cr_sapnumber"])
