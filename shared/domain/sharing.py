"""Tenants that several customers share: whose users hold which licences, and how often."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from shared.domain.customers import Customer, CustomerState, UserFilter
from shared.domain.ids import CustomerId, SkuId
from shared.domain.licensing import AssignedUser, LicenseRow, RowKind, SeatCounts, UserDetails

NOT_COUNTED = "the tenant's users were not counted yet; the next sync counts them"
FILTER_CHANGED = "the user filter was changed; the next sync counts the users again"
NOT_BY_SUBSCRIPTION = (
    "Microsoft does not say which subscription a user's licence comes from, so a part of the "
    "tenant's users cannot be counted by subscription; map the licence as a whole"
)
OF_THE_TENANT = "this licence is the whole tenant's and assigned to no user; exclude it here"


@dataclass(frozen=True, slots=True)
class Held:
    """Licences of one SKU that users hold, each user once.

    Attributes:
        seats: All of them.
        disabled: Those of users who may not sign in: former staff, and shared mailboxes.
        guests: Those of guests from other tenants.
    """

    sku_id: SkuId
    seats: int
    disabled: int = 0
    guests: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A customer's part of its tenant's licensed users.

    Attributes:
        name: What the customer was called.
        filter: What chose them; a share by another filter tells nothing.
        users: Licensed users that match.
        held: Licences they hold, by SKU; a SKU that is not here is held by none of them.
    """

    customer_id: CustomerId
    name: str
    filter: UserFilter | None
    users: int
    held: tuple[Held, ...]

    def of(self, sku_id: SkuId) -> Held:
        """Return the licences of one SKU."""
        return _of(self.held, sku_id)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Licensed users that two customers both have.

    Attributes:
        customers: The two, in order.
        users: At least one.
    """

    customers: tuple[CustomerId, CustomerId]
    users: int


@dataclass(frozen=True, slots=True)
class UserTally:
    """A tenant's licensed users, counted once for all its customers; nobody is named.

    Attributes:
        taken_at: When they were read.
        users: All licensed users.
        users_in_none, users_in_several: Those that no customer has, and more than one.
        shares: One for each customer that is not deleted.
        overlaps: Of each two customers that have users in common.
        held: Licences of all users, by SKU.
        held_in_none: Licences of users that no customer has, by SKU.
        held_in_several: Licences of users that several customers have, each once, by SKU.
    """

    taken_at: datetime
    users: int
    users_in_none: int
    users_in_several: int
    shares: tuple[Share, ...]
    overlaps: tuple[Overlap, ...]
    held: tuple[Held, ...]
    held_in_none: tuple[Held, ...]
    held_in_several: tuple[Held, ...]

    def share_of(self, customer_id: CustomerId) -> Share | None:
        """Return the customer's share, if it was counted."""
        return next((one for one in self.shares if one.customer_id == customer_id), None)

    def overlaps_of(self, customer_id: CustomerId) -> tuple[tuple[str, int], ...]:
        """Return the names of customers that share users with this one, and how many."""
        names = {one.customer_id: one.name for one in self.shares}
        return tuple(
            (names[other], one.users)
            for one in self.overlaps
            if customer_id in one.customers
            for other in one.customers
            if other != customer_id
        )

    def total(self, sku_id: SkuId) -> Held:
        """Return the licences of one SKU that any user holds."""
        return _of(self.held, sku_id)

    def in_none(self, sku_id: SkuId) -> Held:
        """Return those of users that no customer has."""
        return _of(self.held_in_none, sku_id)

    def in_several(self, sku_id: SkuId) -> Held:
        """Return those of users that several customers have, each once."""
        return _of(self.held_in_several, sku_id)


def matches(user_filter: UserFilter | None, details: UserDetails) -> bool:
    """Return whether a user belongs to a customer.

    Each field that the filter names must have one of its values, whatever the case and the blanks
    around it. Without a filter, everybody belongs.
    """
    if user_filter is None:
        return True
    asked = (
        (user_filter.department, details.department),
        (user_filter.office, details.office),
        (user_filter.city, details.city),
        (user_filter.state, details.state),
    )
    return all(_plain(value) in map(_plain, accepted) for accepted, value in asked if accepted)


def users_of(customer: Customer, users: Iterable[AssignedUser]) -> Iterator[AssignedUser]:
    """Yield the customer's users; those without details only where there is no filter."""
    for user in users:
        if customer.filter is None or (user.details and matches(customer.filter, user.details)):
            yield user


