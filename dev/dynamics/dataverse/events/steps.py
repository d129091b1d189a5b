"""Registered steps, read from the rows that the Web API keeps of them: who wants to hear of what.

`serviceendpoint`, `sdkmessageprocessingstep` and its images are ordinary tables; a step counts while it is enabled.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape, unescape

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.writes.unit import Happening

WEBHOOK, QUEUE = 8, 6  # serviceendpoint.contract
WEBHOOK_KEY, HTTP_HEADER, QUERY_STRING = 4, 5, 6  # serviceendpoint.authtype
IMAGE_KINDS: Final = {0: ("pre",), 1: ("post",), 2: ("pre", "post")}
QUOTE: Final = {'"': "&quot;"}
_SETTING: Final = re.compile(r'<setting\s+name="([^"]*)"\s+value="([^"]*)"\s*/?>')


@dataclass(frozen=True, slots=True)
class Image:
    """A registered image; no columns means all."""

    alias: str
    kinds: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One subscription: message, table (empty is all), columns for updates (empty is all), and where it goes."""

    id: str
    name: str
    message: str
    table: str
    columns: frozenset[str]
    stage: int
    mode: Literal[0, 1]
    rank: int
    auto_delete: bool
    images: tuple[Image, ...]
    endpoint: Row


def _names(value: object) -> tuple[str, ...]:
    return tuple(name.strip() for name in str(value or "").split(",") if name.strip())


def _linked(org: Org, row: Row, column: str) -> Row:
    held = row.get(column)
    return (org.store.get(held.table, held.id) if isinstance(held, Ref) else None) or {}


def _images(org: Org, step_id: str) -> tuple[Image, ...]:
    own = Ref("sdkmessageprocessingstep", step_id)
    rows = org.store.linked("sdkmessageprocessingstepimage", "sdkmessageprocessingstepid", own)
    return tuple(
        Image(str(row.get("entityalias") or row.get("name")), IMAGE_KINDS[_number(row, "imagetype")],
              _names(row.get("attributes")))
        for row in rows
    )  # fmt: skip


def _number(row: Row, name: str, default: int = 0) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else default


def steps(org: Org) -> list[Step]:
    """Give all enabled steps that lead to an endpoint, in the order of stage and rank."""
    found = []
    for row in org.store.rows["sdkmessageprocessingstep"].values():
        endpoint = _linked(org, row, "eventhandler")
        if row.get("statecode") != 0 or not endpoint:
            continue
        step_id = str(row["sdkmessageprocessingstepid"])
        found.append(
            Step(
                id=step_id,
                name=str(row.get("name") or ""),
                message=str(_linked(org, row, "sdkmessageid").get("name")),
                table=str(_linked(org, row, "sdkmessagefilterid").get("primaryobjecttypecode") or ""),
                columns=frozenset(_names(row.get("filteringattributes"))),
                stage=_number(row, "stage", 40),
                mode=1 if _number(row, "mode", 1) else 0,
                rank=_number(row, "rank", 1),
                auto_delete=bool(row.get("asyncautodelete")),
                images=_images(org, step_id),
                endpoint=endpoint,
            )
        )
    return sorted(found, key=lambda step: (step.stage, step.rank))


def matching(org: Org, happening: Happening, mode: int) -> list[Step]:
    """Give the steps of a mode that an operation sets off, unless its caller bypassed them."""
    if not org.model.tables[happening.table].tracked:
        return []
    unit = happening.by
    if ("CustomAsync" if mode else "CustomSync") in unit.bypass:
        return []
    return [
        step
        for step in steps(org)
        if step.mode == mode
        and step.message == happening.message
        and step.table in {"", happening.table}
        and step.id not in unit.bypass_steps
        and (happening.message != "Update" or not step.columns or step.columns & set(happening.target))
    ]


def write_settings(values: Mapping[str, str]) -> str:
    """Write header or query values the way that serviceendpoint.authvalue holds them."""
    quoted = {name: (escape(name, QUOTE), escape(value, QUOTE)) for name, value in values.items()}
    inner = "".join(f'<setting name="{name}" value="{value}" />' for name, value in quoted.values())
    return f"<settings>{inner}</settings>"


def read_settings(text: object) -> dict[str, str]:
    """Read `write_settings` back."""
    entities = {text: char for char, text in QUOTE.items()}
    return {unescape(name, entities): unescape(value, entities) for name, value in _SETTING.findall(str(text or ""))}


def webhook_address(endpoint: Row) -> tuple[str, dict[str, str]]:
    """Give the address to post to, with the key or values of its query, and the headers that authenticate."""
    url, kind = str(endpoint.get("url") or ""), endpoint.get("authtype")
    joint = "&" if "?" in url else "?"
    if kind == WEBHOOK_KEY:
        return f"{url}{joint}{urlencode({'code': str(endpoint.get('authvalue') or '')})}", {}
    values = read_settings(endpoint.get("authvalue"))
    if kind == QUERY_STRING:
        return f"{url}{joint}{urlencode(values)}", {}
    return url, values if kind == HTTP_HEADER else {}
