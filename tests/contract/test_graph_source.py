"""The real source keeps its promises before the simulator."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from local.simulators.common.faults import Kind
from local.simulators.microsoft import state as simulated
from local.simulators.microsoft.builders import CLIENT_ID, a_contract, a_tenant, an_id
from shared.adapters.microsoft.graph import GraphLicenseSource
from shared.domain.customers import DirectoryTenant
from shared.domain.ids import TenantId
from shared.domain.licensing import AssignedUser, Sku, TenantSnapshot, UserDetails
from tests.contract.license_source import LicenseSourceContract
from tests.microsoft_site import BATCH, USERS, MicrosoftSite, microsoft_site

_UNITS = {
    "enabled": "prepaidUnits.enabled",
    "warning": "prepaidUnits.warning",
    "suspended": "prepaidUnits.suspended",
    "locked_out": "prepaidUnits.lockedOut",
    "consumed": "consumedUnits",
}


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@dataclass
class GraphWorld:
    site: MicrosoftSite

    @property
    def source(self) -> GraphLicenseSource:
        return self.site.source

    def hold(self, snapshot: TenantSnapshot) -> None:
        state = self.site.state
        kept = [tenant for tenant in state.tenants if tenant.id != snapshot.tenant_id]
        state.tenants = [*kept, _tenant(snapshot)]

    def assign(self, tenant_id: TenantId, users: Iterable[AssignedUser]) -> None:
        self.site.tenant(tenant_id).users = [
            simulated.User(
                id=an_id(f"user-{user.address}"),
                display_name=user.name,
                user_principal_name=user.address,
                sku_ids=sorted(sku_id.upper() for sku_id in user.sku_ids),
                **_details(user.details),
            )
            for user in users
        ]

    def resell_to(self, *tenants: DirectoryTenant) -> None:
        self.site.state.contracts = [
            a_contract(a_tenant(one.name, tenant_id=one.tenant_id, domain=one.domain))
            for one in tenants
        ]

    def throttle(self, tenant_id: TenantId, seconds: int) -> None:
        for path in (BATCH, USERS):
            self.site.fault(Kind.THROTTLE, path, tenant=tenant_id, retry_after=seconds)

    def break_down(self, tenant_id: TenantId) -> None:
        for path in (BATCH, USERS):
            self.site.fault(Kind.STATUS, path, tenant=tenant_id, status=503)

    def withdraw_consent(self, tenant_id: TenantId) -> None:
        self.site.tenant(tenant_id).consents = {}
        self.site.vendor.tokens.revoke_all()

    def garble(self, tenant_id: TenantId) -> None:
        for path in (BATCH, USERS):
            self.site.fault(Kind.TRUNCATED, path, tenant=tenant_id)

    def recover(self, tenant_id: TenantId) -> None:
        self.site.simulator.faults.clear()
        self.site.tenant(tenant_id).consents = {CLIENT_ID: list(simulated.GRAPH_PERMISSIONS)}

    def pass_time(self, seconds: float) -> None:
        self.site.clock.forward(seconds=seconds)


class TestGraphLicenseSource(LicenseSourceContract):
    @pytest.fixture
    def world(self) -> Iterator[GraphWorld]:
        with microsoft_site() as site:
            yield GraphWorld(site)


def _tenant(snapshot: TenantSnapshot) -> simulated.Tenant:
    return a_tenant(
        "Contoso",
        [
            simulated.Subscription(
                id=one.subscription_id,
                sku_id=one.sku_id,
                sku_part_number=one.sku_part_number,
                total_licenses=one.total_licenses,
                status=simulated.Status(one.status.value),
                commerce_subscription_id=one.commerce_id,
                created_at=one.created_at,
                next_lifecycle_at=one.next_lifecycle_at,
                is_trial=one.is_trial,
                owner_tenant_id=one.owner_tenant_id,
            )
            for one in snapshot.subscriptions
        ],
        tenant_id=snapshot.tenant_id,
        skus=[
            simulated.Sku(
                sku_id=sku.sku_id,
                sku_part_number=sku.sku_part_number,
                applies_to=sku.applies_to,
                **{name: getattr(sku, name) for name in _UNITS},
            )
            for sku in snapshot.skus
        ],
        raw_sku_overrides={
            sku.sku_id: simulated.RawOverride(put=left_out)
            for sku in snapshot.skus
            if (left_out := _left_out(sku))
        },
    )


def _details(details: UserDetails | None) -> dict[str, object]:
    if details is None:
        return {}
    return {
        "department": f" {details.department}\N{NO-BREAK SPACE}",
        "office_location": details.office,
        "city": details.city,
        "state": details.state,
        "account_enabled": details.enabled,
        "user_type": "Guest" if details.guest else "Member",
    }


def _left_out(sku: Sku) -> dict[str, None]:
    return {path: None for name, path in _UNITS.items() if getattr(sku, name) is None}
