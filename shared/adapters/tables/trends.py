"""Table ``trends``: a partition for each customer, and one for all; the newest day first.

The newest point stands in table ``books`` too, where a sync finds it among what it reads anyway.
"""

from datetime import date

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Entity, Tables, Where
from shared.domain.trends import TrendPoint

_LAST_DAY = 99_999_999


class TrendTable:
    """A ``TrendRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[TrendPoint](TrendPoint, "a day's seats")
        self._entries = Entries(tables.table("trends"), codec)
        self._newest = Entries(tables.table(book_rows.TABLE), codec)

    def last(self, owner: str) -> TrendPoint | None:
        found = self._entries.table.query(key(owner), limit=1)
        return self._entries.value(found[0]).value if found else None

    def put(self, point: TrendPoint) -> None:
        row = _row(point.day)
        self._entries.table.put_all([self._entries.entity(key(point.owner), row, point)])
        newest = self._newest.entity(key(point.owner), book_rows.TREND, point)
        self._newest.table.put_all([newest])

    def newest(self, entity: Entity) -> TrendPoint:
        """Return the point that an entity holds."""
        return self._newest.value(entity).value

    def since(self, owner: str, first: date) -> tuple[TrendPoint, ...]:
        table = self._entries.table
        found = table.query(key(owner), Where("RowKey le @first", {"first": _row(first)}))
        before = table.query(key(owner), _before(first), limit=1)
        newest_first = (self._entries.value(entity).value for entity in (*found, *before))
        return tuple(newest_first)[::-1]

    def forget_before(self, owner: str, first: date, most: int) -> int:
        columns = ["PartitionKey", "RowKey"]
        old = self._entries.table.query(key(owner), _before(first), limit=most + 1, select=columns)
        # The newest of them still tells what held on the first day.
        gone = old[1:]
        self._entries.table.delete_all(gone)
        return len(gone)


def _before(day: date) -> Where:
    return Where("RowKey gt @first", {"first": _row(day)})


def _row(day: date) -> str:
    return f"{_LAST_DAY - int(f'{day:%Y%m%d}'):08d}"
