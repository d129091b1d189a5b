"""Answers a collection: filter, sort, count, cut into pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from dev.sap.s4.model.edm import SETS, EntitySet
from dev.sap.s4.model.values import Row
from dev.sap.s4.query.filters import compile_filter
from dev.sap.s4.query.options import Options
from dev.sap.s4.query.paths import Target, related
from dev.sap.s4.store.rows import Store


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; `count` of all pages, `next_query` the query of the next page or None at the end."""

    rows: Sequence[Row]
    count: int
    next_query: str | None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads collections with the system's page size."""

    store: Store
    page_size: int
    to_many: bool

    def matching(self, target: Target, options: Options) -> list[Row]:
        """Return the rows that the filter lets through; a whole set is narrowed by index first."""
        if options.filter is None:
            return self.store.rows(target.set.name) if target.rows is None else list(target.rows)
        condition = compile_filter(options.filter, target.set, self._related, to_many=self.to_many)
        rows = self.store.select(target.set.name, condition.equal) if target.rows is None else target.rows
        return [row for row in rows if condition.holds(row)]

    def page(self, target: Target, options: Options, query: Mapping[str, str]) -> Page:
        """Return the page at the skip token; `query` is what the next page's address repeats."""
        found = self.matching(target, options)
        for path, descending in reversed(options.orderby):
            found.sort(key=partial(self._sort_key, target.set, path), reverse=descending)
        wanted = found[options.skip :] if options.top is None else found[options.skip : options.skip + options.top]
        end = options.skiptoken + self.page_size
        following = None
        if end < len(wanted):
            rest = {name: value for name, value in query.items() if name != "$skiptoken"}
            following = urlencode({**rest, "$skiptoken": str(end)}, safe="$")
        return Page(wanted[options.skiptoken : end], len(found), following)

    def _related(self, entity_set: EntitySet, row: Row, nav: str) -> list[Row]:
        return related(self.store, entity_set.navs[nav], row)

    def _sort_key(self, entity_set: EntitySet, path: tuple[str, ...], row: Row) -> tuple[bool, Any]:
        """Sort nulls first, as HANA does."""
        *navs, name = path
        for each in navs:
            others = self._related(entity_set, row, each)
            if not others:
                return (False, 0)
            entity_set, row = SETS[entity_set.navs[each].target], others[0]
        return (row[name] is not None, row[name] if row[name] is not None else 0)
