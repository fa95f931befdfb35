"""What a process remembers of a table, for as long as nobody changes it."""

from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import uuid4

from shared.adapters.tables.keys import SEPARATOR
from shared.adapters.tables.table import Entity, Put, Table

T = TypeVar("T")

MARK = SEPARATOR * 3
"""The key of the mark; it sorts after all other keys of a partition."""


class Remembered(Generic[T]):
    """What was read of one partition, and the mark that it was read at.

    Every transaction that changes what is remembered also stores a new mark in the partition. The
    mark is read first, and what is remembered is used only if it is of this mark: so it is never
    older than a query of this moment, whichever host changed something. Threads may share it.

    Source:
        docs/adr/0029-what-is-remembered-between-reads.md

    Args:
        read: Reads it from the storage.
    """

    def __init__(self, table: Table, partition: str, read: Callable[[], T]) -> None:
        self._table = table
        self._partition = partition
        self._read = read
        self._kept: tuple[str, T] | None = None

    def get(self) -> T:
        """Return what the partition holds."""
        stored = self._table.get(self._partition, MARK)
        mark = "" if stored is None else str(stored.properties["mark"])
        kept = self._kept
        if kept is not None and mark and kept[0] == mark:
            return kept[1]
        # What somebody changes from here on has another mark, so the next one reads it again.
        found = self._read()
        self._kept = (mark, found)
        return found

    def changed(self) -> Put:
        """Return what a transaction that changes something has to hold besides."""
        return Put(Entity(self._partition, MARK, {"mark": uuid4().hex}))
