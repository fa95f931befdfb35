"""What a process remembers of a table, for as long as nobody changes it."""

from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import uuid4

from shared.adapters.tables.keys import SEPARATOR
from shared.adapters.tables.table import Entity, Put, Table

T = TypeVar("T")

STAMP = SEPARATOR * 3
"""The key of the stamp; it sorts after all other keys of a partition."""


class Remembered(Generic[T]):
    """What was read of one partition, and the stamp that it was read at.

    Every transaction that changes what is remembered also stores a new stamp in the partition. The
    stamp is read first, and what is remembered is used only if it is of this stamp: so it is never
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
        stored = self._table.get(self._partition, STAMP)
        stamp = "" if stored is None else str(stored.properties["stamp"])
        kept = self._kept
        if kept is not None and stamp and kept[0] == stamp:
            return kept[1]
        # What somebody changes from here on has another stamp, so the next one reads it again.
        found = self._read()
        self._kept = (stamp, found)
        return found

    def changed(self) -> Put:
        """Return what a transaction that changes something has to hold besides."""
        return Put(Entity(self._partition, STAMP, {"stamp": uuid4().hex}))
