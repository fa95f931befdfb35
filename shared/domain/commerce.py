"""What the tenant and Partner Center say of one subscription, side by side.

Quantities come from the tenant alone: what Partner Center says is shown beside them, so that a
subscription seen on both sides counts once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.ids import TenantId
from shared.domain.licensing import Subscription, SubscriptionStatus
from shared.domain.terms import Certainty, Term, TermLength, term_of

_WORDS = {
    TermLength.MONTHLY: "Monthly",
    TermLength.ANNUAL: "Annual",
    TermLength.TRIENNIAL: "Three years",
}
_CYCLES = {
    BillingCycle.MONTHLY: ", billed monthly",
    BillingCycle.ANNUAL: ", billed annually",
    BillingCycle.TRIENNIAL: ", billed every three years",
    BillingCycle.ONE_TIME: ", billed once",
}
_ENDED = frozenset({CommitmentStatus.EXPIRED, CommitmentStatus.DISABLED, CommitmentStatus.DELETED})


@dataclass(frozen=True, slots=True)
class PartnerReading:
    """What Partner Center said of a customer.

    Attributes:
        read_at: When it last answered; ``None`` before the first answer.
        problem: Why the last read failed, for a person; empty when it did not.
    """

    read_at: datetime | None
    subscriptions: tuple[PartnerSubscription, ...]
    problem: str = ""


class Owner(StrEnum):
    """Who created a subscription: this partner, the customer itself, or another partner."""

    PARTNER = "partner"
    CUSTOMER = "customer"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Joined:
    """A subscription of the tenant with what Partner Center says of it.

    Attributes:
        term: Its length and how that is known; ``None`` when nothing tells it.
        ends: The last day of its term, or the day of its renewal; ``None`` when unknown.
        notes: What a person should know of it, in words.
    """

    subscription: Subscription
    partner: PartnerSubscription | None
    term: Term | None
    ends: date | None
    notes: tuple[str, ...]


def joined(
    subscription: Subscription,
    reading: PartnerReading | None,
    said: TermLength | None = None,
) -> Joined:
    """Return the subscription with Partner Center's part of it, found by its commerce id.

    Partner Center's word on the term comes first: it is what Microsoft bills the partner by.

    Args:
        said: The term by a person's word.
    """
    partner = _partner_of(subscription, reading)
    bought = None if partner is None else partner.term
    notes = [] if partner is None else list(_notes(partner))
    if said is not None:
        notes.extend(_contradictions(said, bought, term_of(subscription)))
    return Joined(
        subscription=subscription,
        partner=partner,
        term=term_of(subscription, bought or said),
        ends=_ends(subscription, partner),
        notes=tuple(notes),
    )


def not_in_tenant(
    subscriptions: Iterable[Subscription], reading: PartnerReading | None
) -> tuple[PartnerSubscription, ...]:
    """Return what the partner pays for and the tenant does not show.

    It is not provisioned yet, or counts no seats there (Azure, software).
    """
    if reading is None:
        return ()
    seen = {(s.commerce_id or "").lower() for s in subscriptions}
    return tuple(
        one
        for one in reading.subscriptions
        if one.commerce_id.lower() not in seen and one.status not in _ENDED
    )


def term_in_words(found: Joined) -> str:
    """Return the term for an invoice: stated or proven; nothing where it is only guessed."""
    if found.term is None or found.term.certainty is Certainty.GUESSED:
        return ""
    cycle = None if found.partner is None else found.partner.billing_cycle
    return _WORDS[found.term.length] + ("" if cycle is None else _CYCLES[cycle])


def owner_of(
    subscription: Subscription, tenant_id: TenantId, partner: TenantId | None
) -> Owner | None:
    """Return who sold the subscription; ``None`` when that is not known."""
    owner = subscription.owner_tenant_id
    if owner is None:
        return None
    if owner == tenant_id:
        return Owner.CUSTOMER
    if partner is None:
        return None
    return Owner.PARTNER if owner == partner else Owner.OTHER


def _contradictions(
    said: TermLength, bought: TermLength | None, seen: Term | None
) -> Iterable[str]:
    if bought is not None:
        if bought is not said:
            yield f"Partner Center says {bought}, which counts; a person said {said}"
    elif seen is not None and seen.certainty is Certainty.PROVEN and seen.length is not said:
        yield f"its renewals look {seen.length}; a person said {said}, which counts"


def _partner_of(
    subscription: Subscription, reading: PartnerReading | None
) -> PartnerSubscription | None:
    wanted = (subscription.commerce_id or "").lower()
    if reading is None or not wanted:
        return None
    return next((one for one in reading.subscriptions if one.commerce_id.lower() == wanted), None)


def _ends(subscription: Subscription, partner: PartnerSubscription | None) -> date | None:
    if partner is not None and partner.commitment_end is not None:
        return partner.commitment_end
    moment = subscription.next_lifecycle_at
    if moment is None or subscription.status is not SubscriptionStatus.ENABLED:
        return None  # past its term, the date says when the next state comes
    return moment.date()


def _notes(partner: PartnerSubscription) -> Iterable[str]:
    seats, coming = partner.quantity, partner.next_quantity
    if coming is not None and seats is not None and coming != seats:
        verb = "fall" if coming < seats else "rise"
        when = "" if partner.commitment_end is None else f" after {partner.commitment_end:%d %B %Y}"
        yield f"{seats} seats {verb} to {coming} with the next term{when}: announced, not applied"
    if partner.status is CommitmentStatus.SUSPENDED:
        yield "suspended: its users are locked out, and the partner still pays for it"
    if partner.status is CommitmentStatus.EXPIRED:
        yield "expired: its users keep access for a while, and the partner no longer pays for it"
    if partner.auto_renew is False and partner.status is CommitmentStatus.ACTIVE:
        yield "does not renew by itself"
