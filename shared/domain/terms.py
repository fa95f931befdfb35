"""How long a subscription's term is, and how we know: proven, stated, or guessed."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from shared.domain.licensing import Subscription

_DAYS = {
    # Days between two lifecycle dates of one subscription: calendar months and years differ,
    # and a renewal may be stamped a day early or late.
    "monthly": range(27, 34),
    "annual": range(363, 369),
    "triennial": range(1093, 1100),
}


_DURATIONS = {"P1M": "monthly", "P1Y": "annual", "P3Y": "triennial"}


class TermLength(StrEnum):
    """Lengths of commitments that Microsoft sells.

    Made from ISO 8601 durations too, which is how Partner Center writes them and how readings of
    it were once stored.
    """

    MONTHLY = "monthly"
    ANNUAL = "annual"
    TRIENNIAL = "triennial"

    @classmethod
    def _missing_(cls, value: object) -> "TermLength | None":
        known = _DURATIONS.get(value) if isinstance(value, str) else None
        return None if known is None else cls(known)


class Certainty(StrEnum):
    """How a term is known."""

    PROVEN = "proven"  # its lifecycle date was seen to move by just that much
    STATED = "stated"  # Partner Center, or a person, says so
    GUESSED = "guessed"  # from the days between its creation and its first end


@dataclass(frozen=True, slots=True)
class Term:
    """A subscription's term."""

    length: TermLength
    certainty: Certainty


def term_of(subscription: Subscription, stated: TermLength | None = None) -> Term | None:
    """Return the term, or ``None`` when nothing tells it.

    A statement wins; then two lifecycle dates that differ by about a month, a year or three years;
    then the days from creation to the only date ever seen, which is a guess, because a creation
    date stays while the lifecycle date moves on.

    Args:
        stated: What Partner Center or a person says.

    Source:
        docs/adr/0015-evidence-of-terms.md
    """
    if stated is not None:
        return Term(stated, Certainty.STATED)
    for earlier, later in reversed(tuple(pairwise(subscription.lifecycles))):
        length = _length((later - earlier).days)
        if length is not None:
            return Term(length, Certainty.PROVEN)
    created, ends = subscription.created_at, subscription.next_lifecycle_at
    if created is None or ends is None or len(subscription.lifecycles) > 1:
        return None
    guess = _length((ends - created).days)
    return None if guess is None else Term(guess, Certainty.GUESSED)


def _length(days: int) -> TermLength | None:
    return next((TermLength(name) for name, span in _DAYS.items() if days in span), None)
