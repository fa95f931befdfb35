"""The deployed package on a clean Python: nothing but its own pins is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.hosting.settings import read_local_settings
from local.package import ROOT, build
from tests.integration.insights import insights
from tests.integration.waiting import eventually
from tests.worker.driver import Worker

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13"
)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("deployed")
    build(directory / "app.zip")
    with zipfile.ZipFile(directory / "app.zip") as package:
        package.extractall(directory / "app")
    return directory / "app"


@pytest.fixture(scope="module")
def clean_python(unpacked: Path) -> Path:
    environment = unpacked.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    subprocess.run(
        [python, *install, "--require-hashes", "-r", unpacked / "requirements.txt"], check=True
    )
    return python


@pytest.mark.timeout(300)
def test_the_worker_starts_the_unpacked_app_with_nothing_else_installed(unpacked, clean_python):
    values = read_local_settings(ROOT / "local.settings.sample.json")
    values |= {"PYTHON_ENABLE_OPENTELEMETRY": "true"}

    with (
        insights() as received,
        Worker(unpacked, values | received.environment, python=clean_python, path="") as worker,
    ):
        names = set(worker.index())
        answer = worker.http("describe_api", url="http://localhost/api/openapi.json")
        health = worker.http(
            "check_app_health",
            url="http://localhost/api/health",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        spans = eventually(lambda: received.spans_of("0af7651916cd43dd8448eb211c80319c"))

    assert {"sync_tenant", "sync_license", "start_sync_cycle", "close_runs"} <= names
    assert answer["status"] == 401  # a worker alone is no laptop: nobody is signed in
    assert health["status"] == 503  # the storage of the sample settings is not there
    assert "storage" in health["body"]
    # What is told goes on with the trace that the host began.
    [span] = spans.values()
    assert (span.name, span.parent) == ("function check_app_health", "b7ad6b7169203331")
