"""A call that reached a simulator, and the answer it gives.

Both are plain values, so that a request inside a Graph ``$batch`` travels the same road as one
from the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from shared import exact_json

Json = Any  # a JSON value: the simulators carry payloads, they do not model them

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(slots=True)
class Call:
    """One request to a vendor's API.

    ``path`` is below the vendor's base path and percent-decoded, except that an encoded slash
    stays ``%2F``, so that it never looks like a separator. Header names are lower-case.
    """

    method: str
    path: str
    full_path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""
    tenant: str | None = None  # set by the vendor once it knows who is calling
    principal: Any = None  # whatever the vendor's authentication wants to remember
    inner: bool = False  # a sub-request of a batch

    @classmethod
    def build(
        cls,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        base_url: str = "",
        base_path: str = "",
    ) -> Call:
        """Return the call for ``target``: a path with an optional query, still percent-encoded."""
        raw_path, _, raw_query = target.partition("?")
        full_path = unquote(raw_path.replace("%2F", "%252F").replace("%2f", "%252F"))
        return cls(
            method=method.upper(),
            path=below(base_path, full_path),
            full_path=full_path,
            query=tuple(parse_qsl(raw_query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in (headers or {}).items()},
            body=body,
            base_url=base_url,
        )

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    def argument(self, name: str) -> str | None:
        """Return the last value of a query argument, or None."""
        return dict(self.query).get(name)

    def json(self) -> Json:
        """Return the parsed body; fractions come as Decimal. Raises ValueError if it isn't JSON."""
        return json.loads(self.body, parse_float=Decimal)

    def form(self) -> dict[str, str]:
        """Return the fields of a form-encoded body; the last of a repeated field wins."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def url(self, **changed: str) -> str:
        """Return the absolute address of this call, with query arguments replaced or added.

        An argument's name is given without its leading ``$`` as ``dollar_<name>``.
        """
        given = {name.replace("dollar_", "$", 1): value for name, value in changed.items()}
        kept = [(name, value) for name, value in self.query if name not in given]
        query = urlencode([*kept, *given.items()], safe="$/()':,", quote_via=quote)
        path = quote(self.full_path, safe="/$()='%,:@.")
        return f"{self.base_url}{path}" + (f"?{query}" if query else "")


def below(base_path: str, path: str) -> str:
    """Return ``path`` without the base path, or unchanged when it lies elsewhere."""
    if base_path and (path == base_path or path.startswith(base_path + "/")):
        return path[len(base_path) :] or "/"
    return path


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulator replies: a JSON value, text, bytes, or nothing (None) as the body.

    A ``deliberate`` answer is broken on purpose (a fault, a raw override) and isn't held
    against the contract.
    """

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    deliberate: bool = False

    @property
    def content(self) -> bytes:
        """The bytes that go over the wire."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str) and not self.content_type.startswith("application/json"):
            return self.body.encode()
        return json.dumps(self.body, default=_plain).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers with the content type, which an empty body doesn't have."""
        typed = {} if self.body is None else {"Content-Type": self.content_type}
        return typed | dict(self.headers)

    def with_headers(self, extra: Mapping[str, str]) -> Answer:
        return replace(self, headers=dict(self.headers) | dict(extra))


def exact(value: object, status: int = HTTPStatus.OK) -> Answer:
    """Return an answer whose numbers are written digit by digit."""
    return Answer(status, exact_json.dumps(value).encode())


def number_of(text: str) -> int:
    """Return the id in a path; -1, which nothing has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() else -1


def host_of(url: str) -> str:
    """Return scheme and host of an absolute address, without its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def pairs(query: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return query arguments as pairs, however they were given."""
    return list(query.items()) if isinstance(query, Mapping) else list(query)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return int(value) if whole else float(value)
    message = f"{type(value).__name__} is not a JSON value"
    raise TypeError(message)
