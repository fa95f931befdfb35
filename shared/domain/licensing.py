"""What a tenant holds: SKUs, subscriptions, a snapshot of both, and the rows a person maps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from shared.domain.ids import RowId, SkuId, SubscriptionId, TenantId, sku_row, subscription_row

ABSENCE_PROVEN_AFTER = timedelta(hours=20)
"""What is gone from a complete answer counts as 0 after a second one at least this much later."""

KEPT_LIFECYCLES = 6
"""How many different lifecycle dates of a subscription are kept as evidence of its term."""


Bought = TypeVar("Bought", "Subscription", "Sku")


class SubscriptionStatus(StrEnum):
    """States of a subscription, as Graph names them."""

    ENABLED = "Enabled"
    WARNING = "Warning"
    SUSPENDED = "Suspended"
    LOCKED_OUT = "LockedOut"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A purchase of a SKU.

    Attributes:
        status: ``None`` when Graph gave a state that we do not know.
        total_licenses: Seats bought; ``None`` when Graph left it out.
        next_lifecycle_at: When it moves to its next state unless it is renewed.
        owner_tenant_id: The partner's tenant that created it, where Graph tells.
        lifecycles: The different values of ``next_lifecycle_at`` seen so far, oldest first; they
            prove the term.
        renewed_at: When ``next_lifecycle_at`` was last seen to have moved on.
        absent_since, proven_absent: As for ``Sku``.
    """

    subscription_id: SubscriptionId
    commerce_id: str | None
    sku_id: SkuId
    sku_part_number: str
    status: SubscriptionStatus | None
    total_licenses: int | None
    is_trial: bool
    created_at: datetime | None
    next_lifecycle_at: datetime | None
    owner_tenant_id: TenantId | None
    lifecycles: tuple[datetime, ...] = ()
    renewed_at: datetime | None = None
    absent_since: datetime | None = None
    proven_absent: bool = False


@dataclass(frozen=True, slots=True)
class Sku:
    """Units of one SKU in one tenant; several accounts' entries are already added up.

    Attributes:
        enabled, warning, suspended, locked_out, consumed: Seats; ``None`` when Graph left one out.
        absent_since: When a complete answer first came without this SKU.
        proven_absent: A second complete answer at least 20 hours later had none either.
    """

    sku_id: SkuId
    sku_part_number: str
    applies_to: str
    enabled: int | None
    warning: int | None
    suspended: int | None
    locked_out: int | None
    consumed: int | None
    absent_since: datetime | None = None
    proven_absent: bool = False

    @property
    def is_for_users(self) -> bool:
        """Whether it can be assigned to a user; else it is the whole tenant's."""
        return self.applies_to.casefold() == "user"


@dataclass(frozen=True, slots=True)
class UserDetails:
    """What tells whose user somebody is, in a tenant that several customers share.

    Attributes:
        department, office, city, state: Empty where the directory has none.
        enabled: Whether the user may sign in; a shared mailbox may not.
        guest: Whether the user belongs to another tenant.
    """

    department: str = ""
    office: str = ""
    city: str = ""
    state: str = ""
    enabled: bool = True
    guest: bool = False


@dataclass(frozen=True, slots=True)
class AssignedUser:
    """A user with at least one licence, as far as an invoice may tell.

    Attributes:
        address: The user principal name.
        sku_ids: Licences assigned to the user, directly or through a group, once each.
        details: ``None`` unless they were asked for.
    """

    name: str
    address: str
    sku_ids: frozenset[SkuId]
    details: UserDetails | None = None


@dataclass(frozen=True, slots=True)
class TenantSnapshot:
    """One complete read of a tenant; a partial answer never becomes a snapshot."""

    tenant_id: TenantId
    taken_at: datetime
    skus: tuple[Sku, ...]
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class SeatCounts:
    """Seats of a row, all whole numbers.

    Attributes:
        trial_enabled, trial_warning: The part of ``enabled`` and ``warning`` that is on trial.
        consumed: Seats assigned to users; ``None`` for a split row, where nobody tells.
    """

    enabled: int
    warning: int
    suspended: int
    locked_out: int
    trial_enabled: int
    trial_warning: int
    consumed: int | None

    @property
    def unassigned(self) -> int | None:
        """Usable seats that nobody has, never below 0."""
        if self.consumed is None:
            return None
        return max(0, self.enabled + self.warning - self.consumed)


class RowKind(StrEnum):
    """What a row counts."""

    LICENSE = "license"
    SUBSCRIPTION = "subscription"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class LicenseRow:
    """A row of the company page: a merged SKU, a split subscription, or a custom license.

    Attributes:
        counts: ``None`` when the snapshot cannot say; ``unknown`` tells why.
        how: How the numbers came about where they are not the tenant's own.
        disabled, guests: Of the seats, those that users hold who may not sign in, and guests;
            ``None`` where users were not read. They are billed like all others.
    """

    row_id: RowId
    kind: RowKind
    sku_id: SkuId | None
    sku_part_number: str
    name: str
    counts: SeatCounts | None
    unknown: str | None
    subscriptions: tuple[Subscription, ...]
    how: tuple[str, ...] = ()
    disabled: int | None = None
    guests: int | None = None


