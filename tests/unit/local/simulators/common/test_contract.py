"""The contract checker against a small contract and the real Graph one."""

from __future__ import annotations

import json

import pytest

from local.simulators.common.contract import Contract
from local.simulators.microsoft.vendor import graph_contract

SCHEMAS = {
    "Thing": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer", "format": "int32"},
            "name": {"type": "string", "nullable": True},
            "kind": {"type": "string", "enum": ["a", "b"], "nullable": True},
            "owner": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Owner"}]},
            "parent": {"$ref": "#/components/schemas/Thing"},
            "price": {"type": "number", "format": "double", "minimum": 0, "exclusiveMinimum": True},
            "at": {"type": "string", "format": "date-time"},
            "key": {"type": "string", "format": "uuid"},
        },
        "additionalProperties": False,
    },
    "Owner": {"type": "object", "required": ["email"]},
}
JSON_THING = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
DOCUMENT = {
    "openapi": "3.0.3",
    "paths": {
        "/things": {
            "parameters": [
                {"name": "X-Key", "in": "header", "required": True, "schema": {"type": "string"}}
            ],
            "get": {
                "parameters": [
                    {"name": "size", "in": "query", "schema": {"type": "integer", "maximum": 10}},
                    {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
                    {
                        "name": "kinds",
                        "in": "query",
                        "explode": False,
                        "schema": {"type": "array", "items": {"type": "string", "enum": ["a"]}},
                    },
                ],
                "responses": {"200": {"content": JSON_THING}, "4XX": {"content": JSON_THING}},
            },
            "post": {
                "requestBody": {"required": True, "content": JSON_THING},
                "responses": {
                    "201": {
                        "content": JSON_THING,
                        "headers": {"Location": {"required": True}},
                    }
                },
            },
        },
        "/things/count": {"get": {"responses": {"200": {"content": {"text/plain": {}}}}}},
        "/things/{id}": {
            "delete": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
                ],
                "responses": {"204": {"description": ""}, "default": {"content": JSON_THING}},
            }
        },
        "/form": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {"type": "object", "required": ["grant_type"]}
                        }
                    }
                },
                "responses": {"200": {"description": ""}},
            }
        },
    },
    "components": {"schemas": SCHEMAS},
}
CONTRACT = Contract(DOCUMENT, "/api")
KEY = {"X-Key": "k"}
JSON_KEY = KEY | {"Content-Type": "application/json"}


def request(method, path, query=(), headers=KEY, body=None):
    return CONTRACT.check_request(method, path, dict(query), headers, body)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("GET", "/api/things", {"size": "10", "deep": "true", "kinds": "a,a"}, {"x-key": "k"}),
        ("GET", "/things", {}, KEY),
        ("GET", "/api/things/count", {}, {}),
        ("DELETE", "/api/things/7", {}, {}),
    ],
)
def test_a_request_as_the_contract_says_has_no_problems(method, path, query, headers):
    assert request(method, path, query, headers) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "word"),
    [
        ("GET", "/api/thing", {}, KEY, "not in the contract"),
        ("PUT", "/api/things", {}, KEY, "not in the contract"),
        ("GET", "/api/things/7", {}, KEY, "not in the contract"),
        ("GET", "/api/things", {"sise": "1"}, KEY, "sise"),
        ("GET", "/api/things", {"size": "ten"}, KEY, "size"),
        ("GET", "/api/things", {"size": "11"}, KEY, "maximum"),
        ("GET", "/api/things", {"deep": "yes"}, KEY, "deep"),
        ("GET", "/api/things", {"kinds": "a,b"}, KEY, "kinds"),
        ("GET", "/api/things", {}, {}, "X-Key is missing"),
        ("DELETE", "/api/things/x", {}, {}, "id"),
        ("POST", "/api/things", {}, JSON_KEY, "body is missing"),
    ],
)
def test_a_request_beside_the_contract_is_told(method, path, query, headers, word):
    assert word in "; ".join(request(method, path, query, headers))


@pytest.mark.parametrize(
    "thing",
    [
        '{"id": 1}',
        '{"id": 1, "name": null, "kind": null, "owner": null}',
        '{"id": 1, "price": 0.01, "owner": {"email": "x"}, "parent": {"id": 2}}',
        '{"id": 1, "at": "2026-03-01T00:00:00Z", "key": "00000000-0000-4000-8000-000000000001"}',
    ],
)
def test_a_body_as_the_contract_says_has_no_problems(thing):
    assert request("POST", "/things", headers=JSON_KEY, body=thing.encode()) == []


