"""Hosts that start at once: each is forked from a process that has imported everything.

A host that starts as usual takes seconds, and a chaos run kills one every few seconds. What the
app does is the same: nothing happens at import, so a fork begins where a fresh process does.

``cradle.py`` is that process. Waits that the app counts in minutes are shortened in it, and only
there: a suite that slept through them would try a tenth of what it tries. What depends on them
stays in proportion: a lease (3 s instead of 60) is longer than a call of a PSA may take to land.
"""

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import IO

from local.processes import Child, free_port, url_answers
from tests.integration.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3
MESSAGE_LEASE_SECONDS = 2
READ_SECONDS = 1.5
"""How long the app waits for an answer of a vendor; a real one has 60 s."""


@dataclass
class Forked:
    """A host, as ``local.processes.Child`` is one."""

    pid: int
    log: Path
    _ended: bool = False

    @property
    def returncode(self) -> int | None:
        """0 once it has ended, however it did."""
        if not self._ended:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self._ended = True
        return 0 if self._ended else None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal(signal.SIGKILL)
        self._wait(5)

    def stop(self) -> int:
        """Ask it to end, and end it if it does not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self._wait(15)
        self.kill()
        return 0

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                self._ended = True

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.returncode is None and time.monotonic() < deadline:
            time.sleep(0.01)


class Nursery:
    """The process that hosts are forked from; it and they end with the block that holds it."""

    def __init__(self, child: Child) -> None:
        self._process: Popen[bytes] = child.process

    def fork(self, environment: dict[str, str], log: Path) -> tuple[str, Forked]:
        """Return the address of a new host, which may not answer yet."""
        port = free_port()
        order = {"port": port, "environment": environment, "log": str(log)}
        stdin, stdout = self._pipes
        stdin.write(json.dumps(order).encode() + b"\n")
        stdin.flush()
        pid = int(stdout.readline())
        return f"http://127.0.0.1:{port}", Forked(pid, log)

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def ready(url: str) -> None:
    """Wait until a host serves."""
    eventually(url_answers(f"{url}/admin/host/status"), 30)
