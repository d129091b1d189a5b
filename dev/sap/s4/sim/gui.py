"""A person at the SAP GUI: edits, creates, copies and deletes by the same rules, but not through the API's limits."""

from collections.abc import Callable

from dev.sap.s4.gateway.system import System
from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Row, Value, from_json
from dev.sap.s4.query.paths import related
from dev.sap.s4.rules import writes
from dev.sap.s4.rules.payload import BodyReader
from dev.sap.s4.rules.stamps import finish
from dev.sap.s4.rules.work import Payload, Work
from dev.sap.s4.store.rows import Store

# Assigned anew in a copy.
_GENERATED = frozenset(
    {
        "BusinessPartner", "Customer", "AddressID", "Person", "OrdinalNumber", "AddressUUID", "BusinessPartnerUUID",
        "PersonNumber", "PartnerCounter", "CreatedByUser", "CreationDate", "CreationTime", "LastChangeDate",
        "LastChangeTime", "LastChangedByUser",
    }
)  # fmt: skip
_NOT_COPIED = frozenset({"to_BusinessPartnerContact"})


def act[T](system: System, deed: Callable[[Work], T]) -> T:
    """Do something as the GUI user in a transaction, and raise its events."""
    work = Work(system.store, system.settings, system.settings.gui_user, system.faults.upper_case(), in_gui=True)
    with system.store.transaction() as changes:
        result = deed(work)
        events = finish(work, changes)
    system.publish(events)
    return result


def key_of(set_name: str, key: object) -> tuple[Value, ...]:
    """Read a key given as a text, a list in metadata order, or an object of names and values."""
    entity_set = SETS[set_name]
    if isinstance(key, dict):
        values = [key.get(name) for name in entity_set.keys]
    else:
        values = key if isinstance(key, list) else [key]
    pairs = zip(entity_set.keys, values, strict=True)
    return tuple(from_json(entity_set.fields[name].edm, value) for name, value in pairs)


def find(store: Store, set_name: str, key: object) -> Row:
    """Return the row with that key or refuse."""
    row = store.get(set_name, *key_of(set_name, key))
    if row is None:
        raise refused("/IWBEP/CM_MGW_RT/020", f"{set_name}Type", status=404)
    return row


def edit(system: System, set_name: str, key: object, values: dict[str, object]) -> Row:
    """Change fields of a row, read-only ones included."""
    payload = BodyReader("", keep_readonly=True).read(SETS[set_name], values)
    row = find(system.store, set_name, key)
    return act(system, lambda work: writes.update(work, SETS[set_name], row, payload.values))


def create(system: System, set_name: str, values: dict[str, object]) -> Row:
    """Create a row with its children."""
    payload = BodyReader("", keep_readonly=True).read(SETS[set_name], values)
    return act(system, lambda work: writes.create(work, payload, {}))


def delete(system: System, set_name: str, key: object) -> None:
    """Delete a row and what hangs below it."""
    row = find(system.store, set_name, key)
    act(system, lambda work: writes.delete(work, SETS[set_name], row))


def copy_partner(system: System, number: str) -> Row:
    """Copy a partner as people do: everything comes along, identifications included, under a new internal number."""
    row = find(system.store, "A_BusinessPartner", number)
    payload = _copy(system.store, "A_BusinessPartner", row)
    payload.values["BusinessPartnerGrouping"] = "BP02"
    return act(system, lambda work: writes.create(work, payload, {}))


def _copy(store: Store, set_name: str, row: Row) -> Payload:
    payload = Payload(set_name, {name: value for name, value in row.items() if name not in _GENERATED})
    for nav in SETS[set_name].navs.values():
        rows = [] if nav.name in _NOT_COPIED else related(store, nav, row)
        own = [each for each in rows if each.get("BPCustomerNumber", "") != row.get("Customer")]
        if own:
            payload.children[nav.name] = [_copy(store, nav.target, each) for each in own]
    return payload
