"""One operation on one service: method and target to rows, rules and an answer.

Works the same alone and inside a change set: the caller opens the transaction and publishes the events.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from dev.sap.s4.gateway.answers import TEXT, XML, Answer, Call, json_answer, location, message_header
from dev.sap.s4.model import edmx
from dev.sap.s4.model.edm import Service
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.query import literals
from dev.sap.s4.query.options import Options, Tree, read_options
from dev.sap.s4.query.paths import Target, resolve
from dev.sap.s4.query.read import Reader
from dev.sap.s4.query.render import Renderer, field_json
from dev.sap.s4.rules import writes
from dev.sap.s4.rules.payload import BodyReader, parse_object
from dev.sap.s4.rules.stamps import Event, finish, touched
from dev.sap.s4.rules.work import Payload, Work
from dev.sap.s4.settings import Settings
from dev.sap.s4.store.rows import Change, Key, Store

TUNNELLED = frozenset({"MERGE", "PATCH", "PUT", "DELETE"})
CHANGING = frozenset({"POST", *TUNNELLED})


class Locks(Protocol):
    """What the fault switches tell an operation."""

    def upper_case(self) -> frozenset[str]:
        """Return the fields that the system turns to upper case."""

    def check_lock(self, kind: str, key: str) -> None:
        """Refuse if somebody else is editing the object."""


@dataclass(slots=True)
class Operations:
    """Performs calls on one service for one user, collecting the events of what it changes."""

    store: Store
    settings: Settings
    locks: Locks
    service: Service
    user: str
    events: list[Event] = field(default_factory=list)

    def read(self, call: Call) -> Answer:
        """Answer GET and HEAD; no transaction is needed."""
        if call.path.strip("/") == "":
            return self._service_document(call)
        if call.path.strip("/") == "$metadata":
            return Answer(200, {"content-type": XML}, edmx.metadata(self.service).encode())
        target = resolve(self.store, self.service, call.path)
        reading: dict[str, Callable[[Call, Target], Answer]] = {
            "collection": self._collection,
            "entity": self._entity,
            "count": self._count,
            "property": self._property,
            "value": self._value,
        }
        return reading[target.kind](call, target)

    def change(self, call: Call, changes: list[Change]) -> Answer:
        """Perform a changing call inside the open transaction whose `changes` are given."""
        start = len(changes)
        method = effective_method(call)
        target = resolve(self.store, self.service, call.path)
        self._check_allowed(method, target)
        work = Work(self.store, self.settings, self.user, self.locks.upper_case())
        written = self._write(work, method, call, target)
        for kind, key in touched(self.store, changes[start:]):
            self.locks.check_lock(kind, key)
        self.events += finish(work, changes[start:])
        return written(message_header(work.warnings))

    def _write(self, work: Work, method: str, call: Call, target: Target) -> Callable[[dict[str, str]], Answer]:
        if method == "POST":
            _need_json(call)
            payload = self._payload(call, target)
            key = target.set.key_of(self._create(work, payload, target))

            def created(headers: dict[str, str]) -> Answer:
                # The answer to a deep insert shows the sent navigations expanded, as the gateway does.
                return self._created(call, target, key, sent_navigations(payload), headers)

            return created
        self._check_etag(call, target)
        if method == "DELETE":
            writes.delete(work, target.set, target.found)
        else:
            payload = self._payload(call, target)
            for name in payload.children:
                raise refused("/IWBEP/CM_MGW_RT/036", name, target=name)
            writes.update(work, target.set, target.found, payload.values, replace=method == "PUT")
        return lambda headers: Answer(204, headers)

    def _create(self, work: Work, payload: Payload, target: Target) -> Row:
        inherited: Row = {}
        if target.parent is not None and target.nav is not None:
            inherited = writes.inherited_keys(target.nav, target.parent[1], payload)
        return writes.create(work, payload, inherited)

    def _payload(self, call: Call, target: Target) -> Payload:
        content_type = call.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != "application/json":
            raise refused("/IWFND/CM_MGW/062", content_type, status=415)
        data = parse_object(call.body)
        reader = BodyReader(call.body.decode(), refuse_readonly=self.settings.refuse_readonly)
        return reader.read(target.set, data)

    def _created(self, call: Call, target: Target, key: Key, expand: Tree, headers: dict[str, str]) -> Answer:
        row = self.store.get(target.set.name, *key) or {}
        renderer = Renderer(self.store, call.base)
        shown = renderer.entity(target.set, row, Options(expand=expand))
        tag = literals.etag(target.set, row)
        more = {"location": location(renderer.uri(target.set, row)), **({"etag": tag} if tag else {}), **headers}
        answer = json_answer(201, {"d": shown})
        answer.headers |= more
        return answer

    def _check_allowed(self, method: str, target: Target) -> None:
        by_nav = target.nav is not None and target.nav.many
        create = target.kind == "collection" and (target.set.create or (by_nav and target.set.nav_create))
        entity = target.kind == "entity"
        allowed = {
            "POST": create,
            "DELETE": entity and target.set.delete,
            **dict.fromkeys(("PATCH", "MERGE", "PUT"), entity and target.set.update),
        }
        if not allowed.get(method, False):
            refusal = refused("/IWFND/CM_MGW/055", method, target.set.name, status=405)
            refusal.headers["allow"] = ", ".join(["GET", "HEAD", *(name for name, ok in allowed.items() if ok)])
            raise refusal
        if method == "POST" and target.set.nav_create and not by_nav:
            raise refused("/IWBEP/CM_MGW_RT/021", f"{target.set.name.upper()}_CREATE_ENTITY", status=501)

    def _check_etag(self, call: Call, target: Target) -> None:
        current = literals.etag(target.set, target.found)
        given = call.headers.get("if-match")
        if current is None:
            return
        if given is None:
            raise refused("/IWFND/CM_MGW/097", status=428)
        if given not in {"*", current}:
            raise refused("/IWFND/CM_MGW/096", status=412)

    def _service_document(self, call: Call) -> Answer:
        if call.wants_json:
            return json_answer(200, edmx.service_json(self.service))
        document = edmx.service_xml(self.service, call.base)
        return Answer(200, {"content-type": "application/atomsvc+xml;charset=utf-8"}, document.encode())

    def _reader(self) -> Reader:
        return Reader(self.store, self.settings.page_size, self.settings.filter_to_many)

    def _collection(self, call: Call, target: Target) -> Answer:
        _need_json(call)
        options = read_options(call.query, target.set)
        page = self._reader().page(target, options, call.query)
        renderer = Renderer(self.store, call.base)
        shown: dict[str, object] = {"results": [renderer.entity(target.set, row, options) for row in page.rows]}
        if options.count:
            shown = {"__count": str(page.count), **shown}
        if page.next_query is not None:
            shown["__next"] = f"{call.base}{location(call.path.strip('/'))}?{page.next_query}"
        return json_answer(200, {"d": shown})

    def _entity(self, call: Call, target: Target) -> Answer:
        _need_json(call)
        options = read_options(call.query, target.set, collection=False)
        tag = literals.etag(target.set, target.found)
        if tag and call.headers.get("if-none-match") == tag:
            return Answer(304, {"etag": tag})
        renderer = Renderer(self.store, call.base)
        answer = json_answer(200, {"d": renderer.entity(target.set, target.found, options)})
        return answer if tag is None else Answer(200, answer.headers | {"etag": tag}, answer.body)

    def _count(self, call: Call, target: Target) -> Answer:
        options = read_options(call.query, target.set)
        found = self._reader().matching(target, options)
        return Answer(200, {"content-type": TEXT}, str(len(found)).encode())

    def _property(self, call: Call, target: Target) -> Answer:
        _need_json(call)
        shown = field_json(target.set.fields[target.name], target.found)
        return json_answer(200, {"d": {target.name: shown}})

    def _value(self, _call: Call, target: Target) -> Answer:
        shown = field_json(target.set.fields[target.name], target.found)
        text = "" if shown is None else str(shown).lower() if isinstance(shown, bool) else str(shown)
        return Answer(200, {"content-type": TEXT}, text.encode())


def effective_method(call: Call) -> str:
    """Return the method, or the one that a POST tunnels in X-HTTP-Method."""
    tunnelled = call.headers.get("x-http-method", "").upper()
    return tunnelled if call.method == "POST" and tunnelled in TUNNELLED else call.method


def sent_navigations(payload: Payload) -> Tree:
    """Return the navigations of a deep insert as an expand tree."""
    tree: Tree = {}
    for name, children in payload.children.items():
        node = tree.setdefault(name, {})
        for child in children:
            node |= sent_navigations(child)
    return tree


def _need_json(call: Call) -> None:
    if not call.wants_json:
        wanted = call.query.get("$format") or call.headers.get("accept", "*/*")
        raise refused("/IWFND/CM_MGW/061", wanted, status=406)
