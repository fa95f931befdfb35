"""A LicenseSource, PartnerSubscriptions and UserCounts in memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.commitments import PartnerSubscription
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import AccessDeniedError, NotFoundError, SeatsyncError
from shared.domain.ids import TenantId
from shared.domain.licensing import AssignedUser, TenantSnapshot, UserDetails
from shared.ports import Clock
from tests.builders import PARTNER_TENANT


class FakeLicenseSource:
    """A LicenseSource that holds snapshots and can be told to fail.

    Attributes:
        reads: How often each tenant was read, failures too.
        user_reads: How often each tenant's users were read, failures too.
        people_counts: How often people of each tenant were counted, failures too.
        counts: Who there is to count; nobody at first.
        listings: How often the tenants were listed, failures too.
    """

    def __init__(
        self,
        clock: Clock,
        *snapshots: TenantSnapshot,
        tenants: Iterable[DirectoryTenant] = (),
    ) -> None:
        self._clock = clock
        self.partner_tenant_id = PARTNER_TENANT
        self._snapshots: dict[TenantId, TenantSnapshot] = {}
        self._users: dict[TenantId, tuple[AssignedUser, ...]] = {}
        self._errors: dict[TenantId, SeatsyncError] = {}
        self.tenants: tuple[DirectoryTenant, ...] = tuple(tenants)
        self.listing_error: SeatsyncError | None = None
        self.reads: Counter[TenantId] = Counter()
        self.user_reads: Counter[TenantId] = Counter()
        self.people_counts: Counter[TenantId] = Counter()
        self.counts = FakeUserCounts()
        self.listings = 0
        for snapshot in snapshots:
            self.hold(snapshot)

    def hold(self, snapshot: TenantSnapshot) -> None:
        """Let a tenant hold what the snapshot says, from now on."""
        self._snapshots[snapshot.tenant_id] = snapshot
        self.counts.found(snapshot.tenant_id)

    def users(self, tenant_id: TenantId, users: Iterable[AssignedUser]) -> None:
        """Let these users of a tenant have licences, from now on."""
        self._users[tenant_id] = tuple(users)

    def fail(self, tenant_id: TenantId, error: SeatsyncError) -> None:
        """Let every read of a tenant raise the error, until ``recover``."""
        self._errors[tenant_id] = error

    def recover(self, tenant_id: TenantId) -> None:
        """Let a tenant be read again."""
        self._errors.pop(tenant_id, None)

    def consent_link(self, tenant_id: TenantId) -> str:
        return f"https://login.example/{tenant_id}/adminconsent?client_id=c1"

    def read_tenant(self, tenant_id: TenantId) -> TenantSnapshot:
        self.reads[tenant_id] += 1
        taken_at = self._clock.now()
        self._check(tenant_id)
        return replace(self._snapshots[tenant_id], taken_at=taken_at)

    def assigned_users(
        self, tenant_id: TenantId, *, details: bool = False
    ) -> tuple[AssignedUser, ...]:
        self.user_reads[tenant_id] += 1
        self._check(tenant_id)
        licensed = (
            replace(user, details=(user.details or UserDetails()) if details else None)
            for user in self._users.get(tenant_id, ())
            if user.sku_ids
        )
        return tuple(sorted(licensed, key=lambda one: (one.name.casefold(), one.address)))

    def count_users(
        self, tenant_id: TenantId, *, licensed_only: bool, domain: str | None, enabled_only: bool
    ) -> int:
        self.people_counts[tenant_id] += 1
        self._check(tenant_id)
        return self.counts.count_users(
            tenant_id, licensed_only=licensed_only, domain=domain, enabled_only=enabled_only
        )

    def count_group_members(
        self, tenant_id: TenantId, group_id: str, *, include_disabled: bool, nested: bool = False
    ) -> int:
        self.people_counts[tenant_id] += 1
        self._check(tenant_id)
        return self.counts.count_group_members(
            tenant_id, group_id, include_disabled=include_disabled, nested=nested
        )

    def list_tenants(self) -> tuple[DirectoryTenant, ...]:
        self.listings += 1
        if self.listing_error:
            raise self.listing_error
        return tuple(sorted(self.tenants, key=lambda one: (one.name.casefold(), one.tenant_id)))

    def _check(self, tenant_id: TenantId) -> None:
        if error := self._errors.get(tenant_id):
            raise error
        if tenant_id not in self._snapshots:
            raise AccessDeniedError(
                f"Microsoft knows no tenant {tenant_id}", remedy="Check the tenant's id."
            )


class FakePartnerCenter:
    """``PartnerSubscriptions`` that hold what a test puts there and can be told to fail.

    Attributes:
        error: Raised by every read while it is set.
    """

    def __init__(self) -> None:
        self._bought: dict[TenantId, tuple[DirectoryTenant, tuple[PartnerSubscription, ...]]] = {}
        self.error: SeatsyncError | None = None

    def hold(self, customer: DirectoryTenant, *subscriptions: PartnerSubscription) -> None:
        """Let a customer have these subscriptions, from now on."""
        self._bought[customer.tenant_id] = (customer, subscriptions)

    def customers(self) -> tuple[DirectoryTenant, ...]:
        self._check()
        found = (customer for customer, _ in self._bought.values())
        return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.tenant_id)))

    def subscriptions(self, tenant_id: TenantId) -> tuple[PartnerSubscription, ...]:
        self._check()
        if tenant_id not in self._bought:
            raise NotFoundError(f"the partner has no customer {tenant_id}")
        return self._bought[tenant_id][1]

    def _check(self) -> None:
        if self.error:
            raise self.error


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a tenant, as far as counts go."""

    address: str
    enabled: bool = True
    licensed: bool = True


