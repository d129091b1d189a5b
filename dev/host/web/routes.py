"""Which HTTP function a request means: ASP.NET route templates in the order of the real host. Pure.

Templates have literals, `{name}`, `{name?}`, `{name=default}`, `{*rest}`, several parts in a segment and the inline
constraints of ASP.NET Core's table. Literals match without case; a slash encoded as %2F stays encoded, as in Kestrel.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from dev.host.function import Function

_PARAMETER = re.compile(r"\{((?:[^{}]|\{\{|\}\})+)\}")
_NAME = re.compile(r"\**(?P<name>[^:=?]+)")
_CONSTRAINT = re.compile(r":(?P<kind>[A-Za-z]+)(?:\((?P<argument>(?:[^()\\]|\\.|\([^()]*\))*)\))?")
LEVELS = ("anonymous", "function", "admin")  # `user` and `system` are not for functions
_RESERVED = ("admin", "runtime")  # ScriptHost refuses them: "conflicts with one or more built in routes"
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


def _is_int(value: str, bits: int) -> bool:
    return re.fullmatch(r"[+-]?\d+", value) is not None and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)


def _reads(read: Callable[[str], object]) -> Callable[[str, str], bool]:
    def check(value: str, _argument: str) -> bool:
        try:
            read(value)
        except ValueError:
            return False
        return True

    return check


def _length(value: str, argument: str) -> bool:
    least, _, greatest = argument.partition(",")
    return int(least) <= len(value) <= int(greatest or least)


def _range(value: str, argument: str) -> bool:
    least, _, greatest = argument.partition(",")
    return _is_int(value, 64) and int(least) <= int(value) <= int(greatest)


# ASP.NET Core's route constraint reference, by name: whether a value passes, given the text in parentheses.
CONSTRAINTS: dict[str, Callable[[str, str], bool]] = {
    "int": lambda value, _: _is_int(value, 32),
    "long": lambda value, _: _is_int(value, 64),
    "bool": lambda value, _: value.lower() in {"true", "false"},
    "alpha": lambda value, _: re.fullmatch("[A-Za-z]*", value) is not None,
    "guid": _reads(uuid.UUID),
    "datetime": _reads(datetime.fromisoformat),
    "decimal": _reads(float),
    "double": _reads(float),
    "float": _reads(float),
    "length": _length,
    "minlength": lambda value, argument: len(value) >= int(argument),
    "maxlength": lambda value, argument: len(value) <= int(argument),
    "min": lambda value, argument: _is_int(value, 64) and int(value) >= int(argument),
    "max": lambda value, argument: _is_int(value, 64) and int(value) <= int(argument),
    "range": _range,
    "regex": lambda value, argument: re.search(argument, value, re.IGNORECASE) is not None,
    "required": lambda value, _: value != "",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a template between slashes: `pattern` has a group `p0`, `p1`, ... for each of `names`."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]
    literal: str
    optional: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A function's template, its methods (empty: all) and constraints as (parameter, kind, argument)."""

    function: Function
    segments: tuple[Segment, ...]
    methods: frozenset[str]
    constraints: tuple[tuple[str, str, str], ...]
    defaults: tuple[tuple[str, str], ...]

    def match(self, method: str, path: Sequence[str]) -> dict[str, str] | None:
        """Give the route values, e.g. {'entity': 'account'}; None if the request is not for this route."""
        if self.methods and method.upper() not in self.methods:
            return None
        values = dict(self.defaults)
        for position, segment in enumerate(self.segments):
            text = "/".join(path[position:]) if segment.rest else "".join(path[position : position + 1])
            if not text:
                if not (segment.optional or segment.rest):
                    return None
                continue
            found = segment.pattern.fullmatch(text)
            if found is None:
                return None
            values.update({name: found[f"p{index}"] for index, name in enumerate(segment.names)})
        if len(path) > len(self.segments) and not (self.segments and self.segments[-1].rest):
            return None
        passes = all(name not in values or CONSTRAINTS[kind](values[name], arg) for name, kind, arg in self.constraints)
        return values if passes else None


def parse(function: Function, prefix: str) -> Route:
    """Read the route of an HTTP function; raises ValueError naming function and template."""
    template = str(function.trigger.get("route") or function.name).strip("/")
    _check(function, template)
    constraints: list[tuple[str, str, str]] = []
    defaults: list[tuple[str, str]] = []
    whole = f"{prefix}/{template}" if prefix else template
    try:
        segments = tuple(_segment(text, constraints, defaults) for text in _split(whole))
    except ValueError as error:
        raise ValueError(f"function {function.name!r}: route {template!r}: {error}") from error
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, segments, methods, tuple(constraints), tuple(defaults))


