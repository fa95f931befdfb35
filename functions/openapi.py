"""The API in OpenAPI 3.1, made of the contracts and their shapes."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from functions.contracts import Contract, Query

Document = dict[str, Any]

TITLE = "Seatsync"
REF = "#/components/schemas/{model}"
PROBLEM_MEDIA = "application/problem+json"
SIGN_IN = "signIn"

_KEY = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"}
_ROW = {
    "type": "string",
    "pattern": "^((sku|sub)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    "|custom-[a-z0-9]{1,40})$",
}
_DESCRIPTION = """\
Whatever the pages show or do is a call here.

Lists come a page at a time: `continuation` of the answer is sent as `continuation` of the next
request, until it is null. What can be edited has an `ETag`; send it as `If-Match` with the change,
and a change that would overwrite somebody else's is refused with 412. Work that goes on after the
answer is told by 202 and `Location`. Errors are `application/problem+json`; `errors` names each
value that cannot be used. Amounts are JSON numbers with all their digits, dates are the PSA's
calendar dates, moments are UTC. An address is 404 for a method that it does not have.
"""


class Problem(BaseModel):
    """Why a request was not answered."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: dict[str, str] | None = None
    lines: list[dict[str, Any]] | None = None


class _Exact(GenerateJsonSchema):
    """Says how our answers differ from pydantic's own: amounts are numbers, nothing is extra."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        found = super().decimal_schema(schema)
        return {"type": "number"} if self.mode == "serialization" else found

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        found = super().dataclass_schema(schema)
        if self.mode == "serialization":
            found = {
                **found,
                "required": sorted(found.get("properties", {})),
                "additionalProperties": False,
            }
            found.pop("description", None)  # written for those who read the code
        return found

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def document(contracts: Iterable[Contract], version: str) -> Document:
    """Return the description of the API.

    Args:
        version: Of the app.
    """
    known = sorted(contracts, key=lambda one: (one.route, one.method))
    wanted: list[tuple[tuple[str, str], JsonSchemaMode, TypeAdapter[Any]]] = [
        (("problem", ""), "serialization", TypeAdapter(Problem))
    ]
    for one in known:
        for status, shape in _shapes(one):
            wanted.append(((one.name, str(int(status))), "serialization", TypeAdapter(shape)))
        if one.takes is not None:
            wanted.append(((one.name, "takes"), "validation", TypeAdapter(one.takes)))
    schemas, shared = TypeAdapter.json_schemas(wanted, ref_template=REF, schema_generator=_Exact)
    found = {(key[0], key[1]): schema for (key, _), schema in schemas.items()}
    paths: dict[str, Document] = {}
    for one in known:
        paths.setdefault(f"/{one.route}", {})[one.method.lower()] = _operation(one, found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in sorted({_tag(one) for one in known})],
        "security": [{SIGN_IN: []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                SIGN_IN: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An Entra ID token of somebody with an app role.",
                }
            },
            "schemas": shared.get("$defs", {}),
        },
    }


def _shapes(one: Contract) -> list[tuple[HTTPStatus, Any]]:
    return [
        (status, shape)
        for status, shape in ((one.status, one.gives), *one.also.items())
        if shape is not None
    ]


def _operation(one: Contract, schemas: dict[tuple[str, str], JsonSchemaValue]) -> Document:
    responses: Document = {
        str(int(one.status)): {
            "description": "Done." if one.gives is None else "What was asked for.",
            **_answer_headers(one),
        }
    }
    for status, _ in _shapes(one):
        entry = responses.setdefault(str(int(status)), {"description": status.phrase})
        schema = schemas[one.name, str(int(status))]
        entry["content"] = {
            media: {"schema": schema if media == "application/json" else {"type": "string"}}
            for media in one.media
        }
    for status in one.problems:
        responses[str(int(status))] = {
            "description": status.phrase,
            "content": {PROBLEM_MEDIA: {"schema": schemas["problem", ""]}},
        }
    operation: Document = {
        "operationId": one.name,
        "summary": one.summary,
        "description": _description(one),
        "tags": [_tag(one)],
        "parameters": [*map(_in_path, one.path_parameters), *map(_in_query, one.query)],
        "responses": dict(sorted(responses.items())),
    }
    if one.matches:
        operation["parameters"].append(
            {
                "name": "If-Match",
                "in": "header",
                "description": "The ETag that the caller saw; absent, any version is changed.",
                "schema": {"type": "string", "maxLength": 500},
            }
        )
    if one.takes is not None:
        operation["requestBody"] = {
            "required": not one.optional,
            "content": {"application/json": {"schema": schemas[one.name, "takes"]}},
        }
    if one.role is None:
        operation["security"] = []
    return operation


def _description(one: Contract) -> str:
    lines = [line.strip() for line in one.text.strip().splitlines()]
    who = "Open to everybody." if one.role is None else f"Needs Seatsync.{one.role.name.title()}."
    return "\n".join([*lines, "", who])


def _tag(one: Contract) -> str:
    parts = [part for part in one.route.split("/")[1:] if not part.startswith("{")]
    return parts[0]


def _answer_headers(one: Contract) -> Document:
    headers: Document = {}
    if one.tagged:
        headers["ETag"] = {
            "description": "The version that is shown.",
            "schema": {"type": "string"},
        }
    if one.located:
        headers["Location"] = {"description": "Where it is.", "schema": {"type": "string"}}
    return {"headers": headers} if headers else {}


def _in_path(name: str) -> Document:
    schema = _ROW if name == "row_id" else _KEY
    return {"name": name, "in": "path", "required": True, "schema": dict(schema)}


def _in_query(one: Query) -> Document:
    return {
        "name": one.name,
        "in": "query",
        "required": one.required,
        "description": one.text,
        "schema": dict(one.schema),
    }
