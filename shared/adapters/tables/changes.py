"""Table ``changes``: a partition for each customer, newest first by an inverted time."""

from collections.abc import Iterable
from datetime import datetime

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key, newest_first
from shared.adapters.tables.table import Entity, Properties, Tables, Where
from shared.domain.errors import ConflictError
from shared.domain.history import Change
from shared.domain.ids import CustomerId, RowId, digest
from shared.ports import Page

MOST_ROW_COLUMNS = 200
"""An entity has at most 252 properties."""


class ChangeTable:
    """A ``ChangeRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._entries = Entries(
            tables.table("changes"), Codec[Change](Change, "a history entry"), _row_columns
        )

    def add(self, change: Change) -> None:
        # Named by the change's own moment and id, so that a repeated delivery meets its first.
        try:
            self._entries.create(key(change.customer_id), _row(change), change)
        except ConflictError:
            return

    def of_customer(
        self,
        customer_id: CustomerId,
        continuation: str | None = None,
        limit: int = 100,
        row_id: RowId | None = None,
    ) -> Page[Change]:
        where = Where() if row_id is None else Where(f"{_column(row_id)} eq true")
        return self._entries.page(key(customer_id), continuation, limit, where)

    def before(
        self,
        customer_id: CustomerId,
        moment: datetime,
        continuation: str | None = None,
        limit: int = 100,
    ) -> Page[Change]:
        # Entries of the moment itself sort behind this key too, and are as old as asked.
        beyond = newest_first(moment)
        return self._entries.page(key(customer_id), continuation, limit, beyond=beyond)

    def forget(self, changes: Iterable[Change]) -> None:
        self._entries.table.delete_all(
            Entity(key(change.customer_id), _row(change), {}) for change in changes
        )


def _row(change: Change) -> str:
    return f"{newest_first(change.at)}~{digest(change.change_id)}"


def _row_columns(change: Change) -> Properties:
    """A column for each row, so that the storage filters by row without an index to keep."""
    return {_column(row): True for row in change.rows[:MOST_ROW_COLUMNS]}


def _column(row_id: RowId) -> str:
    return f"row_{digest(row_id)}"
