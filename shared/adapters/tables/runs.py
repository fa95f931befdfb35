"""Tables ``runs``, one partition by id and so newest first, and ``runitems``, a partition a run.

What a cycle finds in step stands in the customer's own item: one entity in place of one for each
line group, which nobody changes any more.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import Any

from shared.adapters.combining import CombinedChanges
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key, newest_first
from shared.adapters.tables.opened import OpenedEntries
from shared.adapters.tables.table import Entity, Tables, Where, starts_with
from shared.domain.errors import ConflictError, NotFoundError, StaleVersionError
from shared.domain.ids import CustomerId, RunId
from shared.domain.runs import Run, RunItem
from shared.ports import Page, Versioned

PARTITION = "runs"
AT_ONCE = 100
"""Entities of items that are read at once: a large run's need not all be in memory."""
MOST_IN_ONE = 200
"""Items that one entity holds; more of them are stored one by one."""


@dataclass(frozen=True, slots=True)
class StoredItem(RunItem):
    """An item as it is stored.

    Attributes:
        groups: With a customer's own item, those of its groups that have no entity of their own.
    """

    groups: tuple[RunItem, ...] = ()


class RunTable:
    """A ``RunRepository``. Runs that are not closed are found without reading the closed ones."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.table("runs")
        self._runs = OpenedEntries(
            Entries(tables.table("runs"), Codec[Run](Run, "a run")),
            PARTITION,
            row=lambda run: key(run.run_id),
            open_row=lambda run: key(run.run_id),
            is_open=lambda run: not run.closed,
        )
        self._changes = CombinedChanges[RunId, Run](self._change)
        codec = Codec[StoredItem](StoredItem, "a run's item")
        self._items = Entries(tables.table("runitems"), codec)

    def new_id(self, started_at: datetime) -> RunId:
        moment = newest_first(started_at, milliseconds=True)
        return RunId(f"{moment}-{secrets.token_hex(4)}")

    def add(self, run: Run) -> Versioned[Run]:
        try:
            return self._runs.save(None, run)
        except StaleVersionError as error:
            raise ConflictError(f"run {run.run_id} exists") from error

    def get(self, run_id: RunId) -> Versioned[Run]:
        found = self._runs.get(key(run_id))
        if found is None:
            raise NotFoundError(f"there is no run {run_id}")
        return found

    def save(self, read: Versioned[Run], run: Run) -> Versioned[Run]:
        return self._runs.save(read, run)

    def change(self, run_id: RunId, change: Callable[[Run], Run]) -> tuple[Run, Run]:
        return self._changes.change(run_id, change)

    def _change(self, run_id: RunId, change: Callable[[Run], Run]) -> None:
        while True:
            read = self.get(run_id)
            changed = change(read.value)
            if changed == read.value:
                return
            try:
                self.save(read, changed)
            except StaleVersionError:
                continue  # another process was faster
            return

    def list(self, continuation: str | None = None, limit: int = 50) -> Page[Run]:
        return self._runs.page(continuation, limit, open_only=False)

    def before(
        self, moment: datetime, continuation: str | None = None, limit: int = 100
    ) -> Page[Run]:
        older = Where("RowKey gt @moment", {"moment": newest_first(moment, milliseconds=True)})
        return self._runs.page(continuation, limit, open_only=False, where=older)

    def forget(self, run: Run) -> None:
        # The run last: what is interrupted is found again.
        items = self._items.table
        items.delete_all(items.query(key(run.run_id), select=["PartitionKey", "RowKey"]))
        self._table.delete(PARTITION, key(run.run_id))

    def unclosed(self) -> tuple[Run, ...]:
        return self._runs.opened()

    def put_items(self, items: Iterable[RunItem]) -> None:
        stored = tuple(items)
        table = self._items.table
        table.put_all(self._entity(item) for item in stored if item.state.final)
        waiting = [self._entity(item) for item in stored if not item.state.final]
        for entity in table.add_all(waiting):
            self._put_where_one_waits(entity)

    def _put_where_one_waits(self, entity: Entity) -> None:
        while True:
            found = self._items.get(entity.partition, entity.row)
            if found is not None and found.value.state.final:
                return
            try:
                if found is None:
                    self._items.table.create(entity)
                else:
                    self._items.table.replace(entity, found.version)
            except (ConflictError, StaleVersionError):
                continue  # somebody stored it in between
            return

    def put_read(self, own: RunItem, groups: Sequence[RunItem]) -> None:
        if len(groups) > MOST_IN_ONE:
            self.put_items([*groups, own])
        else:
            self._items.table.put_all([self._entity(own, groups)])

    def get_item(self, run_id: RunId, item_id: str) -> RunItem | None:
        found = self._items.get(key(run_id), _item_row(item_id))
        if found is not None:
            return _item(found.value)
        own = self._items.get(key(run_id), _item_row(_own(item_id)))
        among = () if own is None else own.value.groups
        return next((item for item in among if item.item_id == item_id), None)

    def items(self, run_id: RunId, customer_id: CustomerId | None = None) -> Iterator[RunItem]:
        where = None if customer_id is None else starts_with(key(customer_id) + SEPARATOR)
        found = self._items.each(key(run_id), where, at_once=AT_ONCE)
        # A customer's entities stand next to each other.
        for _, of_one in groupby((one.value for one in found), lambda item: item.customer_id):
            yield from _unpacked(tuple(of_one))

    def _entity(self, item: RunItem, groups: Sequence[RunItem] = ()) -> Entity:
        stored = StoredItem(**_fields(item), groups=tuple(groups))
        return self._items.entity(key(item.run_id), _item_row(item.item_id), stored)


def _unpacked(stored: Sequence[StoredItem]) -> Iterator[RunItem]:
    """The items of one customer. One that is stored by itself counts, if it is not one that waits
    for a message that nobody put: its worker died, and another copy of its message found it done.
    """
    packed = {item.item_id for one in stored for item in one.groups}
    alone = {one.item_id for one in stored if one.state.final or one.item_id not in packed}
    for one in stored:
        yield from (item for item in one.groups if item.item_id not in alone)
        if one.item_id in alone:
            yield _item(one)


def _item(stored: StoredItem) -> RunItem:
    return RunItem(**_fields(stored))


def _fields(item: RunItem) -> dict[str, Any]:
    return {one.name: getattr(item, one.name) for one in fields(RunItem)}


def _own(item_id: str) -> str:
    """The name of the own item of a group's customer."""
    return f"{item_id.rpartition(SEPARATOR)[0]}{SEPARATOR}read"


def _item_row(item_id: str) -> str:
    return key(*item_id.split(SEPARATOR))