def tally(
    users: Iterable[AssignedUser], customers: Iterable[Customer], taken_at: datetime
) -> UserTally:
    """Return who has how many licences; the users must come with their details.

    Deleted customers have no share. A paused one has, so that nobody takes its users for
    forgotten, but it overlaps with no one: it is not billed.

    Source:
        docs/adr/0016-custom-licences-and-shared-tenants.md
    """
    sharing = sorted(
        (c for c in customers if c.state is not CustomerState.DELETED),
        key=lambda customer: customer.customer_id,
    )
    active = {c.customer_id for c in sharing if c.state is CustomerState.ACTIVE}
    everybody, nobody, several = _Bag(), _Bag(), _Bag()
    bags = {customer.customer_id: _Bag() for customer in sharing}
    pairs: Counter[tuple[CustomerId, CustomerId]] = Counter()
    known: dict[UserDetails, list[CustomerId]] = {}  # of thousands of users, many are alike
    for user in users:
        details = user.details or UserDetails()
        if details not in known:
            known[details] = [c.customer_id for c in sharing if matches(c.filter, details)]
        owners = known[details]
        everybody.add(user, details)
        for owner in owners:
            bags[owner].add(user, details)
        if not owners:
            nobody.add(user, details)
        if len(owners) > 1:
            several.add(user, details)
        pairs.update(combinations([one for one in owners if one in active], 2))
    return UserTally(
        taken_at=taken_at,
        users=everybody.users,
        users_in_none=nobody.users,
        users_in_several=several.users,
        shares=tuple(
            Share(
                customer_id=c.customer_id,
                name=c.name,
                filter=c.filter,
                users=bags[c.customer_id].users,
                held=bags[c.customer_id].held(),
            )
            for c in sharing
        ),
        overlaps=tuple(Overlap(pair, pairs[pair]) for pair in sorted(pairs)),
        held=everybody.held(),
        held_in_none=nobody.held(),
        held_in_several=several.held(),
    )


def shared_row(
    row: LicenseRow,
    customer: Customer,
    share: Share | None,
    *,
    problem: str = "",
    of_users: bool = True,
) -> LicenseRow:
    """Return a tenant's row as a customer with a user filter has it: assigned, not bought.

    The users' licences are in the state that the tenant's seats are in: while some are enabled,
    enabled; else in grace, and so on. They are on trial when all the tenant's are.

    Args:
        problem: Why the users could not be read.
        of_users: Whether the licence can be assigned to a user at all.

    Source:
        docs/adr/0016-custom-licences-and-shared-tenants.md
    """
    unknown = _why_unknown(row, customer, share, problem, of_users=of_users)
    if unknown is not None or share is None or row.counts is None or row.sku_id is None:
        return replace(row, counts=None, unknown=unknown or row.unknown)
    held = share.of(row.sku_id)
    return replace(
        row,
        counts=_in_the_state_of(row.counts, held.seats),
        how=(f"{held.seats} assigned to users of the customer's filter",),
        disabled=held.disabled,
        guests=held.guests,
    )


def _why_unknown(
    row: LicenseRow, customer: Customer, share: Share | None, problem: str, *, of_users: bool
) -> str | None:
    if row.kind is RowKind.SUBSCRIPTION:
        return NOT_BY_SUBSCRIPTION
    if row.counts is None:
        return row.unknown
    if not of_users:
        return OF_THE_TENANT
    if problem:
        return f"the tenant's users could not be read: {problem}"
    if share is None:
        return NOT_COUNTED
    return FILTER_CHANGED if share.filter != customer.filter else None


def _in_the_state_of(bought: SeatCounts, seats: int) -> SeatCounts:
    enabled = warning = suspended = locked_out = 0
    if bought.enabled:
        enabled = seats
    elif bought.warning:
        warning = seats
    elif bought.suspended:
        suspended = seats
    elif bought.locked_out:
        locked_out = seats
    return SeatCounts(
        enabled=enabled,
        warning=warning,
        suspended=suspended,
        locked_out=locked_out,
        trial_enabled=enabled if bought.trial_enabled >= bought.enabled else 0,
        trial_warning=warning if bought.trial_warning >= bought.warning else 0,
        consumed=seats,
    )


class _Bag:
    """Licences that are being counted."""

    def __init__(self) -> None:
        self.users = 0
        self._seats: Counter[SkuId] = Counter()
        self._disabled: Counter[SkuId] = Counter()
        self._guests: Counter[SkuId] = Counter()

    def add(self, user: AssignedUser, details: UserDetails) -> None:
        self.users += 1
        self._seats.update(user.sku_ids)
        if not details.enabled:
            self._disabled.update(user.sku_ids)
        if details.guest:
            self._guests.update(user.sku_ids)

    def held(self) -> tuple[Held, ...]:
        return tuple(
            Held(sku_id, self._seats[sku_id], self._disabled[sku_id], self._guests[sku_id])
            for sku_id in sorted(self._seats)
        )


def _of(held: tuple[Held, ...], sku_id: SkuId) -> Held:
    return next((one for one in held if one.sku_id == sku_id), Held(sku_id, 0))


def _plain(text: str) -> str:
    return text.strip().casefold()