def merged(fresh: TenantSnapshot, last: TenantSnapshot | None) -> TenantSnapshot:
    """Return the fresh snapshot with what the last one knew: what is gone, and evidence of terms.

    A SKU or a subscription missing from a complete answer is unknown at first, and zero once a
    second complete answer at least 20 hours after the first missed it too.

    Source:
        docs/adr/0007-unknown-is-not-zero.md
    """
    if last is None:
        return replace(fresh, subscriptions=_with_evidence(fresh, {}))
    if last.taken_at > fresh.taken_at:
        return fresh
    known = {s.subscription_id: s for s in last.subscriptions}
    skus = {sku.sku_id for sku in fresh.skus}
    subscriptions = {s.subscription_id for s in fresh.subscriptions}
    return replace(
        fresh,
        skus=fresh.skus
        + tuple(_absent(sku, fresh.taken_at) for sku in last.skus if sku.sku_id not in skus),
        subscriptions=_with_evidence(fresh, known)
        + tuple(
            _absent(one, fresh.taken_at)
            for one in last.subscriptions
            if one.subscription_id not in subscriptions
        ),
    )


def _with_evidence(
    fresh: TenantSnapshot, known: Mapping[SubscriptionId, Subscription]
) -> tuple[Subscription, ...]:
    return tuple(
        _evidence(s, known.get(s.subscription_id), fresh.taken_at) for s in fresh.subscriptions
    )


def _evidence(fresh: Subscription, known: Subscription | None, seen_at: datetime) -> Subscription:
    """The subscription with the lifecycle dates that were seen before, and a renewal noticed."""
    seen = () if known is None else known.lifecycles
    renewed_at = None if known is None else known.renewed_at
    moment = fresh.next_lifecycle_at
    if moment is None or (seen and seen[-1] == moment):
        return replace(fresh, lifecycles=seen, renewed_at=renewed_at)
    if seen and moment > seen[-1]:
        renewed_at = seen_at
    return replace(fresh, lifecycles=(*seen, moment)[-KEPT_LIFECYCLES:], renewed_at=renewed_at)


def _absent(gone: Bought, seen_at: datetime) -> Bought:
    if gone.absent_since is None:
        return replace(gone, absent_since=seen_at)
    proven = gone.proven_absent or seen_at - gone.absent_since >= ABSENCE_PROVEN_AFTER
    return replace(gone, proven_absent=proven)


def rows_of(
    snapshot: TenantSnapshot, names: Mapping[SkuId, str], split: Iterable[SkuId] = ()
) -> tuple[LicenseRow, ...]:
    """Return the rows of a tenant, by name: one for each SKU, or one for each of its subscriptions.

    A subscription that is proven to be gone has a row of its own only, with 0 seats.

    Args:
        names: Product names by SKU; a SKU without one shows its part number.
        split: SKUs whose subscriptions are rows of their own.
    """
    apart = set(split)
    bought: defaultdict[SkuId, list[Subscription]] = defaultdict(list)
    for subscription in snapshot.subscriptions:
        bought[subscription.sku_id].append(subscription)
    rows: list[LicenseRow] = []
    for sku in snapshot.skus:
        ever = bought[sku.sku_id]
        if sku.sku_id in apart and ever:
            rows.extend(_subscription_row(s, names) for s in ever)
        else:
            rows.append(_sku_row(sku, _there(ever), names))
    return tuple(sorted(rows, key=lambda row: (row.name.casefold(), row.row_id)))


def row_of(
    snapshot: TenantSnapshot, names: Mapping[SkuId, str], wanted: RowId
) -> LicenseRow | None:
    """Return the row with this id, split or merged, or ``None`` when the tenant has none."""
    # Found by itself: a page asks for one row after another of a tenant that may have hundreds.
    kind, _, name = wanted.partition("-")
    if kind == "sub":
        found = next((s for s in snapshot.subscriptions if s.subscription_id == name), None)
        known = found is not None and any(sku.sku_id == found.sku_id for sku in snapshot.skus)
        return _subscription_row(found, names) if found is not None and known else None
    sku = next((one for one in snapshot.skus if kind == "sku" and one.sku_id == name), None)
    if sku is None:
        return None
    return _sku_row(sku, _there(s for s in snapshot.subscriptions if s.sku_id == name), names)


def _there(subscriptions: Iterable[Subscription]) -> tuple[Subscription, ...]:
    return tuple(one for one in subscriptions if not one.proven_absent)


