"""Seats that came and went between two reads of a tenant, and what looks like a transfer."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.ids import RowId, sku_row, subscription_row
from shared.domain.licensing import Sku, Subscription, SubscriptionStatus, TenantSnapshot

REMEMBERED = timedelta(days=7)
"""How long a movement is kept, so that a person can see what became of it."""

_USABLE = frozenset({SubscriptionStatus.ENABLED, SubscriptionStatus.WARNING})


@dataclass(frozen=True, slots=True)
class SeatChange:
    """Usable seats of one row before and after a read; a row that is gone has 0."""

    row_id: RowId
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Movement:
    """What changed in one read, of licences and of subscriptions."""

    at: datetime
    changes: tuple[SeatChange, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Seats that one row lost and another won in one read."""

    from_row: RowId
    to_row: RowId
    seats: int


def movement(last: TenantSnapshot | None, fresh: TenantSnapshot) -> Movement | None:
    """Return what changed since the last snapshot; ``None`` when nothing did, or at first.

    What is unknown on one side is no change.
    """
    if last is None:
        return None
    before, after = _seats(last), _seats(fresh)
    changes = []
    for row_id in sorted(before.keys() | after.keys()):
        old, new = before.get(row_id, 0), after.get(row_id, 0)
        if old is not None and new is not None and old != new:
            changes.append(SeatChange(row_id, old, new))
    return Movement(fresh.taken_at, tuple(changes)) if changes else None


def remembered(movements: Iterable[Movement], now: datetime) -> tuple[Movement, ...]:
    """Return the movements that are not too old, oldest first."""
    return tuple(one for one in movements if now - one.at < REMEMBERED)


def transfers(movements: Iterable[Movement], rows: AbstractSet[RowId]) -> tuple[Transfer, ...]:
    """Return the pairs of these rows of which one fell and one rose by one number in one read.

    Each row is part of one pair of a read at most.
    """
    found = []
    for one in movements:
        mine = [change for change in one.changes if change.row_id in rows]
        rises = [change for change in mine if change.after > change.before]
        for fall in mine:
            lost = fall.before - fall.after
            match = next((rise for rise in rises if rise.after - rise.before == lost), None)
            if match is not None:
                rises.remove(match)
                found.append(Transfer(fall.row_id, match.row_id, lost))
    return tuple(found)


def _seats(snapshot: TenantSnapshot) -> dict[RowId, int | None]:
    """Usable seats by row, licences and subscriptions side by side; ``None`` is unknown."""
    return {
        **{sku_row(sku.sku_id): _of_sku(sku) for sku in snapshot.skus},
        **{subscription_row(s.subscription_id): _of(s) for s in snapshot.subscriptions},
    }


def _of_sku(sku: Sku) -> int | None:
    if sku.absent_since is not None:
        return 0
    if sku.enabled is None or sku.warning is None:
        return None
    return sku.enabled + sku.warning


def _of(subscription: Subscription) -> int | None:
    if subscription.absent_since is not None:
        return 0
    if subscription.status is None or subscription.total_licenses is None:
        return None
    return subscription.total_licenses if subscription.status in _USABLE else 0
