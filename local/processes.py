"""Child processes: started, waited for until they are ready, and never left behind.

They end with the block that started them, on Ctrl-C and SIGTERM, and on Linux also when this
process is killed outright.
"""

import atexit
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Protocol, Self

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 20
PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent dies."""

Ready = Callable[[], bool]


class ProcessError(Exception):
    """A child process ended, or was not ready in time. The message holds its last words."""


class Process(Protocol):
    """What is asked of a process that runs; ``subprocess.Popen`` is one."""

    @property
    def pid(self) -> int:
        """Of the process, which leads a group of its own."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status as soon as there is one.

        Raises:
            subprocess.TimeoutExpired: There is none after so many seconds.
        """


@dataclass(slots=True)
class Child:
    """A running child process."""

    name: str
    process: Process
    log: Path | None

    @property
    def returncode(self) -> int | None:
        """Exit status, or None while it runs."""
        return self.process.poll()

    def wait_ready(self, ready: Ready, seconds: float = READY_SECONDS) -> None:
        """Wait until the child says that it is ready.

        Raises:
            ProcessError: It ended first, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.returncode is not None:
                raise ProcessError(f"{self.name} ended with {self.returncode}{self._last_words()}")
            if ready():
                return
            time.sleep(POLL_SECONDS)
        raise ProcessError(f"{self.name} was not ready in {seconds:.0f} s{self._last_words()}")

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Ask the child and its children to end, kill what does not, and return its status."""
        if self.returncode is None:
            self.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.send_signal(signal.SIGKILL)
        return self.process.wait()

    def kill(self) -> None:
        """End the child at once, as a crash would."""
        self.send_signal(signal.SIGKILL)
        self.process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the child and its children, if any of them is still there."""
        # The child leads its own process group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _last_words(self) -> str:
        if self.log is None:
            return ""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return ":\n" + "\n".join(lines) if lines else ""


class Processes:
    """The children of one block of code. Leaving the block stops them, last one first."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        atexit.register(self.stop_all)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop_all()
        atexit.unregister(self.stop_all)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        log: Path | None = None,
        ready: Ready | None = None,
    ) -> Child:
        """Start a child and wait until it is ready.

        Args:
            environment: Added to this process's own.
            log: Takes the child's output; without one it goes where this process's goes.
            ready: Asked again and again; without it the child counts as ready at once.

        Raises:
            ProcessError: The child cannot be started, ended, or was not ready in time.
        """
        try:
            with _output(log) as output:
                process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                    command,
                    cwd=directory,
                    env={**os.environ, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call, prepared before
                )
        except OSError as error:
            raise ProcessError(f"cannot start {name}: {error}") from error
        return self.take(Child(name, process, log), ready)

    def take(self, child: Child, ready: Ready | None = None) -> Child:
        """Take a child that was started in another way, and wait until it is ready.

        Raises:
            ProcessError: It ended, or was not ready in time.
        """
        self._children.append(child)
        if ready is not None:
            child.wait_ready(ready)
        return child

    def stop_all(self) -> None:
        """Stop every child."""
        while self._children:
            self._children.pop().stop()

    def wait(self) -> Child:
        """Wait until one of the children ends, and return it."""
        while True:
            for child in self._children:
                if child.returncode is not None:
                    return child
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def until_told_to_stop() -> Iterator[None]:
    """Run a block until Ctrl-C or SIGTERM, which leave it quietly and let it clean up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Ctrl-C too: a shell that starts us in the background lets us inherit that it is ignored.
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_answers(port: int) -> bool:
    """Return whether something accepts connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def url_answers(url: str) -> Ready:
    """Return a check for whether an HTTP address answers with 200."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return answers


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes] | None]:
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        yield file


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a Linux child does first: ask for SIGTERM when its parent dies.

    None elsewhere, and in other threads: there the signal would come when the thread ends.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
