"""What every PSA's invoices are made of: billing periods, parts of them, and cents.

Pure arithmetic, on purpose independent of the application under test: it judges what a customer
was billed, so it shares no code with the engine that writes the quantities.

All dates are calendar dates, and both ends of a span are billed days. Money is ``Decimal``;
fractions of a period are exact until an amount is rounded, half up.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

ONE_DAY = timedelta(days=1)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period; ``last`` is its last billed day."""

    start: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.start).days + 1


@dataclass(frozen=True, slots=True)
class Calendar:
    """The billing periods that run from an anchor date, endlessly in both directions.

    Every start is counted from the original anchor: one on the 31st starts on 28 February and on
    31 March, not on the 28th ever after.
    """

    anchor: date
    months: int

    def period(self, index: int) -> Period:
        """Return the period that starts ``index`` cycles after the anchor."""
        return Period(self._start(index), self._start(index + 1) - ONE_DAY)

    def index_at(self, day: date) -> int:
        """Return the index of the period that contains ``day``."""
        between = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month
        index = between // self.months
        return index if self._start(index) <= day else index - 1

    def containing(self, day: date) -> Period:
        """Return the period that contains ``day``."""
        return self.period(self.index_at(day))

    def after(self, period: Period) -> Period:
        """Return the period that follows one of these."""
        return self.containing(period.last + ONE_DAY)

    def periods_between(self, first: date, last: date) -> Iterator[Period]:
        """Yield the periods that share at least one day with the span, in order."""
        for index in range(self.index_at(first), self.index_at(last) + 1):
            yield self.period(index)

    def _start(self, index: int) -> date:
        month = self.anchor.year * 12 + self.anchor.month - 1 + index * self.months
        year, month = month // 12, month % 12 + 1
        day = min(self.anchor.day, calendar.monthrange(year, month)[1])
        return date(year, month, day)


def share(period: Period, first: date, last: date) -> Fraction:
    """Return which part of a period the span takes; days outside the period do not count."""
    return Fraction((min(period.last, last) - max(period.start, first)).days + 1, period.days)


def rounded(amount: Fraction, places: int = 2) -> Decimal:
    """Return the amount with so many decimals, halves away from zero."""
    parts = abs(amount) * 10**places
    whole = (2 * parts.numerator + parts.denominator) // (2 * parts.denominator)
    return Decimal(whole if amount >= 0 else -whole).scaleb(-places)


def line_amount(unit: Decimal, quantity: Decimal) -> Decimal:
    """Return what a line of an invoice costs, in cents."""
    return rounded(Fraction(unit) * Fraction(quantity))
