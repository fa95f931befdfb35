"""What the gate does to the steps of the hosts: it knows which host each call comes from."""

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.plan import Blow
from tests.integration.gate import Verdict, content_of
from tests.integration.stack import Host

_VISIBLE = "visibilitytimeout=0"


class Weather:
    """Counts the steps of all hosts together, and lets each planned blow fall on one.

    ================  ==========================================================================
    ``kill``          the host dies when the step has landed
    ``kill before``   the host dies and the step never lands
    ``lose``          the step lands and is not answered
    ``swallow``       the step never lands and is not answered
    ``late``          a write of the PSA lands, and is answered after the app stopped waiting
    ``hold``          the step waits while others overtake it; not as long as a lease is good for
    ``stall``         the host stands still for longer than a lease lasts; only one that works on
                      one message at a time (``Seat.one_by_one``) and only after a write of the PSA:
                      ADR 2 says what no lease can give
    ================  ==========================================================================

    Attributes:
        fallen: The blows that have fallen, in words.
    """

    def __init__(self) -> None:
        self.fallen: list[str] = []
        self.messages: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._steps = 0
        self._blows: deque[Blow] = deque()
        self._twice = False
        self._last = time.monotonic()

    def begin(self, blows: Iterable[Blow] = (), *, twice: bool = False) -> None:
        """Count from here, with these blows to come."""
        with self._lock:
            self._steps, self._blows, self._twice = 0, deque(blows), twice
            self.messages, self._last = [], time.monotonic()

    @property
    def steps(self) -> int:
        """How many steps have come since the beginning."""
        with self._lock:
            return self._steps

    @property
    def quiet_for(self) -> float:
        """Seconds since the last step."""
        with self._lock:
            return time.monotonic() - self._last

    def judged(self, seat: "Seat", step: str, target: str, body: bytes) -> Verdict:
        """Count a step of a host and say what happens to it."""
        queued = step.startswith("queues ")
        with self._lock:
            self._steps += 1
            self._last = time.monotonic()
            if queued:
                self.messages.append((step.split()[1], content_of(body)))
            copies = 2 if queued and self._twice and _VISIBLE in target else 1
            blow = self._due(seat, step)
            if blow is not None:
                self.fallen.append(f"{self._steps}: {blow.kind}, {seat.number}: {step}")
        return self._verdict(blow, seat, copies)

    def _due(self, seat: "Seat", step: str) -> Blow | None:
        """Take the first blow that is due and fits the step."""
        psa = step.startswith("psa ")
        for blow in self._blows:
            if blow.at > self._steps:
                return None
            if not step.startswith(blow.on) or (blow.kind == "late" and not psa):
                continue
            if blow.kind == "stall" and not (psa and seat.one_by_one):
                continue
            self._blows.remove(blow)
            return blow
        return None

    def _verdict(self, blow: Blow | None, seat: "Seat", copies: int) -> Verdict:
        if blow is None:
            return Verdict(copies=copies)
        if blow.kind == "hold":
            time.sleep(blow.seconds)
            return Verdict(copies=copies)
        if blow.kind == "stall":
            seat.stall(blow.seconds)
            return Verdict(copies=copies)
        if blow.kind == "late":
            return Verdict(copies=copies, late=blow.seconds)
        victim = seat.host if blow.kind.startswith("kill") else None
        if blow.kind in {"swallow", "kill before"}:
            copies = 0
        return Verdict(victim, lost=True, copies=copies)


@dataclass
class Seat:
    """Where one host after another sits, behind a gate of its own.

    Attributes:
        host: Who sits there, or ``None``.
        one_by_one: It works on one message of a queue at a time.
    """

    number: int
    weather: Weather
    host: Host | None = None
    one_by_one: bool = False

    def arriving(self, step: str, target: str, body: bytes) -> Verdict:
        return self.weather.judged(self, step, target, body)

    def blew(self) -> None:
        """Nothing waits for it."""

    def stall(self, seconds: float) -> None:
        """Let the host stand still for so long."""
        child = self.host.child
        child.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, child.send_signal, [signal.SIGCONT])
        timer.daemon = True
        timer.start()
