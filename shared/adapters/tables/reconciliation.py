"""Table ``reconciliation``: one partition, by customer and line."""

from collections.abc import Iterable

from shared.adapters.tables import paging
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.table import Entity, Tables, Where
from shared.domain.ids import CustomerId
from shared.domain.reconciliation import ReconciledLine
from shared.ports import Page, ReconciliationFilter

PARTITION = "lines"


class ReconciliationTable:
    """A ``ReconciliationRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._entries = Entries(
            tables.table("reconciliation"),
            Codec[ReconciledLine](ReconciledLine, "a reconciled line"),
            lambda line: {"psa": line.psa, "state": line.state},
        )

    def replace(self, customer_id: CustomerId, lines: Iterable[ReconciledLine]) -> None:
        entities = {entity.row: entity for entity in map(self._entity, lines)}
        table = self._entries.table
        stored = table.query(PARTITION, _of(customer_id), select=["PartitionKey", "RowKey"])
        table.put_all(entities.values())
        table.delete_all(entity for entity in stored if entity.row not in entities)

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
        return self._entries.page(PARTITION, continuation, limit, condition)

    def after_customer(self, customer_id: CustomerId) -> str:
        return paging.token(key(customer_id) + SEPARATOR * 2)

    def _entity(self, line: ReconciledLine) -> Entity:
        return self._entries.entity(PARTITION, key(line.customer_id, line.key), line)


def _of(customer_id: CustomerId) -> Where:
    start = key(customer_id) + SEPARATOR
    return Where("RowKey ge @from and RowKey lt @to", {"from": start, "to": start + SEPARATOR})
