"""The process that hosts are forked from: it has imported everything, and shortened the waits.

=============================================  ================================
what the app waits for                         how long, instead of
=============================================  ================================
a 429 without ``Retry-After``                  1 s instead of 30, 60, 120 or 300
the answer of a PSA or of Microsoft            1.5 s instead of 60
the answer of the storage                      5 s instead of 30
the next try of the host's own storage client  0.2 s instead of 15
an adjustment to show, in Autotask             0.2 s instead of 2
=============================================  ================================
"""

import ctypes
import json
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import azure.identity  # noqa: F401 - so that every fork has it
from azure.data.tables import TableServiceClient
from azure.storage.queue import LinearRetry, QueueServiceClient

import function_app  # noqa: F401 - so that every fork has it
import shared.adapters.connections
import shared.adapters.ids
import shared.adapters.microsoft.graph
import shared.adapters.microsoft.sku_names
import shared.adapters.psa.connectwise.gateway
import shared.adapters.queues
import shared.adapters.tables.repositories  # noqa: F401 - so that every fork has them
from local.host import main as host
from local.hosting import storage as of_host
from shared.adapters import storage
from shared.adapters.http import decision, session
from shared.adapters.microsoft import login
from shared.adapters.psa.autotask import gateway as autotask
from shared.adapters.psa.autotask import zone
from shared.adapters.psa.halopsa import gateway as halopsa
from shared.adapters.psa.halopsa import token
from shared.adapters.psa.syncro import gateway as syncro
from tests.chaos.nursery import READ_SECONDS
from tests.chaos.planted import PLANTED

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork a host for each order on standard input, until that ends.

    The arguments name what the hosts go without, of ``planted.PLANTED``.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to ask for a child's end
    hurry()
    for name in sys.argv[1:]:
        PLANTED[name]()
    parent = os.getpid()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_host(parent, **order)
        sys.stdout.buffer.write(b"%d\n" % pid)
        sys.stdout.buffer.flush()


def hurry() -> None:
    """Shorten what the app waits for."""
    short = session.Timeout(connect=2.0, read=READ_SECONDS)
    session.ApiSession.__init__.__kwdefaults__["timeout"] = short
    login._TIMEOUT = short
    token.Timeout = lambda: short
    decision.DEFAULT_WAIT = halopsa.WAIT = syncro.WAIT = zone._THRESHOLD_WAIT = timedelta(seconds=1)
    storage.READ_SECONDS = 5
    autotask.READ_BACK_SECONDS = 0.2
    often = LinearRetry(backoff=0.2, retry_total=5)
    of_host.QueueServiceClient = _Impatient(QueueServiceClient, retry_policy=often, read_timeout=5)
    of_host.TableServiceClient = _Impatient(TableServiceClient, retry_backoff_factor=0.1)


class _Impatient:
    """Stands for a client's class, and makes clients that wait less."""

    def __init__(self, kind: Any, **options: Any) -> None:
        self._kind = kind
        self._options = options

    def from_connection_string(self, setting: str) -> Any:
        return self._kind.from_connection_string(setting, **self._options)


def _become_host(parent: int, port: int, environment: dict[str, str], log: str) -> None:
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
            os.dup2(file, number)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.environ.update(environment)
            status = host(["--port", str(port)])
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
