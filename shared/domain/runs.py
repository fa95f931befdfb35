"""Runs: one pass over some or all customers, item by item."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.ids import CustomerId, GroupId, RowId, RunId


class RunReason(StrEnum):
    """Why a run was started."""

    SCHEDULED = "scheduled"
    SYNC_NOW = "sync_now"
    REQUESTED = "requested"
    RETRY = "retry"
    APPROVAL = "approval"
    UNDO = "undo"
    FOREIGN_LINES = "foreign_lines"  # ends lines of another tool
    UNREADABLE = "unreadable"  # holds a queue message that nobody can read


FULL = frozenset({RunReason.SCHEDULED, RunReason.REQUESTED})
"""Runs over all active customers."""


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


class ItemState(StrEnum):
    """Where an item of a run is; ``QUEUED`` is the only one that is not final."""

    QUEUED = "queued"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    HELD = "held"
    BLOCKED = "blocked"
    FAILED = "failed"
    READ = "read"  # a customer whose rows have become items of their own

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the item in this run."""
        return self is not ItemState.QUEUED


@dataclass(frozen=True, slots=True)
class Run:
    """A pass over customers.

    Attributes:
        requested_by: A principal's name, or ``timer``.
        lines: Line groups of the last full run; the run stop measures against them.
        changing: Lines that would change without a person having just confirmed them.
        emptied: The customers that would fall to 0, until the run is stopped. They are named and
            not counted, because a tenant's message may come twice at the same moment.
        totals: Stamped when the run is closed.
    """

    run_id: RunId
    reason: RunReason
    requested_by: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    customers: int
    lines: int
    changing: int = 0
    emptied: tuple[CustomerId, ...] = ()
    stop_reason: str | None = None
    totals: "Totals | None" = None

    @property
    def closed(self) -> bool:
        """Whether its totals are stamped. A stopped run is closed too, once nothing of it waits."""
        return self.totals is not None


@dataclass(frozen=True, slots=True)
class RunItem:
    """One customer's read, or one line group, within a run.

    Attributes:
        group_id: ``None`` for the customer's own item.
        rows: The rows of the group.
        before, after: Seats of the standing line, where known.
        name: Of the licences; empty for a customer's own item, and before they were read.
        detail: What happened or what to do, for a person.
        message: The queue message in full, so that the item can be queued again.
    """

    run_id: RunId
    customer_id: CustomerId
    group_id: GroupId | None
    rows: tuple[RowId, ...]
    state: ItemState
    before: int | None
    after: int | None
    detail: str
    updated_at: datetime
    message: str = ""
    name: str = ""

    @property
    def item_id(self) -> str:
        """The item's name within its run."""
        return f"{self.customer_id}~{self.group_id or 'read'}"


@dataclass(frozen=True, slots=True)
class Totals:
    """Items of a run by state. A customer's read counts only while it waits or when it failed.

    Attributes:
        seats: On the standing lines once the run was done; ``None`` for runs of before it was
            counted.
    """

    total: int
    changed: int
    unchanged: int
    held: int
    blocked: int
    failed: int
    queued: int
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What the items of a run say together.

    Attributes:
        last: When the last of them was touched; ``None`` when there is none.
    """

    totals: Totals
    last: datetime | None


def tally(items: Iterable[RunItem]) -> Tally:
    """Return how many items are in each state; each is looked at once."""
    by = Counter[ItemState]()
    seats = 0
    last: datetime | None = None
    for item in items:
        last = item.updated_at if last is None else max(last, item.updated_at)
        if item.state is not ItemState.READ:
            by[item.state] += 1
            seats += _seats(item)
    totals = Totals(
        total=by.total(),
        changed=by[ItemState.CHANGED],
        unchanged=by[ItemState.UNCHANGED],
        held=by[ItemState.HELD],
        blocked=by[ItemState.BLOCKED],
        failed=by[ItemState.FAILED],
        queued=by[ItemState.QUEUED],
        seats=seats,
    )
    return Tally(totals, last)


def _seats(item: RunItem) -> int:
    """What the PSA has after the item: a plan that waits or failed has changed nothing."""
    changed = item.state is ItemState.CHANGED
    return (item.after if changed else item.before) or 0
