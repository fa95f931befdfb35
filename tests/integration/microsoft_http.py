"""The Microsoft simulator behind a real socket, the real adapters, and an MSP that uses them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests

from local.simulators.common.app import simulator_of
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.server import running
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft import builders as simulated
from local.simulators.microsoft.state import MicrosoftState, Tenant
from local.simulators.microsoft.vendor import Microsoft, microsoft_app
from local.simulators.partnercenter.builders import a_partner_customer
from local.simulators.partnercenter.state import PartnerSubscription
from local.simulators.partnercenter.vendor import MOUNTED_AT
from shared.adapters.http.session import pooled_http
from shared.adapters.microsoft.config import ClientSecret, MicrosoftConfig
from shared.adapters.microsoft.graph import GraphLicenseSource, graph_source
from shared.adapters.microsoft.partnercenter import partner_center
from shared.domain.alerts import AlertKind
from shared.domain.ids import TenantId
from shared.ports import RefreshTokens
from shared.usecases.preview import CustomerView, RowView, license_rows
from tests.builders import CUSTOMER, MAIN, TENANT
from tests.house import House


@dataclass
class HttpSite:
    """What a test holds: Microsoft at an address, and one customer whose E5 licence is billed."""

    url: str
    vendor: Microsoft
    simulator: Simulator
    http: requests.Session
    house: House
    config: MicrosoftConfig

    @property
    def state(self) -> MicrosoftState:
        return self.vendor.state

    @property
    def tenant(self) -> Tenant:
        found = self.state.tenant(TENANT)
        assert found is not None
        return found

    @property
    def source(self) -> GraphLicenseSource:
        found = self.house.services.connections.microsoft(MAIN)
        assert isinstance(found, GraphLicenseSource)
        return found

    def connect(self, *, refresh_tokens: RefreshTokens | None = None, **changed: Any) -> None:
        """Enter Microsoft anew, with the configuration changed."""
        config = replace(self.config, **changed)
        connections = self.house.services.connections
        connections.licenses[MAIN] = graph_source(
            MAIN, config, self.house.clock, self.http, refresh_tokens=refresh_tokens
        )
        if config.partner_center:
            connections.partner_centers[MAIN] = partner_center(MAIN, config, self.http)

    def sell(self, *commitments: PartnerSubscription) -> None:
        """Be a direct partner who bought this for the customer."""
        self.state.partner_center.customers = [a_partner_customer(TENANT, *commitments)]
        self.connect(partner_center=True)

    def fault(self, kind: Kind, path: str = "**", **rule: Any) -> None:
        self.simulator.faults.add(Fault(kind=kind, path=path, **rule))

    def fault_of_partner_center(self, kind: Kind, **rule: Any) -> None:
        [neighbour] = self.simulator.neighbours
        neighbour.faults.add(Fault(kind=kind, **rule))

    # Act and look -----------------------------------------------------------------------------

    def cycle(self, *, days: int = 0) -> "HttpSite":
        """Run a whole cycle, so many days later."""
        self.house.clock.pass_time(timedelta(days=days))
        self.house.cycle()
        return self

    @property
    def billed(self) -> list[int | None]:
        """Quantities of the lines that go on."""
        return [line.quantity for line in self.house.lines if line.ends is None]

    @property
    def page(self) -> CustomerView:
        return license_rows(CUSTOMER, self.house.services)

    @property
    def rows(self) -> dict[str, RowView]:
        return {view.row.row_id: view for view in self.page.rows}

    def alerts(self, kind: AlertKind) -> list[str]:
        kept = self.house.services.alerts.open_of(CUSTOMER)
        return [alert.text for alert in kept if alert.kind is kind]


@contextmanager
def microsoft_over_http(
    *tenants: Tenant, state: MicrosoftState | None = None
) -> Iterator[HttpSite]:
    """Give a site with these tenants; it may break no contract."""
    app = microsoft_app(state or simulated.a_state(*tenants))
    simulator = simulator_of(app)
    assert isinstance(simulator.vendor, Microsoft)
    with running(app) as url, pooled_http() as http:
        site = HttpSite(
            url=url,
            vendor=simulator.vendor,
            simulator=simulator,
            http=http,
            house=House().with_customer().with_mapping(),
            config=MicrosoftConfig(
                tenant_id=TenantId(simulated.PARTNER_TENANT_ID),
                client_id=simulated.CLIENT_ID,
                credential=ClientSecret(simulated.CLIENT_SECRET),
                login_url=url,
                graph_url=url,
                partner_center_url=url + MOUNTED_AT,
                development=True,
            ),
        )
        site.connect()
        yield site
        assert simulator.violations == [], "the adapter broke Graph's contract"
