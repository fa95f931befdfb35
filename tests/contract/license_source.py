"""What every LicenseSource promises."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

import pytest

from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from shared.domain.licensing import AssignedUser, SubscriptionStatus, TenantSnapshot, UserDetails
from shared.ports import LicenseSource
from tests.builders import (
    BUSINESS_PREMIUM,
    E5,
    EXCHANGE,
    NOW,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    TENANT,
    a_directory_tenant,
    a_sku,
    a_snapshot,
    a_subscription,
)

UNKNOWN_TENANT = TenantId("33333333-3333-4333-8333-333333333333")
ADA = AssignedUser("Ada Lovelace", "ada@contoso.example", frozenset({E5, EXCHANGE}))
BOB = AssignedUser("bob", "bob@contoso.example", frozenset({E5}))

Read = Callable[[LicenseSource, TenantId], object]
READS: dict[str, Read] = {
    "tenant": lambda source, tenant_id: source.read_tenant(tenant_id),
    "users": lambda source, tenant_id: source.assigned_users(tenant_id),
}
each_read = pytest.mark.parametrize("read", READS.values(), ids=READS)


class World(Protocol):
    """A source, and a Microsoft behind it that tests can arrange."""

    source: LicenseSource

    def hold(self, snapshot: TenantSnapshot) -> None:
        """Let a tenant hold this from now on."""

    def assign(self, tenant_id: TenantId, users: Iterable[AssignedUser]) -> None:
        """Let a tenant that holds something have these users."""

    def resell_to(self, *tenants: DirectoryTenant) -> None:
        """Let the partner have contracts with these."""

    def throttle(self, tenant_id: TenantId, seconds: int) -> None:
        """Let reads of the tenant be refused with a wait."""

    def break_down(self, tenant_id: TenantId) -> None:
        """Let reads of the tenant fail for a reason that may pass."""

    def withdraw_consent(self, tenant_id: TenantId) -> None:
        """Let the tenant's admin lock us out."""

    def garble(self, tenant_id: TenantId) -> None:
        """Let reads of the tenant bring something else than the contract says."""

    def recover(self, tenant_id: TenantId) -> None:
        """Let reads of the tenant work again."""

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""


