"""The HTTP side: an ASGI application that answers with functions, and the admin addresses."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from local.hosting.converters import HttpAnswer, http_answer, http_request
from local.hosting.functions import Function, HttpTrigger
from local.hosting.invoking import Invoker
from local.hosting.routes import Route, Router, compile_template

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

EMPTY = b""
NO_BODY = frozenset({204, 205, 304})


def empty(status: int) -> HttpAnswer:
    """Return an answer without a body."""
    return HttpAnswer(status, (), EMPTY)


def as_json(status: int, value: object) -> HttpAnswer:
    """Return a JSON answer."""
    return HttpAnswer(status, (("content-type", "application/json"),), json.dumps(value).encode())


class HttpApplication:
    """Answers each request with the first function whose route matches.

    Function keys are not checked, whatever the auth level, as with Core Tools.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        invoker: Invoker,
        *,
        route_prefix: str,
        fire_timer: Callable[[str], bool | None],
        homepage: bool,
    ) -> None:
        """Take the functions.

        Args:
            fire_timer: Starts the timer of that name: True when it did, False when the
                function is not a timer, None when there is no such function.
        """
        self._functions = {function.name: function for function in functions}
        self._invoker = invoker
        self._fire_timer = fire_timer
        self._homepage = homepage
        self._router = Router(
            Route(name, compile_template(full_route(route_prefix, trigger.route)), trigger.methods)
            for name, function in self._functions.items()
            if isinstance(trigger := function.trigger, HttpTrigger)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].decode("ascii", "replace")
        if path.lower().startswith("/admin/"):
            answer = self._admin(scope["method"], path)
        else:
            answer = await self._answer(scope, path, receive)
        await _send(answer, send)

    def _admin(self, method: str, path: str) -> HttpAnswer:
        parts = path.strip("/").split("/")
        if method == "GET" and parts == ["admin", "host", "status"]:
            return as_json(200, {"state": "Running", "functions": sorted(self._functions)})
        if method in {"GET", "POST"} and parts == ["admin", "host", "ping"]:
            return empty(200)
        if method == "POST" and len(parts) == 3 and parts[1] == "functions":
            fired = self._fire_timer(parts[2])
            if fired is None:
                return empty(404)
            if not fired:
                return as_json(400, {"message": f"{parts[2]} is not a timer"})
            return empty(202)
        return empty(404)

    async def _answer(self, scope: Scope, path: str, receive: Receive) -> HttpAnswer:
        found = self._router.find(scope["method"], path)
        if found is None:
            if path == "/" and scope["method"] == "GET":
                return self._home()
            return empty(404)
        name, route_params = found
        function = self._functions[name]
        headers = _headers(scope["headers"])
        query = scope["query_string"].decode("latin-1")
        host = headers.get("host", "localhost")
        request = http_request(
            scope["method"],
            f"{scope['scheme']}://{host}{path}{'?' + query if query else ''}",
            headers=headers,
            query=_query(query),
            route_params=route_params,
            body=await _body(headers, receive),
        )
        # The request's own words stay out of the log: a query may carry a key or a name.
        try:
            return await self._invoker.invoke(
                function, request, reason=scope["method"], convert=http_answer
            )
        except Exception:  # noqa: BLE001 - whatever it was is an empty 500, and logged already
            return empty(500)

    def _home(self) -> HttpAnswer:
        if not self._homepage:
            return empty(204)
        text = (("content-type", "text/plain; charset=utf-8"),)
        return HttpAnswer(200, text, b"The local host is running.\n")


def full_route(prefix: str, route: str) -> str:
    """Return the template below the route prefix; an empty prefix adds nothing."""
    return f"{prefix}/{route.strip('/')}".strip("/")


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        separator = "; " if name == "cookie" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


def _query(text: str) -> dict[str, str]:
    """Return the query: repeated keys joined by commas in any case, empty values left out."""
    values: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(spelling.setdefault(key.lower(), key), []).append(value)
    joined = {key: ",".join(several) for key, several in values.items()}
    return {key: value for key, value in joined.items() if value}


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """Return the body; as the host does, nothing for a request without a length."""
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", EMPTY))
        more = message.get("more_body", False)
    return EMPTY.join(chunks) if headers.get("content-length", "0") != "0" else EMPTY


async def _send(answer: HttpAnswer, send: Send) -> None:
    body = EMPTY if answer.status in NO_BODY else answer.body
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
        if name.lower() not in {"content-length", "transfer-encoding"}
    ]
    if answer.status not in NO_BODY:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
