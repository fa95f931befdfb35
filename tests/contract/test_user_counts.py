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

    def group(
        self,
        tenant_id: TenantId,
        group_id: str,
        members: Iterable[Person],
        inner: Iterable[str] = (),
        things: Iterable[str] = (),
    ) -> None:
        others = [
            simulated.DirectoryThing(id=an_id(f"{kind}-{group_id}"), display_name=kind, kind=kind)
            for kind in things
        ]
        ids = [an_id(f"user-{person.address}") for person in members]
        ids += [*inner, *(one.id for one in others)]
        made = simulated.Group(id=group_id, display_name="Group", member_ids=ids)
        tenant = self.site.tenant(tenant_id)
        tenant.groups.append(made)
        tenant.things.extend(others)

    def throttle(self, seconds: int) -> None:
        self._fault(Kind.THROTTLE, retry_after=seconds)

    def break_down(self) -> None:
        self._fault(Kind.STATUS, status=503)

    def withdraw_consent(self) -> None:
        self.site.tenant(TENANT).consents = {}

    def garble(self) -> None:
        self._fault(Kind.HTML)

    def _fault(self, kind: Kind, **rule: object) -> None:
        for path in ("/users/**", "/groups/**"):
            self.site.fault(kind, path, **rule)

    def recover(self) -> None:
        self.site.simulator.faults.clear()
        self.site.tenant(TENANT).consents = {CLIENT_ID: list(simulated.GRAPH_PERMISSIONS)}


@dataclass
class FakeWorld:
    source: FakeUserCounts

    def hold(self, tenant_id: TenantId, people: Iterable[Person]) -> None:
        self.source.hold(tenant_id, people)

    def group(
        self,
        tenant_id: TenantId,
        group_id: str,
        members: Iterable[Person],
        inner: Iterable[str] = (),
        things: Iterable[str] = (),
    ) -> None:
        del things  # only people are kept
        self.source.group(tenant_id, group_id, members, inner)

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
