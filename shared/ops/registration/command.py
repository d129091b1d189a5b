"""The command: look, show what differs, and on request make it so. What is to be is decided in `needs` and `rows`.

Nothing is changed before all of it was shown, and nothing at all while a flow lacks a column. A run that broke off is
repeated: what is done already is left alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import BadRequest, Refused, WrongEnvironment
from shared.ops.registration.admin import (
    LOOKUPS,
    PARENTS,
    SETS,
    DataverseAdmin,
    definition,
    messages,
    registered,
)
from shared.ops.registration.needs import Definition, Finding, Reading, creation, lacks
from shared.ops.registration.rows import (
    MESSAGES,
    QUEUE_CONTRACT,
    WEBHOOK_CONTRACT,
    Action,
    Found,
    Kind,
    Row,
    difference,
    subscriptions,
)

type Say = Callable[[str], None]

OUR_NAME = "dynamics-sap-sync"
ENGLISH = 1033
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
SOLUTION = re.compile(r"\w+", re.ASCII)
CREATED = ("create", "update", "delete")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    `name` begins the names of all our rows; two apps on one organisation need two names. `endpoint` is where events go
    (None: where they go now). `solution` is the unmanaged solution that new rows and columns join. `organization` is
    the one organisation that may be touched ('' = any).
    """

    do: Literal["plan", "apply", "remove"]
    name: str = OUR_NAME
    endpoint: Row | None = None
    create_columns: bool = False
    new_secret: bool = False
    solution: str = ""
    organization: str = ""

    @property
    def prefix(self) -> str:
        """Return how the names of our rows begin."""
        return prefix_of(self.name)


@dataclass(slots=True)
class _Seen:
    """What the organisation has."""

    definitions: dict[str, Definition]
    messages: Mapping[tuple[str, str], tuple[str, str]]
    found: Sequence[Found]
    findings: list[Finding] = field(default_factory=list)


def prefix_of(name: str) -> str:
    """Return how the names of rows begin: 'dynamics-sap-sync: '. Raises `BadRequest`."""
    if not NAME.fullmatch(name):
        raise BadRequest("--name must be 1 to 60 letters, digits, blanks, dots and dashes")
    return f"{name}: "


async def register(order: Order, readings: Mapping[str, Reading], admin: DataverseAdmin, say: Say) -> int:
    """Show what differs and do what was ordered; return the exit code, 1 when something that flows need is missing."""
    await _greet(order, admin, say)
    if order.do == "remove":
        actions = difference((), await registered(admin, order.prefix))
        _show(actions, say)
        await _perform(actions, order, admin, say)
        return 0
    seen = await _look(order, readings, admin)
    for finding in seen.findings:
        say(f"{'missing' if finding.kind != 'other' else 'note':<10} {finding.text}")
    if order.do == "apply" and order.create_columns and await _create(seen.findings, order, admin, say):
        seen = await _look(order, readings, admin)
    actions = _actions(order, readings, seen)
    _show(actions, say)
    say("note       secrets cannot be read back: after replacing one, run --apply with --new-secret")
    blocked = [finding.text for finding in seen.findings if finding.blocks]
    if blocked and order.do == "apply":
        raise BadRequest(f"no event was registered: {'; '.join(blocked)} (a solution brings it, or --create-columns)")
    if order.do == "apply":
        await _perform(actions, order, admin, say)
    return 1 if blocked else 0


# ------------------------------------------------------------------------------------------------------------ looking


async def _greet(order: Order, admin: DataverseAdmin, say: Say) -> None:
    """Say which organisation this is, and refuse another than the configured one, or a solution that is not there."""
    who = await admin.one("WhoAmI") or {}
    organization = str(who.get("OrganizationId", "")).lower()
    if order.organization and organization != order.organization.lower():
        raise WrongEnvironment(
            f"the connection leads to organisation {organization}, DATAVERSE_ORGANIZATION_ID is {order.organization}"
        )
    say(f"organisation {organization}, rows named {order.prefix}…")
    if order.solution:
        if not SOLUTION.fullmatch(order.solution):
            raise BadRequest("--solution is the unique name: letters, digits and underscores")
        query = f"solutions?$select=uniquename,ismanaged&$filter=uniquename eq '{order.solution}'"
        if not [row for row in await admin.rows(query) if not row["ismanaged"]]:
            raise BadRequest(f"there is no unmanaged solution {order.solution!r}: make it, with a publisher of yours")


