"""The demo sets itself up, is right, obeys Ctrl-C, and leaves nothing behind."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from local.api import Api
from local.processes import port_answers
from local.sample.customers import CUSTOMERS
from local.sample.microsoft import row_id, tenant_id
from local.sample.psa import product_id
from tests.integration.waiting import eventually

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "local", "demo"]
SYNC_NOW_SECONDS = 3.0
ASPEN = CUSTOMERS[0]
LICENCE = ASPEN.licenses[0]


@dataclass
class Served:
    """A demo that serves, and what it has printed."""

    process: "subprocess.Popen[str]"
    app: str
    microsoft: str
    psa: str

    def ports(self) -> list[int]:
        return [int(url.rpartition(":")[2]) for url in (self.app, self.microsoft, self.psa)]


@contextlib.contextmanager
def serving(log: Path) -> Iterator[Served]:
    def addresses() -> list[str]:
        assert process.poll() is None, log.read_text()
        text = log.read_text()
        found = re.findall(r"^  (?:the app's API|.*, simulated) +(http://[\d.:]+)/", text, re.M)
        return found if "Try it" in text else []

    with log.open("w") as output:
        process = subprocess.Popen(
            [*DEMO, "--port", "0"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield Served(process, *eventually(addresses, 180))
    finally:
        process.terminate()
        process.wait(30)


def test_run_once_it_is_right_and_shows_what_was_written():
    done = subprocess.run(
        [*DEMO, "--once"], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Microsoft 365 Business Premium +10 +12  12 enabled", done.stdout)
    assert re.search(r"failed +Ivy Sample Housing", done.stdout)
    assert "Every line in the PSA equals its rule" in done.stdout
    assert "the second cycle wrote nothing" in done.stdout
    assert "Traceback" not in done.stderr


def test_two_more_seats_are_in_the_psa_three_seconds_after_sync_now(tmp_path):
    with (
        serving(tmp_path / "demo.log") as demo,
        Api(demo.app) as app,
        Api(demo.psa) as psa,
    ):
        customer = next(
            one["customer_id"]
            for one in app.items("/api/customers")
            if one["tenant_id"] == tenant_id(ASPEN)
        )
        add_two_seats_by_hand(demo.microsoft)

        asked = time.monotonic()
        run = app.call("POST", f"/api/customers/{customer}/sync")["run_id"]
        eventually(lambda: standing_quantity(psa) == 14, SYNC_NOW_SECONDS)
        took = time.monotonic() - asked

        assert took < SYNC_NOW_SECONDS
        change = eventually(lambda: written_by(app, customer, run))
        assert (change["before"], change["after"]) == (12, 14)
        assert change["actor"] == "developer"
        assert change["row_id"] == row_id(LICENCE)
        assert change["why"][0].startswith("14 enabled")
        assert change["at"]

        ports = demo.ports()
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(30) == 0
        eventually(lambda: not any(port_answers(port) for port in ports))
        eventually(lambda: members_of(demo.process.pid) == [])


def add_two_seats_by_hand(microsoft: str) -> None:
    """Press the button of the simulator's page."""
    with Api(microsoft) as page:
        tenant = next(
            one
            for one in page.call("GET", "/_sim/state")["tenants"]
            if one["id"] == tenant_id(ASPEN)
        )
        bought = tenant["subscriptions"][0]
    address = f"{microsoft}/tenants/{tenant['id']}/subscriptions/{bought['id']}"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(address, data={"add": "2"}, timeout=30)
    assert answer.ok, answer.text


def standing_quantity(psa: Api) -> float:
    return next(
        one["quantity"]
        for one in psa.call("GET", "/_sim/state")["additions"]
        if one["agreementId"] == 7001
        and one["product"]["id"] == product_id(LICENCE.part_number)
        and not one.get("cancelledDate")
    )


def written_by(app: Api, customer: str, run: str):
    changes = app.items(f"/api/customers/{customer}/history")
    return next((one for one in changes if one["run_id"] == run), None)


def members_of(session: int) -> list[int]:
    """Processes of the demo's session or started below it; Linux only, elsewhere none are seen."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if fields[0] != "Z" and session in {int(fields[1]), int(fields[3])}:
                found.append(int(stat.parent.name))
    return found


def test_a_port_that_is_taken_is_told_and_nothing_is_started():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*DEMO, "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "Azurite" not in done.stdout
