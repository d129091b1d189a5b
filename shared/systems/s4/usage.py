"""Which services, entity sets and fields a flow uses in S/4HANA: what an SAP administrator has to open. No calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.core.model import Selection
from shared.systems.s4.gateway.session import ROOT
from shared.systems.s4.objects import STRUCTURES
from shared.systems.s4.reading import Branch, all_branches, plan


@dataclass(frozen=True, slots=True)
class Used:
    """One entity set: Used('API_BUSINESS_PARTNER', '/sap/opu/odata/sap/API_BUSINESS_PARTNER', …).

    `fields` are all that is read, `columns` the mapping's names of them ('address.Country' -> 'Country'). `lines`: the
    set holds line items or their parts.
    """

    service: str
    path: str
    set: str
    fields: frozenset[str]
    columns: Mapping[str, str]
    lines: bool = False


def used(selection: Selection, paths: Mapping[str, str]) -> tuple[Used, ...]:
    """Return the entity sets that a selection reads, and writes if it writes. `paths` overrides service addresses."""
    wanted = plan(STRUCTURES[selection.object], selection)
    structure = wanted.structure
    service, path = structure.service, paths.get(structure.service, f"{ROOT}/{structure.service}")
    stamps = {structure.created, structure.changed, structure.changed_by, *structure.quality.changes.columns} - {""}
    own = {name: name for name in wanted.columns}
    header = Used(service, path, structure.header.set, frozenset({structure.key, *own, *stamps}), own)
    found = [header, *(_used(header, branch, lines=False) for branch in all_branches(wanted.branches))]
    if wanted.line is not None:
        found += _line(header, wanted.line)
    return tuple(found)


def _line(header: Used, line: Branch) -> Iterator[Used]:
    yield Used(
        header.service,
        header.path,
        line.part.set,
        frozenset({*line.part.keys, *line.columns}),
        {name: name for name in line.columns},
        lines=True,
    )
    yield from (_used(header, branch, lines=True) for branch in all_branches(line.below))


def _used(header: Used, branch: Branch, *, lines: bool) -> Used:
    part = branch.part
    usage = f"{part.usage.path}/{part.usage.column}" if part.usage else ""
    fields = frozenset({*part.keys, *branch.columns, *branch.chosen_by, part.first, usage} - {""})
    columns = {f"{branch.name}.{name}": name for name in branch.columns}
    return Used(header.service, header.path, part.set, fields, columns, lines)
