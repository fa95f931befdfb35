"""What each billing period has been charged, and the dated lines that a difference needs.

The standing line bills one quantity for a whole period. A difference inside a period whose
standing quantity is settled becomes a dated line: from the day it was detected to the period's
last day. A period is settled when it is invoiced, and when it has begun.

Source:
    docs/adr/0008-dated-lines-and-the-high-water-mark.md
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from shared.domain.ledger import Charged, InForce, Ledger, charged_for
from shared.domain.periods import DAY, Cycle, Period

SeatsOn = Callable[[date], int]


@dataclass(frozen=True, slots=True)
class DatedCharge:
    """A quantity between two days, both included; negative for a credit."""

    starts: date
    ends: date
    seats: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that decide what is settled.

    Attributes:
        today: PSA date of the plan.
        first_uninvoiced: First day of the first period without an invoice.
        last_day: Last day the agreement or the line can bill, if there is one.
    """

    cycle: Cycle
    today: date
    first_uninvoiced: date
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Charges:
    """The outcome: dated lines to have, and the figures to keep.

    Attributes:
        lines: Dated lines decided today, in date order.
        catch_up: Those of them that begin before today, for periods that were invoiced with
            another standing quantity than planned.
        opening, charged: As ``Ledger`` holds them.
    """

    lines: tuple[DatedCharge, ...]
    catch_up: tuple[DatedCharge, ...]
    opening: tuple[Charged, ...]
    charged: tuple[Charged, ...]


def has_unbilled_start(ledger: Ledger, first_uninvoiced: date) -> bool:
    """Return whether the line began inside invoiced periods and waits for its first invoice.

    The next invoice then bills its first days together with the next period, so the standing
    quantity must stay what it was on its first day until that invoice is made.
    """
    return (
        ledger.line_starts is not None
        and ledger.started_under == first_uninvoiced
        and ledger.line_starts < first_uninvoiced
    )


def standing_quantity(ledger: Ledger, calendar: Calendar, seats_on: SeatsOn) -> int | None:
    """Return the quantity the standing line should have now; ``None`` leaves it as it is.

    Args:
        ledger: With ``in_force`` already as of today.
        seats_on: Seats needed on today or a later day.

    Source:
        docs/adr/0008-dated-lines-and-the-high-water-mark.md
    """
    starts, first = ledger.line_starts, calendar.first_uninvoiced
    if starts is not None and starts > calendar.today:
        return seats_on(starts)
    if starts is not None and has_unbilled_start(ledger, first):
        return ledger.seats_on(starts)
    if first > calendar.today:
        if calendar.last_day is not None and calendar.last_day < first:
            return None  # it never bills again: nothing to keep right
        return seats_on(first)
    return ledger.seats_on(first if starts is None else max(first, starts))


def charges(
    ledger: Ledger,
    calendar: Calendar,
    seats_on: SeatsOn,
    *,
    credits_on: bool,
    adopted_by_hand: bool,
) -> Charges:
    """Return the dated lines that today's seats need, and the ledger's new figures.

    Args:
        ledger: With ``in_force`` already as of today; its line exists.
        credits_on: A fall inside a settled period is credited.
        adopted_by_hand: Somebody set the line to the right quantity in the PSA: the settled
            periods count as charged, without a line.
    """
    if ledger.line_starts is not None and ledger.line_starts > calendar.today:
        return Charges((), (), (), ())
    same_day = _same_day(ledger, calendar)
    before = ledger.opening if same_day else ledger.charged
    shortfalls = {} if adopted_by_hand else _shortfalls(ledger, calendar)
    made_up = {start: n for start, n in shortfalls.items() if n > 0 or credits_on}
    opening: list[Charged] = []
    charged: list[Charged] = []
    pieces: list[DatedCharge | None] = []
    for period in _settled(ledger, calendar):
        standing = _standing_for(ledger, calendar, period)
        known = charged_for(before, period.start)
        if known is None:
            base = standing + made_up.get(period.start, 0)
        else:
            uncredited = shortfalls.get(period.start, 0) - made_up.get(period.start, 0)
            base = known.seats - uncredited
        needed = seats_on(max(calendar.today, period.start))
        level = needed if credits_on or adopted_by_hand else max(base, needed)
        opening.append(Charged(period.start, base, standing))
        charged.append(Charged(period.start, level, standing))
        if level != base and not adopted_by_hand:
            pieces.append(_piece(calendar, period, calendar.today, level - base))
    catch_up = _joined(
        _piece(calendar, period, max(period.start, ledger.line_starts or period.start), seats)
        for start, seats in made_up.items()
        for period in (calendar.cycle.containing(start),)
    )
    return Charges(
        lines=(*catch_up, *_joined(pieces)),
        catch_up=catch_up,
        opening=tuple(opening),
        charged=tuple(charged),
    )


