"""Everything that is measured, as real processes: Azurite, the simulators and any number of hosts.

Microsoft and the PSA are a process each, so that what they use is told apart from the app's.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from bench.fleet import MAIN, Fleet
from bench.meter import Process
from bench.storage_log import StorageLog
from local.api import Api
from local.azurite import azurite
from local.processes import Child, Processes, free_port, url_answers
from local.simulators.microsoft.builders import CLIENT_ID, CLIENT_SECRET, PARTNER_TENANT_ID
from local.sites.site import Held, changes_something
from local.stack import NEVER, ROOT, app_settings, silenced
from shared import exact_json
from shared.adapters.clock import SystemClock
from shared.adapters.storage import QUEUE_API_VERSION, StorageAccount, table_service
from shared.adapters.tables.table import Tables
from shared.bootstrap import psa_connection
from shared.settings import load_settings

GRAPH_SECONDS, PSA_SECONDS = 0.060, 0.120
"""How long each call of a simulator takes."""

SLOW_PSA_SECONDS = 2.0
"""Of a PSA that lets hosts wait instead of compute."""

THREADS = 64
"""That run functions, as infra sets it."""
AT_ONCE = 24
"""Messages of a queue that a host works on together: host.json's batch and its threshold."""

QUEUES = ("tenant-sync", "license-sync", "sync-now")
_LOOK_EVERY_SECONDS = 0.1
_HOST = (sys.executable, "-m", "local", "host")
_IDENTITY = {
    "MICROSOFT__main__TENANT_ID": PARTNER_TENANT_ID,
    "MICROSOFT__main__CLIENT_ID": CLIENT_ID,
    "MICROSOFT__main__CLIENT_SECRET": CLIENT_SECRET,
}
"""The app registration that the made-up tenants let in."""
_LONGEST_SECONDS = 900.0


@dataclass(slots=True)
class Host:
    """One running host of the app."""

    api: Api
    child: Child

    @property
    def process(self) -> Process:
        """What it has used."""
        return Process(self.child.process.pid)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return "" if self.child.log is None else self.child.log.read_text("utf-8", "replace")


@dataclass
class Rig:
    """A fleet on its own storage account, with nothing going on.

    Attributes:
        environment: What every host gets.
        processes_by_name: Azurite and both simulators.
    """

    fleet: Fleet
    environment: dict[str, str]
    microsoft: Api
    psa: Api
    storage_log: StorageLog
    processes_by_name: dict[str, Process]
    _directory: Path
    _processes: Processes
    _queues: QueueServiceClient
    hosts: list[Host] = field(default_factory=list)

    # Hosts ----------------------------------------------------------------------------------------

    def start_host(self, **environment: str) -> Host:
        """Start one more host, and wait until it serves."""
        port = free_port()
        settings = self._directory / "no-settings.json"
        settings.write_text(json.dumps({"IsEncrypted": False, "Values": {}}), "utf-8")
        number = len(list(self._directory.glob("host-*.log")))
        child = self._processes.start(
            f"host {number}",
            [*_HOST, "--port", str(port), "--settings", str(settings)],
            environment={**silenced(), **self.environment, **environment},
            directory=ROOT,
            log=self._directory / f"host-{number}.log",
            ready=url_answers(f"http://127.0.0.1:{port}/admin/host/status"),
        )
        host = Host(Api(f"http://127.0.0.1:{port}", _LONGEST_SECONDS), child)
        self.hosts.append(host)
        return host

    def stop_hosts(self) -> None:
        """Stop all hosts."""
        while self.hosts:
            self.hosts.pop().child.stop()

    # Simulators -----------------------------------------------------------------------------------

    def latency(self, graph: float = GRAPH_SECONDS, psa: float = PSA_SECONDS) -> None:
        """Let each call of the simulators take so long from now on."""
        self.microsoft.call("PUT", "/_sim/latency", {"seconds": graph})
        self.psa.call("PUT", "/_sim/latency", {"seconds": psa})

    def forget_calls(self) -> None:
        """Count calls from here."""
        for simulator in (self.microsoft, self.psa):
            simulator.call("DELETE", "/_sim/calls")

    def calls(self) -> tuple[Counter[str], Counter[str]]:
        """Return the calls of Microsoft and of the PSA by kind; a batch is one."""
        found = (one.call("GET", "/_sim/calls")["counts"] for one in (self.microsoft, self.psa))
        graph, psa = (Counter[str](counts) for counts in found)
        inner = [kind for kind in graph if kind.startswith("graph.in_batch")]
        for kind in inner:
            del graph[kind]
        return graph, psa

    def psa_writes(self) -> int:
        """Return how many of the PSA's calls changed something, of its last 10,000."""
        calls = self.psa.call("GET", "/_sim/calls")["calls"]
        return sum(changes_something(one["method"], one["path"]) for one in calls)

    def buy(self, tenant_id: str, subscription_id: str) -> None:
        """Add a seat to a purchase."""
        path = f"/tenants/{tenant_id}/subscriptions/{subscription_id}"
        self.microsoft.form(path, {"add": "1"})

    def held(self) -> list[Held]:
        """Return all lines of the PSA."""
        return self.fleet.site.held(self.psa.call("GET", "/_sim/state"))

    # Queues ---------------------------------------------------------------------------------------

    def idle(self) -> bool:
        """Return whether no message is left."""
        return not any(self._depth(queue) for queue in QUEUES)

    def wait_idle(self) -> None:
        """Wait until no message is left.

        Raises:
            TimeoutError: It takes far too long.
        """
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not self.idle():
            if time.monotonic() > deadline:
                raise TimeoutError("the queues do not become empty")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _depth(self, queue: str) -> int:
        try:
            properties = self._queues.get_queue_client(queue).get_queue_properties()
        except ResourceNotFoundError:
            return 0
        return properties.approximate_message_count or 0


