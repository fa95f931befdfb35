"""How long a new instance takes to its first answer: the deployed package, unpacked.

As in Azure, the package is read-only and holds no compiled modules; the libraries' are compiled.
The local host stands in for the real one, and its own start is in the figures.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import requests

from local.azurite import azurite
from local.package import build
from local.processes import Processes, free_port, url_answers
from local.sites.known import DEFAULT, SITES
from local.stack import NEVER, ROOT, app_settings, silenced

ROUNDS = 5
_NOWHERE = "http://127.0.0.1:9"
_LOAD = (
    "import time; t = time.perf_counter(); import function_app; function_app.app.get_functions()"
)
_SERVE = "from shared import bootstrap; bootstrap.services()"
_TELL = "print(time.perf_counter() - t)"


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Medians, in seconds.

    Attributes:
        loaded: The app is loaded and has told its functions.
        ready: Its services are made too, which the first message or page needs.
        first_answer: From the start of a host until ``/api/health`` has answered.
        first_page: Until the page of customers has come, right after that.
    """

    loaded: float
    ready: float
    first_answer: float
    first_page: float


def cold_start() -> ColdStart:
    """Build the package, unpack it, and start it some times."""
    with (
        tempfile.TemporaryDirectory(prefix="seatsync-") as temporary,
        azurite(log=Path(temporary) / "azurite.log") as storage,
    ):
        directory = Path(temporary)
        build(directory / "app.zip")
        with zipfile.ZipFile(directory / "app.zip") as package:
            package.extractall(directory / "app")
        environment = {
            **silenced(),
            **app_settings(storage.connection_string, NEVER, _NOWHERE),
            **SITES[DEFAULT].settings(_NOWHERE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        loaded = [_run(directory, environment, _LOAD) for _ in range(ROUNDS)]
        ready = [_run(directory, environment, f"{_LOAD}; {_SERVE}") for _ in range(ROUNDS)]
        served = [_served(directory, environment) for _ in range(ROUNDS)]
    return ColdStart(
        loaded=statistics.median(loaded),
        ready=statistics.median(ready),
        first_answer=statistics.median(answer for answer, _ in served),
        first_page=statistics.median(page for _, page in served),
    )


def _run(directory: Path, environment: dict[str, str], code: str) -> float:
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", f"{code}; {_TELL}"],
        cwd=directory / "app",
        env={**os.environ, **environment, "PYTHONPATH": str(directory / "app")},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.splitlines()[-1])


def _served(directory: Path, environment: dict[str, str]) -> tuple[float, float]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "local", "host", "--port", str(port)]
    with Processes() as processes:
        began = time.perf_counter()
        processes.start(
            "host",
            [*command, "--app-dir", str(directory / "app")],
            environment=environment,
            directory=ROOT,
            log=directory / "host.log",
            ready=url_answers(f"{url}/api/health"),
        )
        answered = time.perf_counter()
        requests.get(f"{url}/customers", timeout=60).raise_for_status()
        return answered - began, time.perf_counter() - answered
