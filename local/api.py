"""A small client for JSON over HTTP on this machine: Seatsync's own API and the simulators'."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import requests

TIMEOUT_SECONDS = 60.0
Json = Any


class ApiError(Exception):
    """A call was refused; the message says which and why."""


class Api:
    """Calls below one address.

    Args:
        seconds: The longest wait for an answer.
    """

    def __init__(self, url: str, seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url
        self._seconds = seconds
        self._session = requests.Session()
        # A proxy of the machine has no business between two of its own processes.
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._session.close()

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """Return the JSON of the answer, ``None`` where it has none.

        Raises:
            ApiError: It is not a success.
        """
        return self.send(method, path, None if body is None else json.dumps(body))

    def send(self, method: str, path: str, text: str | None) -> Json:
        """Send a body that is JSON already; the rest is as with ``call``."""
        try:
            answer = self._session.request(
                method,
                f"{self.url}{path}",
                data=None if text is None else text.encode(),
                headers={} if text is None else {"Content-Type": "application/json"},
                timeout=self._seconds,
            )
        except requests.RequestException as error:
            raise ApiError(f"{method} {path}: {type(error).__name__}") from error
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def form(self, path: str, fields: Mapping[str, str]) -> None:
        """Post a form of a page; what the page leads to is not fetched.

        Raises:
            ApiError: It is refused.
        """
        answer = self._session.post(
            f"{self.url}{path}", data=fields, timeout=self._seconds, allow_redirects=False
        )
        if not answer.ok:
            raise ApiError(f"POST {path}: {answer.status_code} {answer.text[:500]}")

    def items(self, path: str) -> Iterator[Json]:
        """Yield the entries of a list, page after page."""
        continuation = ""
        while True:
            page = self.call("GET", f"{path}{continuation}")
            yield from page["items"]
            if not page.get("continuation"):
                return
            token = quote(page["continuation"], safe="")
            continuation = f"?continuation={token}"