@contextlib.contextmanager
def rig_of(fleet: Fleet, *, count_storage: bool = True, **environment: str) -> Iterator[Rig]:
    """Run everything but hosts while the block runs, filled, with its latencies on.

    Args:
        count_storage: Let the storage log each request, which takes it a part of its time.
    """
    with contextlib.ExitStack() as running:
        directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="seatsync-")))
        log = directory / "azurite.log"
        storage = running.enter_context(azurite(log=log, log_requests=count_storage))
        processes = running.enter_context(Processes())
        states = _states(fleet, directory)
        simulators = {
            name: _simulator(processes, name, state, directory) for name, state in states.items()
        }
        microsoft, psa = (running.enter_context(Api(url)) for url, _ in simulators.values())
        settings = app_settings(storage.connection_string, NEVER, microsoft.url)
        settings |= fleet.site.settings(psa.url) | _IDENTITY
        _fill(fleet, storage.connection_string, settings)
        queues = running.enter_context(
            QueueServiceClient.from_connection_string(
                storage.connection_string, api_version=QUEUE_API_VERSION
            )
        )
        rig = Rig(
            fleet=fleet,
            environment={
                **settings,
                "PYTHON_THREADPOOL_THREAD_COUNT": str(THREADS),
                **environment,
            },
            microsoft=microsoft,
            psa=psa,
            storage_log=StorageLog(log),
            processes_by_name={
                "azurite": Process(storage.pid),
                **{name: Process(child.process.pid) for name, (_, child) in simulators.items()},
            },
            _directory=directory,
            _processes=processes,
            _queues=queues,
        )
        rig.latency()
        yield rig


def _states(fleet: Fleet, directory: Path) -> dict[str, Path]:
    """Write what both simulators begin with, Microsoft first."""
    today = datetime.now(UTC).date()
    texts: dict[str, Any] = {
        "microsoft": fleet.microsoft().model_dump_json(),
        fleet.site.name: exact_json.dumps(fleet.site.dumped(fleet.story(today))),
    }
    files = {}
    for name, text in texts.items():
        files[name] = directory / f"{name}.json"
        files[name].write_text(text, "utf-8")
    return files


def _simulator(processes: Processes, name: str, state: Path, directory: Path) -> tuple[str, Child]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "local", "simulators", name, "--unchecked"]
    child = processes.start(
        name,
        [*command, f"--{name}-port", str(port), f"--{name}-state", str(state)],
        directory=ROOT,
        log=directory / f"{name}.log",
        ready=url_answers(f"{url}/_sim/health"),
    )
    return url, child


def _fill(fleet: Fleet, storage: str, settings: Mapping[str, str]) -> None:
    chosen = load_settings(settings).psa[MAIN]
    gateway = psa_connection(MAIN, chosen, SystemClock()).gateway
    with table_service(StorageAccount(storage)) as service:
        fleet.store(Tables(service), gateway)
