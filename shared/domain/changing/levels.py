"""The seats that a line with pro-rata rows is to have, day by day, and the steps that are missing.

A row is so many seats more from a day on, without an end, whether it waits or an invoice has made
it part of the quantity. So a line has a level for each day, and what is wrong with it is a list of
steps. Pure days and seats; how a step is written is decided elsewhere.

Source:
    docs/adr/0025-pro-rata-rows.md
"""

from dataclasses import dataclass
from datetime import date

from shared.domain.agreements import AgreementLine
from shared.domain.changing.facts import GroupFacts
from shared.domain.charging import DatedCharge, has_unbilled_start, last_settled_day
from shared.domain.ledger import Charged, charged_for
from shared.domain.periods import DAY, Period


@dataclass(frozen=True, slots=True)
class Step:
    """So many seats more, or fewer, from a day on."""

    day: date
    seats: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A settled period in the ledger's figures, before anything is written today.

    Attributes:
        opening: As of the morning; without an invoice, what it is to bill.
        seats: Charged in all, once today's seats are.
        wanted: What the line is to have on the period's last day.
        actual: What it has then, if nothing is written.
        invoiced: Whether it is on an invoice already.
    """

    period: Period
    opening: Charged
    seats: int
    wanted: int
    actual: int
    invoiced: bool


@dataclass(frozen=True, slots=True)
class Levels:
    """What is missing.

    Attributes:
        steps: By day; at most one a day, none of 0.
        settled: Periods to remember.
        credits_due: Credits that are to be reported and not written.
        catch_up: Days before today, inside invoiced periods, from which something is charged.
    """

    steps: tuple[Step, ...]
    settled: tuple[Settled, ...]
    credits_due: tuple[DatedCharge, ...]
    catch_up: tuple[date, ...]

    def leave_open_days_alone(self, first_uninvoiced: date) -> bool:
        """Return whether only days of invoiced periods are wrong."""
        return not sum(step.seats for step in self.steps) and all(
            step.day <= first_uninvoiced for step in self.steps
        )


def levels(facts: GroupFacts, line: AgreementLine, quantity: int) -> Levels:
    """Return the steps between what the line has and what it is to have.

    Args:
        facts: With the ledger's ``in_force`` as of today.
        quantity: The line's seats, waiting rows included.
    """
    return _Levels(facts, line, quantity).found()


def seats_of_new(facts: GroupFacts, starts: date, seats: int) -> tuple[Charged, ...]:
    """Return what the settled periods from the line's first day on are charged by its first row."""
    last = last_settled_day(facts.cycle, facts.today, facts.first_uninvoiced)
    return tuple(Charged(one.start, seats, seats) for one in facts.cycle.between(starts, last))


