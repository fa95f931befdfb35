"""The ASGI application of a simulator: the vendor's API, the control API and the hand pages.

A vendor call passes: who is calling → faults → contract → work → contract → log.

The control API under ``/_sim/`` is for tests, the demo and the benchmark:

=======================  ==========================================================================
``GET /_sim/health``     ``{"name": …, "violations": n}``
``GET /_sim/calls``      ``{"counts": {kind: n}, "calls": [...]}``; DELETE forgets them
``GET /_sim/faults``     the rules; PUT replaces them, POST adds to them, DELETE removes all
``GET /_sim/state``      the whole state; PUT replaces it
``GET /_sim/violations`` what broke the contract; DELETE forgets
``PUT /_sim/latency``    ``{"seconds": 0.06}``: how long every vendor call takes; GET tells
``PUT /_sim/lag``        ``{"reads": 3}``: so many GETs after a write show what was before it
=======================  ==========================================================================
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.simulators.common.faults import Kind, parse_faults
from local.simulators.common.messages import Answer, Call, Json
from local.simulators.common.simulator import Simulator

# What a server (or the in-process adapter) puts into scope["extensions"].
ABORT = "simulator.abort"  # async callable: closes the connection without an answer
SLEEP = "simulator.sleep"  # async callable taking seconds, in place of a real sleep

_BODY_LIMIT = 16 * 1024 * 1024


def build_app(simulator: Simulator) -> Starlette:
    """Return the application of one simulator."""
    vendor_api = _VendorApi(simulator)
    app = Starlette(
        routes=[
            *_control_routes(simulator),
            *simulator.vendor.routes(simulator),
            Route("/{rest:path}", vendor_api),
        ]
    )
    app.state.simulator = simulator
    return app


def simulator_of(app: Starlette) -> Simulator:
    """Return the simulator behind an application that ``build_app`` made."""
    simulator = app.state.simulator
    assert isinstance(simulator, Simulator)  # noqa: S101 - build_app put it there
    return simulator


class _VendorApi:
    """The catch-all route: everything that isn't the control API or a page."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        extensions = scope.get("extensions") or {}
        call = Call.build(
            request.method,
            _target(scope),
            headers=dict(request.headers),
            body=body,
            base_url=f"{request.url.scheme}://{request.url.netloc}",
            base_path=self._simulator.vendor.base_path,
        )
        answer = await self._exchange(call, extensions.get(SLEEP, asyncio.sleep))
        if answer is None:
            await _abort(extensions)
            return
        response = Response(answer.content, answer.status, headers=answer.all_headers)
        await response(scope, receive, send)

    async def _exchange(
        self, call: Call, sleep: Callable[[float], Awaitable[None]]
    ) -> Answer | None:
        """Return the answer, or None when the connection is to be closed without one."""
        simulator = self._simulator
        refusal = simulator.authenticate(call)
        if refusal:
            simulator.log(call, refusal)
            return refusal
        firing = simulator.faults.firing(call)
        if seconds := firing.seconds + simulator.latency:
            await sleep(seconds)
        kind = firing.fault.kind if firing.fault else None
        if kind is Kind.DROP:
            simulator.log(call, None, outcome="dropped")
            return None
        answer = simulator.answer(call, firing.fault)
        if kind is Kind.LOST_ANSWER:
            simulator.log(call, answer, outcome="lost")
            return None
        simulator.log(call, answer)
        return answer


async def _abort(extensions: dict[str, Any]) -> None:
    abort = extensions.get(ABORT)
    if abort is None:
        message = "this server cannot drop connections: run the simulator with common.server"
        raise RuntimeError(message)
    await abort()


def _target(scope: Scope) -> str:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _control_routes(simulator: Simulator) -> list[Route]:
    async def health(_: Request) -> Response:
        name = simulator.vendor.name
        return JSONResponse({"name": name, "violations": len(simulator.violations)})

    async def calls(request: Request) -> Response:
        if request.method == "DELETE":
            simulator.calls.clear()
            return _nothing()
        records = [call.as_json() for call in simulator.calls.records()]
        return JSONResponse({"counts": simulator.calls.counts(), "calls": records})

    async def faults(request: Request) -> Response:
        if request.method in {"PUT", "POST"}:
            rules = parse_faults(await _json_of(request))
            if request.method == "PUT":
                simulator.faults.clear()
            simulator.faults.add(*rules)
        elif request.method == "DELETE":
            simulator.faults.clear()
            return _nothing()
        return JSONResponse(simulator.faults.as_json())

    async def state(request: Request) -> Response:
        if request.method == "PUT":
            given = await _json_of(request)
            with simulator.lock:
                simulator.vendor.load_state(given)
            return _nothing()
        with simulator.lock:
            dumped = simulator.vendor.dump_state()
        return Response(Answer(200, dumped).content, media_type="application/json")

    async def violations(request: Request) -> Response:
        if request.method == "DELETE":
            simulator.clear_violations()
            return _nothing()
        found = [violation.as_json() for violation in simulator.violations]
        return JSONResponse({"violations": found})

    async def latency(request: Request) -> Response:
        if request.method == "PUT":
            given = await _json_of(request)
            seconds = given.get("seconds") if isinstance(given, dict) else None
            if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds < 0:
                message = 'send {"seconds": 0.06}'
                raise ValueError(message)
            simulator.latency = float(seconds)
        return JSONResponse({"seconds": simulator.latency})

    async def lag(request: Request) -> Response:
        if request.method == "PUT":
            given = await _json_of(request)
            reads = given.get("reads") if isinstance(given, dict) else None
            if isinstance(reads, bool) or not isinstance(reads, int) or reads < 0:
                message = 'send {"reads": 3}'
                raise ValueError(message)
            simulator.lag_reads = reads
        return JSONResponse({"reads": simulator.lag_reads})

    return [
        Route("/_sim/health", health),
        Route("/_sim/calls", _guarded(calls), methods=["GET", "DELETE"]),
        Route("/_sim/faults", _guarded(faults), methods=["GET", "PUT", "POST", "DELETE"]),
        Route("/_sim/state", _guarded(state), methods=["GET", "PUT"]),
        Route("/_sim/violations", _guarded(violations), methods=["GET", "DELETE"]),
        Route("/_sim/latency", _guarded(latency), methods=["GET", "PUT"]),
        Route("/_sim/lag", _guarded(lag), methods=["GET", "PUT"]),
    ]


Endpoint = Callable[[Request], Awaitable[Response]]


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Answer 400 with the reason where a control call cannot be read."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return guarded


async def _json_of(request: Request) -> Json:
    body = await request.body()
    if len(body) > _BODY_LIMIT:
        message = "the body is too large"
        raise ValueError(message)
    return json.loads(body, parse_float=Decimal)


def _nothing() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
