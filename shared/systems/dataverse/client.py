"""Dataverse behind the `System` port: rows with their lines, guarded by row versions, with keys of our own.

The flow: shape a request (codec), send it (wire), judge the answer (refusals). Nothing is repeated here.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from shared.core.model import Answer, LineWrite, Record, Scalar, Selection, Values
from shared.errors import BadMapping, Refused, Stale, SyncError, Transient, Unconfirmed
from shared.ports import Page, Scan, Term, Traits
from shared.systems.batch import PARTS_MAX, Part, PartAnswer
from shared.systems.dataverse import changes, scan, updates
from shared.systems.dataverse.auth import TokenSource
from shared.systems.dataverse.codec import Body, Row, Shape, shape
from shared.systems.dataverse.objects import TABLES, Table
from shared.systems.dataverse.updates import Guard, Step
from shared.systems.dataverse.values import row_key
from shared.systems.dataverse.web.refusals import ALTERNATE_KEY_TAKEN, Sent, absent, refusal
from shared.systems.dataverse.web.wire import Wire
from shared.systems.http import Http
from shared.systems.replies import Reply, json_object, utc_now

TWINS_MAX = 3  # more than one is a question for a person; how many more does not matter
LINE_PAGES_MAX = 100
LONGEST_TRANSACTION_SECONDS = 150  # operations end after two minutes; a margin for clocks and queues
CALL_SECONDS = 50.0
DONE = PartAnswer(HTTPStatus.NO_CONTENT, httpx.Headers(), b"")  # a write that went through and said nothing
REPRESENTATION = "return=representation"


class Dataverse:
    """One Dataverse organisation: Dataverse('https://contoso.crm4.dynamics.com', token, tag='sapsync').

    `token` gives bearer tokens. `tag` travels to plug-ins and webhooks as a shared variable ('' = none): a cheap first
    sign of an echo. `user_ids` are our own application users, known before `identity` is asked. `tables` says how
    tables are addressed; a customer's own are added to `TABLES`. `zone` is where days begin that travel as points in
    time. `page_size` is for sweeps and scans (None: the server's 5,000). `http` and `now` are test seams.
    """

    def __init__(  # noqa: PLR0913 -- one keyword a setting, all but address and token with a default
        self,
        base_url: str,
        token: TokenSource,
        *,
        tag: str = "",
        concurrency: int = 8,
        user_ids: Iterable[str] = (),
        tables: Mapping[str, Table] = TABLES,
        zone: tzinfo = UTC,
        page_size: int | None = None,
        http: Http | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        http = http or Http("dataverse", concurrency=concurrency, timeout_seconds=CALL_SECONDS)
        self._wire = Wire(http, base_url, token)
        self._tag = f"tag={quote(tag, safe='')}" if tag else ""
        self._users = frozenset(each.lower() for each in user_ids)
        self._tables = tables
        self._zone = zone
        self._page_size = page_size
        self._now = now
        self._shapes: dict[Selection, Shape] = {}

    def traits(self, selection: Selection) -> Traits:
        """Return the traits, the same for every table; our own user's id is among them once `identity` was asked."""
        self._shape(selection)
        return Traits(
            etags=True,
            own_keys=True,
            longest_transaction_seconds=LONGEST_TRANSACTION_SECONDS,
            users=self._users,
            silent=bool(selection.lines),  # a line that leaves the totals alone does not move its header
        )

    async def identity(self) -> str:
        """Return the organisation's id, and learn our own user's."""
        reply = await self._wire.read(self._wire.request("GET", "WhoAmI"))
        me = self._object("GET WhoAmI", reply, writes=False)
        self._users |= {str(me.get("UserId", "")).lower()} - {""}
        return str(me.get("OrganizationId", "")).lower()

    async def read(self, selection: Selection, key: str) -> Record | None:
        """Return the row with its lines, or None when Dataverse says that there is none with this key."""
        table = self._shape(selection)
        row = await self._row(table, row_key(key))
        return None if row is None else table.record(row)

    async def find(self, selection: Selection, where: Mapping[str, Scalar]) -> tuple[Record, ...]:
        """Return at most 3 rows whose columns equal `where`."""
        table = self._shape(selection)
        path = f"{table.table.set}?{table.query}&$filter={table.where(where)}&$top={TWINS_MAX}"
        reply = await self._wire.read(self._wire.request("GET", path))
        body = self._object(f"GET {table.table.set}", reply, writes=False)
        rows = [await self._with_all_lines(table, row) for row in body.get("value", ())[:TWINS_MAX]]
        return tuple(table.record(row) for row in rows)

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        """Create a row under our own key, its lines in the same transaction."""
        table, key = self._shape(selection), row_key(key or str(uuid.uuid4()))
        body: Body = {table.table.key: key, **table.body(values)}
        if lines:
            body[table.collection] = [table.add(line, key, bind=False) for line in lines]
        part = self._wire.request("POST", self._url(table.table.set, table.query), body, Prefer=REPRESENTATION)
        reply = await self._wire.write(part)
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            error = self._refusal(f"POST {table.table.set}", reply, updates.sent(table, values, lines))
            ours = isinstance(error, Refused) and error.complaints[0].code == ALTERNATE_KEY_TAKEN
            # Our own lost create can be what took the alternate key: then the row is there under this key.
            if ours and await self._row(table, key) is not None:
                raise Stale(f"dataverse: POST {table.table.set}: the row is there already") from error
            raise error
        return await self._after(table, key, f"POST {table.table.set}", reply)

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        """Write columns and lines, all or nothing, guarded by the row's version."""
        table, key = self._shape(selection), row_key(before.key)
        what = f"PATCH {table.table.set}"
        steps = updates.steps(self._wire, self._url, table, Guard(key, before.etag), values, lines)
        if len(steps) == 1:
            part, told = steps[0]
            prefer = {**part.headers, "Prefer": REPRESENTATION}
            url = f"{part.url}{'&' if '?' in part.url else '?'}{table.query}"
            sent: tuple[Sent, ...] = (told,)
            reply = await self._wire.write(replace(part, url=url, headers=prefer))
        else:
            reply, sent = await self._change_set(table, key, steps)
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            error = self._refusal(what, reply, sent)
            if isinstance(error, Refused) and absent(reply) and not error.complaints[0].column:
                raise Stale(f"dataverse: {what}: the row, or one of its lines, is gone") from error
            raise error
        return await self._after(table, key, what, reply)

    async def changes(self, selection: Selection, watermark: str) -> Page:
        """Return a page of touched rows by change tracking; see `changes.page`."""
        return await changes.page(self._wire, self._shape(selection), watermark, self._page_size, self._now)

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        """Return a page of keys and row versions."""
        shape = self._shape(selection)
        return await scan.page(self._wire, shape, where, token, page_size=self._page_size, now=self._now)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    # ------------------------------------------------------------------------------------------------------- writing

    async def _change_set(self, table: Shape, key: str, steps: Sequence[Step]) -> tuple[Reply, tuple[Sent, ...]]:
        """Send an update as one transaction and look at the row in the same breath; or return what was refused."""
        if len(steps) + 1 > PARTS_MAX:
            raise Refused(f"dataverse: {len(steps)} changes to one document; a transaction takes {PARTS_MAX - 1}")
        first, *looked = await self._wire.batch([tuple(part for part, _ in steps), self._get(table, key)])
        members = first if isinstance(first, tuple) else (first,)
        for member in members:
            if member.status_code >= HTTPStatus.MULTIPLE_CHOICES:
                number = getattr(member, "content_id", "")  # which request failed; not every server says
                known = number.isdecimal() and 0 < int(number) <= len(steps)
                meant = steps[int(number) - 1 : int(number)] if known else steps
                return member, tuple(told for _, told in meant)
        seen = [each for each in looked if not isinstance(each, tuple) and each.status_code == HTTPStatus.OK]
        return seen[0] if seen else DONE, ()

    async def _after(self, table: Shape, key: str, what: str, reply: Reply) -> Answer:
        """Return the row as it is after a write: from the write's own answer if that has all of it, else read again."""
        if reply.content:
            row = self._object(what, reply, writes=True)
            if table.whole(row):
                return Answer(table.record(row))
        try:
            after = await self._row(table, key)
        except Transient as error:  # a throttle here must not say that the write was not done
            raise Unconfirmed(f"dataverse: {what}: done, but the row could not be read again") from error
        if after is None:
            raise Stale(f"dataverse: {what}: done, and the row was gone right after")
        return Answer(table.record(after))

    # ------------------------------------------------------------------------------------------------------- reading

    def _get(self, table: Shape, key: str) -> Part:
        return self._wire.request("GET", f"{table.table.set}({key})?{table.query}")

    async def _row(self, table: Shape, key: str) -> Row | None:
        reply = await self._wire.read(self._get(table, key))
        if absent(reply):
            return None
        return await self._with_all_lines(table, self._object(f"GET {table.table.set}", reply, writes=False))

    async def _with_all_lines(self, table: Shape, row: Row) -> Row:
        """Return a row with all its lines: a server may answer an $expand with a link, or with the first page."""
        link = table.lines_left(row)
        if not link or table.line is None:
            return row
        lines = {each[table.line.table.key]: each for each in row.get(table.collection) or ()}
        # Asked anew when none came: the server's link to them forgets what our lines' lookups refer to.
        first = f"{table.table.set}({row[table.table.key]})/{table.collection}?{table.line.query}"
        path = self._wire.local(link) if lines else first
        for _ in range(LINE_PAGES_MAX):
            reply = await self._wire.read(self._wire.request("GET", path))
            page = self._object(f"GET {table.table.set}/{table.collection}", reply, writes=False)
            lines |= {each[table.line.table.key]: each for each in page.get("value", ())}
            if not page.get("@odata.nextLink"):
                return {**row, table.collection: list(lines.values())}
            path = self._wire.local(page["@odata.nextLink"])
        raise BadMapping(f"dataverse {table.table.name}: a document with more than {LINE_PAGES_MAX} pages of lines")

    def _object(self, what: str, reply: Reply, *, writes: bool) -> dict[str, Any]:
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(f"dataverse: {what}", reply, writes=writes, now=self._now)
        return json_object(f"dataverse: {what}", reply, writes=writes)

    def _refusal(self, what: str, reply: Reply, sent: Sequence[Sent]) -> SyncError:
        return refusal(f"dataverse: {what}", reply, writes=True, sent=sent, now=self._now)

    def _url(self, path: str, query: str = "") -> str:
        wanted = "&".join(each for each in (self._tag, query) if each)
        return f"{path}{'&' if '?' in path else '?'}{wanted}" if wanted else path

    def _shape(self, selection: Selection) -> Shape:
        found = self._shapes.get(selection)
        if found is None:
            table = self._tables.get(selection.object)
            if table is None:
                raise BadMapping(f"dataverse {selection.object}: unknown table; known are {', '.join(self._tables)}")
            if selection.lines and selection.lines not in table.lines:
                known = ", ".join(table.lines) or "none"
                raise BadMapping(f"dataverse {table.name}.{selection.lines}: unknown lines; known are {known}")
            line_table = self._tables[table.lines[selection.lines]] if selection.lines else None
            found = self._shapes[selection] = shape(selection, table, line_table, self._zone)
        return found
