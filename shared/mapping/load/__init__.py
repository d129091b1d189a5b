"""Reads a folder of mapping files and refuses all that does not fit, everything at once.

The only part of the mapping language that touches files. What a file means is `compile`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ValidationError

from shared.core.model import Side
from shared.errors import BadMapping
from shared.mapping.catalogue import Catalogue, ObjectInfo
from shared.mapping.compile import World, compile_flow, full_name
from shared.mapping.flow import Flow
from shared.mapping.load.across import check_across
from shared.mapping.load.codes import code_table
from shared.mapping.load.text import Text, parse
from shared.mapping.schema import FlowFile, closest
from shared.mapping.verbs import CodeTable

_CLIENT = "100"
_LEANT_ON = {"flow", "dynamics", "sap", "columns", "parts", "birthmark", "fields"}  # what the rest is judged by
type Where = tuple[str | int, ...]


@dataclass(slots=True)
class _Loading:
    """One run over a folder; `faults` become one message."""

    catalogues: Mapping[str, Catalogue]
    settings: Mapping[str, str]
    faults: list[tuple[str, int, str]] = field(default_factory=list)  # file, line, message
    files: dict[str, tuple[str, Text]] = field(default_factory=dict)  # flow -> its file

    def fault(self, name: str, text: Text, path: Where, message: str) -> None:
        place = ".".join(str(part) for part in path)
        self.faults.append((name, text.line(path), f"{place}: {message}" if place else message))

    def in_flow(self, flow: str, path: Where, message: str) -> None:
        self.fault(*self.files[flow], path, message)


def load_flows(folder: Path, catalogues: Mapping[str, Catalogue], settings: Mapping[str, str]) -> dict[str, Flow]:
    """Return all flows of a folder by full name ('s4/account'); code tables come from the `codes` folder beside it.

    `catalogues` by system ('dataverse', 's4'); `settings` are what `{setting: NAME}` may name, and '<SYSTEM>_CLIENT'
    (default "100"). Raises BadMapping whose message lists every fault of every file with file, line and place.
    """
    run = _Loading(catalogues, settings)
    tables = _code_tables(folder.parent / "codes", run)
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise BadMapping(f"{folder}: found no *.yaml, expected mapping files")
    flows: dict[str, Flow] = {}
    for path in found:
        flow = _load(path, tables, run)
        if flow is not None:
            flows[flow.name] = flow
    check_across(flows, frozenset(run.files), run.in_flow)
    if run.faults:
        lines = [f"{name}:{line}: {message}" for name, line, message in sorted(run.faults)]
        raise BadMapping(f"{len(lines)} fault{'s' * (len(lines) > 1)} in mapping files\n" + "\n".join(lines))
    return flows


def _code_tables(folder: Path, run: _Loading) -> dict[str, CodeTable]:
    tables: dict[str, CodeTable] = {}
    for path in sorted(folder.glob("*.yaml")):
        text = _read(path)
        if not text.faults:
            tables[path.stem] = code_table(path.stem, text)
        run.faults += [(_short(path), line, message) for line, message in text.faults]
        tables.setdefault(path.stem, CodeTable(path.stem, {}, {}))
    return tables


def _read(path: Path) -> Text:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as e:
        return Text(faults=[(1, f"not UTF-8: {e.reason} at byte {e.start}")])


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _load(path: Path, tables: Mapping[str, CodeTable], run: _Loading) -> Flow | None:
    name, text = _short(path), _read(path)
    full = f"{path.parent.name}/{path.stem}"
    run.files[full] = name, text
    run.faults += [(name, line, message) for line, message in text.faults]
    file = None if text.faults and text.data is None else _shaped(full, run)
    if file is None:
        return None
    infos = _infos(file, full, run)
    if full_name(file) != full:
        message = f"found {full_name(file)}, expected {full}: the folder is the SAP system, the file is the flow"
        run.fault(name, text, ("flow",), message)
    if file.sweep.zone is not None and not _is_zone(file.sweep.zone):
        run.fault(name, text, ("sweep", "zone"), f"unknown time zone{closest(file.sweep.zone, available_timezones())}")
    if infos is None:
        return None
    client = run.settings.get(f"{file.sap.system.upper()}_CLIENT") or _CLIENT
    world = World(infos, tables, client)
    return compile_flow(file, world, lambda where, message: run.fault(name, text, where, message))


def _shaped(flow: str, run: _Loading) -> FlowFile | None:
    """Return the file as the schema reads it. What does not fit is told and left out, for the rest to be judged."""
    name, text = run.files[flow]
    data = _with_settings(text.data, (), flow, run)
    try:
        return FlowFile.model_validate(data)
    except ValidationError as e:
        faults = e.errors(include_url=False)
    told = {line for line, _ in text.faults}
    for path, message in map(_explained, faults):
        if text.line(path) not in told:  # there the text itself is wrong, and what came of it is no news
            run.fault(name, text, path, message)
    rest = data if isinstance(data, dict) else {}
    for fault in faults:
        rest = _without(rest, fault["loc"])
    try:
        return FlowFile.model_validate(rest)
    except ValidationError:
        return None  # without what was left out, more could only be guessed


def _without(data: dict[str, Any], path: Where) -> dict[str, Any]:
    """Return the data without the row that is meant, or without the key at the top that holds the place."""
    match path:
        case ("lines", "fields", name, *_):
            lines = data.get("lines", {})
            fields = {key: value for key, value in lines.get("fields", {}).items() if key != name}
            kept = {key: value for key, value in lines.items() if key != "same"}  # which may name the row
            return {**data, "lines": {**kept, "fields": fields}}
        case ("fields", name, *_):
            return {**data, "fields": {key: value for key, value in data.get("fields", {}).items() if key != name}}
        case (name, *_) if name not in _LEANT_ON:
            return {key: value for key, value in data.items() if key != name}
        case _:
            return {}


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError):
        return False
    return True


def _with_settings(data: Any, path: Where, flow: str, run: _Loading) -> Any:  # noqa: ANN401  # data of a file
    """Replace each {setting: NAME} by its value."""
    match data:
        case {"setting": str(name), **rest} if not rest:
            if not run.settings.get(name):
                alike = [one for one in run.settings if one.partition("_")[0] == name.partition("_")[0]]
                run.in_flow(flow, path, f"setting {name} is not set; of its kind are set: {', '.join(alike) or 'none'}")
            return run.settings.get(name, "")
        case dict():
            return {key: _with_settings(value, (*path, key), flow, run) for key, value in data.items()}
        case list():
            return [_with_settings(value, (*path, at), flow, run) for at, value in enumerate(data)]
        case _:
            return data


def _infos(file: FlowFile, flow: str, run: _Loading) -> dict[Side, ObjectInfo] | None:
    wanted: dict[Side, tuple[str, str, str]] = {
        "dynamics": (file.dynamics.system, file.dynamics.table, "table"),
        "sap": (file.sap.system, file.sap.object, "object"),
    }
    found: dict[Side, ObjectInfo] = {}
    for side, (system, name, key) in wanted.items():
        catalogue = run.catalogues.get(system)
        if catalogue is None:
            run.in_flow(flow, (side, "system"), f"system {system!r} has no connector{closest(system, run.catalogues)}")
        elif name not in catalogue:
            run.in_flow(flow, (side, key), f"unknown {key} {name!r}{closest(name, catalogue)}")
        else:
            found[side] = catalogue[name]
    return found if len(found) == len(wanted) else None


# ------------------------------------------------------------------------------ what pydantic found, as our messages


def _explained(fault: Any) -> tuple[Where, str]:  # noqa: ANN401  # pydantic's ErrorDetails
    path, found = tuple(fault["loc"]), fault["input"]
    match fault["type"]:
        case "extra_forbidden":
            return path, f"unknown key{closest(str(path[-1]), _keys_at(path[:-1]))}"
        case "missing":
            return path[:-1], f"{path[-1]!r} is missing"
        case "literal_error":
            allowed = fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return path, f"found {found!r}{closest(str(found), allowed)}"
        case "value_error":
            return path, str(fault["ctx"]["error"])
        case _:
            message = fault["msg"][0].lower() + fault["msg"][1:]
            return path, f"found {found!r}: {message}"


def _keys_at(path: Where) -> list[str]:
    """Return the keys that the schema allows at a place."""
    model: type[BaseModel] = FlowFile
    for part in path:
        by_key = {(one.alias or name): one.annotation for name, one in model.model_fields.items()}
        model = _model_in(by_key.get(str(part))) or model
    return [one.alias or name for name, one in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(one) for one in get_args(getattr(annotation, "__value__", annotation)))
    return next((one for one in inner if one is not None), None)
