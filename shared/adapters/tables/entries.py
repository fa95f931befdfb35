"""Values of one type in one table, each under its partition and row key."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from shared.adapters.tables import paging
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.table import Entity, Properties, Table, Where
from shared.domain.errors import ConflictError, StaleVersionError
from shared.ports import Page, Versioned

T = TypeVar("T")


class Entries(Generic[T]):
    """What most repositories are made of.

    Args:
        columns: The properties to filter on, beside the value itself.
    """

    def __init__(
        self, table: Table, codec: Codec[T], columns: Callable[[T], Properties] | None = None
    ) -> None:
        self.table = table
        self._codec = codec
        self._columns = columns

    def entity(self, partition: str, row: str, value: T) -> Entity:
        """Return the value as it is stored."""
        columns = self._columns(value) if self._columns else {}
        return Entity(partition, row, {**columns, **self._codec.encode(value)})

    def value(self, entity: Entity) -> Versioned[T]:
        """Return the value of a stored entity."""
        return Versioned(self._codec.decode(entity.properties), entity.version)

    def get(self, partition: str, row: str) -> Versioned[T] | None:
        """Return the value, or ``None``."""
        entity = self.table.get(partition, row)
        return None if entity is None else self.value(entity)

    def create(self, partition: str, row: str, value: T) -> Versioned[T]:
        """Store a new value.

        Raises:
            ConflictError: There is one with its key.
        """
        return Versioned(value, self.table.create(self.entity(partition, row, value)))

    def save(self, partition: str, row: str, read: Versioned[T] | None, value: T) -> Versioned[T]:
        """Replace what was read, or create what was not there.

        Raises:
            StaleVersionError: Somebody saved it first.
        """
        entity = self.entity(partition, row, value)
        if read is not None and read.version:
            return Versioned(value, self.table.replace(entity, read.version))
        try:
            return Versioned(value, self.table.create(entity))
        except ConflictError as error:
            raise StaleVersionError(str(error)) from error

    def all(self, partition: str, where: Where | None = None) -> tuple[Versioned[T], ...]:
        """Return the values of a partition by row key, in one query."""
        return tuple(self.value(entity) for entity in self.table.query(partition, where))

    def each(
        self, partition: str, where: Where | None = None, *, at_once: int
    ) -> Iterator[Versioned[T]]:
        """Yield the values of a partition by row key; so many are read at once."""
        found = self.table.each(partition, where, at_once=at_once)
        return (self.value(entity) for entity in found)

    def page(
        self,
        partition: str,
        continuation: str | None,
        limit: int,
        where: Where | None = None,
        *,
        beyond: str = "",
    ) -> Page[T]:
        """Return some values of a partition by row key.

        Pages go on after a key, not at a count: what is added or removed in between neither
        repeats nor hides other entries, and a page is never short by accident.

        Args:
            beyond: A key before the list's first one.

        Raises:
            InvalidInputError: The token is not ours, or the limit out of range.
        """
        size = paging.page_size(limit)
        start = max(paging.after(continuation), beyond)
        condition = where or Where()
        if start:
            condition = condition.also("RowKey gt @start", start=start)
        found = self.table.query(partition, condition, limit=size + 1)
        more = len(found) > size
        kept = found[:size]
        return Page(
            items=tuple(self.value(entity).value for entity in kept),
            continuation=paging.token(kept[-1].row) if more else None,
        )
