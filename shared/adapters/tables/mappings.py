"""Mappings and exclusions in table ``books``, by row.

A row's current mapping and what it leaves behind change in one transaction.
"""

from collections.abc import Sequence

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import (
    Create,
    Delete,
    Entity,
    Operation,
    Put,
    Replace,
    Tables,
    Where,
)
from shared.domain.errors import ConflictError, StaleVersionError
from shared.domain.ids import CustomerId, RowId, digest
from shared.domain.mappings import Mapping, RowExclusion
from shared.ports import Versioned

_MAPPINGS = Where("kind eq @kind", {"kind": "mapping"})
_EXCLUSIONS = Where("kind eq @kind", {"kind": "exclusion"})


class MappingTable:
    """A ``MappingRepository``."""

    def __init__(self, tables: Tables) -> None:
        table = self.table = tables.table(book_rows.TABLE)
        self._mappings = Entries(
            table, Codec[Mapping](Mapping, "a mapping"), lambda _: {"kind": "mapping"}
        )
        self._exclusions = Entries(
            table,
            Codec[RowExclusion](RowExclusion, "an excluded row"),
            lambda _: {"kind": "exclusion"},
        )

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Mapping], ...]:
        return self._mappings.all(key(customer_id), _MAPPINGS)

    def get(self, customer_id: CustomerId, row_id: RowId) -> Versioned[Mapping] | None:
        return self._mappings.get(key(customer_id), key(row_id))

    def put(
        self,
        read: Versioned[Mapping] | None,
        mapping: Mapping | None,
        superseded: Sequence[Mapping] = (),
    ) -> Versioned[Mapping] | None:
        current: list[Operation] = []
        if mapping is not None:
            entity = self._mappings.entity(key(mapping.customer_id), key(mapping.row_id), mapping)
            current = [Replace(entity, read.version) if read else Create(entity)]
        elif read is not None:
            partition, row = key(read.value.customer_id), key(read.value.row_id)
            current = [Delete(partition, row, read.version)]
        left = {_superseded_row(old): old for old in superseded}
        operations = current + [
            Put(self._mappings.entity(key(old.customer_id), row, old)) for row, old in left.items()
        ]
        if not operations:
            return None
        try:
            versions = self._mappings.table.transact(operations)
        except ConflictError as error:
            raise StaleVersionError(str(error)) from error
        return None if mapping is None else Versioned(mapping, versions[0])

    def forget(self, mapping: Mapping) -> None:
        self._mappings.table.delete(key(mapping.customer_id), _superseded_row(mapping))

    def mapping(self, entity: Entity) -> Versioned[Mapping]:
        """Return the mapping that an entity holds."""
        return self._mappings.value(entity)

    def exclusion(self, entity: Entity) -> RowExclusion:
        """Return the exclusion that an entity holds."""
        return self._exclusions.value(entity).value

    def exclusions(self, customer_id: CustomerId) -> tuple[RowExclusion, ...]:
        return tuple(x.value for x in self._exclusions.all(key(customer_id), _EXCLUSIONS))

    def exclude(self, exclusion: RowExclusion) -> None:
        partition, row = key(exclusion.customer_id), _exclusion_row(exclusion.row_id)
        self._exclusions.table.put_all([self._exclusions.entity(partition, row, exclusion)])

    def include(self, customer_id: CustomerId, row_id: RowId) -> None:
        self._exclusions.table.delete(key(customer_id), _exclusion_row(row_id))


def _superseded_row(mapping: Mapping) -> str:
    if mapping.effective_to is None:
        raise AssertionError("a superseded mapping has a last day")
    target = digest(mapping.profile_id, mapping.agreement_id, length=8)
    return key(mapping.row_id, f"{mapping.effective_to:%Y%m%d}", target)


def _exclusion_row(row_id: RowId) -> str:
    return key(book_rows.EXCLUSION, row_id)
