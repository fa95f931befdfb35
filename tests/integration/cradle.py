"""The process that hosts are forked from: it has imported what a host imports, and nothing runs.

``nursery.py`` holds its pipes. An order is a line: ``{"arguments", "environment", "log"}`` of a
host, answered with its process id, or ``{"ended": <process id>}``, answered with its exit status
or ``null``.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time

import azure.identity  # noqa: F401 - so that every fork has it

import function_app  # noqa: F401 - so that every fork has it
import shared.adapters.connections
import shared.adapters.ids
import shared.adapters.microsoft.graph
import shared.adapters.microsoft.sku_names
import shared.adapters.psa.connectwise.gateway
import shared.adapters.queues
import shared.adapters.tables.repositories  # noqa: F401 - so that every fork has them
from local.host import main as host

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Obey until standard input ends; in a fork, run the host that was ordered.

    Returns:
        The exit status of this process, or of the fork.
    """
    if threading.active_count() > 1:
        raise RuntimeError("something runs already: a fork would lack its threads")
    gc.freeze()  # or the first collection of each fork would copy all that is shared
    cradle = os.getpid()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        if "ended" in order:
            _answer(_status(order["ended"]))
            continue
        pid = os.fork()
        if pid == 0:
            return _run(cradle, **order)
        _lead_a_group(pid)
        _answer(pid)
    return 0


def _answer(number: int | None) -> None:
    sys.stdout.buffer.write(json.dumps(number).encode() + b"\n")
    sys.stdout.buffer.flush()


def _status(pid: int) -> int | None:
    """Return the exit status of a fork, as ``subprocess`` has it; ``None`` while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _lead_a_group(pid: int) -> None:
    """Put a fork into a group of its own. Both sides do, so that the next signal finds it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _run(cradle: int, *, arguments: list[str], environment: dict[str, str], log: str) -> int:
    _lead_a_group(os.getpid())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != cradle:
        return 1
    _write_to(log)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if "--app-dir" in arguments:
        del sys.modules["function_app"]  # another app has a module of that name
    return host(arguments)


def _write_to(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, file in ((0, nothing), (1, output), (2, output)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(output)


if __name__ == "__main__":
    sys.exit(main())
