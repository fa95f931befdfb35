"""The registered functions, called as the host calls them, on services in memory."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import function_app
from local.hosting.converters import http_answer, http_request, queue_message
from local.hosting.functions import Function, HttpTrigger
from local.hosting.loading import describe
from local.hosting.routes import Route, Router, compile_template
from shared.bootstrap import Environment
from tests.described import check_answer
from tests.house import House

SETTINGS = {"SYNC_SCHEDULE": "0 0 2 * * *", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
IN_AZURE = Environment(development=False, auth_enabled=True)
UNPROTECTED = Environment(development=False, auth_enabled=False)
ON_A_LAPTOP = Environment(development=True, auth_enabled=False)
LOCAL = {"host": "localhost:7071"}
NO_BODY = object()


def signed_in(*roles: str, name: str = "editor@msp.example") -> dict[str, str]:
    """Return the headers that App Service Authentication adds for somebody with these roles."""
    claims = [{"typ": "preferred_username", "val": name}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    document = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles", "claims": claims}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(document).encode()).decode()}


VIEWER = signed_in("Seatsync.Viewer", name="viewer@msp.example")
EDITOR = signed_in("Seatsync.Editor")
ADMIN = signed_in("Seatsync.Admin", name="admin@msp.example")


@cache
def functions() -> tuple[Function, ...]:
    """Return what the app registers; a fault fails the test that asks first."""
    loaded = describe(function_app.app, SETTINGS)
    assert loaded.faults == ()
    return loaded.functions


@cache
def router() -> Router:
    return Router(
        Route(one.name, compile_template(one.trigger.route), one.trigger.methods)
        for one in functions()
        if isinstance(one.trigger, HttpTrigger)
    )


def function(name: str) -> Function:
    return next(one for one in functions() if one.name == name)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """The app as an HTTP client sees it, without a host; each answer is held to its contract."""

    house: House
    headers: dict[str, str] = field(default_factory=lambda: dict(LOCAL))

    def call(
        self,
        method: str,
        path: str,
        sent: object = NO_BODY,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        **query: str,
    ) -> Answer:
        """Send a request; ``sent`` goes as JSON, ``raw`` as it is."""
        given = {**self.headers, **(headers or {})}
        body = b""
        if raw is not None:
            body = raw
            given.setdefault("content-type", "application/json")
        elif sent is not NO_BODY:
            body = json.dumps(sent).encode()
            given.setdefault("content-type", "application/json")
        found = router().find(method, path)
        assert found is not None, f"no function answers {method} {path}"
        name, route_params = found
        request = http_request(
            method,
            f"http://localhost:7071{path}",
            headers={key.lower(): value for key, value in given.items()},
            query=query,
            route_params=route_params,
            body=body,
        )
        answer = http_answer(function(name).call(request=request, context=begun()))
        lower = {key.lower(): value for key, value in answer.headers}
        check_answer(name, answer.status, lower.get("content-type", ""), answer.body)
        return Answer(answer.status, lower, answer.body)

    def get(self, path: str, **query: str) -> Answer:
        return self.call("GET", path, **query)

    def post(self, path: str, sent: object = NO_BODY, **options: Any) -> Answer:
        return self.call("POST", path, sent, **options)

    def put(self, path: str, sent: object, **options: Any) -> Answer:
        return self.call("PUT", path, sent, **options)


def fire(name: str) -> None:
    """Run a timer, as the host does."""
    function(name).call(timer=SimpleNamespace(past_due=False), context=begun())


def begun(traceparent: str = "") -> SimpleNamespace:
    """Return what the host says of an invocation: the trace that it began for it."""
    return SimpleNamespace(trace_context=SimpleNamespace(trace_parent=traceparent))


def deliver(
    name: str, text: str, *, dequeue_count: int = 1, insertion_time: datetime | None = None
) -> None:
    """Run a queue function with a message, as the host does."""
    metadata: dict[str, object] = {"DequeueCount": dequeue_count}
    if insertion_time is not None:
        metadata["InsertionTime"] = insertion_time.isoformat()
    function(name).call(message=queue_message(text, metadata), context=begun())
