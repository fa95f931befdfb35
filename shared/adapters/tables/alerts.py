"""Table ``alerts``: one partition, by alert id; open ones are also found by customer."""

from collections.abc import Iterable

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.opened import OpenedEntries
from shared.adapters.tables.table import Tables
from shared.domain.alerts import Alert
from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Page, Versioned

PARTITION = "alerts"


class AlertTable:
    """An ``AlertRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._alerts = OpenedEntries(
            Entries(tables.table("alerts"), Codec[Alert](Alert, "an alert")),
            PARTITION,
            row=lambda alert: key(alert.alert_id),
            open_row=lambda alert: key(alert.customer_id or "", alert.alert_id),
            is_open=lambda alert: alert.cleared_at is None,
        )

    def get(self, alert_id: str) -> Versioned[Alert]:
        found = self._alerts.get(key(alert_id))
        if found is None:
            raise NotFoundError(f"there is no alert {alert_id}")
        return found

    def open_of(self, customer_id: CustomerId | None) -> tuple[Alert, ...]:
        return self._alerts.opened(customer_id or "")

    def put(self, alerts: Iterable[Alert]) -> None:
        self._alerts.put_all(alerts)

    def list(
        self, *, open_only: bool, continuation: str | None = None, limit: int = 100
    ) -> Page[Alert]:
        return self._alerts.page(continuation, limit, open_only=open_only)
