"""What Seatsync wrote and what was charged for a line group, period by period."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain.agreements import AgreementLine
from shared.domain.ids import CustomerId, GroupId, LineId, RowId


@dataclass(frozen=True, slots=True)
class InForce:
    """From this PSA date on, the group needed this many seats."""

    day: date
    seats: int


@dataclass(frozen=True, slots=True)
class Charged:
    """Seats charged for one billing period: the high-water mark, or the last figure with credits.

    Attributes:
        period_start: First day of the period.
        seats: Charged in all, standing line and dated lines together.
        standing: What the standing line bills or will bill for the period.
    """

    period_start: date
    seats: int
    standing: int


@dataclass(frozen=True, slots=True)
class SeatOverride:
    """A person's own number for a line group, in place of what its rows say.

    Attributes:
        until: The last PSA date on which it holds.
    """

    seats: int
    until: date
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The state of one line group between two runs.

    Attributes:
        line_id: The standing line, ours or adopted; ``None`` before the first write.
        rows: Rows that the group has billed; their override start no longer counts.
        adopted: Whether somebody else made that line.
        generation: Counts the group's standing lines; each has its own marker.
        last_written: The quantity the standing line had when we last wrote or adopted it (L).
        line_starts: First billed day of the standing line.
        started_under: First un-invoiced day when the line was made or adopted; while the
            agreement still says the same, the line's first days are not invoiced.
        line_ends: Last billed day, once an end is written.
        retired: The line has no last day, and has 0 seats for good: all its rows have left.
        in_force: Seats needed, by the day they were first needed; scheduled moves lie ahead.
        charged: By period, as of the end of ``as_of``.
        opening: By period, as of the beginning of ``as_of``: changes of one day merge.
        as_of: The PSA date of the last change.
        first_uninvoiced: As the agreement said at the last change.
        description: The last text we wrote.
        override: A person's own number, while it lasts.
        last_change: Id of the last change that was completed.
        written_at: When the last change was completed.
        sent_from: When it began to be sent, in real time: reads may lag behind it for a while.
        overwrote: The quantity that the standing line had before it.
    """

    customer_id: CustomerId
    group_id: GroupId
    rows: tuple[RowId, ...] = ()
    line_id: LineId | None = None
    adopted: bool = False
    generation: int = 1
    last_written: int | None = None
    line_starts: date | None = None
    started_under: date | None = None
    line_ends: date | None = None
    retired: bool = False
    in_force: tuple[InForce, ...] = ()
    charged: tuple[Charged, ...] = ()
    opening: tuple[Charged, ...] = ()
    as_of: date | None = None
    first_uninvoiced: date | None = None
    description: str | None = None
    override: SeatOverride | None = None
    last_change: str | None = None
    written_at: datetime | None = None
    sent_from: datetime | None = None
    overwrote: int | None = None

    def seats_on(self, day: date) -> int | None:
        """Return the seats in force on the day, or ``None`` before the first entry."""
        known = [entry.seats for entry in self.in_force if entry.day <= day]
        return known[-1] if known else None

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be kept right for rows that have left."""
        return self.line_id is None or self.retired

    def ended(self) -> "Ledger":
        """Return the ledger ready for the group's next standing line."""
        return replace(
            self,
            line_id=None,
            adopted=False,
            generation=self.generation + 1,
            last_written=None,
            line_starts=None,
            started_under=None,
            line_ends=None,
            retired=False,
            in_force=(),
            charged=(),
            opening=(),
            description=None,
        )


def not_shown(
    ledgers: Iterable[Ledger], lines: Iterable[AgreementLine], since: datetime
) -> Ledger | None:
    """Return a ledger whose last quantity was sent after a moment, and whose line shows the one
    from before: a read may lag behind a write.

    Args:
        since: In real time.
    """
    shown = {line.line_id: line.quantity for line in lines}
    for one in ledgers:
        if one.line_id is None or one.sent_from is None or one.sent_from <= since:
            continue
        quantity = shown.get(one.line_id)
        if quantity is not None and quantity == one.overwrote != one.last_written:
            return one
    return None


def charged_for(entries: tuple[Charged, ...], start: date) -> Charged | None:
    """Return the entry of the period that starts on the day, if there is one."""
    return next((entry for entry in entries if entry.period_start == start), None)