class LicenseSourceContract:
    """The suite; a subclass provides the fixture ``world``."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    def test_a_tenant_reads_as_it_is(self, world):
        held = a_snapshot(
            [
                a_sku(E5, enabled=20, warning=5, suspended=2, locked_out=1, consumed=22),
                a_sku(BUSINESS_PREMIUM, enabled=0, consumed=3),
            ],
            [
                a_subscription(total_licenses=20),
                a_subscription(
                    OTHER_SUBSCRIPTION,
                    total_licenses=5,
                    status=SubscriptionStatus.WARNING,
                    is_trial=True,
                    next_lifecycle_at=None,
                ),
            ],
        )
        world.hold(held)

        assert world.source.read_tenant(TENANT) == held

    def test_an_empty_tenant_is_a_complete_answer(self, world):
        world.hold(a_snapshot([]))

        snapshot = world.source.read_tenant(TENANT)

        assert (snapshot.skus, snapshot.subscriptions) == ((), ())

    def test_a_number_that_microsoft_leaves_out_is_unknown(self, world):
        world.hold(a_snapshot([a_sku(E5, enabled=None), a_sku(EXCHANGE, consumed=None)]))

        skus = {sku.sku_id: sku for sku in world.source.read_tenant(TENANT).skus}

        assert (skus[E5].enabled, skus[E5].warning) == (None, 0)
        assert (skus[EXCHANGE].enabled, skus[EXCHANGE].consumed) == (10, None)

    def test_a_snapshot_says_when_it_was_taken(self, world):
        world.hold(a_snapshot())
        first = world.source.read_tenant(TENANT)
        world.pass_time(90)

        second = world.source.read_tenant(TENANT)

        assert first.taken_at == NOW
        assert (second.taken_at - first.taken_at).total_seconds() == 90

    def test_every_read_is_fresh(self, world):
        world.hold(a_snapshot([a_sku(enabled=10)]))
        world.source.read_tenant(TENANT)
        world.hold(a_snapshot([a_sku(enabled=12)]))

        assert [sku.enabled for sku in world.source.read_tenant(TENANT).skus] == [12]

    def test_tenants_are_kept_apart(self, world):
        world.hold(a_snapshot([a_sku(enabled=1)]))
        world.hold(a_snapshot([a_sku(enabled=2)], tenant_id=OTHER_TENANT))

        one, other = (world.source.read_tenant(t) for t in (TENANT, OTHER_TENANT))

        assert (one.tenant_id, one.skus[0].enabled) == (TENANT, 1)
        assert (other.tenant_id, other.skus[0].enabled) == (OTHER_TENANT, 2)

    def test_users_come_by_name_with_their_licences(self, world):
        world.hold(a_snapshot())
        world.assign(TENANT, [BOB, ADA])

        assert world.source.assigned_users(TENANT) == (ADA, BOB)

    def test_users_come_with_their_details_when_they_are_asked_for(self, world):
        world.hold(a_snapshot())
        told = UserDetails("Sales", "Köln 1", "Köln", "NRW", enabled=False, guest=True)
        world.assign(TENANT, [replace(ADA, details=told), BOB])

        ada, bob = world.source.assigned_users(TENANT, details=True)

        assert (ada.details, bob.details) == (told, UserDetails())
        assert world.source.assigned_users(TENANT) == (ADA, BOB)

    def test_users_without_a_licence_are_left_out(self, world):
        world.hold(a_snapshot())
        world.assign(TENANT, [AssignedUser("Eve", "eve@contoso.example", frozenset()), ADA])

        assert world.source.assigned_users(TENANT) == (ADA,)

    def test_a_tenant_without_licensed_users_is_a_complete_answer(self, world):
        world.hold(a_snapshot())

        assert world.source.assigned_users(TENANT) == ()

    def test_two_users_may_share_a_name(self, world):
        world.hold(a_snapshot())
        other = AssignedUser(ADA.name, "ada.2@contoso.example", frozenset({EXCHANGE}))
        world.assign(TENANT, [ADA, other])

        assert set(world.source.assigned_users(TENANT)) == {ADA, other}

    def test_users_of_many_pages_are_read_to_the_last(self, world):
        world.hold(a_snapshot())
        many = [
            AssignedUser(f"User {number:04}", f"{number:04}@contoso.example", frozenset({E5}))
            for number in range(2100)
        ]
        world.assign(TENANT, many)

        assert world.source.assigned_users(TENANT) == tuple(many)

    def test_users_of_tenants_are_kept_apart(self, world):
        world.hold(a_snapshot())
        world.hold(a_snapshot(tenant_id=OTHER_TENANT))
        world.assign(TENANT, [ADA])
        world.assign(OTHER_TENANT, [BOB])

        assert world.source.assigned_users(TENANT) == (ADA,)
        assert world.source.assigned_users(OTHER_TENANT) == (BOB,)

    def test_each_tenants_admin_has_a_link_of_its_own_to_let_the_app_in(self, world):
        one, other = (world.source.consent_link(t) for t in (TENANT, UNKNOWN_TENANT))

        assert f"/{TENANT}/adminconsent?client_id=" in one
        assert other == one.replace(TENANT, UNKNOWN_TENANT)

    @each_read
    def test_a_wait_is_handed_on_with_its_connection(self, world, read):
        world.hold(a_snapshot())
        world.throttle(TENANT, 17)

        with pytest.raises(RateLimitError) as caught:
            read(world.source, TENANT)

        assert caught.value.connection == "main"
        assert caught.value.retry_after.total_seconds() == 17

    @each_read
    def test_a_breakdown_may_pass(self, world, read):
        world.hold(a_snapshot())
        world.break_down(TENANT)

        with pytest.raises(UpstreamUnavailableError):
            read(world.source, TENANT)

    @each_read
    def test_withdrawn_consent_is_a_persons_turn(self, world, read):
        world.hold(a_snapshot())
        read(world.source, TENANT)
        world.withdraw_consent(TENANT)

        with pytest.raises(AccessDeniedError) as caught:
            read(world.source, TENANT)

        assert caught.value.remedy

    @each_read
    def test_an_unknown_tenant_is_a_persons_turn(self, world, read):
        with pytest.raises(AccessDeniedError) as caught:
            read(world.source, UNKNOWN_TENANT)

        assert UNKNOWN_TENANT in str(caught.value)
        assert caught.value.remedy

    @each_read
    def test_a_garbled_answer_is_nothing_to_go_by(self, world, read):
        world.hold(a_snapshot())
        world.garble(TENANT)

        with pytest.raises(UnexpectedPayloadError):
            read(world.source, TENANT)

    @each_read
    @pytest.mark.parametrize("trouble", ["throttle", "break_down", "withdraw_consent", "garble"])
    def test_a_read_works_again_once_the_trouble_is_over(self, world, read, trouble):
        world.hold(a_snapshot())
        arguments = (TENANT, 1) if trouble == "throttle" else (TENANT,)
        getattr(world, trouble)(*arguments)
        with pytest.raises(SeatsyncError):
            read(world.source, TENANT)
        world.recover(TENANT)

        assert world.source.read_tenant(TENANT).skus == (a_sku(),)
        assert world.source.assigned_users(TENANT) == ()

    def test_trouble_with_one_tenant_leaves_the_others_alone(self, world):
        world.hold(a_snapshot())
        world.hold(a_snapshot(tenant_id=OTHER_TENANT))
        world.withdraw_consent(TENANT)

        assert world.source.read_tenant(OTHER_TENANT).skus == (a_sku(),)
        assert world.source.assigned_users(OTHER_TENANT) == ()

    def test_tenants_are_listed_by_name(self, world):
        fabrikam = a_directory_tenant(OTHER_TENANT, name="Fabrikam")
        contoso = a_directory_tenant(name="contoso")
        world.resell_to(fabrikam, contoso)

        assert world.source.list_tenants() == (contoso, fabrikam)

    def test_a_partner_without_customers_lists_none(self, world):
        world.resell_to()

        assert world.source.list_tenants() == ()
