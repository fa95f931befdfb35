"""A gate that every call of the hosts to storage and PSA goes through.

It knows the *steps* of the app: calls that change something. At a chosen step it kills a host; it
can also lose answers, carry queue messages twice, or hold a call up while others overtake it. What
the host writes for itself (receipts of messages, the status of timers) is no step: dying before
that is the same as dying after the app's step before it.
"""

import base64
import contextlib
import http.client
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import urlsplit

from local.sites.site import changes_something
from shared.adapters.queues import SYNC_NOW
from tests.integration.stack import Host, Stack

READS = frozenset({"GET", "HEAD", "OPTIONS"})
HOST_ONLY = frozenset({"localhosttimers", "Tables"})
HELD_SECONDS = 20.0
"""Longest that a call is held up: the storage libraries wait for 30 s."""
UPSTREAM_SECONDS = 60.0

_INNER = re.compile(rb"(?:POST|PUT|PATCH|MERGE|DELETE) http://[^/]+/[^/]+/(\w+)")
_NOT_PASSED_ON = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_WITHOUT_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a call.

    Attributes:
        victim: The host that dies once the call has landed.
        lost: The call lands, and its answer does not come back.
        copies: How often the call is sent on; 0 lets it never arrive.
        late: Seconds by which the answer comes late.
    """

    victim: Host | None = None
    lost: bool = False
    copies: int = 1
    late: float = 0.0


class Keeper(Protocol):
    """Who says what happens to the calls that pass."""

    def arriving(self, step: str, target: str, body: bytes) -> Verdict:
        """Say what happens to a step."""

    def blew(self) -> None:
        """An answer was lost, or a host was killed, as the verdict said."""


@dataclass
class _Held:
    step: str
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Gate:
    """What a test tells the gate, and what passed through it.

    Attributes:
        steps: The names of the steps since the last ``watch``, ``kill_after`` or ``lose_answer``,
            such as ``tables books POST``, ``queues sync-now group POST``, ``psa lines PATCH``.
        messages: Queue and content of each message that was put, over the same time.
        carries_messages_twice: Whether a message that is put into a queue gets there twice; one
            that is put back to wait does not, or there would soon be thousands.
        blown: Set once the host has been killed, or the answer been lost.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.messages: list[tuple[str, str]] = []
        self.carries_messages_twice = False
        self.blown = threading.Event()
        self._lock = threading.Lock()
        self._victim: Host | None = None
        self._arrives = True
        self._fatal: int | str = 0
        self._held: list[_Held] = []

    def watch(self) -> None:
        """Count the steps from here, and let all pass."""
        self._begin(0, None)

    def kill_after(self, step: int | str, host: Host) -> None:
        """Kill the host when the step has landed, and before it is answered.

        Args:
            step: Counted from 1, or the first one of a name.
        """
        self._begin(step, host)

    def lose_answer(self, step: int | str) -> None:
        """Let the step, counted from 1 or the first one of a name, land and never be answered."""
        self._begin(step, None)

    def swallow(self, step: int | str) -> None:
        """Let the step, counted from 1 or the first one of a name, never arrive."""
        self._begin(step, None, arrives=False)

    def _begin(self, fatal: int | str, victim: Host | None, *, arrives: bool = True) -> None:
        with self._lock:
            self._arrives = arrives
            self.steps, self.messages = [], []
            self._fatal, self._victim = fatal, victim
            self.blown.clear()

    @contextlib.contextmanager
    def holding(self, step: str) -> Iterator[threading.Event]:
        """Hold up the next step of this name until the block ends.

        Yields:
            An event that is set once the step has come.
        """
        held = _Held(step)
        with self._lock:
            self._held.append(held)
        try:
            yield held.reached
        finally:
            held.released.set()

    def blew(self) -> None:
        self.blown.set()

    def arriving(self, step: str, target: str, body: bytes) -> Verdict:
        """Count a step, hold it up if it is to be, and say what happens to it."""
        queued = step.startswith("queues ")
        with self._lock:
            self.steps.append(step)
            if queued:
                self.messages.append((step.split()[1], content_of(body)))
            lost = self._fatal in {step, len(self.steps)} and not self.blown.is_set()
            held = next((one for one in self._held if one.step == step), None)
            if held is not None:
                self._held.remove(held)
        if held is not None:
            held.reached.set()
            held.released.wait(HELD_SECONDS)
        waits = "visibilitytimeout=0" not in target
        copies = 2 if queued and self.carries_messages_twice and not waits else 1
        if lost and not self._arrives:
            copies = 0
        return Verdict(self._victim if lost else None, lost=lost, copies=copies)


