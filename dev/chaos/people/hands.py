"""What people need for their deeds: hands on both systems, something to type, somebody to pick, and the books."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from dev.chaos.audit.books import Books, Row, Side, serial_in
from dev.chaos.audit.world import World, load
from dev.chaos.cloud import Cloud

# What people type into a field, by field: a value that nobody has typed before.
TYPED: dict[str, Callable[[int], str]] = {
    "city": lambda n: f"Stadt {n}",
    "street": lambda n: f"Langer Weg {n}",
    "postal_code": lambda n: f"{10_000 + n % 80_000}",
    "email": lambda n: f"post{n}@firma.example",
    "phone": lambda n: f"+496227{n:06d}",
    "vat_number": lambda n: f"DE{100_000_000 + n}",
}
COLUMNS = {
    "city": "address1_city", "street": "address1_line1", "postal_code": "address1_postalcode",
    "email": "emailaddress1", "phone": "telephone1", "vat_number": "cr_vatid",
}  # fmt: skip


type Deed = Callable[["People"], None]


class NotNow(Exception):
    """There is nothing to do this deed on."""


@dataclass(slots=True)
class People:
    """Does deeds; `known` is how both systems looked when somebody last looked."""

    cloud: Cloud
    books: Books
    dice: random.Random
    known: World = field(default_factory=World)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.look()
        for name, table, column, key in (
            ("products", "product", "productnumber", "productid"),
            ("units", "uom", "name", "uomid"),
            ("currencies", "transactioncurrency", "isocurrencycode", "transactioncurrencyid"),
            ("pricelevels", "pricelevel", "name", "pricelevelid"),
        ):
            for row in self._rows("dataverse", table):
                self.ids[f"{name} {row[column]}"] = row[key]

    def look(self) -> None:
        """See how both systems are now."""
        self.known = load(lambda table: self._rows("dataverse", table), lambda name: self._rows("s4", name))

    def do_one(self, deeds: Mapping[Deed, float], instead: Deed) -> None:
        """Do one deed by chance, `instead` if there is no record for it; what the systems refuse is no change."""
        deed = self.dice.choices(list(deeds), list(deeds.values()))[0]
        try:
            deed(self)
        except NotNow:
            instead(self)
        except httpx.HTTPStatusError as error:
            if error.response.status_code >= 500:  # noqa: PLR2004 -- a defect of a simulator
                raise
            code = re.search(r'"code": ?"([^"]*)"', error.response.text)
            self.books.refused[f"{deed.__name__} {code[1] if code else error.response.status_code}"] += 1

    # ------------------------------------------------------------------------------------------------------ writing

    def crm(self, what: str, path: str, body: Row) -> Any:  # noqa: ANN401 -- parsed JSON
        """Let somebody in Dynamics do it, and count it."""
        return self._done(what, self.cloud.dataverse.url, path, body)

    def erp(self, what: str, path: str, body: Row) -> Any:  # noqa: ANN401 -- parsed JSON
        """Let somebody in SAP do it, and count it."""
        return self._done(what, self.cloud.s4.url, path, body)

    def edit_account(self, row: Row, what: str, **values: object) -> None:
        """Change columns of an account."""
        self.crm(what, "edit", {"table": "account", "id": row["accountid"], "values": values})

    def edit_sap(self, what: str, name: str, key: Row, **values: object) -> None:
        """Change columns of a row in SAP."""
        self.erp(what, "edit", {"set": name, "key": key, "values": values})

    def _done(self, what: str, url: str, path: str, body: Row) -> Any:  # noqa: ANN401 -- parsed JSON
        answer = self.cloud.http.post(f"{url}/sim/{path}", json=body)
        answer.raise_for_status()
        self.books.done[what] += 1
        return answer.json() if answer.content else None

    def _rows(self, system: str, name: str) -> list[Row]:
        url = self.cloud.dataverse.url if system == "dataverse" else self.cloud.s4.url
        found: list[Row] = self.cloud.http.get(f"{url}/sim/rows/{name}").raise_for_status().json()
        return found

    # ------------------------------------------------------------------------------------------------------ choosing

    def account(self) -> tuple[str, Row]:
        """Pick a living account with its serial."""
        found = [row for row in self.known.accounts if row["accountid"] not in self.books.copies]
        return self._pick([(serial_in(row["name"]), row) for row in found if row["statecode"] == 0])

    def partner(self) -> tuple[str, Row]:
        """Pick a living partner with its serial."""
        found = [row for row in self.known.partners if row["BusinessPartner"] not in self.books.copies]
        named = [(serial_in(f"{row['OrganizationBPName1']} {row['OrganizationBPName2']}"), row) for row in found]
        return self._pick([(serial, row) for serial, row in named if not row["BusinessPartnerIsBlocked"]])

    def couple(self) -> tuple[str, Row, Row]:
        """Pick an account and its partner."""
        serial, account = self.account()
        number = account["cr_sapnumber"]
        partner = next((p for p in self.known.partners if number and p["BusinessPartner"] == number), None)
        if partner is None:
            raise NotNow
        return serial, account, partner

    def order(self) -> Row:
        """Pick an order that was submitted."""
        found = [row for row in self.known.orders if row["statecode"] == 1]
        if not found:
            raise NotNow
        return self.dice.choice(found)

    def _pick(self, found: list[tuple[str, Row]]) -> tuple[str, Row]:
        alive = [(s, row) for s, row in found if s and not self.books.gone.get(s)]
        if not alive:
            raise NotNow
        return self.dice.choice(alive)

    def serial(self, letter: str, born: Side) -> str:
        """Give a new record its serial: C from Dynamics, S from SAP, K for copies."""
        made = f"{letter}{next(self.numbers):06d}"
        self.books.born[made] = born
        return made

    def chance(self, share: float) -> bool:
        """Throw the dice; True in `share` of all throws."""
        return self.dice.random() < share

    def typed(self, name: str) -> str:
        """Return what somebody types into a field."""
        return TYPED[name](next(self.numbers))
