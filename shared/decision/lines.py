"""Which line is which: pairs the lines of a document before they are merged like small records. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from shared.core.digest import plain, same
from shared.core.link import LineLink
from shared.core.model import Line, Record, Scalar, Side, Values
from shared.core.plan import Facts
from shared.mapping.flow import Lines, References

MARK_CHARACTERS = 6  # SalesOrderItem.UnderlyingPurchaseOrderItem: max 6, API_SALES_ORDER_SRV metadata


@dataclass(frozen=True, slots=True)
class LinePair:
    """One line as it is on both sides; `link` is None while they never were in step."""

    dynamics: Line | None
    sap: Line | None
    link: LineLink | None

    @property
    def name(self) -> str:
        """Return how reasons call the line: 'line 6f1c…' by its Dynamics key, else by its SAP number."""
        key = (self.link and self.link.dynamics) or (self.dynamics and self.dynamics.key)
        return f"line {key or (self.sap and self.sap.key) or (self.link and self.link.sap)}"


def mark(line: Line, lines: Lines, document: Iterable[Line]) -> str:
    """Return what the SAP line's birthmark column shall hold for a Dynamics line: a column, or a short code of its key.

    Dataverse neither demands a line's number nor keeps it single (salesorderdetail.lineitemnumber: optional, no key):
    a number that is missing, or that another line of the document has too, would mark nothing.
    """
    held = plain(line.values.get(lines.holds)) if lines.holds else ""
    alone = all(plain(other.values.get(lines.holds)) != held for other in document if other.key != line.key)
    return held if held and alone else code(line)


def code(line: Line) -> str:
    """Return a short code of a Dynamics line's key."""
    return blake2b(line.key.encode(), digest_size=4).hexdigest()[:MARK_CHARACTERS].upper()


def line_links(facts: Facts, lines: Lines) -> tuple[LineLink, ...]:
    """Return the links of lines, and those of SAP lines whose Dynamics line went before their create was known.

    The open intent has the birthmarks of what it sent. Without this, such a line would look like one that somebody
    added in SAP, and stay open for ever.
    """
    crm, erp, link = facts.records["dynamics"], facts.records["sap"], facts.link
    if link is None or crm is None or erp is None or not lines.birthmark:
        return link.lines if link else ()
    there = {line.key for line in crm.lines} | {known.dynamics for known in link.lines}
    sent = {n.removeprefix("line "): d for i in link.intents for n, d in i.sent.items() if n.startswith("line ")}
    gone = {key: digest for key, digest in sent.items() if key not in there}
    free = [line for line in erp.lines if line.key not in {known.sap for known in link.lines}]
    marks = [(line.key, held) for line in free if plain(held := line.values.get(lines.birthmark))]
    found = [LineLink(key, s) for s, held in marks for key, digest in gone.items() if facts.seal.matches(held, digest)]
    return (*link.lines, *found)


def in_context(line: Line, header: Record | None, lines: Lines, side: Side) -> Values:
    """Return the line's values together with the header columns that line rows read, as 'header.<column>'."""
    names = lines.header.get(side, ())
    if not names or header is None:
        return line.values
    above: dict[str, Scalar] = {name: header.values.get(name.removeprefix("header.")) for name in names}
    return {**line.values, **above}


def pair_lines(
    records: Mapping[Side, Record | None], links: Iterable[LineLink], lines: Lines, linked: References
) -> tuple[LinePair, ...]:
    """Pair by link, then by birthmark, then by match key with equal `same` fields; the rest stand alone.

    A birthmark or a match key that two free lines share is no identity and pairs nothing.
    """
    crm = {line.key: line for line in (records["dynamics"].lines if records["dynamics"] else ())}
    erp = {line.key: line for line in (records["sap"].lines if records["sap"] else ())}
    pairs = [LinePair(crm.pop(k.dynamics, None), erp.pop(k.sap, None), k) for k in links]
    found = list(_by_birthmark(crm, erp, lines)) if lines.birthmark else []
    _take(found, crm, erp)
    for keys in lines.match:
        more = [
            (c, s)
            for c, s in _alike(crm, erp, keys["dynamics"], keys["sap"])
            if _same_thing(crm[c], erp[s], records, lines, linked)
        ]
        found += [(crm[c], erp[s]) for c, s in more]
        _take(found, crm, erp)
    return (
        *pairs,
        *(LinePair(c, s, None) for c, s in found),
        *(LinePair(c, None, None) for c in crm.values()),
        *(LinePair(None, s, None) for s in erp.values()),
    )


def _take(found: Iterable[tuple[Line, Line]], crm: dict[str, Line], erp: dict[str, Line]) -> None:
    for c, s in found:
        crm.pop(c.key, None)
        erp.pop(s.key, None)


def _by_birthmark(crm: Mapping[str, Line], erp: Mapping[str, Line], lines: Lines) -> Iterable[tuple[Line, Line]]:
    held = {k: plain(line.values.get(lines.birthmark)) for k, line in erp.items()}
    pairs = _unique_pairs({k: code(line) for k, line in crm.items()}, held)
    coded = {c for c, _ in pairs}
    numbers = {k: plain(line.values.get(lines.holds)) for k, line in crm.items() if k not in coded}
    pairs += _unique_pairs(numbers, held) if lines.holds else []
    return ((crm[c], erp[s]) for c, s in pairs)


def _alike(crm: Mapping[str, Line], erp: Mapping[str, Line], left: str, right: str) -> Iterable[tuple[str, str]]:
    return _unique_pairs(
        {k: plain(line.values.get(left)) for k, line in crm.items()},
        {k: plain(line.values.get(right)) for k, line in erp.items()},
    )


def _unique_pairs(left: Mapping[str, str], right: Mapping[str, str]) -> list[tuple[str, str]]:
    often = Counter(left.values()), Counter(right.values())
    by_value = {value: key for key, value in right.items() if often[1][value] == 1}
    return [(k, by_value[v]) for k, v in left.items() if v and often[0][v] == 1 and v in by_value]


def _same_thing(crm: Line, erp: Line, records: Mapping[Side, Record | None], lines: Lines, linked: References) -> bool:
    """Compare the `same` fields. A number alone is no identity: people renumber, deleted numbers come back."""
    says = lines.rows.carry["dynamics"](in_context(crm, records["dynamics"], lines, "dynamics"), linked)
    holds = lines.rows.read["sap"](in_context(erp, records["sap"], lines, "sap"))
    return all(
        same(say, hold)  # type: ignore[arg-type]  # a Missing, Failure or SILENT equals no value
        for field, say, hold in zip(lines.rows.fields, says, holds, strict=True)
        if field.name in lines.same
    )
