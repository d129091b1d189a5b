"""Rows as V2 JSON: `__metadata`, deferred and expanded navigations, selected fields."""

from dataclasses import dataclass
from decimal import Decimal

from dev.sap.s4.model.edm import SETS, EntitySet, Field
from dev.sap.s4.model.units import decimals_of
from dev.sap.s4.model.values import Row, to_json
from dev.sap.s4.query.literals import etag, key_predicate
from dev.sap.s4.query.options import Options, Tree
from dev.sap.s4.query.paths import related
from dev.sap.s4.store.rows import Store

_RATES = frozenset({"ConditionRateValue", "ConditionBaseValue"})


@dataclass(frozen=True, slots=True)
class Renderer:
    """Writes rows of one service; `base` is the service's root as the client sees it, with its slash."""

    store: Store
    base: str

    def entity(self, entity_set: EntitySet, row: Row, options: Options) -> dict[str, object]:
        """Write one entity, without the outer `d`."""
        return self._entity(entity_set, row, options.select, options.expand)

    def uri(self, entity_set: EntitySet, row: Row) -> str:
        """Write the entity's canonical address."""
        return f"{self.base}{entity_set.name}{key_predicate(entity_set, row)}"

    def _entity(self, entity_set: EntitySet, row: Row, select: Tree, expand: Tree) -> dict[str, object]:
        uri = self.uri(entity_set, row)
        about: dict[str, object] = {"id": uri, "uri": uri, "type": entity_set.type_name}
        if tag := etag(entity_set, row):
            about["etag"] = tag
        shown: dict[str, object] = {"__metadata": about}
        for name, field in entity_set.fields.items():
            if not select or name in select or "*" in select:
                shown[name] = field_json(field, row)
        for name, nav in entity_set.navs.items():
            if select and name not in select and not ("*" in select and name in expand):
                continue
            if name not in expand:
                shown[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
                continue
            other = SETS[nav.target]
            inner = [
                self._entity(other, each, select.get(name, {}), expand[name]) for each in related(self.store, nav, row)
            ]
            shown[name] = {"results": inner} if nav.many else next(iter(inner), None)
        return shown


def field_json(field: Field, row: Row) -> object:
    """Write one property's value with the decimals of its currency or unit."""
    value = row[field.name]
    decimals = field.scale if isinstance(value, Decimal) and value and field.scale is not None else None
    if field.unit:
        known = decimals_of(str(row.get(field.unit, "")))
        decimals = known if known is not None else decimals
    elif field.name in _RATES:
        # A rate has the decimals of its currency; a percentage has three.
        known = decimals_of(str(row.get("ConditionCurrency", "")))
        decimals = known if known is not None else 3
    return to_json(field.edm, value, decimals)
