"""HTTP answers: JSON, problems, and the one place that maps errors to a status."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import azure.functions as func

from shared import exact_json
from shared.domain.errors import (
    AccessDeniedError,
    BadMessageError,
    ConflictError,
    ConnectionPausedError,
    InvalidInputError,
    InvalidPeriodError,
    LeaseTakenError,
    NotFoundError,
    OutcomeInDoubtError,
    OwnedLinesError,
    RateLimitError,
    RequestRefusedError,
    RetryableError,
    SeatsyncError,
    SettingsError,
    StaleVersionError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
"""For every answer; pages have a content policy of their own."""

API_HEADERS: Mapping[str, str] = {
    **SECURITY_HEADERS,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

PROBLEM_TYPE = "urn:seatsync:problem:"
LONGEST_INSTANCE = 500
ANY_VERSION = "*"


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of problem."""

    name: str
    status: HTTPStatus
    title: str


class HttpError(Exception):
    """A request that cannot be answered, for a reason that only HTTP knows."""

    def __init__(self, kind: Kind, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


BAD_JSON = Kind("bad-json", HTTPStatus.BAD_REQUEST, "The body is not JSON")
BAD_HEADER = Kind("bad-header", HTTPStatus.BAD_REQUEST, "A header cannot be read")
NOT_SIGNED_IN = Kind("not-signed-in", HTTPStatus.UNAUTHORIZED, "Nobody is signed in")
NOT_ALLOWED = Kind("not-allowed", HTTPStatus.FORBIDDEN, "The role does not allow this")
FOREIGN_PAGE = Kind("foreign-page", HTTPStatus.FORBIDDEN, "Another site's page sent this")
NOT_FOUND = Kind("not-found", HTTPStatus.NOT_FOUND, "There is no such thing")
TOO_LARGE = Kind("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
NOT_JSON_TYPE = Kind(
    "not-json-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The content type is not JSON"
)
NOT_FORM_TYPE = Kind(
    "not-form-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The content type is not a form's"
)
UNPROVEN_FORM = Kind("unproven-form", HTTPStatus.FORBIDDEN, "The form is not one of ours")
_INTERNAL = Kind("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here")

# The first class that an error is an instance of decides.
_KINDS: tuple[tuple[type[SeatsyncError], Kind], ...] = (
    (
        InvalidInputError,
        Kind("invalid-input", HTTPStatus.UNPROCESSABLE_ENTITY, "A value cannot be used"),
    ),
    (NotFoundError, NOT_FOUND),
    (
        ConflictError,
        Kind("conflict", HTTPStatus.CONFLICT, "This contradicts what is there"),
    ),
    (
        StaleVersionError,
        Kind("stale", HTTPStatus.PRECONDITION_FAILED, "Somebody saved it first"),
    ),
    (
        SettingsError,
        Kind("settings", HTTPStatus.SERVICE_UNAVAILABLE, "Settings are missing or wrong"),
    ),
    (
        AccessDeniedError,
        Kind("access-denied", HTTPStatus.BAD_GATEWAY, "A connection lets us not in"),
    ),
    (
        UnexpectedPayloadError,
        Kind("unexpected-answer", HTTPStatus.BAD_GATEWAY, "A connection's answer makes no sense"),
    ),
    (
        UnknownOutcomeError,
        Kind("unknown-outcome", HTTPStatus.BAD_GATEWAY, "A write got no answer"),
    ),
    (
        RequestRefusedError,
        Kind("refused", HTTPStatus.CONFLICT, "A connection refused this"),
    ),
    (
        InvalidPeriodError,
        Kind("invalid-period", HTTPStatus.CONFLICT, "The dates contradict each other"),
    ),
    (
        RateLimitError,
        Kind("rate-limit", HTTPStatus.SERVICE_UNAVAILABLE, "A connection asked us to wait"),
    ),
    (
        ConnectionPausedError,
        Kind("paused", HTTPStatus.SERVICE_UNAVAILABLE, "A connection is paused"),
    ),
    (
        RetryableError,
        Kind("try-again", HTTPStatus.SERVICE_UNAVAILABLE, "This may work in a moment"),
    ),
    (OwnedLinesError, Kind("owned-lines", HTTPStatus.CONFLICT, "Somebody has to decide first")),
    (BadMessageError, Kind("bad-message", HTTPStatus.CONFLICT, "The work cannot be done")),
)


def ok(body: object, *, etag: str | None = None) -> func.HttpResponse:
    """Return 200 with JSON, and the version of what it shows."""
    return _json(HTTPStatus.OK, body, etag=etag)


def created(body: object, location: str, *, etag: str | None = None) -> func.HttpResponse:
    """Return 201 with JSON and where the new thing is."""
    return _json(HTTPStatus.CREATED, body, etag=etag, location=location)


def accepted(body: object, location: str) -> func.HttpResponse:
    """Return 202 with JSON and where to look how it goes."""
    return _json(HTTPStatus.ACCEPTED, body, location=location)


def no_content() -> func.HttpResponse:
    """Return 204."""
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=dict(API_HEADERS))


def download(content: bytes, media: str, name: str) -> func.HttpResponse:
    """Return 200 with a file that a browser saves under the name."""
    headers = {**API_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return func.HttpResponse(content, status_code=HTTPStatus.OK, headers=headers, mimetype=media)


def unavailable(body: object) -> func.HttpResponse:
    """Return 503 with JSON that says what does not work."""
    return _json(HTTPStatus.SERVICE_UNAVAILABLE, body)


def problem(error: Exception, url: str) -> func.HttpResponse:
    """Return an error as ``application/problem+json``.

    What is not one of ours is told without any of its words, which may hold anything.

    Args:
        url: The request's, for ``instance``; its query stays out.
    """
    kind = kind_of(error)
    body = {**told(error), "instance": urlsplit(url).path[:LONGEST_INSTANCE]}
    if isinstance(error, OwnedLinesError):
        body["lines"] = jsonable(error.lines)
    headers = dict(API_HEADERS)
    if isinstance(
        error, RateLimitError | ConnectionPausedError | LeaseTakenError | OutcomeInDoubtError
    ):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after.total_seconds())))
    if kind is NOT_SIGNED_IN:
        headers["WWW-Authenticate"] = "Bearer"
    return func.HttpResponse(
        exact_json.dumps(body),
        status_code=kind.status,
        headers=headers,
        mimetype="application/problem+json",
    )


