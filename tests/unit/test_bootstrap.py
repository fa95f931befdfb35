"""Choosing the real adapters: once, on first use, and not before."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import responses

from shared import bootstrap
from shared.adapters.connections import NamedConnections
from shared.adapters.telemetry import azure_monitor
from shared.adapters.telemetry.log import LogOnly
from shared.domain.agreements import ChangeKind
from shared.domain.errors import NotFoundError, SettingsError, UpstreamUnavailableError
from shared.domain.plans import CreditMode
from shared.settings import setting_names
from shared.signals import Calls
from tests.fakes.telemetry import FakeTelemetry

ROOT = Path(__file__).parents[2]
SOMEONE = "00000000-0000-4000-8000-00000000000a"
VALID = {
    "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "MICROSOFT__main__TENANT_ID": SOMEONE,
    "MICROSOFT__main__CLIENT_ID": SOMEONE,
    "MICROSOFT__main__CLIENT_SECRET": "hush",
    "MICROSOFT__main__LOGIN_URL": "http://127.0.0.1:9",
    "MICROSOFT__main__GRAPH_URL": "http://127.0.0.1:9",
    "PSA__main__PROVIDER": "connectwise",
    "PSA__main__URL": "http://127.0.0.1:9",
    "PSA__main__TIME_ZONE": "Europe/Berlin",
    "PSA__main__CREDITS": "report",
    "PSA__main__COMPANY_ID": "demo",
    "PSA__main__PUBLIC_KEY": "hush",
    "PSA__main__PRIVATE_KEY": "hush",
    "PSA__main__CLIENT_ID": SOMEONE,
}

# Fails on any look at one of our settings, and on any attempt to reach the network.
WATCHED_IMPORT = """
import os, socket, sys

