"""What each HTTP function promises: what it takes, what it gives, and which problems it may tell.

The document at ``/api/openapi.json`` is made of these, and the tests hold every answer against
them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from functions.auth import Role

Schema = Mapping[str, Any]
Shape = Any  # a type that pydantic can describe

_PART = re.compile(r"\{(\w+)\}")
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Query:
    """A value of the query.

    Attributes:
        text: What it does.
        schema: What it may be, as JSON Schema.
        required: Whether it must be there.
    """

    name: str
    text: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """What an HTTP function promises.

    Attributes:
        name: The function's, which is unique.
        role: Which role a caller needs; ``None`` where anybody may call.
        summary: The first line of what it does; ``text`` is all of it.
        gives: The shape of the answer; ``None`` for one without a body.
        media: The content types of the answer.
        status: Of the usual answer.
        located: Whether the answer says in ``Location`` where the new thing or the work is.
        tagged: Whether the answer carries an ``ETag``.
        matches: Whether the request may carry ``If-Match``.
        takes: The shape of the body; ``None`` where none is read.
        optional: Whether the body may be absent.
        query: What the query may hold; nothing else is read.
        outside: Whether Microsoft or a PSA is asked while the caller waits.
        also: Other answers that are no problems, by status.
    """

    name: str
    method: str
    route: str
    role: Role | None
    text: str
    gives: Shape = None
    media: tuple[str, ...] = ("application/json",)
    status: HTTPStatus = HTTPStatus.OK
    located: bool = False
    tagged: bool = False
    matches: bool = False
    takes: Shape = None
    optional: bool = False
    query: tuple[Query, ...] = ()
    outside: bool = False
    also: Mapping[HTTPStatus, Shape] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of what it does."""
        return self.text.strip().partition("\n")[0]

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the address."""
        return tuple(_PART.findall(self.route))

    @property
    def problems(self) -> tuple[HTTPStatus, ...]:
        """The statuses of the problems that it may tell."""
        # A fault of ours, wrong settings and a storage that does not answer can meet every request.
        found = {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE} - set(self.also)
        if self.role is not None:
            found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        if self.path_parameters or self.outside:
            found.add(HTTPStatus.NOT_FOUND)
        if self.query or self.takes is not None:
            found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
        if self.takes is not None:
            found |= {
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            }
        if self.matches:
            found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.PRECONDITION_FAILED}
        if self.method not in _READS:
            found |= {
                HTTPStatus.CONFLICT,
                HTTPStatus.UNPROCESSABLE_ENTITY,
                HTTPStatus.NOT_FOUND,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,  # a form, which a page of any site can send
            }
        if self.outside:
            found |= {HTTPStatus.BAD_GATEWAY, HTTPStatus.CONFLICT}
        return tuple(sorted(found))


def whole_number(least: int, most: int) -> Schema:
    """Return the schema of a whole number in a range."""
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*words: str) -> Schema:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(words)}


def flag(name: str, text: str) -> Query:
    """Return a switch of the query; absent is false."""
    return Query(name, text, {"type": "boolean", "default": False})
