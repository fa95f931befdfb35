"""Alerts: what a person should look at. One for each cause, raised once, cleared by itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.ids import CustomerId, RowId, digest


class AlertKind(StrEnum):
    """Causes of alerts."""

    MISSING_PROFILE = "missing_profile"
    TENANT_UNREADABLE = "tenant_unreadable"
    HELD = "held"
    BLOCKED = "blocked"
    FAILED = "failed"
    DRIFT = "drift"
    IN_GRACE = "in_grace"
    MINIMUM_FOR_NONE = "minimum_for_none"
    CREDIT_DUE = "credit_due"
    CONNECTION = "connection"
    RUN_STOPPED = "run_stopped"
    OVERLAP = "overlap"
    STALE = "stale"
    TENANT_NOT_ADDED = "tenant_not_added"
    TENANT_GONE = "tenant_gone"
    LOOKS_LIKE_TRANSFER = "looks_like_transfer"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something for a person.

    Attributes:
        subject: What the cause is about, besides customer and row: a group, a connection, a run.
        text: What happened and what to do.
        cleared_at: When the cause was gone.
    """

    kind: AlertKind
    customer_id: CustomerId | None
    row_id: RowId | None
    subject: str
    text: str
    raised_at: datetime
    cleared_at: datetime | None = None

    @property
    def alert_id(self) -> str:
        """One name for one cause."""
        return alert_id(self.kind, self.customer_id, self.row_id, self.subject)


def alert_id(
    kind: AlertKind, customer_id: CustomerId | None, row_id: RowId | None, subject: str
) -> str:
    """Return the name of a cause; those of one customer begin alike."""
    return f"{owner_prefix(customer_id)}{digest(kind, row_id or '', subject)}"


def owner_prefix(customer_id: CustomerId | None) -> str:
    """Return what the names of a customer's alerts and approvals begin with."""
    return f"{customer_id or 'all'}."