class FakeUserCounts:
    """``UserCounts`` over people whom a test names.

    Attributes:
        error: Raised by every count while it is set.
    """

    def __init__(self) -> None:
        self._people: dict[TenantId, tuple[Person, ...]] = {}
        self._groups: dict[tuple[TenantId, str], tuple[tuple[Person, ...], tuple[str, ...]]] = {}
        self.error: SeatsyncError | None = None

    def found(self, tenant_id: TenantId) -> None:
        """Let there be a tenant, without users if it is new."""
        self._people.setdefault(tenant_id, ())

    def hold(self, tenant_id: TenantId, people: Iterable[Person]) -> None:
        """Let a tenant have these users, from now on."""
        self._people[tenant_id] = tuple(people)

    def group(
        self,
        tenant_id: TenantId,
        group_id: str,
        members: Iterable[Person],
        inner: Iterable[str] = (),
    ) -> None:
        """Let a tenant have a group with these users and groups in it, from now on."""
        self._groups[tenant_id, group_id] = (tuple(members), tuple(inner))

    def count_users(
        self, tenant_id: TenantId, *, licensed_only: bool, domain: str | None, enabled_only: bool
    ) -> int:
        self._check(tenant_id)
        ending = None if domain is None else f"@{domain.strip().removeprefix('@').lower()}"
        return sum(
            (person.licensed or not licensed_only)
            and (person.enabled or not enabled_only)
            and (ending is None or person.address.lower().endswith(ending))
            for person in self._people[tenant_id]
        )

    def count_group_members(
        self, tenant_id: TenantId, group_id: str, *, include_disabled: bool, nested: bool = False
    ) -> int:
        self._check(tenant_id)
        found = self._groups.get((tenant_id, group_id.lower()))
        if found is None:
            raise NotFoundError(f"the tenant {tenant_id} has no such group")
        members, inner = found
        people = {*members}
        for one in inner if nested else ():
            people |= {*self._groups[tenant_id, one][0]}
        return sum(person.enabled or include_disabled for person in people)

    def _check(self, tenant_id: TenantId) -> None:
        if self.error:
            raise self.error
        if tenant_id not in self._people:
            raise AccessDeniedError(
                f"Microsoft knows no tenant {tenant_id}", remedy="Check the tenant's id."
            )
