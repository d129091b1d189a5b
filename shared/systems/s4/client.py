"""S/4HANA as a `System`: OData V2 services on SAP Gateway.

Calls: read 1, find 1 (by a part's column 2 and more), create 1 or 2, update 1 (an order's lines: 2); the CSRF token of
a service once, and again after 20 idle minutes. Concurrent reads of one service travel in one `$batch`.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import httpx

from shared.core.model import Answer, Column, LineWrite, Record, Scalar, Selection, Values
from shared.errors import BadMapping, NotAllowed
from shared.ports import Page, Scan, Term, Traits
from shared.systems.batch import Part
from shared.systems.coalesce import Coalescer
from shared.systems.http import Http
from shared.systems.replies import Reply, utc_now
from shared.systems.s4 import changes, codec, scan
from shared.systems.s4.auth import Auth
from shared.systems.s4.gateway import faults
from shared.systems.s4.gateway.session import Gateway, entity_of
from shared.systems.s4.objects import LONGEST_TRANSACTION_SECONDS, STRUCTURES
from shared.systems.s4.objects import Part as Below
from shared.systems.s4.reading import Entity, Plan, all_branches, plan, record, rows
from shared.systems.s4.writes.bodies import split
from shared.systems.s4.writes.run import Writer

READS_MAX = 20  # of one batch: SAP works them off one after the other
FOUND_MAX = 3
HITS_MAX = 20  # rows of a part that may belong to the same record
TEXT = Column("text")


class S4:
    """One client of one S/4HANA system. `language` fixes partner functions, units and messages: keep it EN.

    `paths` overrides service addresses. `users` are SAP ids of our own technical users. `verb`: MERGE for services
    that do not know PATCH. `page_rows` is for scans. `transport` is the test seam.
    """

    def __init__(  # noqa: PLR0913 -- one keyword a setting
        self,
        base_url: str,
        auth: Auth,
        *,
        client: str,
        language: str = "EN",
        system_id: str,
        paths: Mapping[str, str] | None = None,
        users: Iterable[str] = (),
        concurrency: int = 4,
        timeout_seconds: float = 50.0,
        longest_transaction_seconds: int = LONGEST_TRANSACTION_SECONDS,
        verb: Literal["PATCH", "MERGE"] = "PATCH",
        page_rows: int = scan.PAGE_ROWS,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        http = Http(
            "s4",
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            cookies=True,
            ssl_context=ssl_context,
            transport=transport,
        )
        parameters = {"sap-client": client, "sap-language": language, "saml2": "disabled"}
        given = {name: value for name, value in parameters.items() if value}
        self._gateway = Gateway(http, auth, base_url, paths=paths or {}, parameters=given, clock=clock)
        self._writer = Writer(self._gateway, verb)
        self._identity = f"{system_id}/{client}"
        self._users = frozenset(users)
        self._longest = longest_transaction_seconds
        self._page_rows = page_rows
        self._clock = clock
        self._plans: dict[Selection, Plan] = {}
        self._readers: dict[str, Coalescer[str, Reply]] = {}
        self._seen_sets: set[str] = set()

    def traits(self, selection: Selection) -> Traits:
        """Return how this object behaves."""
        quality = self._plan(selection).structure.quality
        silent = any(name.partition(".")[0] in quality.silent_parts for name in selection.columns)
        return Traits(
            quality.etags,
            own_keys=False,
            longest_transaction_seconds=self._longest,
            users=self._users,
            silent=silent,
        )

    async def identity(self) -> str:
        """Return 'S4H/100' once SAP accepts the logon; a service that the user may not call does not decide that."""
        for service in dict.fromkeys(structure.service for structure in STRUCTURES.values()):
            if await self._gateway.accepts(service):
                return self._identity
        raise NotAllowed(f"s4: {self._identity}: the user may call none of the services")

    async def read(self, selection: Selection, key: str) -> Record | None:
        """Return the record with its parts and lines: one GET, or a share of a batch."""
        wanted = self._plan(selection)
        header = wanted.structure.header
        what = f"s4: GET {header.set}"
        reply = await self._get(wanted, f"{wanted.address(key)}?{wanted.query}")
        if reply.status_code == httpx.codes.NOT_FOUND and not faults.beside_the_record(reply, wanted.query):
            await self._check_set(wanted)
            return None
        if reply.status_code >= httpx.codes.BAD_REQUEST:
            raise faults.unreadable(what, reply, wanted.query)
        self._seen_sets.add(header.set)
        return record(wanted, entity_of(what, reply, writes=False), reply.headers.get("etag", ""))

    async def find(self, selection: Selection, where: Mapping[str, Scalar]) -> tuple[Record, ...]:
        """Return at most 3 records. A part's column finds the records that have any of the rows a flow may mean."""
        wanted = self._plan(selection)
        conditions = []
        for name, values in split(where).items():
            if not name:
                conditions.append(_equal(wanted.columns, values))
            elif keys := await self._keys_by_part(wanted, name, values):
                conditions.append(_any(keys))
            else:
                return ()
        condition = codec.escape(" and ".join(conditions))
        order = f"$orderby={wanted.structure.key}&$top={FOUND_MAX}"
        body = await self._list(wanted, f"{wanted.structure.header.set}?{wanted.query}&$filter={condition}&{order}")
        return tuple(record(wanted, row) for row in rows(body) or [])

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        """Create by one deep insert. `key` only where SAP's number range is external."""
        return await self._writer.create(self._plan(selection), values, lines, key)

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        """Write columns, parts and lines."""
        wanted = self._plan(selection)
        if wanted.structure.quality.etags:
            return await self._writer.guarded(wanted, before, values, lines)
        return await self._writer.pictured(wanted, before, values)

    async def changes(self, selection: Selection, watermark: str) -> Page:
        """Return a page of touched records; the first call only sets the watermark to now. Deletions do not show."""
        wanted = self._plan(selection)
        now = self._clock()
        if not watermark:
            return Page((), changes.begin(wanted.structure, now), more=False)
        question = changes.ask(wanted.structure, watermark)
        return changes.answer(wanted.structure, question, await self._list(wanted, question.address), now)

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        """Return a page of keys and stamps in the order of the keys; the token is the last key."""
        wanted = self._plan(selection)
        address = scan.ask(wanted, where, token, self._page_rows)
        reply = await self._gateway.get(wanted.structure.service, address)  # too long to share a batch
        return scan.answer(wanted, self._entity(address, reply), token)

    async def close(self) -> None:
        """Close connections, after what is under way."""
        await asyncio.gather(*(reader.close() for reader in self._readers.values()))
        await self._gateway.close()

    def _plan(self, selection: Selection) -> Plan:
        if (found := self._plans.get(selection)) is None:
            if (structure := STRUCTURES.get(selection.object)) is None:
                raise BadMapping(f"s4: no object {selection.object!r}; there are {', '.join(STRUCTURES)}")
            found = self._plans[selection] = plan(structure, selection)
        return found

    async def _keys_by_part(self, wanted: Plan, name: str, values: Mapping[str, Scalar]) -> list[dict[str, str]]:
        """Return what the header must equal for a part's row to be below it: [{'BusinessPartner': '17100001'}]."""
        parts, header = wanted.structure.header.parts, wanted.structure.header
        branch = next((each for each in all_branches(wanted.branches) if each.name == name), None)
        if branch is None:
            raise BadMapping(f"s4: {wanted.structure.name}: {name} is not in the selection, so nothing is found by it")
        part, columns = branch.part, {**branch.part.columns, **branch.columns}
        chosen = [_any([{column: value} for value in listed]) for column, listed in branch.chosen_by.items()]
        found = await self._keys(wanted, part, " and ".join([_equal(columns, values), *chosen]))
        while found and part.under and header.keys[0] not in part.keys:
            above = parts[part.under]
            shared = [{key: row[key] for key in above.keys if key in row} for row in found]
            part = above
            found = shared if set(above.keys) <= shared[0].keys() else await self._keys(wanted, above, _any(shared))
        # A part right below the header shares the header's key or, like the customer, another of its columns.
        known = header.keys if header.keys[0] in part.keys else tuple(header.columns)
        return [{key: value for key, value in row.items() if key in known} for row in found]

    async def _keys(self, wanted: Plan, part: Below, condition: str) -> list[dict[str, str]]:
        query = f"$select={','.join(part.keys)}&$filter={codec.escape(condition)}&$top={HITS_MAX}"
        body = await self._list(wanted, f"{part.set}?{query}")
        return [{key: str(row[key]) for key in part.keys} for row in rows(body) or []]

    async def _list(self, wanted: Plan, address: str) -> Entity:
        return self._entity(address, await self._get(wanted, address))

    def _entity(self, address: str, reply: Reply) -> Entity:
        what = f"s4: GET {address.partition('?')[0]}"
        if reply.status_code >= httpx.codes.BAD_REQUEST:
            raise faults.unreadable(what, reply, address)
        return entity_of(what, reply, writes=False)

    async def _check_set(self, wanted: Plan) -> None:
        """Make sure once that a 404 was about the key: a wrong path or an inactive service answers 404 as well."""
        name = wanted.structure.header.set
        if name not in self._seen_sets:
            await self._list(wanted, f"{name}?$select={wanted.structure.key}&$top=1")
            self._seen_sets.add(name)

    async def _get(self, wanted: Plan, address: str) -> Reply:
        service = wanted.structure.service
        if (reader := self._readers.get(service)) is None:
            reader = self._readers[service] = Coalescer(partial(self._ask, service), size_max=READS_MAX)
        return await reader.call(address)

    async def _ask(self, service: str, addresses: Sequence[str]) -> Sequence[Reply | Exception]:
        if len(addresses) == 1:
            return [await self._gateway.get(service, addresses[0])]
        parts = [Part("GET", address, {"Accept": "application/json"}) for address in addresses]
        answers = await self._gateway.batch(service, parts, writes=False)
        return [each[0] if isinstance(each, tuple) else each for each in answers]


def _equal(columns: Mapping[str, Column], values: Mapping[str, Scalar]) -> str:
    try:
        return " and ".join(f"{name} eq {codec.literal(columns[name], value)}" for name, value in values.items())
    except KeyError as error:
        raise BadMapping(f"s4: column {error} is not in the selection, so nothing is found by it") from error


def _any(alternatives: Iterable[Mapping[str, str]]) -> str:
    """Return "(A eq '1' or A eq '2')": the columns of keys and selectors are texts."""
    each = dict.fromkeys(
        " and ".join(f"{k} eq {codec.literal(TEXT, v)}" for k, v in row.items()) for row in alternatives
    )
    return f"({' or '.join(each)})"
