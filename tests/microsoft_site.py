"""The Microsoft simulator without a socket, and the real adapter reading from it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import requests

from local.simulators.common.app import simulator_of
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft import builders as simulated
from local.simulators.microsoft.state import MicrosoftState, Tenant
from local.simulators.microsoft.vendor import Microsoft, microsoft_app
from shared.adapters.http.session import pooled_http
from shared.adapters.microsoft.config import ClientSecret, MicrosoftConfig
from shared.adapters.microsoft.graph import GraphLicenseSource, graph_source
from shared.adapters.microsoft.partnercenter import PartnerCenter, partner_center
from shared.domain.ids import TenantId
from shared.ports import RefreshTokens
from tests.builders import MAIN, NOW

LOGIN_URL = "http://login.test"
GRAPH_URL = "http://graph.test"
PARTNER_CENTER_URL = "http://partner.test/partnercenter"
BATCH = "/$batch"
SKUS = "/subscribedSkus"
SUBSCRIPTIONS = "/directory/subscriptions"
ORGANIZATION = "/organization"
USERS = "/users"
TOKEN = "/*/oauth2/v2.0/token"
DISCOVERY = "/*/v2.0/.well-known/openid-configuration"


@dataclass
class HandClock:
    """A clock that a test moves."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def real_now(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class MicrosoftSite:
    """What a test holds."""

    simulator: Simulator
    vendor: Microsoft
    source: GraphLicenseSource
    clock: HandClock
    http: requests.Session
    config: MicrosoftConfig
    calls: list[tuple[str, str, int | None]] = field(default_factory=list)

    @property
    def state(self) -> MicrosoftState:
        return self.vendor.state

    @property
    def partner_center_simulator(self) -> Simulator:
        return self.simulator.neighbours[0]

    def tenant(self, tenant_id: str) -> Tenant:
        found = self.state.tenant(tenant_id)
        assert found is not None
        return found

    def fault(self, kind: Kind, path: str = "**", **rule: object) -> None:
        self.simulator.faults.add(Fault(kind=kind, path=path, **rule))

    def counts(self) -> dict[str, int]:
        """Return how many calls of each kind the simulator answered, batched ones aside."""
        return {
            kind: number
            for kind, number in self.simulator.calls.counts().items()
            if "in_batch" not in kind
        }

    def new_source(
        self, *, refresh_tokens: RefreshTokens | None = None, **changed: object
    ) -> GraphLicenseSource:
        """Return another source, as another worker has it, with the configuration changed."""
        config = replace(self.config, **changed)
        return graph_source(
            MAIN, config, self.clock, self.http, self.on_call, refresh_tokens=refresh_tokens
        )

    def new_partner_center(self, **changed: object) -> PartnerCenter:
        """Return Partner Center as the connection has it, with the configuration changed."""
        config = replace(self.config, partner_center=True, **changed)
        made = partner_center(MAIN, config, self.http, self.on_call)
        assert made is not None
        return made

    def on_call(
        self, kind: str, method: str, status: int | None, seconds: float, attempt: int
    ) -> None:
        assert seconds >= 0
        assert attempt >= 1
        self.calls.append((kind, method, status))


@contextmanager
def microsoft_site(
    *tenants: Tenant, state: MicrosoftState | None = None, **config: object
) -> Iterator[MicrosoftSite]:
    """Give a site with these customers; ``config`` changes the connection's settings."""
    clock = HandClock()
    app = microsoft_app(state or simulated.a_state(*tenants), clock=clock.now)
    simulator = simulator_of(app)
    assert isinstance(simulator.vendor, Microsoft)
    with pooled_http() as http:
        for url in ("http://", "https://"):
            http.mount(url, InProcessAdapter(app, sleep=lambda _seconds: None))
        site = MicrosoftSite(
            simulator=simulator,
            vendor=simulator.vendor,
            source=None,  # type: ignore[arg-type]  # made on the next line, which needs the site
            clock=clock,
            http=http,
            config=replace(
                MicrosoftConfig(
                    tenant_id=TenantId(simulated.PARTNER_TENANT_ID),
                    client_id=simulated.CLIENT_ID,
                    credential=ClientSecret(simulated.CLIENT_SECRET),
                    login_url=LOGIN_URL,
                    graph_url=GRAPH_URL,
                    partner_center_url=PARTNER_CENTER_URL,
                    development=True,
                ),
                **config,
            ),
        )
        site.source = site.new_source()
        yield site
        for one in (simulator, *simulator.neighbours):
            assert own_faults(one.violations) == [], "the adapter broke a contract"


def own_faults(violations: Iterable[object]) -> list[object]:
    """Return the contract violations, which none of our calls may cause."""
    return list(violations)
