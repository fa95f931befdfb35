"""Table ``reconciliation``: one partition, by customer and line, and one by customer alone.

Most lines are today as they were yesterday. They are not written again: the second partition says
when a customer's lines were last looked at together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.adapters.tables import paging
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.table import Entity, Tables, Where
from shared.domain.errors import OperatorActionError
from shared.domain.ids import CustomerId
from shared.domain.reconciliation import ReconciledLine
from shared.ports import Page, ReconciliationFilter

PARTITION = "lines"
LOOKED = "looked"


@dataclass(frozen=True, slots=True)
class LastLook:
    """When all lines of a customer were looked at, the unchanged ones too."""

    at: datetime


class ReconciliationTable:
    """A ``ReconciliationRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._entries = Entries(
            tables.table("reconciliation"),
            Codec[ReconciledLine](ReconciledLine, "a reconciled line"),
            lambda line: {"psa": line.psa, "state": line.state},
        )
        codec = Codec[LastLook](LastLook, "when lines were looked at")
        self._looks = Entries(self._entries.table, codec)

    def replace(self, customer_id: CustomerId, lines: Iterable[ReconciledLine]) -> None:
        wanted = {_row(line): line for line in lines}
        table = self._entries.table
        stored = {entity.row: entity for entity in table.query(PARTITION, _of(customer_id))}
        news = [line for row, line in wanted.items() if not self._is(stored.get(row), line)]
        table.put_all(map(self._entity, news))
        table.delete_all(entity for row, entity in stored.items() if row not in wanted)
        if len(news) < len(wanted):
            look = LastLook(min(line.checked_at for line in wanted.values()))
            table.put_all([self._looks.entity(LOOKED, key(customer_id), look)])
        elif stored and not wanted:
            table.delete(LOOKED, key(customer_id))

    def put(self, lines: Iterable[ReconciledLine]) -> None:
        self._entries.table.put_all(map(self._entity, lines))

    def page(
        self, where: ReconciliationFilter, continuation: str | None = None, limit: int = 100
    ) -> Page[ReconciledLine]:
        condition = Where() if where.customer_id is None else _of(where.customer_id)
        if where.psa is not None:
            condition = condition.also("psa eq @psa", psa=where.psa)
        if where.state is not None:
            condition = condition.also("state eq @state", state=where.state.value)
        page = self._entries.page(PARTITION, continuation, limit, condition)
        return replace(page, items=self._as_looked_at(page.items))

    def after_customer(self, customer_id: CustomerId) -> str:
        return paging.token(key(customer_id) + SEPARATOR * 2)

    def _entity(self, line: ReconciledLine) -> Entity:
        return self._entries.entity(PARTITION, _row(line), line)

    def _is(self, stored: Entity | None, line: ReconciledLine) -> bool:
        """Whether a line is stored as it is, whenever it was looked at."""
        if stored is None:
            return False
        try:
            known = self._entries.value(stored).value
        except OperatorActionError:
            return False  # what cannot be read is written anew
        return replace(known, checked_at=line.checked_at) == line

    def _as_looked_at(self, lines: tuple[ReconciledLine, ...]) -> tuple[ReconciledLine, ...]:
        """The lines with the moment at which they were looked at, written or not."""
        if not lines:
            return ()
        rows = [key(line.customer_id) for line in lines]
        between = {"first": min(rows), "last": max(rows)}
        where = Where("RowKey ge @first and RowKey le @last", between)
        entities = self._entries.table.query(LOOKED, where)
        looks = {one.row: self._looks.value(one).value.at for one in entities}
        return tuple(
            replace(line, checked_at=max(line.checked_at, looks.get(row, line.checked_at)))
            for line, row in zip(lines, rows, strict=True)
        )


def _row(line: ReconciledLine) -> str:
    return key(line.customer_id, line.key)


def _of(customer_id: CustomerId) -> Where:
    start = key(customer_id) + SEPARATOR
    return Where("RowKey ge @from and RowKey lt @to", {"from": start, "to": start + SEPARATOR})
