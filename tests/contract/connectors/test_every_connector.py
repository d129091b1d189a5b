"""What every connector does alike. A connector with its simulator is registered in registry.py."""

import importlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from shared.core.model import LineWrite, Record, Values
from shared.errors import NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.ports import Page, Touched
from tests.contract.connectors.registry import CONNECTORS, Fault, Kind, Subject

PAGES_MAX = 50


@pytest.fixture(params=CONNECTORS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with importlib.import_module(CONNECTORS[request.param]).subject() as made:
        yield made


async def made(subject: Subject, kind: Kind, number: int = 1, lines: int = 0, **more: object) -> Record:
    key, values = kind.new(number)
    adds = [LineWrite("add", "", kind.line(each), peer=str(each)) for each in range(1, lines + 1)]
    return (await subject.system.create(kind.selection, {**values, **more}, adds, key)).after


async def now(subject: Subject, kind: Kind, key: str) -> Record:
    record = await subject.system.read(kind.selection, key)
    assert record is not None
    return record


def same(record: Record, values: Values) -> bool:
    """Whether a record holds these columns; a system may add zeros to an amount."""
    return all(record.values[name] == value for name, value in values.items())


# ----------------------------------------------------------------------------------------------------- read and create


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_a_record_that_is_not_there_reads_as_none(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    assert await subject.system.read(chosen.selection, chosen.absent) is None


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_what_is_created_is_read_and_the_creates_own_answer_says_the_same(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    lines = 2 if chosen.amount else 0
    after = await made(subject, chosen, lines=lines)
    assert same(after, chosen.new(1)[1])
    assert len(after.lines) == lines
    read = await now(subject, chosen, after.key)
    assert (read.key, read.values, read.etag, read.lines) == (after.key, after.values, after.etag, after.lines)


async def test_a_create_under_a_key_of_its_own_that_is_taken_is_stale(subject: Subject) -> None:
    if not subject.system.traits(subject.flat.selection).own_keys:
        pytest.skip("the system numbers its records itself")
    await made(subject, subject.flat)
    with pytest.raises(Stale):
        await made(subject, subject.flat)


async def test_a_create_whose_answer_is_lost_is_unconfirmed_and_may_have_happened(subject: Subject) -> None:
    await subject.fault(Fault(writes=True, lost=True))
    with pytest.raises(Unconfirmed):
        await made(subject, subject.flat)
    mark = {subject.flat.mark: subject.flat.new(1)[1][subject.flat.mark]}
    assert len(await subject.system.find(subject.flat.selection, mark)) == 1


@pytest.mark.parametrize("text", ["Bäckerei O'Hara & Söhne", "名古屋 株式会社", 'Ω≈ç√ ☂ 100% #1 +2 "q" <b>'])
async def test_any_text_comes_back_as_it_went(subject: Subject, text: str) -> None:
    kind = subject.flat
    after = await made(subject, kind, **{kind.text: text})
    assert (await now(subject, kind, after.key)).values[kind.text] == text


async def test_text_that_is_too_long_is_refused_and_the_column_is_named(subject: Subject) -> None:
    kind = subject.flat
    with pytest.raises(Refused) as caught:
        await made(subject, kind, **{kind.limited: "x" * (kind.limit + 1)})
    assert kind.limited in {complaint.column for complaint in caught.value.complaints}
    assert all(complaint.code and complaint.message for complaint in caught.value.complaints)


async def test_text_as_long_as_allowed_is_kept_whole(subject: Subject) -> None:
    kind = subject.flat
    after = await made(subject, kind, **{kind.limited: "x" * kind.limit})
    assert after.values[kind.limited] == "x" * kind.limit


# ---------------------------------------------------------------------------------------------------------------- find


@pytest.mark.parametrize(("there", "found"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
async def test_a_search_finds_up_to_three(subject: Subject, there: int, found: int) -> None:
    kind = subject.flat
    mark = kind.new(0)[1][kind.mark]
    for number in range(1, there + 1):
        await made(subject, kind, number, **{kind.mark: mark})
    await made(subject, kind, 9)
    records = await subject.system.find(kind.selection, {kind.mark: mark})
    assert len({record.key for record in records}) == len(records) == found
    assert all(record.values[kind.mark] == mark for record in records)


async def test_a_search_for_odd_text_finds_that_text_and_no_more(subject: Subject) -> None:
    kind = subject.flat
    await made(subject, kind, 1)
    after = await made(subject, kind, 2, **{kind.text: "O'Neil & 100% + #1"})
    records = await subject.system.find(kind.selection, {kind.text: "O'Neil & 100% + #1"})
    assert [record.key for record in records] == [after.key]


async def test_what_a_search_finds_is_the_record_as_read(subject: Subject) -> None:
    kind = subject.document
    after = await made(subject, kind, lines=2)
    (found,) = await subject.system.find(kind.selection, {kind.mark: kind.new(1)[1][kind.mark]})
    assert (found.key, found.values, found.lines) == (after.key, after.values, after.lines)


# -------------------------------------------------------------------------------------------------------------- update


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_an_update_writes_what_it_was_told_and_nothing_else(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    before = await made(subject, chosen, lines=1 if chosen.amount else 0)
    answer = await subject.system.update(chosen.selection, before, {chosen.text: "changed"}, ())
    assert answer.after.values == {**before.values, chosen.text: "changed"}
    read = await now(subject, chosen, before.key)
    assert (read.values, read.etag) == (answer.after.values, answer.after.etag)


async def test_clearing_a_column_empties_it(subject: Subject) -> None:
    kind = subject.flat
    before = await made(subject, kind, **{kind.text: "something"})
    answer = await subject.system.update(kind.selection, before, {kind.text: None}, ())
    assert not answer.after.values[kind.text]
    assert not (await now(subject, kind, before.key)).values[kind.text]


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_an_update_of_a_record_that_moved_is_stale_or_shows_what_was_there(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    before = await made(subject, chosen, lines=1 if chosen.amount else 0)
    await subject.system.update(chosen.selection, before, {chosen.text: "theirs"}, ())
    if subject.system.traits(chosen.selection).etags:
        with pytest.raises(Stale):
            await subject.system.update(chosen.selection, before, {chosen.text: "ours"}, ())
        assert (await now(subject, chosen, before.key)).values[chosen.text] == "theirs"
    else:
        answer = await subject.system.update(chosen.selection, before, {chosen.text: "ours"}, ())
        assert answer.before is not None
        assert answer.before.values[chosen.text] == "theirs"


async def test_an_update_of_a_record_that_is_gone_is_stale(subject: Subject) -> None:
    kind = subject.flat
    ghost = Record(kind.absent, {}, etag=(await made(subject, kind)).etag)
    with pytest.raises(Stale):
        await subject.system.update(kind.selection, ghost, {kind.text: "x"}, ())


async def test_an_update_that_is_refused_changes_nothing(subject: Subject) -> None:
    kind = subject.flat
    before = await made(subject, kind)
    values = {kind.text: "half", kind.limited: "x" * (kind.limit + 1)}
    with pytest.raises(Refused) as caught:
        await subject.system.update(kind.selection, before, values, ())
    assert kind.limited in {complaint.column for complaint in caught.value.complaints}
    assert (await now(subject, kind, before.key)).values == before.values


async def test_an_update_whose_answer_is_lost_is_unconfirmed(subject: Subject) -> None:
    kind = subject.flat
    before = await made(subject, kind)
    await subject.fault(Fault(writes=True, lost=True))
    with pytest.raises(Unconfirmed):
        await subject.system.update(kind.selection, before, {kind.text: "late"}, ())
    assert (await now(subject, kind, before.key)).values[kind.text] == "late"


# --------------------------------------------------------------------------------------------------------------- lines


def amounts(record: Record, kind: Kind) -> list[object]:
    return sorted(str(line.values[kind.amount]).rstrip("0").rstrip(".") for line in record.lines)


async def test_lines_are_added_changed_and_removed_in_one_update(subject: Subject) -> None:
    kind = subject.document
    before = await made(subject, kind, lines=2)
    first, second = before.lines
    lines = [
        LineWrite("change", first.key, {kind.amount: Decimal(71)}),
        LineWrite("remove", second.key, {}),
        LineWrite("add", "", {**kind.line(3), kind.amount: Decimal(73)}, peer="3"),
    ]
    answer = await subject.system.update(kind.selection, before, {kind.text: "with lines"}, lines)
    assert answer.after.values[kind.text] == "with lines"
    assert amounts(answer.after, kind) == ["71", "73"]
    read = await now(subject, kind, before.key)
    assert (read.lines, read.values) == (answer.after.lines, answer.after.values)
    assert {first.key} == {line.key for line in read.lines} & {first.key, second.key}


async def test_lines_alone_are_guarded_like_their_header(subject: Subject) -> None:
    kind = subject.document
    before = await made(subject, kind, lines=1)
    moved = (await subject.system.update(kind.selection, before, {kind.text: "theirs"}, ())).after
    line = LineWrite("change", before.lines[0].key, {kind.amount: Decimal(72)})
    if subject.system.traits(kind.selection).etags:
        with pytest.raises(Stale):
            await subject.system.update(kind.selection, before, {}, [line])
        assert amounts(await now(subject, kind, before.key), kind) == amounts(before, kind)
    answer = await subject.system.update(kind.selection, moved, {}, [line])
    assert amounts(answer.after, kind) == ["72"]


async def test_a_refused_line_takes_the_whole_update_back(subject: Subject) -> None:
    kind = subject.document
    before = await made(subject, kind, lines=1)
    lines = [LineWrite("change", before.lines[0].key, {kind.amount: Decimal(74)}), LineWrite("add", "", {}, peer="9")]
    with pytest.raises(SyncError):
        await subject.system.update(kind.selection, before, {kind.text: "half"}, lines)
    read = await now(subject, kind, before.key)
    assert (read.values[kind.text], amounts(read, kind)) == (before.values[kind.text], amounts(before, kind))


# -------------------------------------------------------------------------------------------------- what servers answer

READ_FAULTS = [
    (Fault(writes=False, status=429, retry_after=7), Throttled),
    (Fault(writes=False, status=503, retry_after=7), Throttled),
    (Fault(writes=False, status=503), Unavailable),
    (Fault(writes=False, status=502, html=True), Unavailable),
    (Fault(writes=False, status=500, html=True), Unavailable),
    (Fault(writes=False, status=401, times=2), NotAllowed),
    (Fault(writes=False, status=403, html=True), NotAllowed),
]
WRITE_FAULTS = [
    (Fault(writes=True, status=429, retry_after=7), Throttled),
    (Fault(writes=True, status=503, retry_after=7), Throttled),
    (Fault(writes=True, status=503), Unconfirmed),
    (Fault(writes=True, status=502, html=True), Unconfirmed),
    (Fault(writes=True, status=504, html=True), Unconfirmed),
    (Fault(writes=True, status=401, times=2), NotAllowed),
    (Fault(writes=True, status=403), NotAllowed),
]


def name(case: object) -> str:
    return (
        f"{case.status or 'lost'}{' html' * case.html}{' wait' * bool(case.retry_after)}"
        if isinstance(case, Fault)
        else ""
    )


@pytest.mark.parametrize(("fault", "expected"), READ_FAULTS, ids=name)
async def test_a_read_that_fails_says_what_is_next(subject: Subject, fault: Fault, expected: type[SyncError]) -> None:
    after = await made(subject, subject.flat)
    await subject.fault(fault)
    with pytest.raises(SyncError) as caught:
        await subject.system.read(subject.flat.selection, after.key)
    assert type(caught.value) is expected
    if isinstance(caught.value, Throttled):
        assert caught.value.wait_seconds == 7
    # The governor lets the system rest: nothing is sent. Dataverse's token was renewed in between, which went well.
    if fault.retry_after or (fault.status == 401 and type(subject.system).__name__ == "S4"):
        with pytest.raises(Throttled, match=r"asked for a pause|rests after a refused logon"):
            await subject.system.read(subject.flat.selection, after.key)
    else:
        assert await subject.system.read(subject.flat.selection, after.key) is not None


@pytest.mark.parametrize(("fault", "expected"), WRITE_FAULTS, ids=name)
async def test_a_write_that_fails_says_what_is_next(subject: Subject, fault: Fault, expected: type[SyncError]) -> None:
    before = await made(subject, subject.flat)
    await subject.fault(fault)
    with pytest.raises(SyncError) as caught:
        await subject.system.update(subject.flat.selection, before, {subject.flat.text: "x"}, ())
    assert type(caught.value) is expected
    if isinstance(caught.value, Throttled):
        assert caught.value.wait_seconds == 7


# -------------------------------------------------------------------------------------------------------------- sweeps


async def sweep(subject: Subject, kind: Kind, watermark: str) -> tuple[dict[str, Touched], str]:
    touched: dict[str, Touched] = {}
    page = Page((), watermark, more=True)
    for _ in range(PAGES_MAX):
        page = await subject.system.changes(kind.selection, page.watermark)
        touched |= {each.key: each for each in page.touched}
        if not page.more:
            return touched, page.watermark
    raise AssertionError(f"a sweep did not end within {PAGES_MAX} pages")


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_a_sweep_sees_what_was_created_and_changed_since_the_last(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    lines = 1 if chosen.amount else 0
    old = await made(subject, chosen, 1, lines)
    _, watermark = await sweep(subject, chosen, "")
    await subject.system.update(chosen.selection, old, {chosen.text: "moved"}, ())
    new = await made(subject, chosen, 3, lines)
    touched, _ = await sweep(subject, chosen, watermark)
    assert {old.key, new.key} <= touched.keys()
    assert not any(each.deleted for each in touched.values())
    assert touched[old.key].version in (None, (await now(subject, chosen, old.key)).version)


async def test_a_first_sweep_reports_what_is_there_or_only_begins(subject: Subject) -> None:
    await made(subject, subject.flat)
    touched, watermark = await sweep(subject, subject.flat, "")
    assert watermark
    assert not any(each.deleted for each in touched.values())


async def test_a_changed_line_touches_its_header(subject: Subject) -> None:
    kind = subject.document
    before = await made(subject, kind, lines=2)
    _, watermark = await sweep(subject, kind, "")
    line = LineWrite("change", before.lines[0].key, {kind.amount: Decimal(75)})
    await subject.system.update(kind.selection, before, {}, [line])
    touched, _ = await sweep(subject, kind, watermark)
    assert before.key in touched


# ---------------------------------------------------------------------------------------------------------------- rest


async def test_identity_says_the_same_each_time(subject: Subject) -> None:
    identity = await subject.system.identity()
    assert identity
    assert await subject.system.identity() == identity


@pytest.mark.parametrize("kind", ["flat", "document"])
async def test_traits_fit_what_records_look_like(subject: Subject, kind: str) -> None:
    chosen: Kind = getattr(subject, kind)
    await subject.system.identity()  # from here on the system may know our own user
    traits = subject.system.traits(chosen.selection)
    after = await made(subject, chosen, lines=1 if chosen.amount else 0)
    assert traits.etags == bool(after.etag)
    assert traits.longest_transaction_seconds > 0
    assert not after.changed_by or after.changed_by in traits.users
