"""Zones, parallel calls and the hourly threshold: what stands before the API itself."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.simulators.autotask.state import PsaState
from local.simulators.common.app import SLEEP
from local.simulators.common.messages import Answer, Call
from local.simulators.common.simulator import Simulator

ZONE_HEADER = "x-sim-zone"
_WINDOW = timedelta(minutes=60)
_API = "atservicesrest"


class Traffic:
    """Counts calls: those of the last 60 minutes, and those under way to each endpoint."""

    def __init__(self, state: PsaState) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._calls: deque[datetime] = deque()

    @property
    def used(self) -> int:
        """How many calls the last 60 minutes saw."""
        with self._lock:
            return self._trimmed()

    def begin(self, endpoint: str) -> tuple[int, int]:
        """Count a call; return the hour's calls and the endpoint's running ones, it included."""
        with self._lock:
            self._calls.append(self._state.now())
            self._running[endpoint] += 1
            return self._trimmed(), self._running[endpoint]

    def end(self, endpoint: str) -> None:
        """Say that a call is over."""
        with self._lock:
            self._running[endpoint] -= 1

    def _trimmed(self) -> int:
        oldest = self._state.now() - _WINDOW
        while self._calls and self._calls[0] <= oldest:
            self._calls.popleft()
        return len(self._calls)


class Gate:
    """ASGI middleware: takes the zone out of the path, and holds up or refuses calls.

    A site in the zone ``zone5`` answers below ``/zone5/atservicesrest/``; one without a zone, below
    ``/atservicesrest/``.
    """

    def __init__(
        self, app: ASGIApp, *, state: PsaState, simulator: Simulator, traffic: Traffic
    ) -> None:
        self._app = app
        self._state = state
        self._simulator = simulator
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope.get("path", "").split("/")
        if scope["type"] != "http" or _API not in (part.lower() for part in parts[1:3]):
            await self._app(scope, receive, send)
            return
        zone = "" if parts[1].lower() == _API else parts[1]
        rest = parts[2:] if zone else parts[1:]
        path = "/" + "/".join([rest[0].lower(), *rest[1:]])
        headers = [*scope["headers"], (ZONE_HEADER.encode(), zone.encode())]
        inner = {**scope, "path": path, "raw_path": path.encode(), "headers": headers}
        if "zoneinformation" in path.lower():
            await self._app(inner, receive, send)
            return
        await self._admitted(inner, path, receive, send)

    async def _admitted(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        endpoint = "/".join(path.split("/")[3:4])
        switches = self._state.switches
        sleep = (scope.get("extensions") or {}).get(SLEEP, asyncio.sleep)
        used, running = self._traffic.begin(endpoint)
        over = running > switches.parallel_calls
        try:
            if over and switches.parallel_refused:
                message = "The thread threshold of the endpoint has been exceeded."
                await self._refuse(scope, receive, send, HTTPStatus.TOO_MANY_REQUESTS, message)
                return
            if switches.threshold_applies and used > switches.threshold:
                message = "The API request threshold has been exceeded."
                await self._refuse(scope, receive, send, switches.threshold_status, message)
                return
            if over or (switches.threshold_applies and used * 2 > switches.threshold):
                await sleep(float(switches.slow_seconds))
            await self._app(scope, receive, send)
        finally:
            self._traffic.end(endpoint)

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, status: int, message: str
    ) -> None:
        call = Call(scope["method"], scope["path"], scope["path"])
        answer = Answer(status, {"errors": [message]}, deliberate=True)
        self._simulator.log(call, answer, outcome="refused")
        response = Response(answer.content, answer.status, headers=answer.all_headers)
        await response(scope, receive, send)
