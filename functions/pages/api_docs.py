"""``/api/docs``: the description of the API, to be read by people."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import azure.functions as func

from functions.api.description import description
from functions.auth import Role
from functions.pages.site import Visit, page

blueprint = func.Blueprint()

Object = dict[str, Any]
_REF = "#/components/schemas/"
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the address or the query, or a header."""

    name: str
    place: str
    needed: bool
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back with a status: the names of its shapes, as text."""

    status: str
    text: str
    gives: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A method at an address."""

    name: str
    method: str
    address: str
    text: str
    parameters: tuple[Parameter, ...]
    takes: str
    sample: str
    answers: tuple[Answer, ...]


@page(blueprint, "GET", "api/docs", role=Role.VIEWER)
def page_api_docs(visit: Visit) -> func.HttpResponse:
    """Show every address of the API with what it takes and gives."""
    document = description()
    groups: dict[str, list[Operation]] = {}
    for address, methods in document["paths"].items():
        for method, found in methods.items():
            operation = _operation(method, address, found, document)
            groups.setdefault(found["tags"][0], []).append(operation)
    schemas = document["components"]["schemas"]
    return visit.show(
        "api_docs.html",
        about=document["info"]["description"],
        version=document["info"]["version"],
        groups=groups,
        shapes=[(name, _fields(schema)) for name, schema in sorted(schemas.items())],
    )


def _operation(method: str, address: str, found: Object, document: Object) -> Operation:
    content: Object = found.get("requestBody", {}).get("content", {})
    body = next((one["schema"] for one in content.values()), None)
    return Operation(
        name=found["operationId"],
        method=method.upper(),
        address=address,
        text=found["description"],
        parameters=tuple(_parameter(one) for one in found["parameters"]),
        takes="" if body is None else type_of(body),
        sample="" if body is None else _sample(body, document),
        answers=tuple(_answer(status, one) for status, one in found["responses"].items()),
    )


def _parameter(found: Object) -> Parameter:
    return Parameter(
        name=found["name"],
        place=found["in"],
        needed=bool(found.get("required")),
        type=type_of(found["schema"]),
        text=found.get("description", ""),
    )


def _answer(status: str, found: Object) -> Answer:
    shapes = {
        f"{type_of(one['schema'])} ({media})" for media, one in found.get("content", {}).items()
    }
    return Answer(f"{status} {HTTPStatus(int(status)).phrase}", found["description"], _all(shapes))


def type_of(schema: Object) -> str:
    """Return a JSON schema in a few words: a shape's name, or what kind of value it is."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(type_of(one) for one in schema[word]))
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    found = schema.get("type", "any value")
    kind = " or ".join(found) if isinstance(found, list) else str(found)
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _fields(schema: Object) -> list[tuple[str, str, bool]]:
    """Return name, kind and whether it is needed, of each field of a shape."""
    needed = schema.get("required", ())
    fields = schema.get("properties", {})
    return [(name, type_of(one), name in needed) for name, one in fields.items()]


def _sample(schema: Object, document: Object, depth: int = 0) -> str:
    """Return the first example of a shape as JSON; empty when none says one."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REF)
        schema = document["components"]["schemas"][name]
    examples = schema.get("examples", ())
    if examples:
        return json.dumps(examples[0], indent=2, ensure_ascii=False)
    if depth < _DEEPEST:
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            if found := _sample(one, document, depth + 1):
                return found
    return ""


def _all(shapes: set[str]) -> str:
    return ", ".join(sorted(shapes))