class _Levels:
    """One look at a line; its methods share what they find."""

    def __init__(self, facts: GroupFacts, line: AgreementLine, quantity: int) -> None:
        self.facts = facts
        self.line = line
        self.quantity = quantity
        self.ledger = facts.ledger
        self.first = facts.first_uninvoiced
        self.same_day = (
            self.ledger.as_of == facts.today and self.ledger.first_uninvoiced == self.first
        )
        self.points: list[Step] = []  # from this day on so many seats are missing
        self.settled: list[Settled] = []
        self.credits_due: list[DatedCharge] = []
        self.catch_up: list[date] = []

    def found(self) -> Levels:
        facts, was = self.facts, self.ledger.first_uninvoiced or self.first
        last = last_settled_day(facts.cycle, facts.today, self.first)
        last_day = self._last_billed_day()
        oldest = min(facts.today, was, self.first)
        for period in facts.cycle.between(max(oldest, facts.agreement.starts or oldest), last):
            if period.start > last_day:
                break
            if period.start >= self.first:
                self._open(period)
            elif period.start >= was or period.last_day >= facts.today:
                self._invoiced(period)
        if last_day > last:
            following = last + DAY
            self._missing(following, facts.seats_on(following) - self._on(following))
        return Levels(
            steps=self._steps(),
            settled=tuple(self.settled),
            credits_due=tuple(self.credits_due),
            catch_up=tuple(self.catch_up),
        )

    # Periods without an invoice -------------------------------------------------------------------

    def _open(self, period: Period) -> None:
        """A period that has begun: the line itself shows what its invoice will bill."""
        facts, today = self.facts, self.facts.today
        last = min(today, period.last_day)
        seats = wanted = self._in_force(period.start)
        changes = {one.day: one.seats for one in self.ledger.in_force if period.start < one.day}
        rows = {row.starts for row in self.line.waiting if period.start < row.starts}
        self._missing(period.start, wanted - self._on(period.start))
        for day in sorted(day for day in changes.keys() | rows if day <= last):
            change = changes.get(day, seats) - seats if facts.agreement.prorates else 0
            if change > 0 or facts.credits_on:
                seats += change
            if change > 0 or (facts.credits_on and facts.writes_credits):
                wanted += change
            elif change < 0 and facts.credits_on and day == today:
                self._report(day, period, change)
            self._missing(day, wanted - self._on(day))
        figures = Charged(period.start, seats, wanted)
        actual = self._on(period.last_day)
        self.settled.append(Settled(period, figures, seats, wanted, actual, invoiced=False))

    # Periods with an invoice ----------------------------------------------------------------------

    def _invoiced(self, period: Period) -> None:
        """A period of which the ledger tells what was billed, or the line what must have been."""
        facts, today = self.facts, self.facts.today
        begun = period.start < today
        known = charged_for(self.ledger.charged, period.start)
        was = self.ledger.first_uninvoiced or self.first
        if known is not None and period.start < was:
            opening = charged_for(self.ledger.opening, period.start) if self.same_day else known
            opening, actual = opening or known, known.standing
        else:
            opening, actual = self._just_invoiced(period, known)
        if begun and opening.standing != actual and not self.same_day:
            self._missing(period.start, opening.standing - actual)
            self.catch_up.append(period.start)
        elif begun:
            self._missing(period.start, 0)
        if period.last_day < today:
            return
        if self._lies_ahead(period):
            opening = Charged(period.start, 0, 0)
        begins = max(today, period.start)
        needed = facts.seats_on(begins) if facts.agreement.prorates else opening.seats
        seats = needed if facts.credits_on else max(opening.seats, needed)
        change = seats - opening.seats
        if change < 0 and not facts.writes_credits:
            self._report(begins, period, change)
            change = 0
        wanted = opening.standing + change
        self._missing(begins, wanted - actual)
        self.settled.append(Settled(period, opening, seats, wanted, actual, invoiced=True))

    def _lies_ahead(self, period: Period) -> bool:
        """Whether the line has neither begun nor been on an invoice: nothing of it is settled."""
        starts, ledger = self.ledger.line_starts, self.ledger
        if starts is None or starts <= self.facts.today or starts > period.last_day:
            return False
        return has_unbilled_start(ledger, self.first)

    def _just_invoiced(self, period: Period, known: Charged | None) -> tuple[Charged, int]:
        """What an invoice since the last change has billed, and what it should have.

        Returns:
            The figures to go on from, and the seats that were billed on the last day.
        """
        facts, start = self.facts, period.start
        written = self.ledger.last_written
        later = sum(row.quantity for row in self.line.waiting if row.starts > period.last_day)
        billed = (self.quantity if written is None else written) - later
        if known is not None:
            billed = known.standing
            known = charged_for(self.ledger.opening, start) or known
        elif period.last_day < (self.ledger.line_starts or start):
            billed = 0
        if start >= facts.today:
            return Charged(start, billed, billed), billed
        if known is None:
            due = self._in_force_before_today(period)
            known = Charged(start, due, due)
        over = billed - known.standing
        if over > 0 and not facts.credits_on:
            return Charged(start, known.seats + over, billed), billed
        if over > 0 and not facts.writes_credits:
            self.credits_due.append(DatedCharge(start, period.last_day, -over))
            return Charged(start, known.seats, billed), billed
        return known, billed

    def _in_force_before_today(self, period: Period) -> int:
        """What the period was due before today's change: the most seats, or the last with credits.

        Only a line that was just taken over, or rows that joined, changed it inside the period.
        """
        before = [
            one.seats
            for one in self.ledger.in_force
            if period.start < one.day <= min(period.last_day, self.facts.today - DAY)
        ]
        found = [self._in_force(period.start), *before]
        return found[-1] if self.facts.credits_on else max(found)

    # Days -----------------------------------------------------------------------------------------

    def _on(self, day: date) -> int:
        """What the line bills on the day, as far as no invoice has billed it."""
        return self.quantity - sum(r.quantity for r in self.line.waiting if r.starts > day)

    def _in_force(self, day: date) -> int:
        return self.ledger.seats_on(day) or 0

    def _last_billed_day(self) -> date:
        days = [self.facts.agreement.ends, self.facts.ending]
        return min((day for day in days if day is not None), default=date.max)

    def _report(self, starts: date, period: Period, seats: int) -> None:
        ends = min(period.last_day, self._last_billed_day())
        self.credits_due.append(DatedCharge(starts, ends, seats))

    def _missing(self, day: date, seats: int) -> None:
        self.points.append(Step(day, seats))

    def _steps(self) -> tuple[Step, ...]:
        steps = []
        level = 0
        for point in self.points:
            if point.seats != level:
                steps.append(Step(point.day, point.seats - level))
            level = point.seats
        return tuple(steps)
