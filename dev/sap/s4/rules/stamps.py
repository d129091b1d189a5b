"""After an operation: who changed which object when, and the business events that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.work import Work
from dev.sap.s4.store.rows import Change, Store

PARTNER, ORDER, PRODUCT = "BusinessPartner", "SalesOrder", "Product"
_ROOT_SET = {PARTNER: "A_BusinessPartner", ORDER: "A_SalesOrder", PRODUCT: "A_Product"}
# Header and item fields whose change is an event of its own.
_HEADER_EVENTS = {
    "OverallTotalDeliveryStatus": "OvrlDelivStsChgd",
    "OverallSDDocumentRejectionSts": "OvrlRjcnStsChgd",
    "OverallSDProcessStatus": "OvrlSDProcStsChgd",
    "DeliveryBlockReason": "OvrlDlvBlkStsChgd",
    "HeaderBillingBlockReason": "OvrlBlgBlkStsChgd",
}
_ITEM_EVENTS = {
    "DeliveryStatus": "ItmDelivStsChgd",
    "SalesDocumentRjcnReason": "ItmRjcnStsChgd",
    "SDProcessStatus": "ItmSDProcStsChgd",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One business event: `type` 'sap.s4.beh.salesorder.v1.SalesOrder.Created.v1' and its keys."""

    type: str
    data: tuple[tuple[str, str], ...]


type Root = tuple[str, str]


def finish(work: Work, changes: Sequence[Change]) -> list[Event]:
    """Stamp the objects that the changes touched and return their events, in the order of the first touch."""
    events: list[Event] = []
    for root, theirs in touched(work.store, changes).items():
        _stamp(work, root, theirs)
        events += _events(root, theirs)
    return events


def touched(store: Store, changes: Sequence[Change]) -> dict[Root, list[Change]]:
    """Group the net changes by the object they belong to."""
    found: dict[Root, list[Change]] = {}
    for change in _net_changes(changes):
        for root in _roots(store, change):
            found.setdefault(root, []).append(change)
    return found


def _net_changes(changes: Sequence[Change]) -> list[Change]:
    """Fold several changes of a row into one, and drop those that left it as it was."""
    folded: dict[tuple[str, object], Change] = {}
    for change in changes:
        place = (change.set_name, change.key)
        first = folded.get(place, change)
        folded[place] = Change(change.set_name, change.key, first.before, change.after)
    return [change for change in folded.values() if change.before != change.after]


def _roots(store: Store, change: Change) -> list[Root]:
    row = change.after or change.before or {}
    if ORDER in row:
        return [(ORDER, str(row[ORDER]))]
    if change.set_name.startswith("A_Product"):
        return [(PRODUCT, str(row[PRODUCT]))]
    if "BusinessPartnerCompany" in row:
        return [(PARTNER, str(row[name])) for name in ("BusinessPartnerCompany", "BusinessPartnerPerson")]
    if PARTNER in row:
        return [(PARTNER, str(row[PARTNER]))]
    owner = "A_BusinessPartnerAddress" if "AddressID" in row and "OrdinalNumber" in row else "A_BusinessPartner"
    by = "AddressID" if owner == "A_BusinessPartnerAddress" else "Customer"
    return [(PARTNER, str(found[PARTNER])) for found in store.select(owner, {by: row[by]})]


def _of_root(root: Root, changes: Sequence[Change]) -> Change | None:
    return next((each for each in changes if each.set_name == _ROOT_SET[root[0]] and each.key == (root[1],)), None)


def _stamp(work: Work, root: Root, changes: Sequence[Change]) -> None:
    kind, key = root
    row = work.store.get(_ROOT_SET[kind], key)
    own = _of_root(root, changes)
    if row is None:
        return
    is_new = own is not None and own.before is None
    stamps: Row = {}
    if kind == PARTNER:
        bumped = own is not None or work.settings.child_changes_bump_partner
        if bumped and (not is_new or work.settings.new_partner_has_change_date):
            stamps = {"LastChangeTime": work.time_now(), "LastChangedByUser": work.user}
    else:
        stamps = {"LastChangeDateTime": work.store.stamp()}
    if stamps and not (is_new and kind == ORDER):
        stamps["LastChangeDate"] = work.today()
    if "LastChangedByUser" in row and stamps:
        stamps["LastChangedByUser"] = work.user
    work.store.put(_ROOT_SET[kind], row | stamps)


def _event(kind: str, operation: str, data: Mapping[str, object]) -> Event:
    keys = tuple((name, str(value)) for name, value in data.items())
    return Event(f"sap.s4.beh.{kind.lower()}.v1.{kind}.{operation}.v1", keys)


def _events(root: Root, changes: Sequence[Change]) -> list[Event]:
    kind, key = root
    own = _of_root(root, changes)
    if own is not None and own.before is None:
        return [_event(kind, "Created", {kind: key})]
    if own is not None and own.after is None:
        return [_event(kind, "Deleted", {kind: key})]
    found = [_event(kind, "Changed", {kind: key})]
    if kind == ORDER:
        if own is not None and own.before is not None and own.after is not None:
            found += [_event(kind, name, {kind: key}) for name in _moved(_HEADER_EVENTS, own.before, own.after)]
        for change in changes:
            if change.set_name == "A_SalesOrderItem":
                found += _item_events(change)
    return found


def _item_events(change: Change) -> list[Event]:
    row = change.after or change.before or {}
    data = {name: row[name] for name in (ORDER, "SalesOrderItem")}
    if change.before is None:
        return [_event(ORDER, "ItemCreated", data)]
    if change.after is None:
        return [_event(ORDER, "ItemDeleted", data)]
    names = ["ItemChanged", *_moved(_ITEM_EVENTS, change.before, change.after)]
    return [_event(ORDER, name, data) for name in names]


def _moved(names: Mapping[str, str], before: Row, after: Row) -> list[str]:
    return [event for field, event in names.items() if before[field] != after[field]]
