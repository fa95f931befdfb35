"""What a customer owes, day by day: written from the rule, without a look at the engine.

Each billing period is settled once: when it is invoiced, or when its first day has passed. From
then on a customer pays, each day, the most seats that were in force since (credits off), or the
seats in force (credits on). Changes of one day count as one.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from local.simulators.common.billing import Calendar

DAY = timedelta(days=1)


@dataclass
class Owed:
    """One period: the level from each day on, and what its invoice billed for the whole of it."""

    levels: dict[date, int]
    standing: int
    short: bool = False

    def copy(self) -> "Owed":
        return Owed(dict(self.levels), self.standing, self.short)

    @property
    def last(self) -> int:
        return self.levels[max(self.levels)]


@dataclass
class Oracle:
    """Hears the same events as the engine, in order.

    Attributes:
        starts: First billed day; where ``None``, the day the first seats are seen, or the first
            period that starts on it or later when the agreement doesn't prorate.
        current: Seats in force; ``None`` before the first.
        line_starts: First day of the line that has no end: later than ``starts`` where rows need
            seats before a row joins for which the line was made.
        later: Seats from these days on, as far as it is known already that rows join or leave.
        kept_apart_on: On this day an invoice came between changes: they no longer count as one.
    """

    calendar: Calendar
    credits_on: bool = False
    prorates: bool = True
    starts: date | None = None
    ends: date | None = None
    current: int | None = None
    first_uninvoiced: int = 0
    kept_apart_on: date | None = None
    line_starts: date | None = None
    later: dict[date, int] = field(default_factory=dict)
    periods: dict[int, Owed] = field(default_factory=dict)
    _seen_since_invoice: bool = False
    _billed_last: int | None = None
    _heard: date = date.min
    _lowest: int | None = None
    _morning: tuple[int | None, date | None, date | None, int | None, dict[int, Owed]] | None = None

    def sync(self, day: date, seats: int, later: dict[date, int] | None = None) -> None:
        """The group needs so many seats from this day on, and other ones from later days."""
        has_line = self.current is not None
        if self._morning is not None and self._heard == day and self.kept_apart_on != day:
            self.current, self.starts, self.line_starts, self._lowest, self.periods = self._morning
        else:
            self._settle_begun(day - DAY)
        kept = {index: owed.copy() for index, owed in self.periods.items()}
        self._morning = (self.current, self.starts, self.line_starts, self._lowest, kept)
        self._heard = day
        self._seen_since_invoice = True
        self.later = later or {}
        if not has_line and not seats and not any(self.later.values()):
            return
        if self.starts is None and not seats and any(self.later.values()):
            self.starts = min(first for first, joining in self.later.items() if joining)
        self.current = seats
        if self.starts is None:
            self.starts = self._first_day(day)
        if self.line_starts is None:
            self.line_starts = self.starts
        if seats and self.prorates:
            self.starts = min(self.starts, day)
        self._lowest = self._lowest_since(day)
        self._settle_begun(day)
        if not self.prorates:
            return
        for index, owed in self.periods.items():
            period = self.calendar.period(index)
            if period.last >= day:
                first = max(day, period.start, self.starts)
                needed = self._needed(first)
                owed.levels[first] = needed if self.credits_on else max(owed.last, needed)
                owed.short = False

    def invoice(self, day: date, index: int) -> None:
        """The invoice of the period was made on this day."""
        if self._heard != day:
            self._settle_begun(day - DAY)
        self._heard, self._morning = day, None
        self.first_uninvoiced = index + 1
        if self.current is None or self.starts is None:
            return
        if self.starts <= self.calendar.period(index).last:
            begun = index in self.periods
            for billed in range(self.calendar.index_at(self.starts), index + 1):
                if billed not in self.periods:
                    self._settle(billed)
            self._bill(index, begun=begun)
        self._seen_since_invoice = False

    def shares(self) -> dict[date, Fraction]:
        """Seats times days, as a share of each period, by period start."""
        found = {}
        for index, owed in sorted(self.periods.items()):
            period = self.calendar.period(index)
            if not self.prorates:
                found[period.start] = Fraction(owed.last)
                continue
            total, level, day = 0, 0, period.start
            while day <= min(period.last, self.ends or period.last):
                level = owed.levels.get(day, level)
                total += level
                day += DAY
            found[period.start] = Fraction(total, period.days)
        return found

    def _bill(self, index: int, *, begun: bool) -> None:
        """Say what the standing line bills for the period, where that is not what was needed."""
        owed = self.periods[index]
        if self._billed_last is None and not self.prorates:
            self._bill_first_days_alike(owed)
        elif self._billed_last is None and not begun and self._waits_before(index):
            # A line that waits for its first invoice cannot rise without raising its first days;
            # what the period needs beyond that is charged when it is next seen to need it.
            owed.standing = self._lowest or 0
            owed.levels, owed.short = dict.fromkeys(owed.levels, owed.standing), True
        elif self._billed_last is not None and not self._seen_since_invoice:
            # Two invoices without a sync between them: both at the first one's quantity.
            owed.standing = self._billed_last
            if not self.prorates or not begun:
                owed.levels = dict.fromkeys(owed.levels, owed.standing)
                owed.short = self.prorates
            elif not self.credits_on:
                owed.levels = {day: max(x, owed.standing) for day, x in owed.levels.items()}
        self._billed_last = owed.standing

    def _waits_before(self, index: int) -> bool:
        assert self.line_starts is not None
        return self.calendar.index_at(self.line_starts) < index

    def _bill_first_days_alike(self, owed: Owed) -> None:
        """One line, one invoice, one quantity: what it needed on its first day."""
        first = self.periods[min(self.periods)]
        for waiting in self.periods.values():
            if min(waiting.levels) <= min(owed.levels):
                waiting.levels = dict.fromkeys(waiting.levels, first.standing)
                waiting.standing = first.standing

    def _first_day(self, day: date) -> date:
        period = self.calendar.period(self.calendar.index_at(day))
        return day if self.prorates or period.start == day else period.last + DAY

    def _settle_begun(self, day: date) -> None:
        """Settle what has begun by the end of the day, or was invoiced before the line was."""
        if self.current is None or self.starts is None or self.starts > day:
            return
        last = max(self.calendar.index_at(day), self.first_uninvoiced - 1)
        for index in range(self.calendar.index_at(self.starts), last + 1):
            if index not in self.periods:
                self._settle(index)
            owed = self.periods[index]
            if owed.short and self.calendar.period(index).start <= day:
                needed = self._needed(min(owed.levels))
                level = needed if self.credits_on else max(owed.last, needed)
                owed.levels = dict.fromkeys(owed.levels, level)
                owed.short = False

    def _settle(self, index: int) -> None:
        assert self.current is not None
        assert self.starts is not None
        start = max(self.calendar.period(index).start, self.starts)
        self.periods[index] = Owed({start: self._needed(start)}, self._needed(start))

    def _lowest_since(self, day: date) -> int:
        """What a line that waits for its first invoice has come down to."""
        assert self.line_starts is not None
        if self.line_starts > day:
            return self._needed(self.line_starts)
        fresh = self._lowest is None or self.line_starts == day
        was = self._needed(day) if fresh or self._lowest is None else self._lowest
        following = self.calendar.period(self.first_uninvoiced).start
        return min(was, self._needed(following)) if following >= day else was

    def _needed(self, day: date) -> int:
        known = [first for first in self.later if first <= day]
        return self.later[max(known)] if known else self.current or 0
