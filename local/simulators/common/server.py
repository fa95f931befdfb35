"""Serves simulators over real sockets, and can drop a connection without an answer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulators.common.app import ABORT

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


@contextmanager
def running(app: ASGIApp, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an application in a thread and give its base URL, such as ``http://127.0.0.1:40123``.

    Port 0 takes a free one. Leaving the block closes every connection and joins the thread.
    Raises OSError when the port is taken.
    """
    listener = socket.create_server((host, port))
    server = uvicorn.Server(_config(app))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
    )
    thread.start()
    try:
        _await_start(server, thread)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            message = "the simulator's server did not start"
            raise RuntimeError(message)
        time.sleep(0.005)


def _config(app: ASGIApp) -> uvicorn.Config:
    """Return the settings of a server whose applications may drop their connection."""
    transports: dict[Any, asyncio.Transport] = {}

    class DroppableProtocol(H11Protocol):
        """Remembers which transport belongs to which client, for as long as it is connected."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # h11 narrows it too
            transports[transport.get_extra_info("peername")] = transport
            # Without this, each answer on a kept connection waits 40 ms for a delayed ACK: asyncio
            # sets it only on sockets made with an explicit protocol number.
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.transport.get_extra_info("peername"), None)
            super().connection_lost(exc)

    async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
        async def abort() -> None:
            transports[tuple(scope["client"])].abort()
            # Let the loop tell the protocol, which would otherwise try to answer 500.
            await asyncio.sleep(0)

        extensions = dict(scope.get("extensions") or {}) | {ABORT: abort}
        await app(dict(scope) | {"extensions": extensions}, receive, send)

    return uvicorn.Config(
        droppable,
        http=DroppableProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