async def _look(order: Order, readings: Mapping[str, Reading], admin: DataverseAdmin) -> _Seen:
    definitions = {table: await definition(admin, table) for table in readings}
    known = {table: one for table, one in definitions.items() if one is not None}
    seen = _Seen(known, await messages(admin, known), await registered(admin, order.prefix))
    seen.findings += [one for table, reading in readings.items() for one in lacks(reading, definitions[table])]
    seen.findings += [
        Finding("other", f"Dataverse offers no step for {message} of {table}")
        for table in known
        for message in MESSAGES
        if (table, message) not in seen.messages
    ]
    return seen


def _actions(order: Order, readings: Mapping[str, Reading], seen: _Seen) -> tuple[Action, ...]:
    endpoint = order.endpoint or _present(order, seen.found)
    steps = subscriptions(endpoint.name, readings, seen.definitions, seen.messages)
    return difference((endpoint, *steps), seen.found, new_secret=order.new_secret and order.endpoint is not None)


def _present(order: Order, found: Sequence[Found]) -> Row:
    """Return the endpoint that events go to now, nothing about it to be changed."""
    kinds = (WEBHOOK_CONTRACT, QUEUE_CONTRACT)
    there = [one for one in found if one.kind == "endpoint" and one.values.get("contract") in kinds]
    if len(there) != 1:
        raise BadRequest(f"say where events go, --url or --service-bus: {order.name} has {len(there)} endpoints so far")
    if order.new_secret:
        raise BadRequest("--new-secret needs --url or --service-bus: which secret depends on where events go")
    return Row("endpoint", there[0].name, {}, why="as it is")


# -------------------------------------------------------------------------------------------------------------- doing


def _show(actions: Sequence[Action], say: Say) -> None:
    for action in actions:
        say(f"{action.verb:<10} {action.kind:<8} {action.name}  ({action.why})")
    counts = {verb: sum(action.verb == verb for action in actions) for verb in (*CREATED, "unchanged", "left")}
    say(", ".join(f"{count} {verb}" for verb, count in counts.items() if count) or "nothing is registered")


async def _create(findings: Sequence[Finding], order: Order, admin: DataverseAdmin, say: Say) -> bool:
    """Make the missing columns, then the keys; return whether there were any."""
    made = [one for one in findings if creation(one, ENGLISH) is not None]
    if not made:
        return False
    (organization,) = await admin.rows("organizations?$select=languagecode")
    for kind in ("column", "key"):
        for finding in made:
            told = creation(finding, int(organization["languagecode"])) if finding.kind == kind else None
            if told is not None:
                await admin.create(*told, order.solution)
                say(f"created    {kind:<8} {finding.table}.{finding.name}")
    return True


async def _perform(actions: Sequence[Action], order: Order, admin: DataverseAdmin, say: Say) -> None:
    ids = {(action.kind, action.name): action.id for action in actions if action.id and action.verb != "delete"}
    done = 0
    for action in actions:
        if action.verb not in CREATED:
            continue
        place = f"{SETS[action.kind]}({action.id})"
        try:
            match action.verb:
                case "create":
                    made = await admin.create(SETS[action.kind], _body(action, ids), order.solution)
                    ids[action.kind, action.name] = made
                case "update":
                    await admin.update(place, _body(action, ids))
                case "delete":
                    await admin.delete(place)
        except Refused as error:
            complaints = () if action.secrets else error.complaints  # Dataverse's words may quote what was sent
            raise Refused(f"{action.verb} {action.kind} {action.name}: {error}", complaints) from None
        done += 1
    say(f"done: {done} changes" if done else "done: nothing had to be changed")


def _body(action: Action, ids: Mapping[tuple[Kind, str], str]) -> dict[str, object]:
    body: dict[str, object] = {**action.secrets}
    if action.verb == "create" and action.kind != "image":
        body["name"] = action.name
    for name, value in action.values.items():
        if name in LOOKUPS:
            navigation, target = LOOKUPS[name]
            body[f"{navigation}@odata.bind"] = f"/{target}({value})"
        else:
            body[name] = value
    if action.parent:
        navigation, target = PARENTS[action.kind]
        kind: Kind = "endpoint" if action.kind == "step" else "step"
        body[f"{navigation}@odata.bind"] = f"/{target}({ids[kind, action.parent]})"
    return body
