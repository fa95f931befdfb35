"""Values that are open for a while: one range query lists the open ones, however many are closed.

Each value has one entity. While it is open, the same partition holds it a second time under a key
that begins with ``~`` and sorts the open ones; both are written in one transaction, so they never
disagree. A filter on a state column would read every closed entry each time.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import OPEN_PREFIX, SEPARATOR, key
from shared.adapters.tables.retry import settled
from shared.adapters.tables.table import (
    MOST_OPERATIONS,
    Create,
    Delete,
    Operation,
    Put,
    Replace,
    Where,
    behind,
    starts_with,
)
from shared.domain.errors import ConflictError, StaleVersionError
from shared.ports import Page, Versioned

T = TypeVar("T")


class OpenedEntries(Generic[T]):
    """One partition of such values.

    Args:
        row: The value's key.
        open_row: The key of its second entity, after the ``~``; always the same for one value.
        is_open: Whether the second entity is there.
        always: One operation more for each transaction that may change what is open.
    """

    def __init__(
        self,
        entries: Entries[T],
        partition: str,
        *,
        row: Callable[[T], str],
        open_row: Callable[[T], str],
        is_open: Callable[[T], bool],
        always: Callable[[], Operation] | None = None,
    ) -> None:
        self._entries = entries
        self._partition = partition
        self._row = row
        self._open_row = open_row
        self._is_open = is_open
        self._always = always

    def get(self, row: str) -> Versioned[T] | None:
        """Return the value with this key, or ``None``."""
        return self._entries.get(self._partition, row)

    def save(self, read: Versioned[T] | None, value: T) -> Versioned[T]:
        """Replace what was read, or create what was not there.

        Raises:
            StaleVersionError: Somebody saved it first.
        """
        was_open = read is not None and self._is_open(read.value)
        if not was_open and not self._is_open(value):
            return self._entries.save(self._partition, self._row(value), read, value)
        entity = self._entries.entity(self._partition, self._row(value), value)
        operations: list[Operation] = [Replace(entity, read.version) if read else Create(entity)]
        if self._is_open(value):
            operations.append(self._second(value))
        else:
            operations.append(Delete(self._partition, self._second_row(value)))
        operations += self._constant()
        try:
            versions = self._entries.table.transact(operations)
        except ConflictError as error:
            raise StaleVersionError(str(error)) from error
        return Versioned(value, versions[0])

    def put_all(
        self, values: Iterable[T], beside: Callable[[T], Iterable[Operation]] | None = None
    ) -> None:
        """Store values whatever was there, in as few transactions as they fit; the last one of
        several with the same key wins.

        Args:
            beside: At most one operation more for each value, in its transaction.
        """
        distinct = list({self._row(value): value for value in values}.values())
        most = MOST_OPERATIONS - len(self._constant())
        size = most // (2 if beside is None else 3)
        for start in range(0, len(distinct), size):
            chunk = distinct[start : start + size]
            more = [one for value in chunk for one in beside(value)] if beside else []
            settled(lambda chunk=chunk, more=more: self._put(chunk, more))  # type: ignore[misc] # bound per chunk

    def opened(self, *prefix: str) -> tuple[T, ...]:
        """Return the open values, or those of them whose open key begins with these parts."""
        start = OPEN_PREFIX + (key(*prefix) + SEPARATOR if prefix else "")
        where = Where(
            "RowKey ge @start and RowKey lt @end", {"start": start, "end": start + SEPARATOR}
        )
        return tuple(found.value for found in self._entries.all(self._partition, where))

    def closed(self, within: str) -> tuple[Versioned[T], ...]:
        """Return the values that are not open and whose key begins so, in one query."""
        found = self._entries.all(self._partition, starts_with(within))
        return tuple(one for one in found if not self._is_open(one.value))

    def forget(self, read: Versioned[T]) -> bool:
        """Remove what was read and is not open, and return whether it was still that.

        One that opened meanwhile stays with its second entity.
        """
        try:
            self._entries.table.delete(self._partition, self._row(read.value), read.version)
        except StaleVersionError:
            return False
        return True

    def page(
        self,
        continuation: str | None,
        limit: int,
        *,
        open_only: bool,
        where: Where | None = None,
        within: str = "",
    ) -> Page[T]:
        """Return some values: the open ones by open key, or all by key.

        Args:
            where: Only those, by columns.
            within: Only those whose key, or open key, begins so.
        """
        first = (OPEN_PREFIX if open_only else "") + within
        # Closed keys end before the open ones; behind those a repository may keep other things.
        last = behind(first) if within else OPEN_PREFIX * (2 if open_only else 1)
        condition = (where or Where()).also("RowKey lt @last", last=last)
        return self._entries.page(self._partition, continuation, limit, condition, beyond=first)

    def _put(self, values: list[T], more: Iterable[Operation] = ()) -> None:
        operations: list[Operation] = [*more, *self._constant()]
        gone = self._opened_among([v for v in values if not self._is_open(v)])
        for value in values:
            operations.append(Put(self._entries.entity(self._partition, self._row(value), value)))
            if self._is_open(value):
                operations.append(self._second(value))
            elif self._second_row(value) in gone:
                operations.append(Delete(self._partition, self._second_row(value)))
        self._entries.table.transact(operations)

    def _opened_among(self, closed: list[T]) -> set[str]:
        """The second keys that are there; removing a missing one fails a whole transaction."""
        if not closed:
            return set()
        rows = {self._second_row(value) for value in closed}
        where = Where(
            "RowKey ge @first and RowKey le @last", {"first": min(rows), "last": max(rows)}
        )
        found = self._entries.table.query(self._partition, where, select=["PartitionKey", "RowKey"])
        return rows & {entity.row for entity in found}

    def _constant(self) -> list[Operation]:
        return [] if self._always is None else [self._always()]

    def _second(self, value: T) -> Put:
        return Put(self._entries.entity(self._partition, self._second_row(value), value))

    def _second_row(self, value: T) -> str:
        return OPEN_PREFIX + self._open_row(value)