def told(error: Exception) -> dict[str, object]:
    """Return an error as a problem's body, for one of several things in an answer."""
    kind = kind_of(error)
    body: dict[str, object] = {
        "type": PROBLEM_TYPE + kind.name,
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail_of(error),
    }
    if isinstance(error, InvalidInputError):
        body["errors"] = error.errors
    return body


def is_unexpected(error: Exception) -> bool:
    """Return whether an error is a fault of ours that belongs into the log."""
    return kind_of(error) is _INTERNAL


def etag_of(version: str) -> str:
    """Return a version as an entity tag; what the storage calls it is nobody's business."""
    return f'"{base64.urlsafe_b64encode(version.encode()).decode().rstrip("=")}"'


def if_match(header: str | None) -> str | None:
    """Return the version that ``If-Match`` demands.

    ``None`` when it is absent, and ``*`` for whatever is there. A weak tag counts as the strong
    one: proxies that compress make tags weak. What is no tag of ours matches nothing.

    Raises:
        HttpError: It names several versions.
    """
    if header is None or not header.strip():
        return None
    if "," in header:
        raise HttpError(BAD_HEADER, "If-Match names several versions; send one")
    tag = header.strip()
    if tag == ANY_VERSION:
        return ANY_VERSION
    text = tag.removeprefix("W/").strip('"')
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return f"not a version of ours: {len(tag)} characters"


def path(*parts: str) -> str:
    """Return an address below ``/api``, safe whatever the parts hold."""
    return "/".join(["/api", *(quote(part, safe="") for part in parts)])


def jsonable(value: object) -> exact_json.Json:
    """Return domain values as JSON ones: dates as ISO text, enums as their value, exact numbers."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: jsonable(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): jsonable(below) for name, below in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(jsonable(element) for element in value)
    if isinstance(value, list | tuple):
        return [jsonable(element) for element in value]
    return value


def _json(
    status: HTTPStatus, body: object, *, etag: str | None = None, location: str | None = None
) -> func.HttpResponse:
    headers = dict(API_HEADERS)
    if etag is not None:
        headers["ETag"] = etag
    if location is not None:
        headers["Location"] = location
    return func.HttpResponse(
        exact_json.dumps(jsonable(body)),
        status_code=status,
        headers=headers,
        mimetype="application/json",
    )


def kind_of(error: Exception) -> Kind:
    """Return what sort of problem an error is."""
    if isinstance(error, HttpError):
        return error.kind
    return next((kind for known, kind in _KINDS if isinstance(error, known)), _INTERNAL)


def detail_of(error: Exception) -> str:
    """Return an error's words, where they may be told."""
    kind = kind_of(error)
    if kind is _INTERNAL:
        return "The log has more; nothing else is told here."
    if isinstance(error, AccessDeniedError):
        return error.in_full
    return str(error)
