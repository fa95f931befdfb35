"""Request bodies: JSON that is checked before anything is done with it."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, TypeVar
from unicodedata import category

import azure.functions as func
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from functions.responses import BAD_JSON, NOT_JSON_TYPE, TOO_LARGE, HttpError
from shared.domain import ids
from shared.domain.errors import InvalidInputError

LARGEST_BODY = 1024 * 1024
DEEPEST = 20
MOST_ERRORS = 20
MOST_SEATS = 1_000_000

M = TypeVar("M")

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # Unicode's names for them, halves and breaks


class Body(BaseModel):
    """A JSON object whose every name is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def example(**fields: JsonValue) -> ConfigDict:
    """Return the configuration that shows a body with these fields in the API's description."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Nothing(Body):
    """The body of a request that needs none: absent, or ``{}``."""

    model_config = example()


def read(request: func.HttpRequest, model: type[M], *, most: int = LARGEST_BODY) -> M:
    """Return a request's body.

    Args:
        most: Bytes that are read.

    Raises:
        HttpError: It is too large, of another content type, or not JSON.
        InvalidInputError: Names every field that is missing, unknown or wrong.
    """
    return checked(document(request, most=most), model)


def read_optional(request: func.HttpRequest, model: type[M]) -> M:
    """Return a request's body; an absent one counts as ``{}``. Raises: as ``read``."""
    return checked(document(request) if _sent(request) else {}, model)


def checked(document: object, model: type[M]) -> M:
    """Return a JSON value as a model.

    Raises:
        InvalidInputError: Names every field that is missing, unknown or wrong.
    """
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise InvalidInputError(_reasons(problems)) from None


def document(request: func.HttpRequest, *, most: int = LARGEST_BODY) -> object:
    """Return a request's body as JSON values, for a route that takes more than one form.

    Args:
        most: Bytes that are read.

    Raises:
        HttpError: It is too large, of another content type, or not JSON.
    """
    body = _sent(request, most)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise HttpError(NOT_JSON_TYPE, "send Content-Type: application/json")
    return parsed(body)


def _sent(request: func.HttpRequest, most: int = LARGEST_BODY) -> bytes:
    body = request.get_body()
    if len(body) > most:
        raise HttpError(TOO_LARGE, f"at most {most} bytes are read")
    return bytes(body)


def parsed(body: bytes) -> object:
    """Return the values of a JSON text.

    Raises:
        HttpError: It is not JSON, or JSON that says something twice or is too deep.
    """
    try:
        parsed: object = json.loads(
            body,
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except _RefusedError as error:
        raise HttpError(BAD_JSON, str(error)) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HttpError(BAD_JSON, f"{error.msg} ({where})") from None
    except RecursionError:
        raise HttpError(BAD_JSON, "it is nested too deeply") from None
    except UnicodeError:
        raise HttpError(BAD_JSON, "it is not UTF-8") from None
    except (ValueError, ArithmeticError):
        raise HttpError(BAD_JSON, "it has a number of too many digits") from None
    if _depth(parsed) > DEEPEST:
        raise HttpError(BAD_JSON, "it is nested too deeply")
    return parsed


class _RefusedError(Exception):
    """JSON that Python would take and we do not."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError("an object names the same field twice")
    return found


def _no_constant(constant: str) -> object:
    raise _RefusedError(f"{constant} is not JSON")


def _depth(value: object) -> int:
    """Return how deeply a value is nested, level by level so that no stack runs out."""
    depth, level = 0, [value]
    while level := [below for one in level for below in _children(one)]:
        depth += 1
    return depth


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


# Reasons -----------------------------------------------------------------------------------------

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "string_unicode": "must be valid text",
    "bool_type": "must be true or false",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a number",
}


def _reasons(problems: list[ErrorDetails]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for one in problems[:MOST_ERRORS]:
        field = ".".join(str(part)[:100] for part in one["loc"]) or "body"
        reasons.setdefault(field, _reason(one))
    if len(problems) > MOST_ERRORS:
        reasons["body"] = f"{len(problems) - MOST_ERRORS} more values cannot be used"
    return reasons


def _reason(one: ErrorDetails) -> str:
    context = one.get("ctx", {})
    if one["type"] in {"enum", "literal_error"}:
        return f"must be {context['expected']}"
    if one["type"] == "value_error":
        return str(context["error"])
    words = _WORDS.get(one["type"])
    return words if words is not None else one["msg"][:1].lower() + one["msg"][1:]


# Types of fields ---------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return _without_controls(text, allowed="")


def _several_lines(text: str) -> str:
    return _without_controls(text, allowed="\n\t")


def _without_controls(text: str, *, allowed: str) -> str:
    if any(category(one) in _CONTROLS and one not in allowed for one in text):
        raise ValueError("must not have control characters")
    return text


def _iso_date(value: object) -> date:
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-12-01")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def _amount(value: object) -> Decimal:
    """Take a JSON number or its text; a float never gets here."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports a ValueError
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", value, re.ASCII):
        raise ValueError("must be a number such as 12.50")
    return Decimal(value)


def _by(check: Callable[[str, str], str]) -> AfterValidator:
    def checks(text: str) -> str:
        try:
            return check(text, "")
        except InvalidInputError as error:
            raise ValueError(error.errors[""]) from None

    return AfterValidator(checks)


def _row_id(text: str) -> str:
    try:
        return ids.row_id(text)
    except InvalidInputError as error:
        raise ValueError(error.errors["row_id"]) from None


Seats = Annotated[StrictInt, Field(ge=0, le=MOST_SEATS)]
Flag = StrictBool
Day = Annotated[date, BeforeValidator(_iso_date)]
Amount = Annotated[
    Decimal, BeforeValidator(_amount), Field(max_digits=12, decimal_places=4, allow_inf_nan=False)
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_plain),
]
Note = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_several_lines)
]
Text = Annotated[str, StringConstraints(max_length=6000), AfterValidator(_several_lines)]
# The patterns are for the API's description; the checks are those of the domain.
Key = Annotated[
    str,
    _by(ids.key),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"}),
]
Guid = Annotated[
    str,
    _by(ids.guid),
    WithJsonSchema(
        {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
    ),
]
RowIdText = Annotated[str, AfterValidator(_row_id)]
