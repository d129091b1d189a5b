"""System query options, checked against the metadata when they are read.

Unknown `$` options and impossible values are refused; options without `$` (sap-client, saml2 ...) are not ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dev.sap.s4.model.edm import SETS, EntitySet
from dev.sap.s4.model.errors import refused
from dev.sap.s4.query.filters import filterable, navigation

type Tree = dict[str, "Tree"]

KNOWN = frozenset(
    {"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$inlinecount", "$format", "$skiptoken"}
)
PATH_LENGTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a collection or an entity; an empty `select` means everything."""

    filter: str | None = None
    select: Tree = field(default_factory=dict)
    expand: Tree = field(default_factory=dict)
    orderby: tuple[tuple[tuple[str, ...], bool], ...] = ()
    top: int | None = None
    skip: int = 0
    skiptoken: int = 0
    count: bool = False


def read_options(query: Mapping[str, str], entity_set: EntitySet, *, collection: bool = True) -> Options:
    """Read the options for rows of the set; without `collection` those for a single entity."""
    single = {"$select", "$expand", "$format"}
    for name in query:
        if name.startswith("$") and name not in (KNOWN if collection else single):
            raise refused("/IWFND/CM_MGW/042", name)
    expand = _tree(query.get("$expand", ""))
    _check_expand(entity_set, expand)
    select = _tree(query.get("$select", ""))
    _check_select(entity_set, select)
    return Options(
        filter=query.get("$filter"),
        select=select,
        expand=expand,
        orderby=_orderby(entity_set, query.get("$orderby", "")),
        top=_count(query, "$top"),
        skip=_count(query, "$skip") or 0,
        skiptoken=_count(query, "$skiptoken") or 0,
        count=_inlinecount(query.get("$inlinecount", "none")),
    )


def _tree(text: str) -> Tree:
    """'to_Item/to_ScheduleLine,to_Partner' as nested names."""
    tree: Tree = {}
    for path in filter(None, (part.strip() for part in text.split(","))):
        node = tree
        for name in path.split("/")[:PATH_LENGTH_MAX]:
            node = node.setdefault(name, {})
    return tree


def _check_expand(entity_set: EntitySet, tree: Tree) -> None:
    for name, inner in tree.items():
        _check_expand(SETS[navigation(entity_set, name).target], inner)


def _check_select(entity_set: EntitySet, tree: Tree) -> None:
    for name, inner in tree.items():
        if name == "*" or (name in entity_set.fields and not inner):
            continue
        _check_select(SETS[navigation(entity_set, name).target], inner)


def _orderby(entity_set: EntitySet, text: str) -> tuple[tuple[tuple[str, ...], bool], ...]:
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        path, _, direction = part.partition(" ")
        if direction.strip() not in {"", "asc", "desc"}:
            raise refused("/IWFND/CM_MGW/041", "$orderby", part)
        owner = entity_set
        *navs, name = path.split("/")
        for each in navs:
            nav = navigation(owner, each)
            if nav.many:
                raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/004", each, "$orderby")
            owner = SETS[nav.target]
        filterable(owner, name)
        found.append(((*navs, name), direction.strip() == "desc"))
    return tuple(found)


def _count(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise refused("/IWFND/CM_MGW/041", name, text)
    return int(text)


def _inlinecount(text: str) -> bool:
    if text not in {"allpages", "none"}:
        raise refused("/IWFND/CM_MGW/041", "$inlinecount", text)
    return text == "allpages"
