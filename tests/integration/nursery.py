"""Hosts that start at once: each is forked from a process that has imported everything.

A host that starts as usual spends more than a second of processor time on imports, and the tests
start hundreds. What the app does is the same: nothing happens at import, so a fork begins where a
fresh process does. It has its own environment, log, random numbers, process group and exit status,
and no thread and no connection from before. Tests of the start itself, of the commands and of what
is deployed start processes as usual.

``cradle.py`` is the process that is forked.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.processes import Child, ProcessError, Processes

ROOT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.01


class Nursery:
    """The process that hosts are forked from; they end with it, and with this process."""

    def __init__(self, cradle: str = "tests.integration.cradle", *options: str) -> None:
        """Start it.

        Args:
            cradle: The module to run, and its options.
        """
        self._lock = threading.RLock()
        self._cradle = subprocess.Popen(
            [sys.executable, "-m", cradle, *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the cradle."""
        return self._cradle.pid

    def fork(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        """Return a new host, which may not serve yet.

        Args:
            arguments: Of ``python -m local host``.
            environment: Added to this process's own.

        Raises:
            ProcessError: The cradle has ended; what it said stands on standard error.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        pid = self._ask(
            arguments=[*arguments], environment={**os.environ, **environment}, log=str(log)
        )
        return Child("host", _Fork(pid, self), log)

    def ended(self, fork: "_Fork") -> int | None:
        """Return the exit status of a host; ``None`` while it runs."""
        with self._lock:
            if fork.returncode is None:
                gone = self._cradle.returncode is not None
                fork.returncode = -signal.SIGKILL if gone else self._ask(ended=fork.pid)
            return fork.returncode

    def close(self) -> None:
        """End it, and all hosts with it."""
        with self._lock:
            self._cradle.communicate(timeout=10)

    def _ask(self, **order: Any) -> Any:
        with self._lock:
            assert self._cradle.stdin is not None
            assert self._cradle.stdout is not None
            try:
                self._cradle.stdin.write(json.dumps(order).encode() + b"\n")
                self._cradle.stdin.flush()
                return json.loads(self._cradle.stdout.readline())
            except (OSError, ValueError) as error:
                raise ProcessError("the process that hosts are forked from has ended") from error


@dataclass(slots=True)
class _Fork:
    """A forked process, as ``local.processes.Process`` wants it. Only its parent learns how it
    ended: the cradle is asked.
    """

    pid: int
    _nursery: Nursery
    returncode: int | None = None

    def poll(self) -> int | None:
        return self._nursery.ended(self)

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("host", timeout or 0)
            time.sleep(LOOK_SECONDS)
        return status


def begin_host(
    processes: Processes,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    nursery: Nursery | None = None,
) -> Child:
    """Start a host, which may not serve yet.

    Args:
        processes: What stops it in the end.
        arguments: Of ``python -m local host``.
        nursery: That of this test process unless given.
    """
    nursery = nursery or _nursery()
    if nursery is not None:
        return processes.take(nursery.fork(arguments, environment, log))
    command = [sys.executable, "-m", "local", "host", *arguments]
    return processes.start("host", command, environment=environment, directory=ROOT, log=log)


@functools.cache
def _nursery() -> Nursery | None:
    """Return the one that lives as long as this process; ``None`` where forks are not safe."""
    if sys.platform != "linux":
        return None
    found = Nursery()
    atexit.register(found.close)
    return found
