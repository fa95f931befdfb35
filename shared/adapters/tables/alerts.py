"""Table ``alerts``: one partition, by alert id; open ones are also found by customer.

Announcements stand in the same partition behind the open ones, so that an alert and its
announcement are stored in one transaction: a worker that dies leaves both or none. The open ones
together are remembered, because the overview shows and counts all of them.
"""

from collections.abc import Collection, Iterable

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import OPEN_PREFIX, SEPARATOR, key
from shared.adapters.tables.opened import OpenedEntries
from shared.adapters.tables.remembered import STAMP, Remembered
from shared.adapters.tables.table import Entity, Properties, Put, Tables, Where
from shared.domain.alerts import Alert, AlertKind, owner_prefix
from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Page, Versioned

PARTITION = "alerts"
NEWS_PREFIX = OPEN_PREFIX * 2
_NEWS = Where("RowKey ge @first and RowKey lt @stamp", {"first": NEWS_PREFIX, "stamp": STAMP})


class AlertTable:
    """An ``AlertRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.table("alerts")
        self._open = Remembered(self._table, PARTITION, self._read_open)
        self._alerts = OpenedEntries(
            Entries(self._table, Codec[Alert](Alert, "an alert"), columns=_columns),
            PARTITION,
            row=lambda alert: key(alert.alert_id),
            open_row=lambda alert: key(alert.customer_id or "", alert.alert_id),
            is_open=lambda alert: alert.cleared_at is None,
            always=self._open.changed,
        )

    def get(self, alert_id: str) -> Versioned[Alert]:
        found = self._alerts.get(key(alert_id))
        if found is None:
            raise NotFoundError(f"there is no alert {alert_id}")
        return found

    def open_of(self, customer_id: CustomerId | None) -> tuple[Alert, ...]:
        return self._alerts.opened(customer_id or "")

    def put(self, alerts: Iterable[Alert], news: Collection[str] = ()) -> None:
        def announced(alert: Alert) -> list[Put]:
            return [Put(_announcement(alert.alert_id))] if alert.alert_id in news else []

        self._alerts.put_all(alerts, announced if news else None)

    def list(
        self,
        *,
        open_only: bool = False,
        cleared_only: bool = False,
        kind: AlertKind | None = None,
        customer_id: CustomerId | None = None,
        continuation: str | None = None,
        limit: int = 100,
    ) -> Page[Alert]:
        where = Where()
        if kind is not None:
            where = where.also("kind eq @kind", kind=kind.value)
        if cleared_only:
            where = where.also("cleared eq @cleared", cleared=True)
        within = ""
        if customer_id is not None:
            within = key(customer_id) + SEPARATOR if open_only else key(owner_prefix(customer_id))
        return self._alerts.page(
            continuation, limit, open_only=open_only, where=where, within=within
        )

    def open(self) -> tuple[Alert, ...]:
        return self._open.get()

    def _read_open(self) -> tuple[Alert, ...]:
        return self._alerts.opened()

    def cleared_of(self, customer_id: CustomerId | None) -> tuple[Versioned[Alert], ...]:
        return self._alerts.closed(key(owner_prefix(customer_id)))

    def forget(self, read: Versioned[Alert]) -> bool:
        return self._alerts.forget(read)

    def news(self) -> tuple[str, ...]:
        found = self._table.query(PARTITION, _NEWS)
        return tuple(str(entity.properties["alert_id"]) for entity in found)

    def forget_news(self, alert_ids: Iterable[str]) -> None:
        self._table.delete_all(_announcement(alert_id) for alert_id in alert_ids)


def _columns(alert: Alert) -> Properties:
    return {"kind": alert.kind.value, "cleared": alert.cleared_at is not None}


def _announcement(alert_id: str) -> Entity:
    return Entity(PARTITION, NEWS_PREFIX + key(alert_id), {"alert_id": alert_id})
