"""Scans over a real wire: all keys and versions of an object, by conditions, in pages, without a body."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from shared.core.model import LineWrite, Selection
from shared.errors import BadRequest
from shared.ports import System, Term, Touched
from shared.systems.terms import expression
from tests.contract.connectors import dataverse_subject, s4_subject
from tests.contract.connectors.registry import Kind

PAGES_MAX = 200


@dataclass(frozen=True)
class Subject:
    """A connector that takes two rows a page, a flat kind, and a column with the values that tell records apart."""

    system: System
    kind: Kind
    column: str
    values: tuple[str, str, str]


@pytest.fixture(params=["dataverse", "s4"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "s4":
        async with s4_subject.running() as sap, s4_subject.connected(sap, page_rows=2) as system:
            yield Subject(system, s4_subject.PARTNERS, "SearchTerm1", ("MARK1", "MARK2", "MARK3"))
        return
    async with dataverse_subject.running() as crm:
        system = dataverse_subject.connected(crm, page_size=2)
        kind = dataverse_subject.account_kind()
        yield Subject(system, kind, "cr_vatid", tuple(kind.new(n)[1]["cr_vatid"] for n in (1, 2, 3)))
        await system.close()


async def every(system: System, selection: Selection, *where: Term) -> tuple[dict[str, Touched], int]:
    found: dict[str, Touched] = {}
    token, pages = "", 0
    while pages < PAGES_MAX:
        page = await system.scan(selection, where, token)
        assert not found.keys() & {each.key for each in page.found}, "no key comes twice"
        found |= {each.key: each for each in page.found}
        token, pages = page.token, pages + 1
        if not token:
            return found, pages
    raise AssertionError("a scan did not end")


async def made(subject: Subject, *numbers: int) -> list[str]:
    keys = []
    for number in numbers:
        key, values = subject.kind.new(number)
        keys.append((await subject.system.create(subject.kind.selection, values, (), key)).after.key)
    return keys


async def test_a_scan_finds_every_record_once_over_many_pages(subject: Subject) -> None:
    before, _ = await every(subject.system, subject.kind.selection)
    keys = await made(subject, 1, 2, 3, 4, 5)
    found, pages = await every(subject.system, subject.kind.selection)
    assert found.keys() - before.keys() == set(keys)
    assert pages > len(found) // 2 - 1 > 1
    assert not any(each.deleted for each in found.values())


async def test_a_version_moves_with_its_record_only_and_is_the_records_own_where_it_has_one(subject: Subject) -> None:
    first, second = await made(subject, 1, 2)
    before, _ = await every(subject.system, subject.kind.selection)
    record = await subject.system.read(subject.kind.selection, first)
    assert record is not None
    assert record.version in (None, before[first].version)
    answer = await subject.system.update(subject.kind.selection, record, {subject.kind.text: "moved"}, ())
    after, _ = await every(subject.system, subject.kind.selection)
    assert after[second] == before[second]
    if answer.after.version is not None:  # a stamp of whole seconds may stand still for one
        assert after[first].version == answer.after.version != before[first].version
    assert after[first].version is not None


async def test_a_list_of_values_a_range_and_what_is_not_meant_choose_records(subject: Subject) -> None:
    keys = await made(subject, 1, 2, 3)
    first, second, third = subject.values
    cases: list[tuple[tuple[Term, ...], set[str]]] = [
        ((Term(subject.column, "in", (first, third)),), {keys[0], keys[2]}),
        ((Term(subject.column, "ge", (second,)), Term(subject.column, "le", (third,))), {keys[1], keys[2]}),
        ((Term(subject.column, "gt", (first,)), Term(subject.column, "lt", (third,))), {keys[1]}),
        ((Term("", "in", (keys[1],)),), {keys[1]}),
    ]
    for where, expected in cases:
        found, _ = await every(subject.system, subject.kind.selection, *where)
        assert found.keys() == expected
    rest, _ = await every(subject.system, subject.kind.selection, Term(subject.column, "not", (first, second)))
    assert set(keys) & rest.keys() == {keys[2]}
    absent, _ = await every(subject.system, subject.kind.selection, Term(subject.column, "in", (None,)))
    filled, _ = await every(subject.system, subject.kind.selection, Term(subject.column, "not", (None,)))
    everything, _ = await every(subject.system, subject.kind.selection)
    assert set(keys) <= filled.keys()
    assert absent.keys() | filled.keys() == everything.keys()
    assert absent.keys() <= rest.keys(), "what is absent is something else than any value"


async def test_a_value_full_of_quotes_stays_a_value(subject: Subject) -> None:
    await made(subject, 1)
    found, _ = await every(subject.system, subject.kind.selection, Term(subject.column, "in", ("x' or 'a' eq 'a",)))
    assert not found


@pytest.mark.parametrize("term", [Term("no_such_column", "in", ("1",)), Term("", "in", (True,))])
async def test_a_column_or_value_that_cannot_be_asked_for_is_a_bad_request(subject: Subject, term: Term) -> None:
    with pytest.raises(BadRequest):
        await subject.system.scan(subject.kind.selection, (term,), "")


def test_absence_is_said_where_databases_differ() -> None:
    def spell(column: str, value: object) -> tuple[str, str]:
        return column, "" if value is None and column == "flag" else "null" if value is None else f"'{value}'"

    assert expression((Term("a", "not", ("x",)),), spell) == "(a ne 'x' or a eq null)"
    assert expression((Term("a", "not", ("x", "")),), spell) == "(a ne 'x' and a ne null)"
    assert (
        expression((Term("flag", "not", ("x",)), Term("b", "in", (1, 2))), spell)
        == "flag ne 'x' and (b eq '1' or b eq '2')"
    )
    assert expression((), spell) == ""


async def test_a_scan_reads_no_body() -> None:
    async with s4_subject.running() as sap, s4_subject.connected(sap) as system:
        await every(system, s4_subject.PARTNER)
        log = await s4_subject.sim(sap, "GET", "log")
        asked = [each for each in log if "A_BusinessPartner" in each["path"]]
        assert asked
        assert not any("expand" in str(each) or "OrganizationBPName1" in str(each) for each in asked)


async def test_documents_are_scanned_too_and_say_whether_a_version_tells_all() -> None:
    async with s4_subject.subject() as made_up:
        kind = made_up.document
        line = LineWrite("add", "", kind.line(1), peer="1")
        key = (await made_up.system.create(kind.selection, kind.new(1)[1], [line], "")).after.key
        found, _ = await every(made_up.system, kind.selection, Term("SalesOrganization", "in", ("1710",)))
        record = await made_up.system.read(kind.selection, key)
        assert record is not None
        assert found[key].version == record.version
        assert not made_up.system.traits(kind.selection).silent
        assert made_up.system.traits(made_up.flat.selection).silent  # addresses move no partner's stamp
