"""Tables ``runs``, one partition by id and so newest first, and ``runitems``, a partition a run."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key, newest_first
from shared.adapters.tables.opened import OpenedEntries
from shared.adapters.tables.table import Tables, Where
from shared.domain.errors import ConflictError, NotFoundError, StaleVersionError
from shared.domain.ids import RunId
from shared.domain.runs import Run, RunItem, RunState
from shared.ports import Page, Versioned

PARTITION = "runs"


class RunTable:
    """A ``RunRepository``. Runs that are not closed are found without reading the closed ones."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.table("runs")
        self._runs = OpenedEntries(
            Entries(tables.table("runs"), Codec[Run](Run, "a run")),
            PARTITION,
            row=lambda run: key(run.run_id),
            open_row=lambda run: key(run.run_id),
            is_open=lambda run: run.state is RunState.RUNNING,
        )
        self._items = Entries(tables.table("runitems"), Codec[RunItem](RunItem, "a run's item"))

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

    def running(self) -> tuple[Run, ...]:
        return self._runs.opened()

    def put_items(self, items: Iterable[RunItem]) -> None:
        self._items.table.put_all(
            self._items.entity(key(item.run_id), _item_row(item.item_id), item) for item in items
        )

    def get_item(self, run_id: RunId, item_id: str) -> RunItem | None:
        found = self._items.get(key(run_id), _item_row(item_id))
        return None if found is None else found.value

    def items(self, run_id: RunId) -> tuple[RunItem, ...]:
        return tuple(found.value for found in self._items.all(key(run_id)))


def _item_row(item_id: str) -> str:
    return key(*item_id.split(SEPARATOR))
