"""Alerts: what a person should look at. One for each cause, raised once, cleared by itself.

Source: docs/adr/0020-alerts-and-digests.md
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.ids import CustomerId, RowId, digest


class AlertKind(StrEnum):
    """Causes of alerts."""

    MISSING_PROFILE = "missing_profile"
    SIGN_IN_BROKEN = "sign_in_broken"
    TENANT_UNREADABLE = "tenant_unreadable"
    TENANT_NOT_ADDED = "tenant_not_added"
    TENANT_GONE = "tenant_gone"
    STALE = "stale"
    OVERLAP = "overlap"
    HELD = "held"
    BLOCKED = "blocked"
    FAILED = "failed"
    DRIFT = "drift"
    ORPHAN_LINE = "orphan_line"
    CREDIT_DUE = "credit_due"
    IN_GRACE = "in_grace"
    MINIMUM_FOR_NONE = "minimum_for_none"
    SEATS_REDUCIBLE = "seats_reducible"
    RENEWAL = "renewal"
    HELD_BY_DISABLED = "held_by_disabled"
    LOOKS_LIKE_TRANSFER = "looks_like_transfer"
    PREFLIGHT = "preflight"
    CONNECTION = "connection"
    RUN_STOPPED = "run_stopped"
    NOTIFIER = "notifier"


class AlertState(StrEnum):
    """Whether an alert still asks for somebody."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something for a person.

    Attributes:
        subject: What the cause is about, besides customer and row: a group, a connection, a run.
        text: What happened and what to do.
        cleared_at: When the cause was gone.
        matter: What of the cause is material, in a few words: a dismissal covers only what was the
            matter when somebody dismissed it.
    """

    kind: AlertKind
    customer_id: CustomerId | None
    row_id: RowId | None
    subject: str
    text: str
    raised_at: datetime
    cleared_at: datetime | None = None
    matter: str = ""

    @property
    def alert_id(self) -> str:
        """One name for one cause."""
        return alert_id(self.kind, self.customer_id, self.row_id, self.subject)


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A person's word that an alert needs nobody for some days.

    Attributes:
        matter: What was the matter with the alert.
        until: From this moment the alert is back, if its cause still stands.
    """

    alert_id: str
    matter: str
    reason: str
    by: str
    at: datetime
    until: datetime

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Return whether the alert needs nobody now: what was dismissed is what it still says."""
        same = self.alert_id == alert.alert_id and self.matter == alert.matter
        return same and now < self.until


def state_of(alert: Alert, dismissal: Dismissal | None, now: datetime) -> AlertState:
    """Return whether the alert still asks for somebody."""
    if alert.cleared_at is not None:
        return AlertState.CLEARED
    if dismissal is not None and dismissal.covers(alert, now):
        return AlertState.DISMISSED
    return AlertState.OPEN


def alert_id(
    kind: AlertKind, customer_id: CustomerId | None, row_id: RowId | None, subject: str
) -> str:
    """Return the name of a cause; those of one customer begin alike."""
    return f"{owner_prefix(customer_id)}{digest(kind, row_id or '', subject)}"


def owner_prefix(customer_id: CustomerId | None) -> str:
    """Return what the names of a customer's alerts and approvals begin with."""
    return f"{customer_id or 'all'}."
