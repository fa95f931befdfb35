"""One table: reads, conditional writes and transactions, in our words and with our errors.

A table is created by the first write that misses it, so that no call is spent on asking. Reading
one that does not exist yet finds nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import (
    TableClient,
    TableEntity,
    TableServiceClient,
    TableTransactionError,
    UpdateMode,
)

from shared.adapters.storage import error_code, translated
from shared.domain.errors import ConflictError, StaleVersionError

R = TypeVar("R")

Properties = Mapping[str, str | int | bool]

MOST_OPERATIONS = 100
MOST_BYTES = 3_500_000
"""Of one transaction; the storage takes 4 MiB with all that is around the entities."""

LARGEST_PAGE = 1000
_AROUND = 1200  # bytes of headers around one entity in a transaction, and a bit more
_NOT_FOUND, _CONFLICT, _PRECONDITION = 404, 409, 412


@dataclass(frozen=True, slots=True)
class Entity:
    """A row of a table.

    Attributes:
        version: The ETag it was read at; empty before it was stored.
    """

    partition: str
    row: str
    properties: Properties
    version: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition beside the partition; values are parameters and never part of the text."""

    text: str = ""
    parameters: Mapping[str, str | int | bool] = field(default_factory=dict)

    def also(self, text: str, **parameters: str | int | bool) -> "Where":
        """Return the condition with another one that must hold too."""
        both = f"{self.text} and {text}" if self.text else text
        return Where(both, {**self.parameters, **parameters})


def starts_with(prefix: str) -> Where:
    """Return the condition that row keys begin so; the prefix is not empty."""
    range_of = "RowKey ge @first and RowKey lt @behind"
    return Where(range_of, {"first": prefix, "behind": behind(prefix)})


def behind(prefix: str) -> str:
    """Return what sorts right behind all row keys that begin so."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


@dataclass(frozen=True, slots=True)
class Create:
    """Add an entity that must not be there."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace an entity that must still have this version."""

    entity: Entity
    version: str


@dataclass(frozen=True, slots=True)
class Put:
    """Store an entity whatever is there; only where two workers cannot contradict each other."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an entity that must be there, at this version if one is given."""

    partition: str
    row: str
    version: str | None = None


Operation = Create | Replace | Put | Delete


class Tables:
    """The tables of one storage account.

    Args:
        prefix: Begins the name of every table.
    """

    def __init__(self, service: TableServiceClient, prefix: str = "") -> None:
        self._service = service
        self._prefix = prefix

    def table(self, name: str) -> "Table":
        """Return the table; it need not exist."""
        return Table(self._service, self._prefix + name)


