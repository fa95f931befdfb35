"""Partner Center's adapter keeps its promises before the simulator, and its fake does too."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from local.simulators.common.faults import Fault, Kind
from local.simulators.common.simulator import Simulator
from local.simulators.partnercenter.builders import a_partner_customer, a_partner_subscription
from local.simulators.partnercenter.state import PartnerCenterState
from shared.adapters.microsoft.partnercenter import PartnerCenter
from shared.domain.commitments import PartnerSubscription
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.terms import TermLength
from tests.builders import MAIN
from tests.contract.partner_subscriptions import PartnerSubscriptionsContract
from tests.fakes.microsoft import FakePartnerCenter
from tests.microsoft_site import MicrosoftSite, microsoft_site

DURATIONS = {TermLength.MONTHLY: "P1M", TermLength.ANNUAL: "P1Y", TermLength.TRIENNIAL: "P3Y"}


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@dataclass
class SimulatedWorld:
    site: MicrosoftSite
    source: PartnerCenter

    @property
    def simulator(self) -> Simulator:
        return self.site.partner_center_simulator

    @property
    def state(self) -> PartnerCenterState:
        return self.site.state.partner_center

    def hold(self, customer: DirectoryTenant, *subscriptions: PartnerSubscription) -> None:
        sold = [
            a_partner_subscription(
                one.commerce_id.upper(),
                one.quantity,
                name=one.friendly_name,
                term=DURATIONS[one.term],
                billing_cycle=one.billing_cycle.value,
                commitment_end=one.commitment_end,
                status=one.status.value,
                is_trial=one.is_trial,
                auto_renew=one.auto_renew,
                next_quantity=one.next_quantity,
            )
            for one in subscriptions
        ]
        made = a_partner_customer(customer.tenant_id, *sold, name=customer.name)
        made.domain = customer.domain
        self.state.customers.append(made)

    def throttle(self, seconds: int) -> None:
        self._fault(Kind.THROTTLE, retry_after=seconds)

    def break_down(self) -> None:
        self._fault(Kind.STATUS, status=503)

    def lock_out(self) -> None:
        self.state.app_ids = []

    def garble(self) -> None:
        self._fault(Kind.TRUNCATED)

    def recover(self) -> None:
        self.simulator.faults.clear()
        self.state.app_ids = None

    def _fault(self, kind: Kind, **rule: object) -> None:
        self.simulator.faults.add(Fault(kind=kind, **rule))


@dataclass
class FakeWorld:
    source: FakePartnerCenter

    def hold(self, customer: DirectoryTenant, *subscriptions: PartnerSubscription) -> None:
        self.source.hold(customer, *subscriptions)

    def throttle(self, seconds: int) -> None:
        self.source.error = RateLimitError(MAIN, timedelta(seconds=seconds))

    def break_down(self) -> None:
        self.source.error = UpstreamUnavailableError(MAIN, "503")

    def lock_out(self) -> None:
        self.source.error = AccessDeniedError("refused", "Add the app.")

    def garble(self) -> None:
        self.source.error = UnexpectedPayloadError("$: expected an object")

    def recover(self) -> None:
        self.source.error = None


class TestPartnerCenter(PartnerSubscriptionsContract):
    @pytest.fixture
    def world(self) -> Iterator[SimulatedWorld]:
        with microsoft_site() as site:
            yield SimulatedWorld(site, site.new_partner_center())


class TestFakePartnerCenter(PartnerSubscriptionsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld(FakePartnerCenter())