@contextlib.contextmanager
def gate_of(stack: Stack) -> Iterator[Gate]:
    """Put a gate in front of the stack's storage and PSA, for the hosts that start from here on."""
    gate = Gate()
    with passages(gate, stack.environment) as gated:
        stack.environment |= gated
        yield gate
        for host in stack.hosts:
            host.kill()


@contextlib.contextmanager
def passages(gate: Keeper, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Put a gate in front of the storage and the PSA that an environment names.

    Yields:
        The settings that lead through it.
    """
    storage = environment["AzureWebJobsStorage"]
    with contextlib.ExitStack() as running:
        for service in ("Queue", "Table"):
            [address] = re.findall(rf"{service}Endpoint=(http://[^/]+)/", storage)
            gated = running.enter_context(_passage(gate, f"{service.lower()}s", address))
            storage = storage.replace(address, gated)
        psa = running.enter_context(_passage(gate, "psa", environment["PSA__main__URL"]))
        yield {"AzureWebJobsStorage": storage, "PSA__main__URL": psa}


@contextlib.contextmanager
def _passage(gate: Keeper, service: str, address: str) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), partial(_Passage, gate, service, urlsplit(address).netloc))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a host that is killed breaks its connections."""


class _Passage(BaseHTTPRequestHandler):
    """One connection of a host."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, gate: Keeper, service: str, upstream: str, *connection: object) -> None:
        self._gate = gate
        self._service = service
        self._upstream = upstream
        super().__init__(*connection)  # type: ignore[arg-type]  # as the server gives them

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        step = _step(self._service, self.command, self.path, body)
        verdict = Verdict() if step is None else self._gate.arriving(step, self.path, body)
        try:
            answers = [self._forwarded(body) for _ in range(verdict.copies)]
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # the answer was lost behind the gate
            return
        time.sleep(verdict.late)
        if verdict.lost:
            self.close_connection = True
            if verdict.victim is not None:
                verdict.victim.kill()
            self._gate.blew()
            return
        self.wfile.write(answers[0])

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_MERGE = _pass  # noqa: N815 - the base class's names

    def _forwarded(self, body: bytes) -> bytes:
        """Send the call on, and return the answer as it goes to the host."""
        connection = http.client.HTTPConnection(self._upstream, timeout=UPSTREAM_SECONDS)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [
            f"{name}: {value}"
            for name, value in answer.getheaders()
            if name.lower() not in _NOT_PASSED_ON
        ]
        if answer.status not in _WITHOUT_BODY:
            lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def _step(service: str, method: str, target: str, body: bytes) -> str | None:
    """Return a call's name when it is a step of the app."""
    if method in READS:
        return None
    parts = [part for part in urlsplit(target).path.split("/") if part]
    if service == "queues":
        # Only putting a message; the host itself hides and deletes messages.
        return f"queues {_queue(parts[1], body)} POST" if method == "POST" else None
    if service == "tables":
        batch = _INNER.search(body) if parts[-1] == "$batch" else None
        name = parts[1].partition("(")[0] if batch is None else batch[1].decode()
        return None if name in HOST_ONLY else f"tables {name} {method}"
    if not changes_something(method, urlsplit(target).path):
        return None
    resource = next(part for part in reversed(parts) if not part.isdigit())
    return f"psa {resource} {method}"


def _queue(name: str, body: bytes) -> str:
    """Return a queue's name, and of the one that holds two kinds of messages also which it is."""
    if name != SYNC_NOW:
        return name
    group = b'"group_id"' in base64.b64decode(content_of(body))
    return f"{name} {'group' if group else 'tenant'}"


def content_of(body: bytes) -> str:
    """Return the content of a message that is put into a queue."""
    found = re.search(rb"<MessageText>(.*)</MessageText>", body, re.DOTALL)
    assert found is not None
    return found[1].decode()
