"""Checks calls and answers against a vendor's OpenAPI 3.0 contract."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft4Validator, FormatChecker, ValidationError, validators

from local.simulators.common.messages import Json, below, pairs
from local.simulators.common.routing import PathTable

Schema = Mapping[str, Any]
Arguments = Mapping[str, str] | Iterable[tuple[str, str]]
Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

_METHODS = frozenset({"get", "put", "post", "patch", "delete", "head", "options"})
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MANY = 5  # problems told of one body; a wrong page would otherwise tell a thousand


class Contract:
    """The operations of one API, with what each accepts and answers.

    Bodies are given as bytes (as on the wire) or as parsed JSON values; None is no body.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        base_path: str = "",
        *,
        rewrites: Mapping[str, str] | None = None,
        extra_query: Iterable[str] = (),
    ) -> None:
        """Take a parsed OpenAPI document.

        Args:
            document: OpenAPI 3.0.
            base_path: What the API's paths stand below; paths may be given with or without it.
            rewrites: Spellings that a vendor takes for another (``/microsoft.graph.`` for
                ``/graph.``), applied before a path is looked up.
            extra_query: Query arguments that the document leaves out but the vendor's own next
                links carry.
        """
        self._document = document
        self._base_path = base_path
        self._rewrites = dict(rewrites or {})
        self._extra_query = frozenset(extra_query)
        self._paths = PathTable(document["paths"].items())
        self._resolved: dict[str, Any] = {}
        self._validator = _validator_class(self._resolve)

    @classmethod
    def load(
        cls,
        path: Path | str,
        base_path: str = "",
        *,
        rewrites: Mapping[str, str] | None = None,
        extra_query: Iterable[str] = (),
    ) -> Contract:
        """Return the contract in a JSON file. The arguments are those of the constructor."""
        document = json.loads(Path(path).read_text("utf-8"), parse_float=Decimal)
        return cls(document, base_path, rewrites=rewrites, extra_query=extra_query)

    def template(self, method: str, path: str) -> str | None:
        """Return the path template of an operation, or None when the contract has no such."""
        found = self._operation(method, path)
        return found[0] if found else None

    def extension(self, method: str, path: str, name: str) -> Json:
        """Return an ``x-…`` entry of an operation, or None."""
        found = self._operation(method, path)
        return found[1].get(name) if found else None

    def check_request(
        self, method: str, path: str, query: Arguments, headers: Mapping[str, str], body: Json
    ) -> list[str]:
        """Return what is wrong with a request, in words; an empty list when nothing is."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        _, operation, parameters, given = found
        problems: list[str] = []
        lowered = {name.lower(): value for name, value in headers.items()}
        arguments = pairs(query)
        names = {one["name"] for one in parameters if one["in"] == "query"}
        problems.extend(
            f"query argument {name} is not in the contract"
            for name, _ in arguments
            if name not in names | self._extra_query
        )
        sources = {
            "query": dict(arguments),
            "header": lowered,
            "path": given,
        }
        for parameter in parameters:
            source = sources.get(parameter["in"], {})
            name = parameter["name"]
            key = name.lower() if parameter["in"] == "header" else name
            problems.extend(self._parameter_problems(parameter, name, source.get(key)))
        problems.extend(self._request_body_problems(operation, lowered, body))
        return problems

    def check_response(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: Json
    ) -> list[str]:
        """Return what is wrong with an answer, in words; an empty list when nothing is."""
        found = self._operation(method, path)
        if found is None:
            return [f"{method} {path} is not in the contract"]
        response = self._response(found[1], status)
        if response is None:
            return [f"{method} {path} never answers {status}"]
        content = response.get("content") or {}
        lowered = {name.lower(): value for name, value in headers.items()}
        problems = [
            f"header {name} is missing"
            for name, header in (response.get("headers") or {}).items()
            if self._resolve_in(header).get("required") and name.lower() not in lowered
        ]
        if not content:
            return [*problems, "a body where none belongs"] if body not in (None, b"") else problems
        return problems + self._content_problems(content, lowered, body, "the answer")

    # --- looking things up -------------------------------------------------------------------

    def _operation(
        self, method: str, path: str
    ) -> tuple[str, Schema, list[Schema], dict[str, str]] | None:
        path = below(self._base_path, path)
        for spelling, known in self._rewrites.items():
            path = path.replace(spelling, known)
        found = self._paths.find(path)
        if found is None or method.lower() not in _METHODS & set(found[1]):
            return None
        template, item, given = found
        operation = item[method.lower()]
        declared: dict[tuple[str, str], Schema] = {}
        for reference in [*item.get("parameters", []), *operation.get("parameters", [])]:
            parameter = self._resolve_in(reference)
            declared[parameter["in"], parameter["name"]] = parameter
        return template, operation, list(declared.values()), given

    def _response(self, operation: Schema, status: int) -> Schema | None:
        responses = operation["responses"]
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in responses:
                return self._resolve_in(responses[key])
        return None

    def _resolve(self, reference: str) -> Json:
        """Return what a ``#/…`` reference points at."""
        if reference not in self._resolved:
            target: Any = self._document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            self._resolved[reference] = target
        return self._resolved[reference]

    def _resolve_in(self, value: Schema) -> Schema:
        while "$ref" in value:
            value = self._resolve(value["$ref"])
        return value

    # --- what is wrong -----------------------------------------------------------------------

    def _parameter_problems(self, parameter: Schema, name: str, given: str | None) -> list[str]:
        where = f"{parameter['in']} argument {name}"
        if given is None:
            return [f"{where} is missing"] if parameter.get("required") else []
        schema = self._resolve_in(parameter.get("schema") or {})
        if schema.get("type") == "array":
            items = self._resolve_in(schema.get("items") or {})
            value: Any = [_typed(items, part.strip()) for part in given.split(",")]
        else:
            value = _typed(schema, given)
        return self._schema_problems(schema, value, where)

    def _request_body_problems(
        self, operation: Schema, headers: Mapping[str, str], body: Json
    ) -> list[str]:
        declared = self._resolve_in(operation.get("requestBody") or {})
        if body in (None, b""):
            return ["the body is missing"] if declared.get("required") else []
        if not declared:
            return ["a body where none belongs"]
        return self._content_problems(declared["content"], headers, body, "the body")

    def _content_problems(
        self, content: Mapping[str, Schema], headers: Mapping[str, str], body: Json, where: str
    ) -> list[str]:
        given = headers.get("content-type", "").partition(";")[0].strip().lower()
        known = {name.partition(";")[0].strip().lower(): media for name, media in content.items()}
        media = known.get(given, known.get("*/*"))
        if media is None:
            return [f"{where} is {given or 'of no type'}, not {' or '.join(sorted(known))}"]
        try:
            value = _decoded(given, body) if isinstance(body, bytes) else body
        except ValueError as error:
            return [f"{where} cannot be read: {error}"]
        return self._schema_problems(media.get("schema") or {}, value, where)

    def _schema_problems(self, schema: Schema, value: Json, where: str) -> list[str]:
        checker = self._validator(schema, format_checker=_FORMATS)
        problems: list[str] = []
        for error in checker.iter_errors(value):
            at = "".join(f"[{part}]" for part in error.absolute_path)
            problems.append(f"{where}{at}: {error.message[:200]}")
            if len(problems) == _MANY:
                break
        return problems


