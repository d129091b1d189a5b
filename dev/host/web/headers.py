"""Headers and query as ASP.NET reads them. Imports nothing of the runtime: the proxy uses it too."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

# Of the connection, or settled by the bytes that are sent: never a function's to decide.
HOP_BY_HOP = frozenset(
    {
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)


def query_values(query: str) -> dict[str, str]:
    """'a=1&A=2&b=' -> {'a': '1,2', 'b': ''}: names without case, repeated values joined, as ASP.NET does."""
    spelling: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        known = spelling.setdefault(name.lower(), name)
        values[known] = f"{values[known]},{value}" if known in values else value
    return values


def header_values(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Lower-case names; a repeated header's values joined by a comma, those of the connection left out."""
    values: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key in HOP_BY_HOP:
            continue
        values[key] = f"{values[key]},{value}" if key in values else value
    return values