def remainder_of(row: LicenseRow, apart: AbstractSet[RowId]) -> LicenseRow:
    """Return a licence's row without the subscriptions that are billed on their own.

    Args:
        apart: Rows of subscriptions that do not count here.
    """
    if not apart:
        return row
    rest = tuple(s for s in row.subscriptions if subscription_row(s.subscription_id) not in apart)
    if row.counts is None:
        return replace(row, subscriptions=rest)
    gone = next((s.absent_since for s in rest if s.absent_since is not None), None)
    if gone is not None:
        return replace(
            row, counts=None, unknown=_missing(gone, "a subscription"), subscriptions=rest
        )
    if any(s.status is None or s.total_licenses is None for s in rest):
        unknown = "Microsoft left out the number or state of a subscription"
        return replace(row, counts=None, unknown=unknown, subscriptions=rest)
    trials = [s for s in rest if s.is_trial]
    counts = SeatCounts(
        enabled=_total(rest, SubscriptionStatus.ENABLED),
        warning=_total(rest, SubscriptionStatus.WARNING),
        suspended=_total(rest, SubscriptionStatus.SUSPENDED),
        locked_out=_total(rest, SubscriptionStatus.LOCKED_OUT),
        trial_enabled=_total(trials, SubscriptionStatus.ENABLED),
        trial_warning=_total(trials, SubscriptionStatus.WARNING),
        consumed=None,
    )
    return replace(row, counts=counts, subscriptions=rest)


def product_name(sku_id: SkuId, part_number: str, names: Mapping[SkuId, str]) -> str:
    """Return the product's name, or its part number where Microsoft's table has none."""
    return names.get(sku_id, part_number)


def _sku_row(
    sku: Sku, subscriptions: tuple[Subscription, ...], names: Mapping[SkuId, str]
) -> LicenseRow:
    counts, unknown = _sku_counts(sku, subscriptions)
    return LicenseRow(
        row_id=sku_row(sku.sku_id),
        kind=RowKind.LICENSE,
        sku_id=sku.sku_id,
        sku_part_number=sku.sku_part_number,
        name=product_name(sku.sku_id, sku.sku_part_number, names),
        counts=counts,
        unknown=unknown,
        subscriptions=subscriptions,
    )


def _sku_counts(
    sku: Sku, subscriptions: tuple[Subscription, ...]
) -> tuple[SeatCounts | None, str | None]:
    if sku.proven_absent:
        return SeatCounts(0, 0, 0, 0, 0, 0, 0), None
    if sku.absent_since is not None:
        return None, _missing(sku.absent_since, "this licence")
    units = (sku.enabled, sku.warning, sku.suspended, sku.locked_out, sku.consumed)
    enabled, warning, suspended, locked_out, consumed = units
    if (
        enabled is None
        or warning is None
        or suspended is None
        or locked_out is None
        or consumed is None
    ):
        return None, (
            "Microsoft left out one of this licence's numbers; nothing is changed until it gives "
            "them all. If it goes on, look at the licence in Microsoft's admin center"
        )
    trials = [s for s in subscriptions if s.is_trial and s.absent_since is None]
    if any(s.total_licenses is None or s.status is None for s in trials):
        return None, "Microsoft left out the number or state of a trial"
    return (
        SeatCounts(
            enabled=enabled,
            warning=warning,
            suspended=suspended,
            locked_out=locked_out,
            trial_enabled=min(enabled, _total(trials, SubscriptionStatus.ENABLED)),
            trial_warning=min(warning, _total(trials, SubscriptionStatus.WARNING)),
            consumed=consumed,
        ),
        None,
    )


def _subscription_row(subscription: Subscription, names: Mapping[SkuId, str]) -> LicenseRow:
    counts: SeatCounts | None = None
    unknown: str | None = None
    if subscription.proven_absent:
        counts = SeatCounts(0, 0, 0, 0, 0, 0, None)
    elif subscription.absent_since is not None:
        unknown = _missing(subscription.absent_since, "this subscription")
    elif subscription.status is None or subscription.total_licenses is None:
        unknown = "Microsoft left out the number or state of this subscription"
    else:
        own = [subscription]
        enabled = _total(own, SubscriptionStatus.ENABLED)
        warning = _total(own, SubscriptionStatus.WARNING)
        counts = SeatCounts(
            enabled=enabled,
            warning=warning,
            suspended=_total(own, SubscriptionStatus.SUSPENDED),
            locked_out=_total(own, SubscriptionStatus.LOCKED_OUT),
            trial_enabled=enabled if subscription.is_trial else 0,
            trial_warning=warning if subscription.is_trial else 0,
            consumed=None,
        )
    return LicenseRow(
        row_id=subscription_row(subscription.subscription_id),
        kind=RowKind.SUBSCRIPTION,
        sku_id=subscription.sku_id,
        sku_part_number=subscription.sku_part_number,
        name=product_name(subscription.sku_id, subscription.sku_part_number, names),
        counts=counts,
        unknown=unknown,
        subscriptions=(subscription,),
    )


def _missing(since: datetime, what: str) -> str:
    return (
        f"Microsoft's answer of {since:%d %B %Y} came without {what}; "
        "it counts as 0 after a second complete answer at least 20 hours later"
    )


def _total(subscriptions: Iterable[Subscription], status: SubscriptionStatus) -> int:
    return sum(s.total_licenses or 0 for s in subscriptions if s.status is status)
