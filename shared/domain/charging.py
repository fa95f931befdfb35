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
        first_day: First day the agreement can bill, if it says so.
        last_day: Last day the agreement or the line can bill, if there is one.
        dated_lines: Whether a part of a period may be a line of its own: the PSA can hold one, and
            the agreement prorates.
    """

    cycle: Cycle
    today: date
    first_uninvoiced: date
    first_day: date | None
    last_day: date | None
    dated_lines: bool


@dataclass(frozen=True, slots=True)
class Charges:
    """The outcome: dated lines to have, and the figures to keep.

    Attributes:
        lines: Dated lines decided today, in date order.
        catch_up: Those of them that begin before today inside periods that were invoiced with
            another standing quantity than they needed.
        editable_from: Lines decided earlier today that begin before this day stay as they are.
        compensates: The standing line falls before its first invoice, and a dated line keeps what
            its first days are charged.
        opening, charged: As ``Ledger`` holds them.
    """

    lines: tuple[DatedCharge, ...]
    catch_up: tuple[DatedCharge, ...]
    editable_from: date
    compensates: bool
    opening: tuple[Charged, ...]
    charged: tuple[Charged, ...]


def last_settled_day(cycle: Cycle, today: date, first_uninvoiced: date) -> date:
    """Return the last day of all periods that are invoiced or have begun.

    A row that moves to another line bills on its old one through this day, and on the new one from
    the next day on: no day is billed twice, whatever is invoiced already.
    """
    return max(first_uninvoiced - DAY, cycle.containing(today).last_day)


def has_unbilled_start(ledger: Ledger, first_uninvoiced: date) -> bool:
    """Return whether the line began inside invoiced periods and waits for its first invoice.

    The next invoice then bills its first days together with the next period, both at the quantity
    that the line has at that moment.
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
    starts, first = _starts(ledger), calendar.first_uninvoiced
    if _lies_ahead(ledger, calendar):
        return seats_on(starts)
    never_again = calendar.last_day is not None and calendar.last_day < first
    if has_unbilled_start(ledger, first):
        opened = _opening_standing(ledger, calendar)
        if never_again or not calendar.dated_lines:
            return opened
        due = seats_on(first) if first > calendar.today else ledger.seats_on(first)
        # A rise would also raise its first days, which nothing could take back without a credit.
        return opened if due is None else min(opened, due)
    if first > calendar.today:
        return None if never_again else seats_on(first)
    return ledger.seats_on(max(first, starts))


