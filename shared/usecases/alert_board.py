"""Alerts raised and cleared: what is open is read once, and only what changes is written."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.domain.alerts import Alert, AlertKind
from shared.domain.ids import AgreementId, CustomerId, RowId
from shared.ports import Services


class AlertBoard:
    """Open alerts as they were read, and what changes of them.

    Not safe for threads; each piece of work has its own.
    """

    def __init__(self, known: Iterable[Alert], services: Services) -> None:
        self._open = {alert.alert_id: alert for alert in known}
        self._services = services
        self._changed: dict[str, Alert] = {}
        self._news: set[str] = set()
        self._now = services.clock.real_now()

    def open(self, kind: AlertKind) -> tuple[Alert, ...]:
        """Return the open alerts of a kind."""
        return tuple(alert for alert in self._open.values() if alert.kind is kind)

    def show(
        self,
        kind: AlertKind,
        text: str,
        *,
        subject: str,
        customer_id: CustomerId | None,
        row: RowId | None = None,
        matter: str = "",
    ) -> str:
        """Raise an alert, and return its id.

        One that is open keeps its moment and gets the new text; it is news again only when the
        matter has changed.
        """
        alert = Alert(kind, customer_id, row, subject, text, self._now, matter=matter)
        known = self._open.get(alert.alert_id)
        if known is not None:
            if (known.text, known.matter) == (text, matter):
                return alert.alert_id
            alert = replace(known, text=text, matter=matter)
        if known is None or known.matter != matter:
            self._news.add(alert.alert_id)
        self._open[alert.alert_id] = self._changed[alert.alert_id] = alert
        return alert.alert_id

    def clear(
        self,
        kinds: Iterable[AlertKind],
        *,
        subject: str | None = None,
        keep: Iterable[str] = (),
    ) -> None:
        """Clear the open alerts of these kinds, of one subject if given, apart from ``keep``."""
        kinds, keep = frozenset(kinds), frozenset(keep)
        for alert in list(self._open.values()):
            if (
                alert.kind in kinds
                and (subject is None or alert.subject == subject)
                and alert.alert_id not in keep
            ):
                self.close(alert)

    def close(self, alert: Alert) -> None:
        """Clear one open alert."""
        self._changed[alert.alert_id] = replace(alert, cleared_at=self._now)
        self._open.pop(alert.alert_id, None)
        self._news.discard(alert.alert_id)

    def save(self) -> None:
        """Write what changed, and announce what is news."""
        if self._changed:
            self._services.alerts.put(self._changed.values(), news=self._news)


def board_of(customer_id: CustomerId | None, services: Services) -> AlertBoard:
    """Return the board of one customer, or of what concerns no single one."""
    return AlertBoard(services.alerts.open_of(customer_id), services)


def raise_alert(kind: AlertKind, text: str, services: Services, *, subject: str) -> None:
    """Raise an alert that concerns no single customer."""
    board = board_of(None, services)
    board.show(kind, text, subject=subject, customer_id=None)
    board.save()


def clear_alerts(kind: AlertKind, services: Services, *, subject: str) -> None:
    """Clear alerts of one subject that concern no single customer."""
    board = board_of(None, services)
    board.clear({kind}, subject=subject)
    board.save()


def tell_preflight(
    customer_id: CustomerId,
    agreement_id: AgreementId,
    findings: Mapping[str, str],
    services: Services,
) -> None:
    """Show what a pre-flight check found about an agreement, and clear what it found no more.

    Args:
        findings: What to do, in words, by the name of the finding; a finding that stays keeps its
            alert.
    """
    board = board_of(customer_id, services)
    kept = {
        board.show(
            AlertKind.PREFLIGHT,
            text,
            subject=f"{agreement_id}/{finding}",
            customer_id=customer_id,
        )
        for finding, text in findings.items()
    }
    for alert in board.open(AlertKind.PREFLIGHT):
        if alert.subject.startswith(f"{agreement_id}/") and alert.alert_id not in kept:
            board.close(alert)
    board.save()
