"""What a group's lines in the PSA tell when nothing of the group is remembered.

After the storage was lost and the configuration imported, a ledger is empty although its lines are
there. Their marks say whose they are: the standing line is taken over instead of being made again,
and the dated lines beside it count as charged.

Source:
    docs/adr/0021-configuration-in-and-out.md
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from shared.domain.agreements import (
    AgreementLine,
    decided_prefix,
    is_dated_of,
    standing_generation,
)
from shared.domain.charging import (
    Calendar,
    DatedCharge,
    has_unbilled_start,
    last_settled_day,
)
from shared.domain.ledger import Charged, InForce, Ledger
from shared.domain.periods import DAY, Cycle


def is_blank(ledger: Ledger) -> bool:
    """Return whether nothing was ever kept for the group, but perhaps a person's own number."""
    return replace(ledger, override=None) == Ledger(ledger.customer_id, ledger.group_id)


def with_generation(ledger: Ledger, lines: Iterable[AgreementLine], today: date) -> Ledger:
    """Return a blank ledger with the generation that the standing lines' marks tell.

    That of the line that still bills, else the one after the last that ended: a mark is never
    given to two lines.
    """
    marked = [
        (generation, line.bills_after(today))
        for line in lines
        if (generation := standing_generation(line.marker, ledger.group_id)) is not None
    ]
    if not marked or not is_blank(ledger):
        return ledger
    going_on = [generation for generation, bills in marked if bills]
    ended = max(generation for generation, _ in marked) + 1
    return replace(ledger, generation=max(going_on, default=ended))


def with_dated_lines(
    ledger: Ledger,
    lines: Iterable[AgreementLine],
    calendar: Calendar,
    *,
    standing: int,
    needed: int,
) -> Ledger:
    """Return the ledger of a line just taken over, its group's dated lines counted as charged.

    Only for periods that the standing line is not invoiced for: there it still has the quantity
    of the period's first day, and the dated lines are the rest. In invoiced ones it has been raised
    since by what they charge; which of the two it is, where the dates do not tell, the seats do.

    Args:
        ledger: With its line's first day; nothing is charged yet.
        standing: The line's quantity.
        needed: Seats needed today.
    """
    first, begins = calendar.first_uninvoiced, ledger.line_starts or date.min
    dated = _dated(ledger, lines, begins)
    # A line is invoiced within a cycle, so one that began earlier does not wait any more.
    cycle = calendar.cycle
    recent = cycle.before(cycle.containing(calendar.today)).start <= begins < first
    if recent and _waits(dated, calendar, standing, needed):
        ledger = replace(ledger, started_under=first)
    young = has_unbilled_start(ledger, first)
    since = begins if young else max(first, begins)
    dated = [one for one in dated if one.ends >= since]
    if not dated:
        return ledger
    goes_on = None if young else calendar.cycle
    entries = [InForce(begins, standing)]
    for day, seats in _steps(dated, goes_on):
        if since <= day <= calendar.today:
            entries.append(InForce(day, entries[-1].seats + seats))
    known = replace(ledger, in_force=tuple(entries))
    last_settled = last_settled_day(calendar.cycle, calendar.today, first)
    charged, opening = [], []
    todays = _dated(ledger, lines, begins, decided_prefix(ledger.group_id, calendar.today))
    for period in calendar.cycle.between(calendar.today, last_settled):
        if period.start < first and not young:
            continue
        opened = standing if period.start <= max(first, begins) else known.seats_on(period.start)
        last = min(period.last_day, calendar.last_day or date.max)
        level = (opened or 0) + _seats(dated, last)
        charged.append(Charged(period.start, level, opened or 0))
        opening.append(Charged(period.start, level - _seats(todays, last), opened or 0))
    # What was decided on a period's first day is merged with what follows on that day.
    editable = calendar.today == first and bool(todays)
    return replace(
        known,
        charged=tuple(charged),
        opening=tuple(opening if editable else charged),
        as_of=calendar.today if editable else None,
    )


def _seats(dated: list[DatedCharge], day: date) -> int:
    return sum(one.seats for one in dated if one.starts <= day <= one.ends)


def _dated(
    ledger: Ledger, lines: Iterable[AgreementLine], begins: date, mark: str = ""
) -> list[DatedCharge]:
    """The group's dated lines beside this standing line; those of one before it are its own.

    Args:
        mark: What their marks begin with.
    """
    return [
        DatedCharge(line.starts, line.ends, line.quantity)
        for line in lines
        if line.marker is not None
        and line.marker.startswith(mark)
        and is_dated_of(line.marker, ledger.group_id)
        and not line.never_bills
        and line.starts is not None
        and line.ends is not None
        and line.starts >= begins
        and line.quantity
    ]


def _waits(dated: list[DatedCharge], calendar: Calendar, standing: int, needed: int) -> bool:
    """Whether the dated lines are such as only a line without its first invoice has.

    It cannot rise, so each period has a dated line of its own, and today's seats are both together.
    """
    if calendar.first_uninvoiced <= calendar.today:
        return any(one.starts == calendar.first_uninvoiced for one in dated)
    today = _seats(dated, calendar.today)
    return today != 0 and needed == standing + today


def _steps(dated: list[DatedCharge], goes_on: Cycle | None) -> list[tuple[date, int]]:
    """By how many seats a day differs from the one before.

    Args:
        goes_on: What is up to a period's end goes on in the next, where the standing line is to
            take over; ``None`` where it cannot.
    """
    steps: dict[date, int] = {}
    for one in dated:
        steps[one.starts] = steps.get(one.starts, 0) + one.seats
        if goes_on is None or goes_on.containing(one.ends).last_day != one.ends:
            after = one.ends + DAY
            steps[after] = steps.get(after, 0) - one.seats
    return sorted((day, seats) for day, seats in steps.items() if seats)
