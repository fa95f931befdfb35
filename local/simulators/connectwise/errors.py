"""The API's refusals, in the shape that every ConnectWise error body has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from local.simulators.common.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class FieldError:
    """One reason in the ``errors`` array."""

    code: str
    message: str
    resource: str
    field: str


class ApiError(RefusedError):
    """A call is refused with this status and body."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(message, status)
        self.code = code
        self.errors = errors

    @property
    def told_as(self) -> int:
        return self.status

    @property
    def told(self) -> str:
        return "; ".join([str(self), *(one.message for one in self.errors)])

    def body(self) -> dict[str, Any]:
        """Return ``{"code", "message", "errors"}``; ``errors`` only where there are some."""
        body: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.errors:
            body["errors"] = [asdict(error) for error in self.errors]
        return body


def invalid(resource: str, *errors: FieldError) -> ApiError:
    """Return the refusal of an object whose fields are wrong."""
    message = f"{resource} object is invalid"
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidObject", message, errors)


def bad_query(message: str) -> ApiError:
    """Return the refusal of a query parameter."""
    return ApiError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def not_found(resource: str, record_id: object) -> ApiError:
    """Return the answer for a record that does not exist."""
    return ApiError(HTTPStatus.NOT_FOUND, "NotFound", f"{resource} {record_id} not found")
