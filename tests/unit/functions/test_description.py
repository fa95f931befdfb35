"""The API's description: complete, true, and with an example of each body."""

from typing import Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from functions.api.description import description
from functions.contracts import Contract
from functions.endpoints import contracts
from local.hosting.functions import HttpTrigger
from shared.version import VERSION
from tests.api_client import VIEWER, Api, functions

DESCRIBED = [one for one in contracts() if one.method and one.route.startswith("api/")]


def operations() -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for path in description()["paths"].values()
        for operation in path.values()
    }


def test_every_function_below_api_is_described():
    registered = {
        one.name
        for one in functions()
        if isinstance(one.trigger, HttpTrigger) and one.trigger.route.startswith("api")
    }

    assert set(operations()) == registered - {"unknown_address", "page_api_docs"}


def test_the_app_serves_it(in_azure: Api):
    answer = in_azure.call("GET", "/api/openapi.json", headers=VIEWER)

    assert answer.json == description()
    assert answer.json["openapi"].startswith("3.1")
    assert answer.json["info"]["version"] == VERSION


@pytest.mark.parametrize("one", DESCRIBED, ids=lambda one: one.name)
def test_a_function_is_described_in_words_and_with_all_it_may_answer(one: Contract):
    operation = operations()[one.name]

    assert operation["summary"].endswith((".", ";")) or operation["description"]
    assert {"503"} <= set(operation["responses"])
    assert one.role is None or {"401", "403"} <= set(operation["responses"])
    assert [p["name"] for p in operation["parameters"] if p["in"] == "path"] == [
        *one.path_parameters
    ]


@pytest.mark.parametrize(
    "one", [one for one in DESCRIBED if one.takes is not None], ids=lambda one: one.name
)
def test_a_body_has_an_example_that_is_taken(one: Contract):
    [examples] = [found for found in _examples(operations()[one.name]) if found]

    for example in examples:
        TypeAdapter(one.takes).validate_python(example)


@pytest.mark.parametrize("one", DESCRIBED, ids=lambda one: one.name)
def test_every_schema_is_a_schema(one: Contract):
    responses = operations()[one.name]["responses"].values()

    for response in responses:
        for content in response.get("content", {}).values():
            jsonschema.Draft202012Validator.check_schema(content["schema"])


def _examples(operation: dict[str, Any]) -> list[list[Any]]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schemas = description()["components"]["schemas"]
    forms = schema.get("anyOf", [schema])
    return [
        (schemas[form["$ref"].rpartition("/")[2]] if "$ref" in form else form).get("examples", [])
        for form in forms
    ]
