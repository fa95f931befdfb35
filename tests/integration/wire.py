"""What was sent to a simulator, byte for byte."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, order=True)
class Sent:
    """One write as it came over the network."""

    method: str
    path: str
    body: bytes


@dataclass
class Wire:
    """Hears every write of the vendor's API; the simulator's own control calls do not count."""

    _sent: list[Sent] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def taken(self) -> list[Sent]:
        """Return what was sent since the last look, in the order it came."""
        with self._lock:
            found, self._sent = self._sent, []
        return found

    def on(self, app: App) -> App:
        """Return the application with its writes heard."""

        async def heard(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            is_write = scope["type"] == "http" and scope["method"] not in READS
            if not is_write or scope["path"].startswith("/_sim/"):
                await app(scope, receive, send)
                return
            parts: list[bytes] = []

            async def listening() -> Message:
                message = await receive()
                if message["type"] == "http.request":
                    parts.append(message.get("body", b""))
                return message

            await app(scope, listening, send)
            with self._lock:
                self._sent.append(Sent(scope["method"], scope["path"], b"".join(parts)))

        return heard
