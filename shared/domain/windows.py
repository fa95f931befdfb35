"""When seats can be given back to Microsoft, and when a commitment renews: days that are known.

Source: docs/adr/0020-alerts-and-digests.md
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain.commerce import Joined
from shared.domain.ids import subscription_row
from shared.domain.licensing import LicenseRow, Subscription, SubscriptionStatus
from shared.domain.movements import Movement
from shared.domain.plausibility import WINDOW
from shared.domain.terms import Certainty, TermLength

READ_EACH = timedelta(days=1)
"""Seats are seen a day after they were added at the latest; the window is taken to begin then."""
RENEWS_WITHIN = timedelta(days=30)
"""A renewal is told so long before."""

_COMMITMENTS = frozenset({TermLength.ANNUAL, TermLength.TRIENNIAL})


@dataclass(frozen=True, slots=True)
class Window:
    """Seats of a subscription that can be given back now.

    Attributes:
        until: Until when, for certain; Microsoft may still take them for up to a day longer.
        because: Why they can be, in words.
    """

    seats: int
    until: datetime
    because: str


@dataclass(frozen=True, slots=True)
class Reducible:
    """Unassigned seats of a row that can be given back now.

    Attributes:
        windows: The earliest end first.
    """

    seats: int
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Renewal:
    """A commitment that ends soon.

    Attributes:
        renews: Whether a new term follows by itself; ``None`` when nobody says.
    """

    seats: int
    on: date
    length: TermLength
    renews: bool | None


def reducible(
    row: LicenseRow, terms: Iterable[Joined], movements: Iterable[Movement], now: datetime
) -> Reducible | None:
    """Return the unassigned seats that Microsoft takes back now, or ``None``.

    Only windows that were seen count: seats that came lately, and commitments that were just
    renewed. A monthly term renews each month and is no news.
    """
    unassigned = None if row.counts is None else row.counts.unassigned
    if not unassigned:
        return None
    movements = tuple(movements)
    windows = [
        window
        for one in terms
        if _can_be_reduced(one.subscription)
        for window in _windows(one, movements)
        if now < window.until
    ]
    windows.sort(key=lambda window: window.until)
    seats = min(unassigned, sum(window.seats for window in windows))
    return Reducible(seats, tuple(windows)) if seats else None


def renewal(found: Joined, today: date) -> Renewal | None:
    """Return the renewal of a commitment that is near, or ``None``.

    A guessed term is no commitment, and a monthly one renews too often to tell.
    """
    one, term = found.subscription, found.term
    if found.ends is None or term is None or term.certainty is Certainty.GUESSED:
        return None
    if term.length not in _COMMITMENTS or not _can_be_reduced(one):
        return None
    if not timedelta(0) <= found.ends - today <= RENEWS_WITHIN:
        return None
    renews = None if found.partner is None else found.partner.auto_renew
    return Renewal(one.total_licenses or 0, found.ends, term.length, renews)


def _can_be_reduced(one: Subscription) -> bool:
    live = one.status is SubscriptionStatus.ENABLED and one.absent_since is None
    return live and not one.is_trial and bool(one.total_licenses)


def _windows(found: Joined, movements: tuple[Movement, ...]) -> Iterable[Window]:
    one, term = found.subscription, found.term
    total = one.total_licenses or 0
    row_id = subscription_row(one.subscription_id)
    added = sorted(
        (
            (movement.at - READ_EACH + WINDOW, change.after - change.before)
            for movement in movements
            for change in movement.changes
            if change.row_id == row_id and change.after > change.before
        ),
        reverse=True,
    )
    for until, seats in added:
        yield Window(min(seats, total), until, f"{seats} were added")
    committed = term is not None and term.certainty is not Certainty.GUESSED
    if term is None or not committed or term.length not in _COMMITMENTS:
        return
    if one.renewed_at is not None and len(one.lifecycles) > 1:
        renewed = min(one.renewed_at, one.lifecycles[-2])
        yield Window(total, renewed + WINDOW, "its term was just renewed")
