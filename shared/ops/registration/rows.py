"""The rows that make Dataverse send events, as they shall be; and how they differ from what is there. Pure.

Rows are ours by their name's beginning; all others are left alone. Secrets travel apart from the compared values:
Dataverse never gives them back, and nothing here shows them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from shared.errors import BadRequest
from shared.ops.registration.needs import Definition, Reading, filtering

type Kind = Literal["endpoint", "step", "image"]
type Values = Mapping[str, Any]

MESSAGES = ("Create", "Update", "Delete")
HEADER = "x-webhook-secret"
QUEUE = "dataverse-events"
ALIAS = "before"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRET_LENGTH_MAX = 1900  # serviceendpoint.authvalue takes 2,048 characters, the header's name and XML included
WEBHOOK_CONTRACT, QUEUE_CONTRACT = 8, 6  # serviceendpoint.contract
LISTS = ("filteringattributes", "attributes")  # comma separated, in any order


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it shall be. `values` by their names in the Web API; `parent` names the row that it hangs on."""

    kind: Kind
    name: str
    values: Values
    parent: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A row as it is. `ours`: its name says that this command made it."""

    kind: Kind
    id: str
    name: str
    values: Values
    parent: str = ""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to one row. `values` are what is sent, `why` is for people."""

    verb: Literal["create", "update", "delete", "unchanged", "left"]
    kind: Kind
    name: str
    why: str
    id: str = ""
    values: Values = field(default_factory=dict)
    parent: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


# --------------------------------------------------------------------------------------------------- as they shall be


