"""The whole local stack as real processes: Azurite, the simulators and the local host."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.azurite import azurite
from local.processes import Processes, free_port, port_answers, url_answers
from local.sample.microsoft import CLIENT_ID, CLIENT_SECRET, PARTNER_TENANT_ID
from local.simulators.serve import SIMULATORS
from local.sites.site import Site

ROOT = Path(__file__).resolve().parent.parent
NEVER = "0 0 0 29 2 *"
"""A schedule for a stack that is started by hand only: 29 February."""

_OURS = ("MICROSOFT__", "PSA__", "AzureWebJobsStorage")
_SINGLE = ("CLOCK_FILE", "LEASE_SECONDS", "SYNC_SCHEDULE", "WEBSITE_AUTH_ENABLED")

Progress = Callable[[str], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Stack:
    """Addresses of what runs.

    Attributes:
        wait: Waits until a process ends by itself, and returns its name.
    """

    app: str
    microsoft: str
    psa: str
    wait: Callable[[], str]


class PortTakenError(Exception):
    """Somebody else listens on a port that was asked for."""


@contextlib.contextmanager
def running_stack(
    logs: Path, site: Site, *, port: int, schedule: str, progress: Progress
) -> Iterator[Stack]:
    """Run everything while the block runs; nothing of it outlives the block.

    Args:
        logs: Directory for what the processes write.
        site: The PSA that is simulated.
        port: Of the app; 0 takes a free one.
        schedule: When the cycle starts by itself.
        progress: Called with what is being started, as a block around it.

    Raises:
        PortTakenError: The app's port is not free.
        AzuriteError, ProcessError: Something does not start; the message holds its last words.
    """
    if port and port_answers(port):
        raise PortTakenError(f"port {port} is taken; choose another with --port")
    with contextlib.ExitStack() as running:
        with progress("storage (Azurite)"):
            storage = running.enter_context(azurite(log=logs / "azurite.log"))
        processes = running.enter_context(Processes())
        with progress(f"Microsoft and {site.title}, simulated"):
            urls = _start_simulators(processes, logs, ["microsoft", site.name])
        with progress("the app"):
            app_port = port or free_port()
            settings = app_settings(storage.connection_string, schedule, urls["microsoft"])
            settings |= site.settings(urls[site.name])
            _start_host(processes, logs, app_port, settings)
        yield Stack(
            app=f"http://127.0.0.1:{app_port}",
            microsoft=urls["microsoft"],
            psa=urls[site.name],
            wait=lambda: processes.wait().name,
        )


def _start_simulators(processes: Processes, logs: Path, names: list[str]) -> dict[str, str]:
    ports = {}
    for name in names:
        default, _ = SIMULATORS[name]
        ports[name] = free_port() if port_answers(default) else default
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    options = [option for name, port in ports.items() for option in (f"--{name}-port", str(port))]
    answers = [url_answers(f"{url}/_sim/health") for url in urls.values()]
    processes.start(
        "simulators",
        [sys.executable, "-m", "local", "simulators", *names, *options],
        directory=ROOT,
        log=logs / "simulators.log",
        ready=lambda: all(answer() for answer in answers),
    )
    return urls


def _start_host(processes: Processes, logs: Path, port: int, settings: Mapping[str, str]) -> None:
    # Instead of the developer's local.settings.json, which may name real connections.
    path = logs / "no-settings.json"
    path.write_text(json.dumps({"IsEncrypted": False, "Values": {}}), "utf-8")
    processes.start(
        "app",
        [sys.executable, "-m", "local", "host", "--port", str(port), "--settings", str(path)],
        environment={**silenced(), **settings},
        directory=ROOT,
        log=logs / "app.log",
        ready=url_answers(f"http://127.0.0.1:{port}/api/health"),
    )


def app_settings(storage: str, schedule: str, microsoft: str) -> dict[str, str]:
    """Return the app's settings but for its PSA: storage, and Microsoft's simulator by address."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsStorage": storage,
        "SYNC_SCHEDULE": schedule,
        "MICROSOFT__main__TENANT_ID": PARTNER_TENANT_ID,
        "MICROSOFT__main__CLIENT_ID": CLIENT_ID,
        "MICROSOFT__main__CLIENT_SECRET": CLIENT_SECRET,
        "MICROSOFT__main__LOGIN_URL": microsoft,
        "MICROSOFT__main__GRAPH_URL": microsoft,
    }


def silenced() -> dict[str, str]:
    """Return the shell's own settings of Seatsync, each empty, which counts as left out."""
    return {name: "" for name in os.environ if name.startswith(_OURS) or name in _SINGLE}
