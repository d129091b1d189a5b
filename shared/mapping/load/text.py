"""Reads YAML text as mapping files mean it, and remembers on which line everything stands.

YAML 1.1's traps are closed: only true, false, null, ~ and whole numbers without leading zeros are not text, so NO, on,
0001, 1e3, 12:30 and dates arrive exactly as they are written. A key that comes twice, an anchor and a tag are errors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

type Path = tuple[str | int, ...]

_TEXT = "tag:yaml.org,2002:str"
_MEANS: Mapping[str, tuple[str, str]] = {  # tag -> what it looks like, first letters
    "tag:yaml.org,2002:null": (r"null|~|", "n~"),
    "tag:yaml.org,2002:bool": (r"true|false", "tf"),
    "tag:yaml.org,2002:int": (r"0|-?[1-9][0-9]{0,3999}", "-0123456789"),  # Python reads up to 4,300 digits
}
_DEPTH_MAX = 30


class _Loader(yaml.SafeLoader):
    """A SafeLoader that guesses less and knows no anchors."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way to say it

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401  # PyYAML's type
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML is typed in part
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not used here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def fetch_flow_collection_start(self, token: Any) -> None:  # noqa: ANN401  # PyYAML's type
        """Open a bracket; too many are refused here, because PyYAML reads on while one may still be a key."""
        if self.flow_level > _DEPTH_MAX:
            raise yaml.MarkedYAMLError(problem=f"more than {_DEPTH_MAX} levels", problem_mark=self.get_mark())
        super().fetch_flow_collection_start(token)


for _tag, (_looks, _first) in _MEANS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_looks})$"), [*_first, ""])


@dataclass(slots=True)
class Text:
    """What a file holds, as dicts, lists, text, whole numbers, flags and None; `lines` says where each part stands."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)  # line, message

    def line(self, path: Path) -> int:
        """Return the line of the innermost part of `path` that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(source: str) -> Text:
    """Read one document. Faults are collected; with any, `data` may be incomplete."""
    text = Text()
    try:
        node = _Loader(source).get_single_node()
        text.data = None if node is None else _value(node, (), text)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        text.faults.append((mark.line + 1 if mark else 1, e.problem or "not YAML"))
    except yaml.YAMLError as e:
        text.faults.append((1, f"not YAML: {e}"))
    except RecursionError:
        text.faults.append((1, f"more than {_DEPTH_MAX} levels"))
    return text


def _value(node: yaml.Node, path: Path, text: Text) -> Any:  # noqa: ANN401  # data of a file
    line = node.start_mark.line + 1
    text.lines.setdefault(path, line)
    if len(path) > _DEPTH_MAX:
        text.faults.append((line, f"more than {_DEPTH_MAX} levels"))
        return None
    match node:
        case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
            return _mapping(node, path, text)
        case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
            return [_value(one, (*path, at), text) for at, one in enumerate(node.value)]
        case yaml.ScalarNode(tag=tag) if tag == _TEXT or tag in _MEANS:
            return _scalar(node)
        case _:
            text.faults.append((line, f"found tag {node.tag!r}, expected plain values"))
            return None


def _mapping(node: yaml.MappingNode, path: Path, text: Text) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = key.value
        if not isinstance(key, yaml.ScalarNode):
            text.faults.append((line, "a key must be a text"))
            continue
        if name in found:
            text.faults.append((line, f"key {name!r} comes twice; first in line {text.lines[*path, name]}"))
            continue
        text.lines[*path, name] = line
        found[name] = _value(value, (*path, name), text)
    return found


def _scalar(node: yaml.ScalarNode) -> str | int | bool | None:
    written: str = node.value
    match node.tag:
        case "tag:yaml.org,2002:null":
            return None
        case "tag:yaml.org,2002:bool":
            return written == "true"
        case "tag:yaml.org,2002:int":
            return int(written)
        case _:
            return written
