"""What control routes and hand pages of several PSA simulators share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.simulators.common import exact_json, pages

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """The PSA's own rules say no.

    Attributes:
        status: How the API answers it.
    """

    def __init__(self, reason: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def told(endpoint: Endpoint) -> Endpoint:
    """Answer with the reason where a control call cannot be done."""

    async def answering(request: Request) -> Response:
        status, found = await _tried(endpoint, request)
        return found if isinstance(found, Response) else as_json({"error": found}, status)

    return answering


def shown(endpoint: Endpoint, templates: Path) -> Endpoint:
    """Show the reason, by the template ``refused.html``, where a form cannot be carried out."""

    async def showing(request: Request) -> Response:
        status, found = await _tried(endpoint, request)
        if isinstance(found, Response):
            return found
        return pages.page(templates, "refused.html", status=status, message=found)

    return showing


async def object_of(request: Request) -> Mapping[str, Any]:
    """Return the object that a control call carries.

    Raises:
        ValueError: The body is not JSON.
        TypeError: It is not an object.
    """
    value = exact_json.loads(await request.body())
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return value


def as_json(value: object, status: int = HTTPStatus.OK) -> Response:
    """Return an answer with exact numbers."""
    return Response(exact_json.dumps(value), status, media_type="application/json")


def nothing() -> Response:
    """Return an answer without a body."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def moment(text: str) -> datetime:
    """Return a moment; one without a zone is in UTC."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def set_switches(switches: object, wanted: Mapping[str, Any]) -> None:
    """Set the named fields of a dataclass of switches.

    Raises:
        KeyError: There is no such switch.
        TypeError: A value is of another kind than the switch.
    """
    known = {one.name for one in fields(switches)}  # type: ignore[arg-type]  # any dataclass
    for name, value in wanted.items():
        if name not in known:
            raise KeyError(name)
        if type(value) is not type(getattr(switches, name)):
            raise TypeError(f"{name} is a {type(getattr(switches, name)).__name__}")
        setattr(switches, name, value)


async def _tried(endpoint: Endpoint, request: Request) -> tuple[int, Response | str]:
    try:
        return HTTPStatus.OK, await endpoint(request)
    except RefusedError as error:
        return HTTPStatus.CONFLICT, str(error)
    except PermissionError as error:
        return HTTPStatus.FORBIDDEN, str(error)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        return HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}"


def total_of(invoices: list[dict[str, Any]]) -> Decimal:
    """Return what invoices come to."""
    return sum((invoice["total"] for invoice in invoices), Decimal("0.00"))
