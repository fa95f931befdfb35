"""What the sample settings promise: `make simulators` and `make start`, on other ports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.api import Api
from local.azurite import Azurite
from local.processes import Processes, free_port, url_answers
from local.sample.customers import CUSTOMERS
from local.sample.microsoft import row_id
from local.sample.onboarding import add_customers, add_profiles, exclude_free, map_licenses
from local.sites.known import SITES
from local.stack import ROOT
from tests.integration.waiting import eventually

pytestmark = pytest.mark.stack

SAMPLE = ROOT / "local.settings.sample.json"
ADDRESS = re.compile(r"http://127\.0\.0\.1:(7081|7082)|UseDevelopmentStorage=true")
LOCAL = [sys.executable, "-m", "local"]


def moved(storage: str, ports: dict[str, int]) -> str:
    """Return the sample settings with other addresses, and nothing else changed."""
    new = {
        "http://127.0.0.1:7081": f"http://127.0.0.1:{ports['microsoft']}",
        "http://127.0.0.1:7082": f"http://127.0.0.1:{ports['connectwise']}",
        "UseDevelopmentStorage=true": storage,
    }
    return ADDRESS.sub(lambda found: new[found[0]], SAMPLE.read_text("utf-8"))


@pytest.mark.timeout(180)
def test_the_sample_settings_sync_a_customer_once_their_addresses_are_changed(
    tmp_path: Path, azurite: Azurite
):
    ports = {name: free_port() for name in ("microsoft", "connectwise", "app")}
    settings = tmp_path / "local.settings.json"
    settings.write_text(moved(azurite.connection_string, ports), "utf-8")
    app_url, psa_url = (f"http://127.0.0.1:{ports[name]}" for name in ("app", "connectwise"))
    with Processes() as processes:
        subprocess.run([*LOCAL, "sample", str(tmp_path)], cwd=ROOT, check=True)
        states = [
            f"--{name}-{what}"
            for name in ("microsoft", "connectwise")
            for what in (f"port={ports[name]}", f"state={tmp_path / name}.json")
        ]
        processes.start(
            "simulators",
            [*LOCAL, "simulators", "microsoft", "connectwise", *states],
            directory=ROOT,
            log=tmp_path / "simulators.log",
            ready=url_answers(f"{psa_url}/_sim/health"),
        )
        processes.start(
            "app",
            [*LOCAL, "host", "--port", str(ports["app"]), "--settings", str(settings)],
            directory=ROOT,
            log=tmp_path / "app.log",
            ready=url_answers(f"{app_url}/api/health"),
        )
        with Api(app_url) as app:
            customer, *_ = add_customers(app)
            exclude_free(app)
            map_licenses(app, SITES["connectwise"], customer, add_profiles(app))

            app.call("POST", f"/api/customers/{customer.customer_id}/sync")

            path = f"/api/customers/{customer.customer_id}/history"
            row = row_id(CUSTOMERS[0].licenses[0])
            first = eventually(
                lambda: next((one for one in app.items(path) if one["row_id"] == row), None), 60
            )
    assert (first["before"], first["after"]) == (10, 12)