@pytest.mark.parametrize(
    ("thing", "word"),
    [
        ("{}", "required"),
        ("{", "cannot be read"),
        ("[]", "object"),
        ('{"id": null}', "[id]"),
        ('{"id": 1.5}', "[id]"),
        ('{"id": 2147483648}', "int32"),
        ('{"id": true}', "[id]"),
        ('{"id": 1, "name": 5}', "[name]"),
        ('{"id": 1, "kind": "c"}', "[kind]"),
        ('{"id": 1, "owner": {}}', "email"),
        ('{"id": 1, "parent": {"id": "x"}}', "[parent][id]"),
        ('{"id": 1, "price": 0}', "[price]"),
        ('{"id": 1, "price": "1"}', "[price]"),
        ('{"id": 1, "at": "yesterday"}', "date-time"),
        ('{"id": 1, "key": "1"}', "uuid"),
        ('{"id": 1, "colour": "red"}', "colour"),
    ],
)
def test_a_body_beside_the_contract_is_told_with_its_place(thing, word):
    problems = request("POST", "/things", headers=JSON_KEY, body=thing.encode())

    assert word in "; ".join(problems)


def test_a_body_of_another_type_is_told():
    headers = KEY | {"Content-Type": "text/xml"}

    assert "text/xml" in request("POST", "/things", headers=headers, body=b"<a/>")[0]


def test_a_body_where_none_belongs_is_told():
    assert request("GET", "/things", headers=JSON_KEY, body=b"{}") == ["a body where none belongs"]


def test_a_form_is_read_as_an_object():
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert request("POST", "/form", headers=headers, body=b"grant_type=x") == []
    assert request("POST", "/form", headers=headers, body=b"a=x") != []


@pytest.mark.parametrize(
    ("call", "status", "headers", "body", "word"),
    [
        (
            "GET /things",
            200,
            {"content-type": "application/json; charset=utf-8"},
            b'{"id":1}',
            "",
        ),
        ("GET /things", 404, {"content-type": "application/json"}, b'{"id":1}', ""),
        ("GET /things", 404, {"content-type": "application/json"}, b"{}", "required"),
        ("GET /things", 500, {"content-type": "application/json"}, b'{"id":1}', "never answers"),
        ("GET /things", 200, {"content-type": "text/html"}, b"<p>", "text/html"),
        ("GET /things", 200, {}, b"", "no type"),
        ("POST /things", 201, {"content-type": "application/json"}, b'{"id":1}', "Location"),
        ("GET /things/count", 200, {"content-type": "text/plain"}, b"3", ""),
        ("DELETE /things/1", 204, {}, b"", ""),
        ("DELETE /things/1", 204, {}, b"x", "none belongs"),
        ("DELETE /things/1", 418, {"content-type": "application/json"}, b'{"id":1}', ""),
        ("DELETE /nothing", 204, {}, b"", "not in the contract"),
    ],
)
def test_answers_are_held_against_status_type_headers_and_schema(call, status, headers, body, word):
    problems = "; ".join(CONTRACT.check_response(*call.split(), status, headers, body))

    assert (word in problems) if word else (problems == "")


def test_a_parsed_value_is_checked_as_its_bytes_would_be():
    headers = {"content-type": "application/json"}

    assert CONTRACT.check_response("GET", "/things", 200, headers, {"id": 1}) == []
    assert CONTRACT.check_response("GET", "/things", 200, headers, {"id": "1"}) != []


def test_a_thousand_wrong_rows_are_told_in_five_problems():
    page = {"value": [{"consumedUnits": "x"}] * 1000}
    body = json.dumps(page).encode()
    headers = {"content-type": "application/json"}

    problems = graph_contract().check_response("GET", "/v1.0/subscribedSkus", 200, headers, body)

    assert len(problems) == 5


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1.0/users/$count", "/users/$count"),
        ("/v1.0/users/someone", "/users/{user-id}"),
        ("/v1.0/groups/1/members/microsoft.graph.user", "/groups/{group-id}/members/graph.user"),
        ("/v1.0/groups/1/members/$count", "/groups/{group-id}/members/$count"),
        (
            "/v1.0/directory/subscriptions(commerceSubscriptionId='1-2')",
            "/directory/subscriptions(commerceSubscriptionId='{commerceSubscriptionId}')",
        ),
        ("/v1.0/directory/subscriptions/1-2", "/directory/subscriptions/{companySubscription-id}"),
        ("/v1.0/directory/subscriptions/1/2", None),
    ],
)
def test_the_most_literal_path_template_wins(path, template):
    assert graph_contract().template("GET", path) == template


@pytest.mark.parametrize("units", ["null", '{"enabled": null}', "{}"])
def test_nulls_that_the_graph_contract_allows_pass(units):
    body = b'{"value": [{"prepaidUnits": %s, "consumedUnits": null}]}' % units.encode()
    headers = {"content-type": "application/json"}

    problems = graph_contract().check_response("GET", "/v1.0/subscribedSkus", 200, headers, body)

    assert problems == []


@pytest.mark.parametrize("units", ["5", '{"enabled": "5"}', '{"enabled": 5.5}', "[]"])
def test_units_of_another_type_break_the_graph_contract(units):
    body = b'{"value": [{"prepaidUnits": %s}]}' % units.encode()
    headers = {"content-type": "application/json"}

    problems = graph_contract().check_response("GET", "/v1.0/subscribedSkus", 200, headers, body)

    assert problems != []
