"""The process that hosts of the chaos suite are forked from: it has shortened the waits.

A suite that slept through minutes would try a tenth of what it tries. What depends on the waits
stays in proportion: a lease (3 s instead of 60) is longer than a call of a PSA may take to land.

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

import sys
from datetime import timedelta
from typing import Any

from azure.data.tables import TableServiceClient
from azure.storage.queue import LinearRetry, QueueServiceClient

from local.hosting import storage as of_host
from shared.adapters import storage
from shared.adapters.http import decision, session
from shared.adapters.microsoft import login
from shared.adapters.psa.autotask import gateway as autotask
from shared.adapters.psa.autotask import zone
from shared.adapters.psa.halopsa import gateway as halopsa
from shared.adapters.psa.halopsa import token
from shared.adapters.psa.syncro import gateway as syncro
from tests.chaos.plan import READ_SECONDS
from tests.chaos.planted import PLANTED
from tests.integration import cradle


def main() -> int:
    """Fork hosts until standard input ends; in a fork, be the host.

    The arguments name what the hosts go without, of ``planted.PLANTED``.
    """
    hurry()
    for name in sys.argv[1:]:
        PLANTED[name]()
    return cradle.main()


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


if __name__ == "__main__":
    sys.exit(main())