def webhook(prefix: str, url: str, secret: str) -> Row:
    """Return the endpoint that posts to the app, with the secret in a header: a URL ends up in logs."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise BadRequest("--url must be an https address: Dataverse sends the secret along")
    if not parts.hostname or parts.query or parts.username or parts.fragment:
        raise BadRequest("--url must be a plain address such as https://app.example/api/dataverse/events, no ? or @")
    if not secret or len(secret) > SECRET_LENGTH_MAX:
        raise BadRequest(f"DATAVERSE_WEBHOOK_SECRETS must hold a value of 1 to {SECRET_LENGTH_MAX} characters")
    setting = f'<setting name="{HEADER}" value="{escape(secret, {'"': "&quot;"})}" />'
    values = {"contract": WEBHOOK_CONTRACT, "authtype": 5, "url": url}  # HttpHeader
    secrets = {"authvalue": f"<settings>{setting}</settings>"}
    return Row("endpoint", f"{prefix}webhook", values, secrets=secrets, why=f"posts to {url}")


def queue(prefix: str, connection: str) -> Row:
    """Return the endpoint that writes to a Service Bus queue; `connection` is of a policy with the right Send."""
    parts = dict(part.partition("=")[::2] for part in connection.strip().split(";") if part)
    missing = [name for name in ("Endpoint", "SharedAccessKeyName", "SharedAccessKey") if not parts.get(name)]
    if missing:
        raise BadRequest(f"the Service Bus connection string lacks {', '.join(missing)}")
    values = {
        "contract": QUEUE_CONTRACT,
        "authtype": 2,  # SAS key
        "namespaceaddress": parts["Endpoint"],
        "path": parts.get("EntityPath") or QUEUE,
        "saskeyname": parts["SharedAccessKeyName"],
        "messageformat": 2,  # JSON
        "userclaim": 1,  # none
    }
    to = f"writes to {values['path']} of {values['namespaceaddress']}"
    return Row("endpoint", f"{prefix}queue", values, secrets={"saskey": parts["SharedAccessKey"]}, why=to)


def subscriptions(
    endpoint: str,
    readings: Mapping[str, Reading],
    definitions: Mapping[str, Definition],
    messages: Mapping[tuple[str, str], tuple[str, str]],
) -> Iterator[Row]:
    """Yield a step for every table and message, and a line's image of its document. `endpoint` is its name.

    `messages` gives the ids of message and filter by table and message; what Dataverse does not offer is left out.
    """
    for table, reading in readings.items():
        if table not in definitions:
            continue
        for message in MESSAGES:
            if (table, message) not in messages:
                continue
            name = f"{endpoint}, {message} of {table}"
            message_id, filter_id = messages[table, message]
            news = ",".join(filtering(reading, definitions[table])) if message == "Update" else None
            values = {
                "stage": 40,  # after the operation: an asynchronous step has no other
                "mode": 1,
                "rank": 1,
                "supporteddeployment": 0,
                "asyncautodelete": True,
                "filteringattributes": news,
                "statecode": 0,
                "_sdkmessageid_value": message_id,
                "_sdkmessagefilterid_value": filter_id,
            }
            told = f"; when one of these is written: {news.replace(',', ', ')}" if news else ""
            yield Row("step", name, values, endpoint, why=f"read by {', '.join(sorted(reading.flows))}{told}")
            if reading.parent and message != "Create":  # a new line names its document itself
                image = {"entityalias": ALIAS, "imagetype": 0, "messagepropertyname": "Target"}
                image |= {"name": ALIAS, "attributes": reading.parent}
                yield Row("image", f"{name}/{ALIAS}", image, name, why="or the event does not name the document")


# -------------------------------------------------------------------------------------------------------- as they are


def difference(wanted: Sequence[Row], found: Iterable[Found], *, new_secret: bool = False) -> tuple[Action, ...]:
    """Return what to do, in an order that works: first what is made, parents before children, then what goes.

    `new_secret` sends the endpoint's secret again: whether it changed cannot be seen.
    """
    there: dict[tuple[Kind, str], list[Found]] = {}
    for one in sorted(found, key=lambda one: (not one.ours, one.id)):
        there.setdefault((one.kind, one.name), []).append(one)
    made = [_made(row, there.pop((row.kind, row.name), []), new_secret=new_secret) for row in wanted]
    kept = {"endpoint": 0, "step": 1, "image": 2}
    endpoints = {row.name for row in wanted if row.kind == "endpoint"}
    gone = [_gone(one, endpoints) for same in there.values() for one in same]
    gone += [action for _, extra in made for action in extra]
    gone = _spared(gone, {action.name for action, _ in made})
    gone.sort(key=lambda action: (-kept[action.kind], action.name))
    return (*sorted((action for action, _ in made), key=lambda action: kept[action.kind]), *gone)


def _made(row: Row, same: list[Found], *, new_secret: bool) -> tuple[Action, list[Action]]:
    doubles = [Action("delete", one.kind, one.name, "a double", one.id, parent=one.parent) for one in same[1:]]
    if not same:
        sent = {name: value for name, value in row.values.items() if name != "statecode"}
        return Action("create", row.kind, row.name, row.why, "", sent, row.parent, row.secrets), doubles
    first = same[0]
    changed = {
        name: value for name, value in row.values.items() if _plain(name, value) != _plain(name, first.values.get(name))
    }
    told = [_told(name, first.values.get(name), value) for name, value in changed.items()]
    moved = row.parent if row.parent != first.parent else ""
    told += [f"moves to {moved}"] if moved else []
    secrets = row.secrets if new_secret else {}
    told += ["the secret is sent again"] if secrets else []
    if "statecode" in changed:
        changed["statuscode"] = 1
    verb: Literal["update", "unchanged"] = "update" if told else "unchanged"
    return Action(verb, row.kind, row.name, "; ".join(told) or row.why, first.id, changed, moved, secrets), doubles


def _gone(one: Found, endpoints: set[str]) -> Action:
    if not one.ours:
        return Action("left", one.kind, one.name, "made by somebody else", one.id, parent=one.parent)
    moved = "events go elsewhere now" if endpoints else "all of it is taken away"
    stays = one.parent in endpoints or one.kind == "image"
    why = "no enabled flow needs it" if stays and endpoints else moved
    return Action("delete", one.kind, one.name, why, one.id, parent=one.parent)


def _spared(gone: list[Action], staying: set[str]) -> list[Action]:
    """Take out images that go with their step, and keep an endpoint that somebody else uses."""
    dying = {action.name for action in gone if action.verb == "delete" and action.kind == "step"} - staying
    users = {action.parent: action.name for action in gone if action.verb == "left"}
    rest = [action for action in gone if not (action.kind == "image" and action.parent in dying)]
    return [
        Action("left", action.kind, action.name, f"still used by {users[action.name]!r}", action.id)
        if action.kind == "endpoint" and action.name in users
        else action
        for action in rest
    ]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 -- what a row holds
    """Return a value in the one form that equal ones have."""
    if name in LISTS:
        return frozenset(part.strip().lower() for part in str(value or "").split(",") if part.strip())
    if name == "namespaceaddress":
        return str(value or "").rstrip("/").lower()
    return value.lower() if name.startswith("_") and isinstance(value, str) else value


def _told(name: str, before: Any, after: Any) -> str:  # noqa: ANN401 -- what a row holds
    if name not in LISTS:
        return f"{name} {before} -> {after}"
    old, new = _plain(name, before), _plain(name, after)
    signed = [f"+{one}" for one in sorted(new - old)] + [f"-{one}" for one in sorted(old - new)]
    return f"{name} {' '.join(signed)}"
