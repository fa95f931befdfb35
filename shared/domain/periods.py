"""Billing periods from an anchor date and a cycle, in the PSA's calendar dates.

Half-open: ``end`` is the first day after the period. Starts are clamped to the month's last day,
always from the original anchor: 31 January, 28 February, 31 March.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.errors import InvalidPeriodError

_MONTHS_A_YEAR = 12
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A billing period: the first day, and the first day after it."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidPeriodError(f"a period from {self.start} to {self.end} holds no day")

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    @property
    def days(self) -> int:
        """Real calendar days in the period."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last day that belongs to the period."""
        return self.end - DAY


@dataclass(frozen=True, slots=True)
class Cycle:
    """How an agreement's periods follow each other.

    Attributes:
        anchor: First day of the first period; never clamped.
        months: Length of a period: 1, 3 or 12 months.
    """

    anchor: date
    months: int

    def __post_init__(self) -> None:
        if self.months < 1:
            raise InvalidPeriodError(f"a cycle of {self.months} months")

    def nth(self, index: int) -> Period:
        """Return the period ``index`` cycles after the anchor's; negative ones lie before it."""
        return Period(self._start(index), self._start(index + 1))

    def containing(self, day: date) -> Period:
        """Return the period that holds the day.

        Source:
            docs/adr/0003-dates-periods-and-money.md
        """
        return self.nth(self._index(day))

    def after(self, period: Period) -> Period:
        """Return the next period."""
        return self.containing(period.end)

    def before(self, period: Period) -> Period:
        """Return the previous period."""
        return self.containing(period.start - DAY)

    def between(self, first: date, last: date) -> tuple[Period, ...]:
        """Return the periods that hold any day from ``first`` to ``last``, both included."""
        if last < first:
            return ()
        indexes = range(self._index(first), self._index(last) + 1)
        return tuple(self.nth(index) for index in indexes)

    def first_starting(self, day: date) -> Period:
        """Return the first period that starts on the day or later."""
        period = self.containing(day)
        return period if period.start == day else self.after(period)

    def _index(self, day: date) -> int:
        elapsed = (day.year - self.anchor.year) * _MONTHS_A_YEAR + day.month - self.anchor.month
        index = elapsed // self.months
        if self._start(index) > day:
            return index - 1
        if self._start(index + 1) <= day:
            return index + 1
        return index

    def _start(self, index: int) -> date:
        month = self.anchor.month - 1 + index * self.months
        year = self.anchor.year + month // _MONTHS_A_YEAR
        month = month % _MONTHS_A_YEAR + 1
        return date(year, month, min(self.anchor.day, monthrange(year, month)[1]))
