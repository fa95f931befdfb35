"""Count people where something needs them: users of shared tenants, and custom licences' people.

A tenant without a user filter and without a custom licence that counts people is asked nothing.

Source: docs/adr/0016-custom-licences-and-shared-tenants.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.custom import CopyOf, CustomLicense, EntraUsers, People, PeopleCount, newest
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import (
    AccessDeniedError,
    OperatorActionError,
    RetryableError,
    StaleVersionError,
    UpstreamUnavailableError,
)
from shared.domain.ids import CustomerId, CustomLicenseId, TenantId
from shared.domain.licensing import AssignedUser
from shared.domain.sharing import UserTally, tally
from shared.ports import Services, TenantRecord, UserCounts
from shared.usecases.pauses import asking_tenant


@dataclass(frozen=True, slots=True)
class CountedTenant:
    """A tenant's record with fresh counts.

    Attributes:
        users: The licensed users with their details, where the tenant is shared.
    """

    record: TenantRecord
    users: tuple[AssignedUser, ...] | None = None


def count_tenant(
    customers: Sequence[Customer],
    custom: dict[CustomerId, tuple[CustomLicense, ...]],
    record: TenantRecord,
    services: Services,
) -> CountedTenant:
    """Count what the customers need, and keep it with the tenant's record.

    What cannot be counted is unknown with the reason, and stops nothing else.

    Args:
        customers: Of this tenant; at least one.
        custom: The custom licences of each, also retired ones.

    Raises:
        RateLimitError: Graph asked to wait.
    """
    people = _Work(customers[0], services)
    fresh = tuple(people.count(*one) for one in _of_people(custom))
    users, update = _users(customers, record, people, services)
    gone = [
        (count.customer_id, count.license_id)
        for count in record.people
        if count.customer_id in custom
        and count.license_id not in {one.license_id for one in custom[count.customer_id]}
    ]
    if fresh or gone or update is not None:
        record = _kept(record.tenant_id, _Update(update, fresh, tuple(gone)), services)
    return CountedTenant(record, users)


def count_missing(
    customer: Customer,
    custom: tuple[CustomLicense, ...],
    record: TenantRecord,
    services: Services,
) -> TenantRecord:
    """Return the record with what a page shows and what was never counted.

    A failure only leaves unknown what is unknown: the page shows all the rest.
    """
    counted = {(c.customer_id, c.license_id, c.source) for c in record.people}
    missing = [
        (one, source)
        for one, source in _of_people({customer.customer_id: custom})
        if (one.customer_id, one.license_id, source) not in counted
    ]
    share = None if record.users is None else record.users.share_of(customer.customer_id)
    by_users = customer.filter is not None and not record.users_problem
    if not missing and not (by_users and (share is None or share.filter != customer.filter)):
        return record
    try:
        with asking_tenant(customer.microsoft, customer.tenant_id, services):
            work = _Work(customer, services)
            fresh = tuple(work.count(*one) for one in missing)
            update = _users((customer,), record, work, services)[1] if by_users else None
        return _kept(record.tenant_id, _Update(update, fresh), services)
    except RetryableError:
        return record


def tenant_customers(tenant_id: TenantId, services: Services) -> tuple[Customer, ...]:
    """Return the tenant's customers that are not deleted, by id."""
    found = (c for c in services.customers.all() if c.tenant_id == tenant_id)
    kept = (c for c in found if c.state is not CustomerState.DELETED)
    return tuple(sorted(kept, key=lambda customer: customer.customer_id))


@dataclass(frozen=True, slots=True)
class _Users:
    """What became of the tenant's users.

    Attributes:
        tally: ``None`` when they were not counted, because of the problem or because nobody
            shares the tenant any more.
    """

    tally: UserTally | None
    problem: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Update:
    """What to keep with the record."""

    users: _Users | None
    people: tuple[PeopleCount, ...] = ()
    gone: tuple[tuple[CustomerId, CustomLicenseId], ...] = ()


def _of_people(
    custom: dict[CustomerId, tuple[CustomLicense, ...]],
) -> Iterator[tuple[CustomLicense, People]]:
    for licenses in custom.values():
        for one in licenses:
            if not isinstance(one.source, CopyOf):
                yield one, one.source


class _Work:
    """The questions to one tenant."""

    def __init__(self, customer: Customer, services: Services) -> None:
        self._tenant_id = customer.tenant_id
        self._microsoft = customer.microsoft
        self._services = services

    def count(self, license_: CustomLicense, source: People) -> PeopleCount:
        """The number of people, or why it is unknown."""
        at = self._services.clock.now()
        seats, problem = None, ""
        try:
            seats = self._asked(source)
        except (UpstreamUnavailableError, OperatorActionError) as error:
            problem = _words(error)
        return PeopleCount(
            customer_id=license_.customer_id,
            license_id=license_.license_id,
            source=source,
            taken_at=at,
            seats=seats,
            problem=problem,
        )

    def _asked(self, source: People) -> int:
        counts: UserCounts = self._services.connections.microsoft(self._microsoft)
        if isinstance(source, EntraUsers):
            return counts.count_users(
                self._tenant_id,
                licensed_only=source.licensed_only,
                domain=source.domain,
                enabled_only=source.enabled_only,
            )
        return counts.count_group_members(
            self._tenant_id,
            source.group_id,
            include_disabled=source.include_disabled,
            nested=source.nested,
        )

    def users(self) -> tuple[AssignedUser, ...]:
        source = self._services.connections.microsoft(self._microsoft)
        return source.assigned_users(self._tenant_id, details=True)


def _users(
    customers: Sequence[Customer], record: TenantRecord, work: _Work, services: Services
) -> tuple[tuple[AssignedUser, ...] | None, _Users | None]:
    """The tenant's users if customers share it, and what to keep of them."""
    known = record.users is not None or bool(record.users_problem)
    if not known and all(customer.filter is None for customer in customers):
        return None, None
    at = services.clock.now()
    sharing = tenant_customers(record.tenant_id, services)
    if all(c.filter is None for c in sharing if c.state is CustomerState.ACTIVE):
        return None, _Users(None, "", at)
    try:
        users = work.users()
    except (UpstreamUnavailableError, OperatorActionError) as error:
        return None, _Users(None, _words(error), at)
    return users, _Users(tally(users, sharing, at), "", at)


def _kept(tenant_id: TenantId, update: _Update, services: Services) -> TenantRecord:
    """The stored record with the update, where nothing newer is stored."""
    while True:
        read = services.snapshots.get(tenant_id)
        old = TenantRecord(tenant_id, None) if read is None else read.value
        people = newest(old.people, update.people, update.gone)
        record = replace(_with_users(old, update.users), people=people)
        if record == old:
            return old
        try:
            services.snapshots.save(read, record)
        except StaleVersionError:
            continue  # another worker kept something; the newer of the two stays
        return record


def _with_users(old: TenantRecord, users: _Users | None) -> TenantRecord:
    if users is None or (old.users is not None and old.users.taken_at > users.at):
        return old
    if users.problem:
        return replace(old, users_problem=users.problem)
    return replace(old, users=users.tally, users_problem="")


def _words(error: Exception) -> str:
    return error.in_full if isinstance(error, AccessDeniedError) else str(error)
