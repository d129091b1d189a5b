"""Looks for what is lost, doubled or wrong. Pure: rows, the books and the product's own traces in, findings out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dev.chaos.audit.books import Books, Row, serial_in
from dev.chaos.audit.expected import ACCOUNT, LINE, ORDER, Agreement
from dev.chaos.audit.world import World

CUSTOMER = 3  # accounts of this type take part
ORGANISATION = "2"  # partners of this category take part
SUBMITTED = (1, 3, 4)  # orders in these states take part
REJECTED = "61"
INACTIVE = 1

type Kind = Literal["lost", "doubled", "wrong"]
type Flow = Literal["account", "order"]
type Traces = Callable[[Flow, str], list["Trace"]]


@dataclass(frozen=True, slots=True)
class Trace:
    """What the product says of a record itself: a parked field ('' = the whole pair) and why."""

    field: str
    cause: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be. Keys and names of fields only, never a value."""

    kind: Kind
    flow: Flow
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class _Told:
    """Where people and the product speak of a field: in the books, and as which line ('line 6f1c.')."""

    serial: str = ""
    lines: tuple[str, ...] = ("",)


@dataclass(slots=True)
class Audit:
    """Compares one world; `findings` are the defects, `parked` what the product has put before a person, by cause."""

    world: World
    books: Books
    traces: Traces
    findings: list[Finding] = field(default_factory=list)
    parked: Counter[str] = field(default_factory=Counter)
    agreed: int = 0
    stands: dict[tuple[str, str], set[object]] = field(default_factory=dict)

    def count(self, kind: Kind) -> int:
        """Return how many findings are of a kind."""
        return sum(1 for one in self.findings if one.kind == kind)

    # ---------------------------------------------------------------------------------------------------- evidence

    def _parked(self, flow: Flow, keys: Iterable[str], names: Sequence[str] | None) -> bool:
        """Tell whether the product has parked this field, its line, or the whole record; count why.

        `names` None means that anything parked will do: a create is refused for one of its fields.
        """
        told = {"", *(names or ()), *(name.partition(".")[0] for name in names or ())}
        for trace in (trace for key in keys for trace in self.traces(flow, key)):
            if trace.field in told or names is None:
                self.parked[f"{trace.cause}{': ' if trace.field else ''}{_plain(trace.field)}"] += 1
                return True
        return False

    def _found(self, kind: Kind, flow: Flow, keys: Iterable[str], names: Sequence[str] | None, what: str) -> None:
        keys = [key for key in keys if key]
        if not self._parked(flow, keys, names):
            self.findings.append(Finding(kind, flow, " / ".join(keys), what))

    # ----------------------------------------------------------------------------------------------------- customers

    def customers(self) -> None:
        """Compare accounts with business partners."""
        accounts = [row for row in self.world.accounts if row["customertypecode"] == CUSTOMER]
        partners = [row for row in self.world.partners if row["BusinessPartnerCategory"] == ORGANISATION]
        copies = self.books.copies
        self._doubled("account", "partners with the serial", [(_serial_sap(p), p["BusinessPartner"]) for p in partners])
        ours = [a for a in accounts if a["cr_sapnumber"] not in copies]  # a copy without a mark gets its own account
        self._doubled("account", "accounts with the serial", [(serial_in(a["name"]), a["accountid"]) for a in ours])
        marks = [(mark, p["BusinessPartner"]) for p in partners for mark in p["Marks"]]
        self._doubled("account", "partners with the mark", marks)
        self._doubled("account", "accounts with the number", [(a["cr_sapnumber"], a["accountid"]) for a in accounts])
        by_mark = {m: p for p in partners if p["BusinessPartner"] not in copies for m in p["Marks"]}
        by_number = {p["BusinessPartner"]: p for p in partners}
        self._note_what_stands(accounts, partners)
        paired = set()
        for account in accounts:
            partner = by_number.get(account["cr_sapnumber"]) or by_mark.get(account["accountid"])
            if partner is None:
                self._alone(
                    "dynamics",
                    account["accountid"],
                    serial_in(account["name"]),
                    retired=account["statecode"] == INACTIVE,
                )
            else:
                paired.add(partner["BusinessPartner"])
                self._pair(account, partner)
        for partner in partners:
            if partner["BusinessPartner"] not in paired:
                retired = bool(partner["BusinessPartnerIsBlocked"])
                self._alone("sap", partner["BusinessPartner"], _serial_sap(partner), retired=retired)

    def _note_what_stands(self, accounts: Iterable[Row], partners: Iterable[Row]) -> None:
        """Note each value by serial: a copy bears its original's, and the books do not tell them apart."""
        for one in ACCOUNT:
            for row in accounts:
                self.stands.setdefault((serial_in(row["name"]), one.field), set()).add(one.dynamics(row))
            for row in partners:
                self.stands.setdefault((_serial_sap(row), one.field), set()).add(one.sap(row))

    def _alone(self, side: Literal["dynamics", "sap"], key: str, serial: str, *, retired: bool) -> None:
        gone = self.books.gone.get(serial, set())
        if gone - {side} and (retired or key not in self.books.copies):  # a copy may have lost a counterpart of its own
            if not retired:
                self._found("wrong", "account", [key], (), f"deleted on the other side, not retired in {side}")
            return
        self._found("lost", "account", [key], None, f"{side} record without its counterpart")

    def _pair(self, account: Row, partner: Row) -> None:
        keys = [account["accountid"], partner["BusinessPartner"]]
        if account["accountid"] not in partner["Marks"]:
            self._found("wrong", "account", keys, (), "the partner does not carry its account's id")
        serial = serial_in(account["name"])
        for one in ACCOUNT:
            self._field("account", keys, one, account, partner, _Told(serial))

    def _field(self, flow: Flow, keys: list[str], one: Agreement, crm: Row, erp: Row, told: _Told = _Told()) -> None:
        here, there = one.dynamics(crm), one.sap(erp)
        if here is None or there is None:
            return
        edits = self.books.edits.get((told.serial, one.field), [])
        names, shown = [f"{line}{one.field}" for line in told.lines], f"{told.lines[0]}{one.field}"
        if here != there:
            owner, target = (there, here) if one.owner == "sap" else (here, there)
            if one.owner != "both" and not owner:
                return  # at first link empty overwrites nothing, and nobody here empties a field
            older = not target or any(edit.value == target for edit in edits)
            kind: Kind = "lost" if one.owner == "both" or older else "wrong"
            self._found(kind, flow, keys, names, f"{shown} (owner {one.owner}) differs")
        elif one.owner == "both" and edits and edits[-1].value not in self.stands.get((told.serial, one.field), {here}):
            what = f"{shown}: the last edit (in {edits[-1].side}) stands on neither side"
            self._found("wrong", flow, keys, names, what)
        else:
            self.agreed += 1

    # -------------------------------------------------------------------------------------------------------- orders

    def orders(self) -> None:
        """Compare sales orders and their lines."""
        orders = [row for row in self.world.orders if row["statecode"] in SUBMITTED]
        references = [(o["PurchaseOrderByCustomer"], o["SalesOrder"]) for o in self.world.sap_orders]
        self._doubled("order", "SAP orders with the reference", references)
        by_reference = {o["PurchaseOrderByCustomer"]: o for o in self.world.sap_orders if o["PurchaseOrderByCustomer"]}
        for order in orders:
            twin = by_reference.get(order["ordernumber"])
            customer = order.get("_customerid_value") if not order["customer_number"] else None
            if twin is None and customer and self._parked("account", [customer], None):
                continue  # it waits for a customer that a person has to look at
            if twin is None:
                self._found("lost", "order", [order["salesorderid"]], None, "dynamics order without its SAP order")
                continue
            keys = [order["salesorderid"], twin["SalesOrder"]]
            for one in ORDER:
                self._field("order", keys, one, order, twin)
            self._lines(keys, order["lines"], twin["lines"])

    def _lines(self, keys: list[str], lines: list[Row], items: list[Row]) -> None:
        open_items = [item for item in items if item["SalesDocumentRjcnReason"] != REJECTED]
        by_place = Counter(item["PurchaseOrderByShipToParty"] for item in open_items)
        for place, count in by_place.items():
            if place and count > 1:
                self.findings.append(Finding("doubled", "order", " / ".join(keys), f"{count} items for line {place}"))
        left = {item["SalesOrderItem"]: item for item in open_items}
        for line in lines:
            item, key = (
                left.pop(line["cr_sapitem"], None) or _at(left, line["lineitemnumber"]),
                line["salesorderdetailid"],
            )
            if item is None:
                self._found("lost", "order", keys, [f"line {key}."], f"line {line['lineitemnumber']} is not in SAP")
                continue
            for one in LINE:
                told = _Told(lines=(f"line {key}.", f"line {item['SalesOrderItem']}."))
                self._field("order", keys, one, line, item, told)
        for number in left:
            self._found("wrong", "order", keys, [f"line {number}."], f"item {number} is open, and has no line")

    # ------------------------------------------------------------------------------------------------------- doubles

    def _doubled(self, flow: Flow, what: str, named: list[tuple[str, str]]) -> None:
        groups: dict[str, list[str]] = {}
        for name, key in named:
            if name and key not in self.books.copies:
                groups.setdefault(name, []).append(key)
        for name, keys in groups.items():
            if len(keys) > 1:
                self.findings.append(Finding("doubled", flow, " / ".join(keys), f"{len(keys)} {what} {name}"))


def audit(world: World, books: Books, traces: Traces) -> Audit:
    """Compare both systems record by record."""
    made = Audit(world, books, traces)
    made.customers()
    made.orders()
    return made


def summary(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield a line for each finding."""
    for one in findings:
        yield f"{one.kind:<8} {one.flow} {one.key}: {one.what}"


def _at(left: dict[str, Row], place: object) -> Row | None:
    number = next((n for n, item in left.items() if item["PurchaseOrderByShipToParty"] == str(place)), None)
    return left.pop(number) if number is not None else None


def _serial_sap(partner: Row) -> str:
    return serial_in(f"{partner['OrganizationBPName1']} {partner['OrganizationBPName2']}")


def _plain(name: str) -> str:
    return f"line {name.partition('.')[2]}" if name.startswith("line ") else name
