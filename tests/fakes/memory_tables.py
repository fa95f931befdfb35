"""Tables in memory, for the real repositories: what they store is there to be read as it is."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from operator import eq, ge, gt, le, lt
from typing import Any

from shared.adapters.tables.table import (
    Create,
    Delete,
    Entity,
    Operation,
    Replace,
    Where,
)
from shared.domain.errors import ConflictError, StaleVersionError

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    one.__name__: one for one in (eq, ge, gt, le, lt)
}
_CONDITION = re.compile(r"(\w+) (eq|ge|gt|le|lt) (@\w+|true)")
Place = tuple[str, str]


class MemoryTables:
    """Stands for ``Tables``."""

    def __init__(self) -> None:
        self.stored: defaultdict[str, MemoryTable] = defaultdict(MemoryTable)

    def table(self, name: str) -> "MemoryTable":
        return self.stored[name]

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return all entities by table, sorted by their keys."""
        return {
            name: [
                {"PartitionKey": place[0], "RowKey": place[1], **table.rows[place].properties}
                for place in sorted(table.rows)
            ]
            for name, table in sorted(self.stored.items())
            if table.rows
        }

    def load(self, dumped: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Take what ``dump`` gave."""
        for name, entities in dumped.items():
            for entity in entities:
                place = entity["PartitionKey"], entity["RowKey"]
                self.table(name).put_all([Entity(*place, dict(entity))])


class MemoryTable:
    """Stands for a ``Table``; used by one thread."""

    def __init__(self) -> None:
        self.name = "memory"
        self.rows: dict[Place, Entity] = {}
        self._versions = count(1)

    def get(self, partition: str, row: str) -> Entity | None:
        return self.rows.get((partition, row))

    def query(
        self,
        partition: str,
        where: Where | None = None,
        *,
        limit: int | None = None,
        select: Sequence[str] | None = None,
    ) -> list[Entity]:
        condition = (where or Where()).also("PartitionKey eq @partition", partition=partition)
        return self.scan(condition, limit=limit, select=select)

    def scan(
        self, where: Where, *, limit: int | None = None, select: Sequence[str] | None = None
    ) -> list[Entity]:
        found = [self.rows[place] for place in sorted(self.rows)]
        return [entity for entity in found if _holds(where, entity)][:limit]

    def each(self, partition: str, where: Where | None = None, *, at_once: int) -> Iterator[Entity]:
        del at_once
        return iter(self.query(partition, where))

    def create(self, entity: Entity) -> str:
        if (entity.partition, entity.row) in self.rows:
            raise ConflictError(f"{entity.row} exists")
        return self._store(entity)

    def replace(self, entity: Entity, version: str) -> str:
        self._expect(entity.partition, entity.row, version)
        return self._store(entity)

    def delete(self, partition: str, row: str, version: str | None = None) -> None:
        if version and (partition, row) in self.rows:
            self._expect(partition, row, version)
        self.rows.pop((partition, row), None)

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        return [self._carry_out(operation) for operation in operations]

    def put_all(self, entities: Iterable[Entity]) -> None:
        for entity in entities:
            self._store(entity)

    def add_all(self, entities: Iterable[Entity]) -> list[Entity]:
        distinct = {(entity.partition, entity.row): entity for entity in entities}
        there = [entity for place, entity in distinct.items() if place in self.rows]
        self.put_all(entity for place, entity in distinct.items() if place not in self.rows)
        return there

    def delete_all(self, entities: Iterable[Entity]) -> None:
        for entity in entities:
            self.rows.pop((entity.partition, entity.row), None)

    def _carry_out(self, operation: Operation) -> str:
        if isinstance(operation, Create):
            return self.create(operation.entity)
        if isinstance(operation, Replace):
            return self.replace(operation.entity, operation.version)
        if isinstance(operation, Delete):
            self.delete(operation.partition, operation.row, operation.version)
            return ""
        return self._store(operation.entity)

    def _expect(self, partition: str, row: str, version: str) -> None:
        found = self.rows.get((partition, row))
        if found is None or found.version != version:
            raise StaleVersionError(f"{row} was saved by somebody else first")

    def _store(self, entity: Entity) -> str:
        version = f"v{next(self._versions)}"
        kept = Entity(entity.partition, entity.row, dict(entity.properties), version)
        self.rows[entity.partition, entity.row] = kept
        return version


def _holds(where: Where, entity: Entity) -> bool:
    values = {"PartitionKey": entity.partition, "RowKey": entity.row, **entity.properties}
    for condition in filter(None, where.text.split(" and ")):
        found = _CONDITION.fullmatch(condition)
        if found is None:
            raise AssertionError(f"the tables in memory do not know: {condition}")
        name, comparison, other = found.groups()
        wanted = True if other == "true" else where.parameters[other[1:]]
        if name not in values or not _COMPARED[comparison](values[name], wanted):
            return False
    return True