def charges(
    ledger: Ledger,
    calendar: Calendar,
    seats_on: SeatsOn,
    *,
    standing: int,
    credits_on: bool,
    adopted_by_hand: bool,
) -> Charges:
    """Return the dated lines that today's seats need, and the ledger's new figures.

    Args:
        ledger: With ``in_force`` already as of today; its line exists.
        standing: The quantity the standing line is going to have.
        credits_on: A fall inside a settled period is credited.
        adopted_by_hand: Somebody set the line to the right quantity in the PSA: the settled
            periods count as charged, without a line.
    """
    today, first = calendar.today, calendar.first_uninvoiced
    writes = calendar.dated_lines and not adopted_by_hand
    young = has_unbilled_start(ledger, first)
    opened = _opening_standing(ledger, calendar) if young else standing
    # Nobody says whether the first days of an adopted line are invoiced: nothing is added for them.
    fall = opened - standing if young and writes and not ledger.adopted else 0
    before = ledger.opening if _same_day(ledger, calendar) else ledger.charged
    missing = _missing(ledger, calendar, standing) if writes else {}
    made_up = {start: n for start, n in missing.items() if n > 0 or credits_on}

    opening: list[Charged] = []
    charged: list[Charged] = []
    pieces = _first_days(ledger, calendar, fall)
    for period in _settled(ledger, calendar):
        # Rows may need seats before the line begins, where it waits for one that joins.
        no_line = period.last_day < _starts(ledger)
        first_days = young and period.start < first and not no_line
        known = charged_for(before, period.start)
        if no_line:
            billed = 0
        elif first_days:
            billed = opened
        elif known is not None and period.start < min(ledger.first_uninvoiced or first, first):
            billed = known.standing
        else:
            billed = _standing_for(ledger, calendar, period, standing)
        if known is None or (not no_line and _begins_today(ledger, calendar, period)):
            level = billed + made_up.get(period.start, 0)
        else:
            uncredited = missing.get(period.start, 0) - made_up.get(period.start, 0)
            level = known.seats - uncredited
        covered = level - fall if first_days else level
        waits = young and period.start <= first and not no_line
        opening.append(Charged(period.start, level, opened if waits else billed))
        begins = max(today, period.start)
        if not no_line:
            begins = max(begins, _starts(ledger))
        needed = seats_on(begins)
        if adopted_by_hand or (writes and credits_on):
            level = needed
        elif writes:
            level = max(level, needed)
        charged.append(Charged(period.start, level, standing if first_days else billed))
        if writes and level != covered:
            pieces.append(_piece(calendar, period, begins, level - covered))
    catch_up = _joined(
        _piece(calendar, calendar.cycle.containing(start), max(start, _starts(ledger)), seats)
        for start, seats in made_up.items()
    )
    return Charges(
        lines=(*catch_up, *_joined(pieces)),
        catch_up=tuple(charge for charge in catch_up if charge.starts < first),
        editable_from=_starts(ledger) if young and today <= first else today,
        compensates=fall > 0,
        opening=_with_waiting(opening, before, first),
        charged=_with_waiting(charged, ledger.charged, first),
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
    """Return the entries that days from ``needed_from`` on can ask for.

    The last one before them stays too: it tells by how much a change on ``needed_from`` changed.
    """
    older = [entry for entry in entries if entry.day < needed_from]
    return (*older[-1:], *(entry for entry in entries if entry.day >= needed_from))


def _starts(ledger: Ledger) -> date:
    return ledger.line_starts or date.min


def _lies_ahead(ledger: Ledger, calendar: Calendar) -> bool:
    """Whether the line has neither begun nor been invoiced: nothing of it is settled."""
    starts, first = _starts(ledger), calendar.first_uninvoiced
    return starts > calendar.today and (starts >= first or has_unbilled_start(ledger, first))


def _same_day(ledger: Ledger, calendar: Calendar) -> bool:
    """Whether today's earlier lines can still be edited: decided today and not invoiced since."""
    return ledger.as_of == calendar.today and ledger.first_uninvoiced == calendar.first_uninvoiced


def _begins_today(ledger: Ledger, calendar: Calendar, period: Period) -> bool:
    """Whether nothing was charged for the period, or for the line at all, when today began."""
    starts, today, first = _starts(ledger), calendar.today, calendar.first_uninvoiced
    if starts >= today:
        return starts >= first or has_unbilled_start(ledger, first)
    return period.start == today and period.start >= first


def _opening_standing(ledger: Ledger, calendar: Calendar) -> int:
    """The standing quantity when today began; the day a line starts has no quantity before it."""
    starts, today = _starts(ledger), calendar.today
    if starts >= today:
        return ledger.seats_on(starts) or 0
    entry = None
    if _same_day(ledger, calendar):
        current = calendar.cycle.containing(min(today, calendar.first_uninvoiced))
        entry = charged_for(ledger.opening, current.start)
    return ledger.last_written or 0 if entry is None else entry.standing


def _settled(ledger: Ledger, calendar: Calendar) -> tuple[Period, ...]:
    """Periods from today on that have begun or are invoiced, as far as this line goes."""
    last = last_settled_day(calendar.cycle, calendar.today, calendar.first_uninvoiced)
    if _lies_ahead(ledger, calendar):
        last = min(last, _starts(ledger) - DAY)
    return calendar.cycle.between(max(calendar.today, calendar.first_day or date.min), last)


def _standing_for(ledger: Ledger, calendar: Calendar, period: Period, standing: int) -> int:
    """What the standing line billed for the settled period, or is going to."""
    first = calendar.first_uninvoiced
    if period.start < first:
        return ledger.last_written or 0  # not written since that invoice
    if period.start <= max(first, _starts(ledger)):
        return standing
    return ledger.seats_on(period.start) or 0


def _missing(ledger: Ledger, calendar: Calendar, standing: int) -> dict[date, int]:
    """Seats by which the standing line falls short of a period that began before today.

    Several periods may be invoiced between two syncs, all at the standing quantity of the first
    of them; later ones may have needed more (positive) or fewer (negative). And a line that waits
    for its first invoice cannot rise for the period that begins meanwhile.

    Returns:
        The seats by the start of the period.
    """
    was, now, today = ledger.first_uninvoiced, calendar.first_uninvoiced, calendar.today
    found: dict[date, int] = {}
    if was is not None and was < now:
        for period in calendar.cycle.between(was, now - DAY):
            known = charged_for(ledger.charged, period.start)
            starts = max(period.start, _starts(ledger))
            due = ledger.seats_on(starts) if known is None else known.standing
            if period.start < today and starts in period and due is not None:
                found[period.start] = due - (ledger.last_written or 0)
    elif has_unbilled_start(ledger, now) and now < today:
        due = ledger.seats_on(now)
        if charged_for(ledger.charged, now) is None and due is not None:
            found[now] = due - standing
    return {start: seats for start, seats in found.items() if seats}


def _first_days(ledger: Ledger, calendar: Calendar, fall: int) -> list[DatedCharge | None]:
    """What the days before today lose by a fall before the first invoice, period by period."""
    last = min(calendar.first_uninvoiced, calendar.today) - DAY
    if not fall or last < _starts(ledger):
        return []
    return [
        DatedCharge(max(period.start, _starts(ledger)), min(period.last_day, last), fall)
        for period in calendar.cycle.between(_starts(ledger), last)
    ]


def _with_waiting(
    entries: list[Charged], before: tuple[Charged, ...], first: date
) -> tuple[Charged, ...]:
    """The entries, and those of older periods that wait for their invoice."""
    known = {entry.period_start for entry in entries}
    waiting = [e for e in before if e.period_start >= first and e.period_start not in known]
    return (*waiting, *entries)


def _piece(calendar: Calendar, period: Period, starts: date, seats: int) -> DatedCharge | None:
    ends = min(period.last_day, calendar.last_day or date.max)
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
