"""Create, update and delete of any set: the steps common to all, in which each set's own rules take part."""

from collections.abc import Mapping

from dev.sap.s4.model.edm import SETS, EntitySet, Nav
from dev.sap.s4.model.errors import refuse_any, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.query.paths import related
from dev.sap.s4.rules import product
from dev.sap.s4.rules.order import header, item, parts
from dev.sap.s4.rules.partner import address, communication, contact, customer, general
from dev.sap.s4.rules.work import Payload, Rule, Work, check_codes

RULES: Mapping[str, Rule] = {
    **general.RULES,
    **address.RULES,
    **communication.RULES,
    **customer.RULES,
    **contact.RULES,
    **header.RULES,
    **item.RULES,
    **parts.RULES,
    **product.RULES,
}
_NOTHING = Rule()
_UPWARDS = ("to_SalesOrder", "to_SalesOrderItem")


def create(work: Work, payload: Payload, inherited: Row) -> Row:
    """Insert a row with its inline children; `inherited` are the key values that come from its parent."""
    entity_set = SETS[payload.set_name]
    rule = RULES.get(entity_set.name, _NOTHING)
    row = entity_set.blank() | payload.values | inherited
    present = work.store.get(entity_set.name, *entity_set.key_of(row)) if rule.merge else None
    if present is not None:
        row = update(work, entity_set, present, payload.values | inherited)
    else:
        _insert(work, rule, row, payload)
    for name, nav in entity_set.navs.items():
        for child in payload.children.get(name, []):
            parent = work.row(entity_set.name, *entity_set.key_of(row))
            create(work, child, inherited_keys(nav, parent, child))
        _check_inline(nav, payload)
    if rule.created:
        rule.created(work, work.row(entity_set.name, *entity_set.key_of(row)), payload)
    return work.row(entity_set.name, *entity_set.key_of(row))


def _insert(work: Work, rule: Rule, row: Row, payload: Payload) -> None:
    if rule.prepare:
        rule.prepare(work, row, payload)
    _settle(work, rule, payload.set_name, row, None)


def _settle(work: Work, rule: Rule, set_name: str, row: Row, before: Row | None) -> None:
    for name in work.upper_case & row.keys():
        row[name] = str(row[name]).upper()
    if rule.derive:
        rule.derive(work, row)
    found = check_codes(work, set_name, row, before)
    if rule.check:
        found += rule.check(work, row, before)
    refuse_any(found)
    work.store.put(set_name, row)


def _check_inline(nav: Nav, payload: Payload) -> None:
    children = payload.children.get(nav.name)
    if not children:
        return
    target = SETS[nav.target]
    read_only = not (target.create or target.update or target.delete)
    if nav.name in _UPWARDS or read_only or (len(children) > 1 and not nav.many):
        raise refused("CX_SXML_PARSE_ERROR/004", nav.name, SETS[payload.set_name].type_name, target=nav.name)


def inherited_keys(nav: Nav, parent: Row, child: Payload) -> Row:
    """Return what a child gets from the parent that it is created under."""
    keys: Row = {target: parent[source] for source, target in nav.on}
    for name, values in nav.where:
        if child.values.get(name) not in values.split("|"):
            keys[name] = values.split("|")[-1]
    return keys


def update(work: Work, entity_set: EntitySet, before: Row, values: Row, *, replace: bool = False) -> Row:
    """Merge values into a row; with `replace` all other writable fields are reset. Nothing changed writes nothing."""
    blank = entity_set.blank()
    rule = RULES.get(entity_set.name, _NOTHING)
    row = dict(before)
    for name, field in entity_set.fields.items():
        if field.key:
            continue
        if name in values:
            row[name] = values[name]
        elif replace and field.writable:
            row[name] = blank[name]
    if row == before:
        return before
    _settle(work, rule, entity_set.name, row, before)
    if rule.changed:
        rule.changed(work, before, row)
    return work.row(entity_set.name, *entity_set.key_of(row))


def delete(work: Work, entity_set: EntitySet, row: Row) -> None:
    """Remove a row and all that hangs below it."""
    rule = RULES.get(entity_set.name, _NOTHING)
    if rule.removing:
        rule.removing(work, row)
    _remove(work, entity_set, row)
    if rule.removed:
        rule.removed(work, row)


def _remove(work: Work, entity_set: EntitySet, row: Row) -> None:
    for nav in entity_set.navs.values():
        if nav.many:
            for child in related(work.store, nav, row):
                _remove(work, SETS[nav.target], child)
    work.store.remove(entity_set.name, row)
