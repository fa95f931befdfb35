"""Graph's counts keep their promises before the simulator, and the fake does too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from local.simulators.common.faults import Kind
from local.simulators.microsoft import state as simulated
from local.simulators.microsoft.builders import CLIENT_ID, a_tenant, an_id
from shared.adapters.microsoft.graph import GraphLicenseSource
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from tests.builders import E5, MAIN, TENANT
from tests.contract.user_counts import UserCountsContract
from tests.fakes.microsoft import FakeUserCounts, Person
from tests.microsoft_site import MicrosoftSite, microsoft_site


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@dataclass
class GraphWorld:
    site: MicrosoftSite

    @property
    def source(self) -> GraphLicenseSource:
        return self.site.source

    def hold(self, tenant_id: TenantId, people: Iterable[Person]) -> None:
        made = [
            simulated.User(
                id=an_id(f"user-{person.address}"),
                display_name=person.address,
                user_principal_name=person.address,
                account_enabled=person.enabled,
                sku_ids=[E5] if person.licensed else [],
            )
            for person in people
        ]
        self.site.state.tenants.append(a_tenant(tenant_id, tenant_id=tenant_id, users=made))

    def group(self, tenant_id: TenantId, group_id: str, members: Iterable[Person]) -> None:
        ids = [an_id(f"user-{person.address}") for person in members]
        made = simulated.Group(id=group_id, display_name="Group", member_ids=ids)
        self.site.tenant(tenant_id).groups.append(made)

    def throttle(self, seconds: int) -> None:
        self.site.fault(Kind.THROTTLE, "/**count", retry_after=seconds)

    def break_down(self) -> None:
        self.site.fault(Kind.STATUS, "/**count", status=503)

    def withdraw_consent(self) -> None:
        self.site.tenant(TENANT).consents = {}

    def garble(self) -> None:
        self.site.fault(Kind.HTML, "/**count")

    def recover(self) -> None:
        self.site.simulator.faults.clear()
        self.site.tenant(TENANT).consents = {CLIENT_ID: list(simulated.GRAPH_PERMISSIONS)}


@dataclass
class FakeWorld:
    source: FakeUserCounts

    def hold(self, tenant_id: TenantId, people: Iterable[Person]) -> None:
        self.source.hold(tenant_id, people)

    def group(self, tenant_id: TenantId, group_id: str, members: Iterable[Person]) -> None:
        self.source.group(tenant_id, group_id, members)

    def throttle(self, seconds: int) -> None:
        self.source.error = RateLimitError(MAIN, timedelta(seconds=seconds))

    def break_down(self) -> None:
        self.source.error = UpstreamUnavailableError(MAIN, "503")

    def withdraw_consent(self) -> None:
        self.source.error = AccessDeniedError("no consent", "Consent again.")

    def garble(self) -> None:
        self.source.error = UnexpectedPayloadError("$: expected a whole number")

    def recover(self) -> None:
        self.source.error = None


class TestGraphUserCounts(UserCountsContract):
    @pytest.fixture
    def world(self) -> Iterator[GraphWorld]:
        with microsoft_site() as site:
            yield GraphWorld(site)


class TestFakeUserCounts(UserCountsContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld(FakeUserCounts())
