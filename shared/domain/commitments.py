"""What the partner committed to at Microsoft: terms, billing, and the seats of the next term."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shared.domain.terms import TermLength


class BillingCycle(StrEnum):
    """How often Microsoft bills the partner."""

    MONTHLY = "monthly"
    ANNUAL = "annual"
    TRIENNIAL = "triennial"
    ONE_TIME = "onetime"


class CommitmentStatus(StrEnum):
    """States of a subscription, as Partner Center names them."""

    ACTIVE = "active"
    PENDING = "pending"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class PartnerSubscription:
    """A subscription as the partner bought it.

    Attributes:
        commerce_id: In lower case; Graph's ``commerce_id`` of the same subscription.
        term: ``None`` where Partner Center names none, or one that we do not know.
        billing_cycle: As ``term``.
        commitment_end: The last day of the term, in UTC; ``None`` where there is no end.
        auto_renew: Whether a new term follows; ``None`` when Partner Center does not say.
        quantity: Seats now; ``None`` where it counts no seats (Azure), or was left out.
        status: ``None`` for a state that we do not know.
        is_trial: ``None`` when Partner Center does not say, as with the old kind of offers.
        next_quantity: Seats that the next term begins with, where a change is scheduled. It says
            nothing of the seats now.
    """

    commerce_id: str
    friendly_name: str
    term: TermLength | None
    billing_cycle: BillingCycle | None
    commitment_end: date | None
    auto_renew: bool | None
    quantity: int | None
    status: CommitmentStatus | None
    is_trial: bool | None
    next_quantity: int | None
