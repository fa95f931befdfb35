"""Calls a simulator from ``requests`` without a socket, a thread or an event loop."""

from __future__ import annotations

import io
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.exceptions import ReadTimeout
from starlette.types import ASGIApp, Message, Scope
from urllib3 import HTTPHeaderDict, HTTPResponse

from local.simulators.common.app import ABORT, SLEEP

Timeout = float | tuple[float | None, float | None] | None


class InProcessAdapter(BaseAdapter):
    """A transport for ``requests.Session.mount`` that calls an ASGI application directly.

    A dropped connection or a lost answer raises ``requests.exceptions.ConnectionError``, as over a
    network. A latency beyond the read timeout raises ``ReadTimeout`` after the work is done.
    """

    def __init__(self, app: ASGIApp, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take the application, and what to do for a latency of so many seconds."""
        super().__init__()
        self._app = app
        self._sleep = sleep
        self._responses = HTTPAdapter()

    def send(  # noqa: PLR0917 - the signature is requests'
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature is requests'
        timeout: Timeout = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature is requests'
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        del stream, verify, cert, proxies
        exchange = _Exchange(request, self._sleep, _read_timeout(timeout))
        _run(self._app(exchange.scope(), exchange.receive, exchange.send))
        if exchange.aborted:
            message = "connection aborted: reset by the simulator"
            raise requests.exceptions.ConnectionError(message, request=request)
        if exchange.timed_out:
            message = f"no answer within {exchange.read_timeout} s"
            raise ReadTimeout(message, request=request)
        return self._responses.build_response(request, exchange.response())

    def close(self) -> None:
        self._responses.close()


class _Exchange:
    """One request and what came back for it."""

    def __init__(
        self,
        request: requests.PreparedRequest,
        sleep: Callable[[float], None],
        read_timeout: float | None,
    ) -> None:
        self._request = request
        self._sleep = sleep
        self._body_sent = False
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._content = b""
        self._slept = 0.0
        self.read_timeout = read_timeout
        self.aborted = False

    @property
    def timed_out(self) -> bool:
        return self.read_timeout is not None and self._slept > self.read_timeout

    def scope(self) -> Scope:
        parts = urlsplit(self._request.url or "")
        headers = [
            (name.lower().encode("latin-1"), _bytes(value))
            for name, value in self._request.headers.items()
        ]
        if not any(name == b"host" for name, _ in headers):
            headers.append((b"host", parts.netloc.encode()))
        default_port = 443 if parts.scheme == "https" else 80
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": parts.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": headers,
            "server": (parts.hostname, parts.port or default_port),
            "client": ("127.0.0.1", 0),
            "extensions": {ABORT: self.abort, SLEEP: self.sleep},
        }

    async def receive(self) -> Message:
        if self._body_sent:
            return {"type": "http.disconnect"}
        self._body_sent = True
        body = self._request.body or b""
        if not isinstance(body, str | bytes):
            body = b"".join(body)  # a streamed body
        return {"type": "http.request", "body": _bytes(body), "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
        elif message["type"] == "http.response.body":
            self._content += message.get("body", b"")

    async def abort(self) -> None:
        self.aborted = True

    async def sleep(self, seconds: float) -> None:
        self._slept += seconds
        self._sleep(seconds if self.read_timeout is None else min(seconds, self.read_timeout))

    def response(self) -> HTTPResponse:
        return HTTPResponse(
            body=io.BytesIO(self._content),
            headers=HTTPHeaderDict(self._headers),
            status=self._status,
            preload_content=False,
        )


def _run(awaitable: Awaitable[None]) -> None:
    """Run a coroutine that never waits for anything real.

    An event loop would open a socket pair for itself, which tests forbid, and isn't needed: all
    that a simulator awaits here is ours and returns at once.
    """
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration:
        return
    message = "a simulator waited for the event loop, which doesn't exist in process"
    raise RuntimeError(message)


def _read_timeout(timeout: Timeout) -> float | None:
    return timeout[1] if isinstance(timeout, tuple) else timeout


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
