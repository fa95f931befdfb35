"""A host that is forked is as its own as one that was started."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.processes import Child, ProcessError, free_port, url_answers
from tests.integration.nursery import Nursery
from tests.integration.stack import NEVER
from tests.integration.test_processes import is_alive
from tests.integration.waiting import eventually

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="hosts are forked on Linux only"),
]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def settings(azurite: Azurite) -> dict[str, str]:
    return {"AzureWebJobsStorage": azurite.connection_string, "SYNC_SCHEDULE": NEVER}


def a_host(nursery: Nursery, log: Path, settings: dict[str, str]) -> Child:
    """Return a host that serves."""
    port = free_port()
    child = nursery.fork(["--port", str(port)], settings, log)
    child.wait_ready(url_answers(f"http://127.0.0.1:{port}/admin/host/status"))
    return child


def test_nothing_runs_and_nothing_is_open_where_hosts_are_forked(nursery, settings, tmp_path):
    host = a_host(nursery, tmp_path / "log", settings)
    cradle = Path(f"/proc/{nursery.pid}")

    try:
        kinds = {str(one.readlink()).partition(":")[0] for one in (cradle / "fd").iterdir()}
        assert len(list((cradle / "task").iterdir())) == 1
        assert "socket" not in kinds
    finally:
        host.kill()


def test_a_host_that_is_asked_to_end_ends_well_and_one_that_is_killed_does_not(
    nursery, settings, tmp_path
):
    asked, killed = (a_host(nursery, tmp_path / one, settings) for one in ("asked", "killed"))
    assert (asked.returncode, killed.returncode) == (None, None)

    killed.kill()

    assert asked.returncode is None
    assert killed.returncode == -signal.SIGKILL
    assert asked.stop() == asked.returncode == 0


def test_a_host_that_cannot_start_says_why_in_a_log_of_its_own(nursery, settings, tmp_path):
    other = a_host(nursery, tmp_path / "other", settings)

    child = nursery.fork(["--port", "0"], {**settings, "SYNC_SCHEDULE": "never"}, tmp_path / "log")

    with pytest.raises(ProcessError, match=r"ended with 1[\s\S]*never"):
        child.wait_ready(lambda: False)
    assert "never" not in (tmp_path / "other").read_text("utf-8")
    other.kill()


def test_hosts_end_with_the_process_that_they_were_forked_from(settings, tmp_path):
    nursery = Nursery()
    host = a_host(nursery, tmp_path / "log", settings)

    nursery.close()

    assert host.returncode == -signal.SIGKILL
    eventually(lambda: not is_alive(host.process.pid))