def in_force_as_of(
    entries: tuple[InForce, ...], today: date, seats_on: SeatsOn, moves: tuple[date, ...]
) -> tuple[InForce, ...]:
    """Return the entries with today's seats and the moves that are already known to come.

    Args:
        moves: Days after today on which rows join or leave the group.
    """
    kept = [entry for entry in entries if entry.day < today]
    for day in (today, *sorted(day for day in set(moves) if day > today)):
        seats = seats_on(day)
        if not kept or kept[-1].seats != seats:
            kept.append(InForce(day, seats))
    return tuple(kept)


def pruned(entries: tuple[InForce, ...], needed_from: date) -> tuple[InForce, ...]:
    """Return the entries without those that no day from ``needed_from`` on can ask for."""
    older = [entry for entry in entries if entry.day <= needed_from]
    return (*older[-1:], *(entry for entry in entries if entry.day > needed_from))


def _same_day(ledger: Ledger, calendar: Calendar) -> bool:
    """Whether today's earlier lines can still be edited: decided today and not invoiced since."""
    return ledger.as_of == calendar.today and ledger.first_uninvoiced == calendar.first_uninvoiced


def _settled(ledger: Ledger, calendar: Calendar) -> tuple[Period, ...]:
    cycle, today, first = calendar.cycle, calendar.today, calendar.first_uninvoiced
    if has_unbilled_start(ledger, first):
        last = cycle.containing(first).last_day
    elif first > today:
        last = first - DAY
    else:
        last = cycle.containing(today).last_day
    return cycle.between(today, last)


def _standing_for(ledger: Ledger, calendar: Calendar, period: Period) -> int:
    """What the standing line bills for the period, as far as it is settled."""
    first = calendar.first_uninvoiced
    starts = ledger.line_starts or period.start
    if has_unbilled_start(ledger, first) and period.start <= first:
        return ledger.seats_on(starts) or 0
    if period.start < first:
        return ledger.last_written or 0
    return ledger.seats_on(max(period.start, starts)) or 0


def _shortfalls(ledger: Ledger, calendar: Calendar) -> dict[date, int]:
    """Seats by which a newly invoiced period's standing quantity fell short, by period start.

    Several periods may be invoiced between two syncs, all at the standing quantity of the first
    of them; later ones may have needed more (positive) or fewer (negative).
    """
    was, now = ledger.first_uninvoiced, calendar.first_uninvoiced
    if was is None or now <= was or ledger.last_written is None:
        return {}
    found: dict[date, int] = {}
    for period in calendar.cycle.between(was, now - DAY):
        starts = max(period.start, ledger.line_starts or period.start)
        first_days_too = ledger.started_under is not None and period.start <= ledger.started_under
        due = ledger.seats_on(starts)
        if starts in period and not first_days_too and due is not None:
            missing = due - ledger.last_written
            if missing:
                found[period.start] = missing
    return found


def _piece(calendar: Calendar, period: Period, first: date, seats: int) -> DatedCharge | None:
    starts, ends = max(first, period.start), period.last_day
    if calendar.last_day is not None:
        ends = min(ends, calendar.last_day)
    return DatedCharge(starts, ends, seats) if starts <= ends else None


def _joined(pieces: Iterable[DatedCharge | None]) -> tuple[DatedCharge, ...]:
    """Neighbours with equal seats become one line."""
    joined: list[DatedCharge] = []
    for piece in pieces:
        if piece is None:
            continue
        last = joined[-1] if joined else None
        if last and last.seats == piece.seats and last.ends + DAY == piece.starts:
            joined[-1] = DatedCharge(last.starts, piece.ends, piece.seats)
        else:
            joined.append(piece)
    return tuple(joined)
