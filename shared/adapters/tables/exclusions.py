"""Table ``exclusions``: one entity with the whole list of global exclusions."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.table import Tables
from shared.domain.mappings import GlobalExclusion
from shared.ports import Versioned

PARTITION = "exclusions"
ROW = "global"


class ExclusionTable:
    """An ``ExclusionRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[tuple[GlobalExclusion, ...]](
            tuple[GlobalExclusion, ...], "the list of global exclusions"
        )
        self._entries = Entries(tables.table("exclusions"), codec)

    def get(self) -> Versioned[tuple[GlobalExclusion, ...]]:
        return self._entries.get(PARTITION, ROW) or Versioned((), "")

    def save(
        self, read: Versioned[tuple[GlobalExclusion, ...]], items: tuple[GlobalExclusion, ...]
    ) -> Versioned[tuple[GlobalExclusion, ...]]:
        return self._entries.save(PARTITION, ROW, read, items)
