"""Route templates and the choice of the function, by ASP.NET's rules."""

import pytest

from local.hosting.http import full_route
from local.hosting.routes import (
    InvalidRouteError,
    Route,
    Router,
    compile_template,
    conflict,
    reserved,
    split_path,
)

GUID = "0d3f0a5e-5f0b-4b0e-9d7c-2b1f5a3c4d5e"


def match(template, path):
    return compile_template(template).match(split_path(path))


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("", "/", {}),
        ("/", "/", {}),
        ("items", "/items", {}),
        ("items", "/ITEMS/", {}),
        ("/items/", "/items", {}),
        ("items", "/items/1", None),
        ("items", "/item", None),
        ("items/{id}", "/items/a%20b", {"id": "a b"}),
        ("items/{id}", "/items/a%2520b", {"id": "a%20b"}),
        ("items/{id}", "/items/a%2Fb", {"id": "a%2Fb"}),
        ("items/{id}", "/items", None),
        ("items/{id}", "/items//", None),
        ("items/{id?}", "/items", {}),
        ("items/{id?}", "/items/1", {"id": "1"}),
        ("items/{id:int?}", "/items/x", None),
        ("items/{id=5}", "/items", {"id": "5"}),
        ("items/{id:int=5}", "/items/7", {"id": "7"}),
        ("files/{*rest}", "/files", {}),
        ("files/{*rest}", "/files/a/b.css", {"rest": "a/b.css"}),
        ("files/{**rest}", "/files/a//b", {"rest": "a//b"}),
        ("files/{*rest}", "/files/../secret", None),
        ("files/{*rest}", "/files/%2e%2e/%2e%2e/files/x", {"rest": "x"}),
        ("{name}.json", "/a.b.json", {"name": "a.b"}),
        ("v{major:int}/x", "/v2/x", {"major": "2"}),
        ("v{major:int}/x", "/vx/x", None),
        ("{a}-{b}", "/x-y-z", {"a": "x-y", "b": "z"}),
        ("a/{b}/c/{d}", "/a/1/C/2", {"b": "1", "d": "2"}),
    ],
)
def test_templates(template, path, expected):
    assert match(template, path) == expected


@pytest.mark.parametrize(
    ("constraint", "accepted", "refused"),
    [
        ("int", ["0", "-5", "2147483647"], ["2147483648", "1.0", "x", "\uff11"]),
        ("long", ["9223372036854775807"], ["9223372036854775808"]),
        ("guid", [GUID, GUID.upper(), GUID.replace("-", ""), f"{{{GUID}}}"], ["1", GUID + "0"]),
        ("alpha", ["abc", "ABC"], ["a1", "é"]),
        ("bool", ["true", "False"], ["1", "yes"]),
        ("decimal", ["1.5", "-3"], ["x", "NaN"]),
        ("datetime", ["2026-11-21", "2026-11-21T10:00:00"], ["soon"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("min(5)", ["5"], ["4", "x"]),
        ("max(5)", ["5"], ["6"]),
        ("range(2,4)", ["2", "4"], ["1", "5"]),
        ("regex(^a+$)", ["aa", "AA"], ["ab"]),
        ("int:min(5):max(7)", ["5", "7"], ["4", "8"]),
    ],
)
def test_constraints(constraint, accepted, refused):
    template = "{value:" + constraint + "}"

    assert [match(template, f"/{text}") is not None for text in accepted] == [True] * len(accepted)
    assert [match(template, f"/{text}") is not None for text in refused] == [False] * len(refused)


@pytest.mark.parametrize(
    "template",
    [
        "{id:even}",
        "{id:range(1)}",
        "{a}/{A}",
        "{*rest}/more",
        "{id?}/more",
        "{id",
        "id}",
        "{}",
        "a{id?}",
    ],
)
def test_templates_that_cannot_be_read_are_refused(template):
    with pytest.raises(InvalidRouteError):
        compile_template(template)


def router(*routes):
    return Router(
        Route(name, compile_template(text), frozenset(methods)) for name, text, methods in routes
    )


def test_the_first_function_by_name_wins_however_special_a_later_route_is():
    found = router(("b", "items/search", ["GET"]), ("a", "items/{id}", ["GET"]))

    assert found.find("GET", "/items/search") == ("a", {"id": "search"})


def test_names_are_ordered_as_upper_case_so_an_underscore_comes_after_letters():
    found = router(("get_item", "{x}", ["GET"]), ("getitem", "{y}", ["GET"]))

    assert found.find("GET", "/1") == ("getitem", {"y": "1"})


def test_a_wrong_method_or_a_failed_constraint_goes_on_to_the_next_function():
    found = router(
        ("a", "items/{id}", ["POST"]), ("b", "items/{id:int}", ["GET"]), ("c", "{*x}", ["GET"])
    )

    assert found.find("get", "/items/1") == ("b", {"id": "1"})
    assert found.find("GET", "/items/x") == ("c", {"x": "items/x"})
    assert found.find("DELETE", "/items/1") is None


def test_a_function_without_methods_takes_them_all():
    assert router(("a", "x", [])).find("BREW", "/x") == ("a", {})


@pytest.mark.parametrize(
    ("route", "expected"),
    [("admin/x", True), ("/Administrators", True), ("runtime", True), ("api/admin", False)],
)
def test_reserved_routes(route, expected):
    assert reserved(route) is expected


@pytest.mark.parametrize(
    ("methods", "other", "other_methods", "expected"),
    [
        ({"GET"}, "/Items/{id}/", {"GET", "POST"}, True),
        ({"GET"}, "items/{id}", {"POST"}, False),
        (set(), "items/{id}", {"POST"}, True),
        ({"GET"}, "items/{name}", {"GET"}, False),
    ],
)
def test_conflicting_routes(methods, other, other_methods, expected):
    assert conflict("items/{id}", frozenset(methods), other, frozenset(other_methods)) is expected


@pytest.mark.parametrize(
    ("prefix", "route", "expected"),
    [("api", "items", "api/items"), ("", "items", "items"), ("", "/", ""), ("api", "/", "api")],
)
def test_the_prefix_comes_before_the_route(prefix, route, expected):
    assert full_route(prefix, route) == expected