def _typed(schema: Schema, text: str) -> Json:
    """Return a path, query or header value as the type its schema asks for, or as it came."""
    wanted = schema.get("type")
    if wanted == "integer" and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if wanted == "number" and re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return Decimal(text)
    if wanted == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text


def _decoded(content_type: str, body: bytes) -> Json:
    if content_type == "application/json" or content_type.endswith("+json"):
        return json.loads(body, parse_float=Decimal)
    text = body.decode("utf-8")
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(text, keep_blank_values=True))
    return text


def _validator_class(resolve: Callable[[str], Json]) -> Json:
    """Return a JSON Schema validator that reads OpenAPI 3.0's dialect.

    3.0 stands on draft 4 (a ``$ref`` hides its neighbours) and adds ``nullable``.
    """

    def reference(
        validator: Json, target: str, instance: Json, _schema: Schema
    ) -> Iterator[ValidationError]:
        yield from validator.descend(instance, resolve(target))

    def nullable(keyword: Keyword) -> Keyword:
        def check(
            validator: Json, value: Json, instance: Json, schema: Schema
        ) -> Iterator[ValidationError]:
            if instance is None and schema.get("nullable"):
                return
            yield from keyword(validator, value, instance, schema) or ()

        return check

    base = Draft4Validator.VALIDATORS
    changed = {name: nullable(base[name]) for name in ("type", "enum", "allOf", "anyOf", "oneOf")}
    types = Draft4Validator.TYPE_CHECKER.redefine("number", lambda _, value: _is_number(value))
    return validators.extend(  # type: ignore[no-untyped-call]  # jsonschema's types lack this one
        Draft4Validator, {"$ref": reference, **changed}, type_checker=types
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not _is_number(value) or (isinstance(value, int) and value in _INT32)


@_FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not _is_number(value) or (isinstance(value, int) and value in _INT64)


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None
