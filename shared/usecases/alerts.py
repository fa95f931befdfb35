"""Alerts as people see them: listed with their state, dismissed for some days, and taken back."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.alerts import Alert, AlertKind, AlertState, Dismissal, owner_prefix, state_of
from shared.domain.errors import ConflictError
from shared.domain.ids import CustomerId
from shared.ports import Page, Services


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert with what somebody said about it.

    Attributes:
        dismissal: ``None`` unless it covers the alert now.
    """

    alert: Alert
    state: AlertState
    dismissal: Dismissal | None


def list_alerts(
    services: Services,
    *,
    state: AlertState | None = AlertState.OPEN,
    kind: AlertKind | None = None,
    customer_id: CustomerId | None = None,
    continuation: str | None = None,
    limit: int = 100,
) -> Page[AlertView]:
    """Return alerts, a page at a time.

    Args:
        state: Only those in this state; ``None`` for all.
    """
    said = services.dismissals.all()
    found: list[AlertView] = []
    while True:
        page = services.alerts.list(
            open_only=state in {AlertState.OPEN, AlertState.DISMISSED},
            cleared_only=state is AlertState.CLEARED,
            kind=kind,
            customer_id=customer_id,
            continuation=continuation,
            limit=limit - len(found),
        )
        shown = (_view(one, said.get(one.alert_id), services) for one in page.items)
        found += [one for one in shown if state in {None, one.state}]
        continuation = page.continuation
        # What is dismissed is open to the storage: read on until the page is full.
        if continuation is None or len(found) == limit:
            return Page(tuple(found), continuation)


def open_alerts(services: Services) -> tuple[Alert, ...]:
    """Return all alerts that ask for somebody now, in two queries."""
    said = services.dismissals.all()
    now = services.clock.now()
    # An alert's id is a digest: it is only made for customers that have anything dismissed.
    owners = {f"{alert_id.rpartition('.')[0]}." for alert_id in said}
    return tuple(
        one
        for one in services.alerts.open()
        if owner_prefix(one.customer_id) not in owners
        or state_of(one, said.get(one.alert_id), now) is AlertState.OPEN
    )


def alerts_by_customer(services: Services) -> dict[CustomerId, int]:
    """Return how many alerts ask for somebody, of each customer that has any."""
    return dict(Counter(one.customer_id for one in open_alerts(services) if one.customer_id))


def dismiss_alert(
    alert_id: str, services: Services, *, reason: str, days: int, actor: str
) -> AlertView:
    """Let an alert ask for nobody for some days, unless its matter changes or it is cleared.

    Dismissing it again replaces what was said.

    Raises:
        NotFoundError: There is no such alert.
        ConflictError: Its cause is gone already.
    """
    alert = services.alerts.get(alert_id).value
    if alert.cleared_at is not None:
        raise ConflictError("the alert's cause is gone, so there is nothing to dismiss")
    now = services.clock.now()
    dismissal = Dismissal(
        alert_id=alert_id,
        matter=alert.matter,
        reason=reason,
        by=actor,
        at=now,
        until=now + timedelta(days=days),
    )
    services.dismissals.put(dismissal)
    return _view(alert, dismissal, services)


def restore_alert(alert_id: str, services: Services) -> AlertView:
    """Take a dismissal back; an alert without one stays as it is.

    Raises:
        NotFoundError: There is no such alert.
    """
    alert = services.alerts.get(alert_id).value
    services.dismissals.remove(alert_id)
    return _view(alert, None, services)


def _view(alert: Alert, dismissal: Dismissal | None, services: Services) -> AlertView:
    state = state_of(alert, dismissal, services.clock.now())
    return AlertView(alert, state, dismissal if state is AlertState.DISMISSED else None)