class Watched(dict):
    def __getitem__(self, name):
        refuse(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        refuse(name)
        return super().get(name, default)

def refuse(name):
    if name.startswith(("MICROSOFT", "PSA", "AzureWebJobs")) or name in OURS:
        raise AssertionError(f"{name} was read at import")

def no_network(*_args, **_more):
    raise AssertionError("the network was used at import")

OURS = set(sys.argv[2].split(","))
os.environ = Watched(os.environ)
socket.socket.connect = socket.getaddrinfo = no_network
__import__(sys.argv[1])
CLIENTS = {"azure.data", "azure.storage", "msal", "opentelemetry", "requests"}
print(*sorted(CLIENTS & set(sys.modules)))
"""


@pytest.fixture
def environ(monkeypatch):
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    for name, value in VALID.items():
        monkeypatch.setenv(name, value)
    bootstrap.reset_for_tests()
    yield monkeypatch
    bootstrap.reset_for_tests()


def test_services_are_made_once_for_all_threads(environ):
    made = []
    threads = [threading.Thread(target=lambda: made.append(bootstrap.services())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8
    assert len({id(one) for one in made}) == 1


def test_connections_are_those_of_the_settings(environ):
    connections = bootstrap.services().connections

    psa = connections.psa("main")

    assert connections.psa_names() == connections.microsoft_names() == ("main",)
    assert (psa.provider, psa.time_zone) == ("connectwise", "Europe/Berlin")
    assert psa.credit_mode is CreditMode.REPORT
    assert psa is connections.psa("main")
    assert connections.microsoft("main") is connections.microsoft("main")
    for look_up in (connections.psa, connections.microsoft):
        with pytest.raises(NotFoundError, match="'other'"):
            look_up("other")


def test_a_second_psa_stands_beside_the_first(environ):
    for name, value in {
        "PROVIDER": "autotask",
        "USERNAME": "seatsync@contoso.example",
        "SECRET": "hush",
        "INTEGRATION_CODE": "hush",
        "POSTED_PERIODS": "true",
    }.items():
        environ.setenv(f"PSA__other__{name}", value)

    connections = bootstrap.services().connections

    assert connections.psa_names() == ("main", "other")
    assert connections.psa("other").provider == "autotask"
    known = connections.psa("other").gateway.capabilities
    assert (known.change, known.changes_invoiced) == (ChangeKind.DATED_ADJUSTMENTS, True)
    assert connections.psa("main").gateway.capabilities.change is ChangeKind.DATED_LINES


def test_halopsa_and_syncro_stand_beside_the_first(environ):
    for name, value in {
        "halo__PROVIDER": "halopsa",
        "halo__URL": "https://contoso.example/api",
        "halo__CLIENT_ID": "seatsync",
        "halo__CLIENT_SECRET": "hush",
        "halo__NEGATIVE_PRORATA": "true",
        "sync__PROVIDER": "syncro",
        "sync__URL": "https://contoso.example",
        "sync__API_TOKEN": "hush",
    }.items():
        environ.setenv(f"PSA__{name}", value)

    connections = bootstrap.services().connections

    assert connections.psa_names() == ("halo", "main", "sync")
    halo = connections.psa("halo").gateway.capabilities
    assert (halo.change, halo.credits) == (ChangeKind.PRORATA_ROWS, True)
    assert connections.psa("sync").gateway.capabilities.change is ChangeKind.PLAIN_QUANTITY


def test_partner_center_is_there_only_where_the_settings_say_so(environ):
    assert bootstrap.services().connections.partner_center("main") is None
    bootstrap.reset_for_tests()
    environ.setenv("MICROSOFT__main__PARTNER_CENTER", "true")
    connections = bootstrap.services().connections

    assert connections.partner_center("main") is not None
    assert connections.partner_center("main") is connections.partner_center("main")
    with pytest.raises(NotFoundError, match="'other'"):
        connections.partner_center("other")


def test_delegated_admin_is_one_setting_away(environ):
    environ.setenv("MICROSOFT__main__MODE", "gdap")
    environ.setenv("MICROSOFT__main__REFRESH_TOKEN", "hush")

    assert bootstrap.services().connections.microsoft("main") is not None


def test_wrong_settings_are_told_at_each_call_until_they_are_right(environ):
    environ.delenv("PSA__main__URL")
    for call in (bootstrap.services, bootstrap.environment, bootstrap.services):
        with pytest.raises(SettingsError, match="PSA__main__URL"):
            call()

    environ.setenv("PSA__main__URL", "http://127.0.0.1:9")

    assert bootstrap.services()


def test_triggers_learn_where_they_run_and_no_more(environ):
    assert bootstrap.environment() == bootstrap.Environment(
        development=True, auth_enabled=False, sync_schedule="0 0 2 * * *"
    )


def test_billing_time_comes_from_the_clock_file(environ, tmp_path):
    file = tmp_path / "clock.txt"
    file.write_text("2026-03-17T12:00:00Z")
    environ.setenv("CLOCK_FILE", str(file))

    assert bootstrap.services().clock.now().isoformat() == "2026-03-17T12:00:00+00:00"


def test_a_connection_is_made_when_it_is_first_used_and_kept():
    made = []

    def make():
        made.append("made")
        return object()

    connections = NamedConnections({}, {"b": make, "a": make})
    assert (connections.psa_names(), made) == (("a", "b"), [])

    assert connections.psa("a") is connections.psa("a")
    assert made == ["made"]


def test_a_connection_that_cannot_be_made_fails_at_each_use():
    def fail():
        raise SettingsError("MICROSOFT__main__CERTIFICATE cannot be read")

    connections = NamedConnections({"main": fail}, {})

    for _ in range(2):
        with pytest.raises(SettingsError):
            connections.microsoft("main")


@pytest.mark.parametrize("module", ["shared.bootstrap", "function_app"])
def test_importing_reads_no_setting_calls_nobody_and_loads_no_client(module):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORT, module, ",".join(setting_names())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


# Telemetry ----------------------------------------------------------------------------------------

INSIGHTS = f"InstrumentationKey={SOMEONE};IngestionEndpoint=https://contoso.example/"
SERVED = """
import sys
from shared import bootstrap
bootstrap.services().telemetry
print(*sorted(name for name in sys.modules if name.startswith("opentelemetry"))[:1])
"""


def test_without_a_connection_string_nothing_of_telemetry_is_loaded(environ):
    done = subprocess.run(
        [sys.executable, "-c", SERVED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""
    assert isinstance(bootstrap.services().telemetry, LogOnly)
    assert bootstrap.telemetry() is bootstrap.services().telemetry


def test_with_a_connection_string_it_is_set_up_once_for_services_and_functions(environ):
    given = []
    environ.setattr(azure_monitor, "azure_monitor", lambda *a, **k: given.append((a, k)) or "told")
    environ.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", INSIGHTS)
    identity = f"ClientId={SOMEONE};Authorization=AAD"
    environ.setenv("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", identity)

    assert bootstrap.telemetry() == bootstrap.services().telemetry == "told"
    assert given == [((INSIGHTS,), {"signs_in": True, "client_id": SOMEONE})]


def test_telemetry_that_cannot_be_set_up_is_left_out(environ, caplog):
    def fail(*_arguments, **_named):
        raise ValueError("s3cret")

    environ.setattr(azure_monitor, "azure_monitor", fail)
    environ.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", INSIGHTS)

    assert isinstance(bootstrap.services().telemetry, LogOnly)
    [record] = [one for one in caplog.records if one.name == "seatsync"]
    assert (record.event, record.error) == ("telemetry_off", "ValueError")
    assert "s3cret" not in caplog.text


def test_functions_can_tell_also_while_settings_are_wrong(environ):
    environ.delenv("PSA__main__URL")

    assert isinstance(bootstrap.telemetry(), LogOnly)


ASKED = {
    "psa": lambda connections: connections.psa("main").gateway.check(),
    "microsoft": lambda connections: connections.microsoft("main").read_tenant(SOMEONE),
}


@pytest.mark.parametrize("family", ASKED)
def test_calls_of_connections_are_told(environ, family):
    telemetry = FakeTelemetry()
    environ.setattr(bootstrap, "_telemetry", lambda _settings: telemetry)
    connections = bootstrap.services().connections

    with responses.RequestsMock(), pytest.raises(UpstreamUnavailableError):
        ASKED[family](connections)

    spans = [one.span for one in telemetry.spans]
    assert spans
    assert {one.connection for one in spans} == {f"{family}/main"}
    assert telemetry.measured(Calls)
