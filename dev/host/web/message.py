"""HTTP to the runtime's form and back, as the real host's gRPC conversion does it (ToRpcHttp and its counterpart)."""

from collections.abc import Mapping
from typing import Any

from azure.functions.meta import Datum

from dev.host.web.headers import HOP_BY_HOP, query_values


def http_datum(method: str, url: str, headers: Mapping[str, str], route: Mapping[str, str], body: bytes) -> Datum:
    """Build the request for the runtime: the body as its bytes, empty query values left out."""
    query = query_values(url.partition("?")[2])

    def texts(values: Mapping[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in values.items()}

    request = {
        "method": Datum(method, "string"),
        "url": Datum(url, "string"),
        "headers": texts(headers),
        "query": texts({name: value for name, value in query.items() if value}),
        "params": texts(route),
        "body": Datum(body, "bytes"),
    }
    return Datum(request, "http")


def answer_parts(answer: Datum | None) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of what a function returned; text is a 200, nothing at all a 204."""
    if answer is None or answer.value is None:
        return 204, [], b""
    if answer.type != "http":
        body = answer.value if isinstance(answer.value, bytes) else str(answer.value).encode()
        return 200, [("Content-Type", "text/plain; charset=utf-8")], body
    response: dict[str, Any] = answer.value
    headers = [
        (name, datum.value)
        for name, datum in response["headers"].items()
        if name.lower() not in HOP_BY_HOP and name.lower() != "content-length"
    ]
    for cookie in response.get("cookies") or ():
        headers += [("Set-Cookie", morsel.OutputString()) for morsel in cookie.values()]
    return int(response["status_code"].value), headers, response["body"].value
