"""Sends creates and updates and says what SAP holds afterwards.

An update of an object without etags is one `$batch`: look, change (all or nothing), look. With etags the header's
PATCH guards everything that follows it. A write that may have left is never repeated here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any, Literal
from urllib.parse import unquote

import httpx

from shared.core.model import Answer, LineWrite, Record, Values
from shared.errors import Complaint, Refused, Stale, Transient, Unavailable, Unconfirmed
from shared.systems.batch import Part, PartAnswer
from shared.systems.exact_json import dumps_exact
from shared.systems.replies import Reply
from shared.systems.s4.gateway import faults
from shared.systems.s4.gateway.session import Gateway, entity_of
from shared.systems.s4.reading import HIDDEN, Plan, covers, record
from shared.systems.s4.writes import operations as ops
from shared.systems.s4.writes.bodies import new_record
from shared.systems.s4.writes.operations import Operation
from shared.systems.s4.writes.verdict import Pairs, Sets, failed, raise_failed

NEW_MAX = 20  # new rows a call: an order's item is a transaction of a second or so

_LAST_KEY = re.compile(r"\((?:\w+=)?'([^']*)'\)$")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The answers of one `$batch`: the image before (where it was asked for), the change sets, the image after."""

    first: PartAnswer | None
    pairs: Pairs
    last: PartAnswer


