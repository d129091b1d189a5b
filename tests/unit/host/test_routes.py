"""Which function a request means, by the rules of ASP.NET routing."""

import pytest

from dev.host.function import Function
from dev.host.web.headers import header_values, query_values
from dev.host.web.routes import find, order, parse


def function(name: str, route: str | None = None, *methods: str) -> Function:
    return Function(name, name, {"type": "httpTrigger", "route": route, "methods": list(methods) or None}, ())


def matched(template: str, path: str, method: str = "GET", prefix: str = "api") -> dict[str, str] | None:
    found = find([parse(function("f", template), prefix)], method, path)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("events", "/api/events", {}),
        ("events", "/API/Events", {}),
        ("events", "/api/events/", {}),
        ("events", "/events", None),
        ("events", "/api/events/more", None),
        ("events", "/api/event", None),
        ("{entity}", "/api/account", {"entity": "account"}),
        ("{entity}", "/api/", None),
        ("{entity}", "/api/a%20b%C3%BC", {"entity": "a bü"}),
        ("{entity}", "/api/a%2Fb", {"entity": "a%2Fb"}),
        ("{entity}", "/api/a/b", None),
        ("{entity}/{id:int}", "/api/account/42", {"entity": "account", "id": "42"}),
        ("{entity}/{id:int}", "/api/account/-42", {"entity": "account", "id": "-42"}),
        ("{entity}/{id:int}", "/api/account/x", None),
        ("{id:int}", "/api/2147483648", None),
        ("{id:long}", "/api/2147483648", {"id": "2147483648"}),
        ("{id:int:min(5)}", "/api/4", None),
        ("{id:int:range(1,9)}", "/api/9", {"id": "9"}),
        ("{id:guid}", "/api/3F2504E0-4F89-11D3-9A0C-0305E82C3301", {"id": "3F2504E0-4F89-11D3-9A0C-0305E82C3301"}),
        ("{id:guid}", "/api/3F2504E0", None),
        ("{flag:bool}", "/api/True", {"flag": "True"}),
        ("{name:alpha:length(2,3)}", "/api/abc", {"name": "abc"}),
        ("{name:alpha:length(2,3)}", "/api/abcd", None),
        ("{day:datetime}", "/api/2026-11-20", {"day": "2026-11-20"}),
        (r"{code:regex(^\d{{3}}$)}", "/api/123", {"code": "123"}),
        (r"{code:regex(^\d{{3}}$)}", "/api/1234", None),
        ("{entity}/{id?}", "/api/account", {"entity": "account"}),
        ("{entity}/{id?}", "/api/account/1", {"entity": "account", "id": "1"}),
        ("{entity}/{id:int?}", "/api/account/x", None),
        ("{entity}/{page=1}", "/api/account", {"entity": "account", "page": "1"}),
        ("{entity}/{page=1}", "/api/account/2", {"entity": "account", "page": "2"}),
        ("files/{*rest}", "/api/files/a/b%20c/d", {"rest": "a/b c/d"}),
        ("files/{*rest}", "/api/files", {}),
        ("files/{name}.{ext}", "/api/files/a.b.pdf", {"name": "a.b", "ext": "pdf"}),
        ("files/v{major:int}", "/api/files/v2", {"major": "2"}),
    ],
)
def test_a_template_matches_its_paths(template: str, path: str, values: dict[str, str] | None) -> None:
    assert matched(template, path) == values


def test_an_empty_prefix_leaves_the_route_at_the_root() -> None:
    assert matched("events", "/events", prefix="") == {}
    assert matched("events", "/api/events", prefix="") is None


def test_without_a_route_the_name_is_the_route() -> None:
    assert find([parse(function("Status"), "api")], "GET", "/api/status") is not None


def test_only_listed_methods_match_and_none_listed_means_all() -> None:
    post = [parse(function("f", "x", "POST", "OPTIONS"), "api")]
    assert find(post, "post", "/api/x")
    assert find(post, "OPTIONS", "/api/x")
    assert find(post, "GET", "/api/x") is None
    assert find([parse(function("f", "x"), "api")], "PURGE", "/api/x")


def test_two_functions_share_a_path_by_method() -> None:
    routes = order([parse(function("reads", "x", "GET"), "api"), parse(function("writes", "x", "POST"), "api")])
    found = find(routes, "POST", "/api/x")
    assert found is not None
    assert found[0].name == "writes"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/ops/status", "literal"),
        ("/api/ops/7", "constrained"),
        ("/api/ops/other", "free"),
        ("/api/ops/other/more", "rest"),
        ("/api/ops/status/deep", "longer"),
    ],
)
def test_the_most_specific_route_wins_whatever_the_order_of_the_file(path: str, name: str) -> None:
    templates = {
        "rest": "{*any}",
        "free": "ops/{name}",
        "constrained": "ops/{id:int}",
        "literal": "ops/status",
        "longer": "ops/status/{part}",
    }
    routes = order([parse(function(key, template), "api") for key, template in templates.items()])
    found = find(routes, "GET", path)
    assert found is not None
    assert found[0].name == name


def test_a_template_that_cannot_be_read_names_function_and_route() -> None:
    with pytest.raises(ValueError, match=r"function 'f': route '\{id:number\}': unknown constraint 'number'"):
        parse(function("f", "{id:number}"), "api")


def test_queries_are_as_aspnet_reads_them() -> None:
    assert query_values("a=1&A=2&b=&c=x+y%20z&d=%C3%BC") == {"a": "1,2", "b": "", "c": "x y z", "d": "ü"}


def test_headers_are_lower_case_joined_and_without_those_of_the_connection() -> None:
    headers = [("X-A", "1"), ("x-a", "2"), ("Connection", "close"), ("Content-Type", "text/plain")]
    assert header_values(headers) == {"x-a": "1,2", "content-type": "text/plain"}