class Table:
    """One table."""

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._service = service
        self._client: TableClient = service.get_table_client(name)
        self.name = name

    def get(self, partition: str, row: str) -> Entity | None:
        """Return the entity, or ``None``."""
        with translated(f"reading from {self.name}"):
            try:
                return _entity(self._client.get_entity(partition, row))
            except ResourceNotFoundError:
                return None

    def query(
        self,
        partition: str,
        where: Where | None = None,
        *,
        limit: int | None = None,
        select: Sequence[str] | None = None,
    ) -> list[Entity]:
        """Return entities of one partition by row key; at most ``limit``."""
        condition = (where or Where()).also("PartitionKey eq @partition", partition=partition)
        return self.scan(condition, limit=limit, select=select)

    def scan(
        self, where: Where, *, limit: int | None = None, select: Sequence[str] | None = None
    ) -> list[Entity]:
        """Return entities of any partition; name a range of partitions in the condition."""
        size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
        return list(islice(self._each(where, size, select), limit))

    def each(self, partition: str, where: Where | None = None, *, at_once: int) -> Iterator[Entity]:
        """Yield entities of one partition by row key; so many are in memory at once."""
        condition = (where or Where()).also("PartitionKey eq @partition", partition=partition)
        return self._each(condition, at_once)

    def _each(
        self, where: Where, at_once: int, select: Sequence[str] | None = None
    ) -> Iterator[Entity]:
        with translated(f"reading from {self.name}"):
            try:
                found = self._client.query_entities(
                    where.text,
                    parameters=dict(where.parameters),
                    results_per_page=at_once,
                    select=list(select) if select else None,
                )
                for entity in found:
                    yield _entity(entity)
            except ResourceNotFoundError:
                return

    def create(self, entity: Entity) -> str:
        """Store a new entity and return its version.

        Raises:
            ConflictError: There is one with its key.
        """
        with translated(f"writing to {self.name}"):
            try:
                saved = self._in_table(
                    lambda: self._client.create_entity(
                        _stored(entity), response_preference="return-no-content"
                    )
                )
            except ResourceExistsError as error:
                raise ConflictError(f"{self.name}: {entity.row} exists") from error
        return _version(saved)

    def replace(self, entity: Entity, version: str) -> str:
        """Replace the entity if it still has the version, and return the new version.

        Raises:
            StaleVersionError: It was saved or removed in between.
        """
        with translated(f"writing to {self.name}"):
            try:
                saved = self._client.update_entity(
                    _stored(entity),
                    mode=UpdateMode.REPLACE,
                    etag=version,
                    match_condition=MatchConditions.IfNotModified,
                )
            except (ResourceModifiedError, ResourceNotFoundError) as error:
                raise _stale(self.name, entity.row) from error
        return _version(saved)

    def delete(self, partition: str, row: str, version: str | None = None) -> None:
        """Remove the entity; a missing one is no error.

        Raises:
            StaleVersionError: It has another version than the one that was given.
        """
        with translated(f"removing from {self.name}"):
            try:
                self._client.delete_entity(partition, row, **_only_if(version))
            except ResourceNotFoundError:
                return
            except ResourceModifiedError as error:
                raise _stale(self.name, row) from error

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Carry out operations on one partition, all or none; return the entities' versions.

        Raises:
            ConflictError: An entity to create is there.
            StaleVersionError: An entity to replace or delete is gone or has another version.
        """
        with translated(f"writing to {self.name}"):
            try:
                saved = self._in_table(
                    lambda: self._client.submit_transaction([_operation(op) for op in operations])
                )
            except TableTransactionError as error:
                place = f"{self.name}: {len(operations)} operations"
                if error.status_code == _CONFLICT:
                    raise ConflictError(f"{place}: one exists") from error
                if error.status_code in {_NOT_FOUND, _PRECONDITION}:
                    raise StaleVersionError(f"{place}: somebody saved one first") from error
                raise
        return [_version(part) for part in saved]

    def put_all(self, entities: Iterable[Entity]) -> None:
        """Store entities whatever is there, in as few transactions as they fit; the last one of
        several with the same key wins.
        """
        distinct = {(entity.partition, entity.row): entity for entity in entities}
        for chunk in _chunks(distinct.values()):
            if len(chunk) == 1:
                self._put(chunk[0])
            else:
                self.transact([Put(entity) for entity in chunk])

    def add_all(self, entities: Iterable[Entity]) -> list[Entity]:
        """Store those that are not there, in as few transactions as they fit; return the others."""
        distinct = {(entity.partition, entity.row): entity for entity in entities}
        there: list[Entity] = []
        for chunk in _chunks(distinct.values()):
            try:
                if len(chunk) == 1:
                    self.create(chunk[0])
                else:
                    self.transact([Create(entity) for entity in chunk])
            except ConflictError:
                alone = len(chunk) == 1
                there += chunk if alone else [x for one in chunk for x in self.add_all([one])]
        return there

    def delete_all(self, entities: Iterable[Entity]) -> None:
        """Remove entities in as few transactions as they fit; missing ones are no error."""
        for chunk in _chunks(entities):
            if len(chunk) == 1:
                self.delete(chunk[0].partition, chunk[0].row)
                continue
            try:
                self.transact([Delete(entity.partition, entity.row) for entity in chunk])
            except StaleVersionError:
                # Another worker removes the same; one missing entity fails a whole transaction.
                for entity in chunk:
                    self.delete(entity.partition, entity.row)

    def _put(self, entity: Entity) -> None:
        """Store one entity: alone it costs half of a transaction of one."""
        with translated(f"writing to {self.name}"):
            self._in_table(
                lambda: self._client.upsert_entity(_stored(entity), mode=UpdateMode.REPLACE)
            )

    def _in_table(self, write: Callable[[], R]) -> R:
        """Write; if the table is missing, create it and write again."""
        try:
            return write()
        except ResourceNotFoundError:
            pass  # of an insert only the table can be missing
        except TableTransactionError as error:
            if error_code(error) != "TableNotFound":
                raise
        try:
            self._service.create_table(self.name)
        except ResourceExistsError as error:
            if error_code(error) == "TableBeingDeleted":
                raise HttpResponseError(message=str(error), response=error.response) from error
        return write()


def _stored(entity: Entity) -> dict[str, str | int | bool]:
    return {"PartitionKey": entity.partition, "RowKey": entity.row, **entity.properties}


def _entity(stored: TableEntity) -> Entity:
    return Entity(
        partition=stored["PartitionKey"],
        row=stored["RowKey"],
        properties=stored,
        version=stored.metadata.get("etag") or "",
    )


def _operation(operation: Operation) -> tuple[Any, ...]:
    if isinstance(operation, Create):
        return "create", _stored(operation.entity)
    if isinstance(operation, Put):
        return "upsert", _stored(operation.entity), {"mode": UpdateMode.REPLACE}
    if isinstance(operation, Replace):
        return (
            "update",
            _stored(operation.entity),
            {"mode": UpdateMode.REPLACE, **_only_if(operation.version)},
        )
    keys = {"PartitionKey": operation.partition, "RowKey": operation.row}
    return "delete", keys, _only_if(operation.version)


def _only_if(version: str | None) -> dict[str, Any]:
    if not version:
        return {}
    return {"etag": version, "match_condition": MatchConditions.IfNotModified}


def _version(saved: Mapping[str, Any]) -> str:
    return str(saved.get("etag", ""))


def _stale(table: str, row: str) -> StaleVersionError:
    return StaleVersionError(f"{table}: {row} was saved by somebody else first")


def _chunks(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """Entities in transactions' worth: one partition, 100 operations, 3.5 MB."""
    by_partition = sorted(entities, key=lambda entity: entity.partition)
    for _, together in groupby(by_partition, key=lambda entity: entity.partition):
        chunk: list[Entity] = []
        size = 0
        for entity in together:
            weight = _AROUND + len(json.dumps(dict(entity.properties), default=str))
            if chunk and (len(chunk) == MOST_OPERATIONS or size + weight > MOST_BYTES):
                yield chunk
                chunk, size = [], 0
            chunk.append(entity)
            size += weight
        if chunk:
            yield chunk