class Writer:
    """Creates and updates. `verb` is how a partial update is called: old services know only MERGE."""

    def __init__(self, gateway: Gateway, verb: Literal["PATCH", "MERGE"]) -> None:
        self._gateway = gateway
        self._verb = verb
        self._one_operation: set[str] = set()  # services that refused a change set of several
        self._any_etag: set[str] = set()  # services that want If-Match on rows that have no etag (428)

    async def create(self, wanted: Plan, values: Values, lines: Sequence[LineWrite], key: str) -> Answer:
        """Send one deep insert; read once only if its answer leaves something out."""
        structure = wanted.structure
        what = f"s4: POST {structure.header.set}"
        body = dumps_exact(new_record(wanted, values, lines, key))
        reply = await self._gateway.change("POST", structure.service, structure.header.set, body)
        if reply.is_error:
            header = Operation("POST", "", tuple(values))
            below = [Operation("POST", "", tuple(line.values), line=line.peer or line.key) for line in lines]
            raise faults.problem(what, reply, writes=True, place=ops.placing([header, *below]))
        notes = faults.notes([reply], _texts(values, lines))
        made = entity_of(what, reply, writes=True) if reply.content.strip() else {}
        etag = made.get("__metadata", {}).get("etag") or reply.headers.get("etag", "")
        if covers(wanted, made) and (etag or not structure.quality.etags):
            return Answer(_held(wanted, reply), notes=notes)
        given = str(made.get(structure.key) or _key_in(reply.headers.get("location", "")))
        if not given:
            raise Unconfirmed(f"{what}: HTTP {reply.status_code}, but the answer does not say which number")
        return Answer(await self._look_again(wanted, given), notes=notes)

    async def pictured(self, wanted: Plan, before: Record, values: Values) -> Answer:
        """Update an object without etags, with its image just before and just after."""
        late = ops.waiting(wanted, before, values)
        answer = await self._picture(wanted, before, values)
        if not late:
            return answer
        rest = {column: values[column] for column in late}
        if ops.waiting(wanted, answer.after, rest):
            text = f"{wanted.structure.name} {before.key} has no row for this yet, and the API cannot make one"
            raise Refused(f"s4: {text}", tuple(Complaint("", text, column) for column in late))
        second = await self._picture(wanted, answer.after, rest)
        return replace(second, before=answer.before, notes=answer.notes + second.notes)

    async def guarded(self, wanted: Plan, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        """Update an object whose header has an etag, and whose children have none.

        New rows go first and each alone, as these services want it: what is refused there has changed nothing. All the
        rest is one change set with a PATCH of the header, whose etag guards it.
        """
        header = ops.header_operation(wanted, before, values)
        below = [*ops.part_operations(wanted, before, values), *ops.line_operations(wanted, before, lines)]
        new, rest = [o for o in below if o.method == "POST"], [o for o in below if o.method != "POST"]
        header = header or (ops.guard_operation(wanted, before) if rest else None)
        seen, texts = before, _texts(values, lines)
        done: Pairs = []
        if new or not header:
            seen = await self._read(wanted, before.key)
            if before.etag and seen.etag != before.etag:
                raise Stale(f"s4: {wanted.structure.header.set} {before.key} moved since it was read")
        try:
            answer = await self._new(wanted, seen, new, texts, done)
            if not header and not rest:
                return answer
            if not ops.same_targets(seen, answer.after, values, lines):
                raise Stale(f"s4: {wanted.structure.header.set} {before.key} moved while lines were added")
            sent = [replace(header, etag=answer.after.etag or "*"), *rest] if header else rest
            outcome = await self._rest(wanted, before.key, sent, done)
        except Transient as error:
            if done and not isinstance(error, Stale | Unconfirmed):
                raise Unconfirmed(f"{error}; other parts were written") from error
            raise
        return await self._answer(wanted, before.key, outcome, texts)

    async def _new(
        self, wanted: Plan, seen: Record, new: Sequence[Operation], texts: Sequence[str], done: Pairs
    ) -> Answer:
        """Post new rows, a few a call: each is a transaction of its own. `done` grows by what went through."""
        answer = Answer(seen)
        for few in batched(new, NEW_MAX, strict=False):
            outcome = await self._run(wanted, seen.key, [(each,) for each in few])
            answer = await self._answer(wanted, seen.key, replace(outcome, pairs=[*done, *outcome.pairs]), texts)
            done += outcome.pairs
        return answer

    async def _rest(self, wanted: Plan, key: str, sent: Sequence[Operation], done: Pairs) -> _Outcome:
        """Send changes together; to a service that wants one operation a change set, the guarded one by itself first.

        In one batch of single change sets the others would be written even if the header's etag is stale.
        """
        service = wanted.structure.service
        if len(sent) == 1 or service not in self._one_operation:
            outcome = await self._run(wanted, key, [tuple(sent)])
            if not self._wants_single(wanted, outcome):
                return replace(outcome, pairs=[*done, *outcome.pairs])
        first = await self._run(wanted, key, [(sent[0],)])
        raise_failed([*done, *first.pairs])
        done += first.pairs
        outcome = await self._run(wanted, key, [(each,) for each in sent[1:]])
        return replace(outcome, pairs=[*done, *outcome.pairs])

    async def _read(self, wanted: Plan, key: str) -> Record:
        what = f"s4: GET {wanted.structure.header.set}"
        reply = await self._gateway.get(wanted.structure.service, f"{wanted.address(key)}?{wanted.query}")
        if reply.status_code == httpx.codes.NOT_FOUND:
            raise Stale(f"{what}: {key} is gone")
        if reply.is_error:
            raise faults.problem(what, reply, writes=False)
        return record(wanted, entity_of(what, reply, writes=False), reply.headers.get("etag", ""))

    async def _picture(self, wanted: Plan, before: Record, values: Values) -> Answer:
        header = ops.header_operation(wanted, before, values)
        sent = [*([header] if header else []), *ops.part_operations(wanted, before, values)]
        if not sent:
            found = await self._read(wanted, before.key)
            return Answer(found, found)
        outcome = await self._run(wanted, before.key, self._sets(wanted, sent), first=True)
        if self._wants_single(wanted, outcome):
            outcome = await self._run(wanted, before.key, self._sets(wanted, sent), first=True)
        image, what = outcome.first, f"s4: GET {wanted.structure.header.set}"
        if image is None or image.status == httpx.codes.NOT_FOUND:
            raise Stale(f"{what}: {before.key} is gone")
        seen = None if image.status >= httpx.codes.BAD_REQUEST else _held(wanted, image)
        if seen and any(failed(each) for each in outcome.pairs) and _keys(seen) != _keys(before):
            raise Stale(f"{what}: {before.key} has other rows than when it was read")
        answer = await self._answer(wanted, before.key, outcome, _texts(values, ()))
        if seen is None:
            raise Unconfirmed(f"{what}: {before.key} was written, but not seen just before")
        return replace(answer, before=seen)

    def _sets(self, wanted: Plan, sent: Sequence[Operation]) -> Sets:
        """Return one change set of all, or one of each where the service has refused that."""
        return [(each,) for each in sent] if wanted.structure.service in self._one_operation else [tuple(sent)]

    def _wants_single(self, wanted: Plan, outcome: _Outcome) -> bool:
        """Return whether a change set of several was refused as such (nothing was done then), and remember it."""
        refused = any(
            len(pair[0]) > 1 and (reply := failed(pair)) is not None and faults.one_operation_only(reply)
            for pair in outcome.pairs
        )
        if refused:
            self._one_operation.add(wanted.structure.service)
        return refused

    async def _run(self, wanted: Plan, key: str, sets: Sets, *, first: bool = False) -> _Outcome:
        service = wanted.structure.service
        look = Part("GET", f"{wanted.address(key)}?{wanted.query}", {"Accept": "application/json"})
        asked = [tuple(self._part(service, each) for each in members) for members in sets]
        answers = [
            each if isinstance(each, tuple) else (each,)
            for each in await self._gateway.batch(service, [*([look] if first else []), *asked, look], writes=True)
        ]
        pairs = list(zip(sets, answers[first:-1], strict=True))
        unguarded = [
            pair for pair in pairs if any(each.status == httpx.codes.PRECONDITION_REQUIRED for each in pair[1])
        ]
        if unguarded and service not in self._any_etag:
            self._any_etag.add(service)
            again = await self._run(wanted, key, [members for members, _ in unguarded], first=first)
            return replace(again, pairs=[pair for pair in pairs if pair not in unguarded] + again.pairs)
        return _Outcome(answers[0][0] if first else None, pairs, answers[-1][0])

    def _part(self, service: str, operation: Operation) -> Part:
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if operation.body else {})
        etag = operation.etag or ("*" if service in self._any_etag and operation.method != "POST" else "")
        headers |= {"If-Match": etag} if etag else {}
        method = self._verb if operation.method == "PATCH" else operation.method
        return Part(method, operation.address, headers, dumps_exact(operation.body) if operation.body else b"")

    async def _answer(self, wanted: Plan, key: str, outcome: _Outcome, texts: Iterable[str]) -> Answer:
        raise_failed(outcome.pairs)
        if outcome.last.status < httpx.codes.BAD_REQUEST:
            after = _held(wanted, outcome.last)
        else:
            after = await self._look_again(wanted, key)
        return Answer(after, notes=faults.notes([each for _, answers in outcome.pairs for each in answers], texts))

    async def _look_again(self, wanted: Plan, key: str) -> Record:
        """Read what was just written. It is written whatever the read says: no error here may say that nothing was."""
        try:
            return await self._read(wanted, key)
        except (Transient, Refused) as error:
            raise Unconfirmed(f"{error}; it was written just before") from error


def _held(wanted: Plan, reply: Reply) -> Record:
    """Return what SAP holds after a write; if that cannot be read, the write has happened nevertheless."""
    try:
        found = entity_of(f"s4: {wanted.structure.header.set}", reply, writes=True)
        return record(wanted, found, reply.headers.get("etag", ""))
    except Unavailable as error:
        raise Unconfirmed(str(error)) from error


def _keys(found: Record) -> dict[str, Any]:
    return {name: value for name, value in found.values.items() if name.startswith(HIDDEN)}


def _texts(values: Values, lines: Iterable[LineWrite]) -> list[str]:
    every = [values, *(line.values for line in lines)]
    return [value for each in every for value in each.values() if isinstance(value, str)]


def _key_in(location: str) -> str:
    found = _LAST_KEY.search(unquote(location.partition("?")[0]))
    return found[1].replace("''", "'") if found else ""
