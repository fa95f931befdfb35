"""Whether Microsoft's own rules allow a fall in seats; one that they do not is marked."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from shared.domain.ledger import InForce
from shared.domain.licensing import Subscription

WINDOW = timedelta(days=7)
"""Seats can be given back within this time of being added, or of a renewal."""


def unlikely_fall(
    needed: int,
    in_force: tuple[InForce, ...],
    subscriptions: Iterable[Subscription],
    today: date,
) -> str | None:
    """Return a mark for a person when the new commerce rules do not allow the fall, else ``None``.

    Source:
        docs/adr/0009-guards-and-approvals.md
    """
    past = [entry for entry in in_force if entry.day <= today]
    fall = (past[-1].seats if past else 0) - needed
    if fall <= 0:
        return None
    added = sum(
        max(0, later.seats - earlier.seats)
        for earlier, later in pairwise(past)
        if today - later.day <= WINDOW
    )
    renewed = any(
        s.renewed_at is not None and today - s.renewed_at.date() <= WINDOW for s in subscriptions
    )
    if added >= fall or renewed:
        return None
    return (
        f"unlikely: Microsoft takes seats back only within {WINDOW.days} days of adding them or of "
        f"a renewal, and {added} of these {fall} were added since; check the subscription"
    )
