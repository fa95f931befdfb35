"""The session over real sockets: what the network library raises is what the tables expect."""

import socket
from collections.abc import Iterator

import pytest

from local.simulators.common.app import simulator_of
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.server import running
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.builders import a_state, a_subscription, a_tenant
from local.simulators.microsoft.vendor import microsoft_app
from shared.adapters.http.session import ApiSession, Timeout, pooled_http
from shared.adapters.microsoft.config import ClientSecret, MicrosoftConfig
from shared.adapters.microsoft.graph import GraphLicenseSource, graph_source
from shared.domain.errors import UnknownOutcomeError, UpstreamUnavailableError
from shared.domain.ids import TenantId
from tests.builders import E5, MAIN, TENANT
from tests.microsoft_site import BATCH, HandClock

CLIENT_ID = "5eed0000-0000-4000-8000-00000000a991"


@pytest.fixture
def served() -> Iterator[tuple[str, Simulator]]:
    contoso = a_tenant("Contoso", [a_subscription(E5, 20)], tenant_id=TENANT)
    app = microsoft_app(a_state(contoso))
    with running(app) as url:
        yield url, simulator_of(app)


@pytest.fixture
def session(served) -> Iterator[ApiSession]:
    url, _ = served
    with pooled_http() as http:
        yield ApiSession("main", url, http, timeout=Timeout(2, 0.5))


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def source(served) -> Iterator[GraphLicenseSource]:
    url, _ = served
    config = MicrosoftConfig(
        tenant_id=TenantId("5eed0000-0000-4000-8000-0000000000aa"),
        client_id=CLIENT_ID,
        credential=ClientSecret("made-up-secret"),
        login_url=url,
        graph_url=url,
        development=True,
    )
    with pooled_http() as http:
        yield graph_source(MAIN, config, HandClock(), http)


def test_a_tenant_is_read_over_kept_connections(source):
    for _ in range(3):
        assert source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.LOST_ANSWER])
def test_a_connection_that_breaks_once_is_made_good(served, source, kind):
    source.read_tenant(TENANT)
    served[1].faults.add(Fault(kind=kind, path=BATCH, times=1))

    assert source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.LOST_ANSWER])
def test_a_write_without_an_answer_has_no_known_outcome(served, session, kind):
    served[1].faults.add(Fault(kind=kind))

    with pytest.raises(UnknownOutcomeError):
        session.send_json("POST", "/x/oauth2/v2.0/token", {})

    assert len(served[1].calls.records()) == 1


def test_an_answer_that_comes_too_late_has_no_known_outcome(served, session):
    served[1].faults.add(Fault(kind=Kind.LATENCY, seconds=1.0))

    with pytest.raises(UnknownOutcomeError, match="no answer in time"):
        session.send_json("POST", "/x/oauth2/v2.0/token", {})


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_to_nobody_was_never_sent(nobody, method):
    with pooled_http() as http:
        session = ApiSession("main", nobody, http)

        with pytest.raises(UpstreamUnavailableError, match="no connection"):
            session.send_json(method, "/a", {})


def test_a_write_to_a_name_that_does_not_exist_was_never_sent():
    with pooled_http() as http:
        session = ApiSession("main", "https://nobody.invalid", http)

        with pytest.raises(UpstreamUnavailableError, match="no connection"):
            session.send_json("POST", "/a", {})


def test_a_write_over_tls_to_a_server_without_a_good_certificate_was_never_done(served):
    url, simulator = served
    with pooled_http() as http:
        session = ApiSession("main", url.replace("http://", "https://"), http)

        # Which of the two depends on where the handshake fails; nothing was done in any case.
        with pytest.raises((UpstreamUnavailableError, UnknownOutcomeError)):
            session.send_json("POST", "/a", {})

    assert simulator.calls.records() == []