def _check(function: Function, template: str) -> None:
    """Refuse what the real host refuses before it reads a template; raises ValueError naming the function."""
    level, methods = str(function.trigger.get("authLevel") or "function"), function.trigger.get("methods") or []
    if level.lower() not in LEVELS:
        raise ValueError(f"function {function.name!r}: authLevel: expected one of {', '.join(LEVELS)}, found {level!r}")
    if not isinstance(methods, list):
        raise ValueError(  # noqa: TRY004 -- one kind of refusal for whoever reads routes
            f"function {function.name!r}: methods: expected a list such as ['GET'], found {methods!r}"
        )
    if template.lower().startswith(_RESERVED):
        raise ValueError(
            f"function {function.name!r}: route {template!r}: routes that begin with {' or '.join(_RESERVED)} "
            "are the host's own, whatever the prefix"
        )


def _refuse_clash(routes: Sequence[Route]) -> None:
    """Refuse two functions with one route and a method in common, as the real host does (ScriptHost)."""
    known: dict[str, list[Route]] = {}
    for route in routes:
        template = str(route.function.trigger.get("route") or route.function.name).strip("/").lower()
        for other in known.setdefault(template, []):
            if not route.methods or not other.methods or route.methods & other.methods:
                raise ValueError(
                    f"function {route.function.name!r}: route {template!r} is that of function "
                    f"{other.function.name!r}, with a method in common"
                )
        known[template].append(route)


def _split(template: str) -> list[str]:
    """Split at the slashes outside of braces: a regex constraint may hold one."""
    return [part for part in re.split(r"/(?![^{}]*\}(?!\}))", template) if part]


def _segment(text: str, constraints: list[tuple[str, str, str]], defaults: list[tuple[str, str]]) -> Segment:
    names: list[str] = []
    pattern, position, optional, rest = "", 0, False, False
    for found in _PARAMETER.finditer(text):
        inner = found[1].replace("{{", "{").replace("}}", "}")
        pattern += re.escape(text[position : found.start()])
        position = found.end()
        name = _NAME.match(inner)
        if name is None or "/" in name["name"]:
            raise ValueError(f"a parameter without a name, or a brace without its pair, in {text!r}")
        end = name.end()
        while (constraint := _CONSTRAINT.match(inner, end)) is not None:
            kind = constraint["kind"].lower()
            if kind not in CONSTRAINTS:
                raise ValueError(f"unknown constraint {kind!r}; known are {', '.join(CONSTRAINTS)}")
            constraints.append((name["name"], kind, constraint["argument"] or ""))
            end = constraint.end()
        remainder = inner[end:]
        if remainder.startswith("="):
            defaults.append((name["name"], remainder[1:]))
        elif remainder not in {"", "?"}:
            raise ValueError(f"cannot read {remainder!r} in {text!r}")
        rest = rest or inner.startswith("*")
        optional = optional or remainder != ""
        pattern += f"(?P<p{len(names)}>.+)"
        names.append(name["name"])
    if {"{", "}"} & set(_PARAMETER.sub("", text)):
        raise ValueError(f"a brace without its pair, in {text!r}")
    pattern += re.escape(text[position:])
    return Segment(re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(names), "" if names else text, optional, rest)


def order(routes: Sequence[Route]) -> list[Route]:
    """Sort as the real host tries them: literals before parameters, constrained before free, long before short.

    Source: the route comparison of the WebJobs HTTP extension. Raises ValueError for two that clash.
    """
    _refuse_clash(routes)

    def key(route: Route) -> tuple[tuple[int, int, str], ...]:
        counts = [name for name, _, _ in route.constraints]
        parts = [
            (1, -counts.count(segment.names[0]), "") if segment.names else (0, 0, segment.literal.lower())
            for segment in route.segments
        ]
        return (*parts, (2, 0, ""))  # the end of a short route sorts after any further segment

    return sorted(routes, key=key)


def split_path(raw_path: str) -> list[str]:
    """'/api/a%20b/' -> ['api', 'a b']; one slash at the end does not count, an encoded slash stays '%2F'."""
    path = _ENCODED_SLASH.sub("%252F", raw_path).removeprefix("/").removesuffix("/")
    return [unquote(part, errors="replace") for part in path.split("/")] if path else []


def find(routes: Sequence[Route], method: str, raw_path: str) -> tuple[Function, dict[str, str]] | None:
    """Find the function for a request and its route values; None is a 404 (as is a method that no route lists)."""
    path = split_path(raw_path)
    for route in routes:
        values = route.match(method, path)
        if values is not None:
            return route.function, values
    return None
