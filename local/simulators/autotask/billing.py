"""What a contract bills: periods, units by date, proration of adjustments.

Pure arithmetic like ``common.billing``. A prorated amount is kept with four decimals, and gets two
when it is approved and posted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from local.simulators.common.billing import ONE_DAY, Calendar, Period, rounded, share

KEPT_PLACES = 4


@dataclass(frozen=True, slots=True)
class ContractCalendar(Calendar):
    """The billing periods of a contract, from its first day to its last.

    The last period may be longer than the contract.
    """

    ends: date

    def periods(self, first: date | None = None) -> Iterator[Period]:
        """Yield the contract's periods in order, from the one that holds ``first``."""
        period = self.containing(max(first or self.anchor, self.anchor))
        while period.start <= self.ends:
            yield period
            period = self.after(period)


@dataclass(frozen=True, slots=True)
class Change:
    """An adjustment: so many units more, or fewer, from a day on."""

    effective: date
    units: int


@dataclass(frozen=True, slots=True)
class Span:
    """Days of one period with the same number of units."""

    first: date
    last: date
    units: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one change adds to a period beside the period's own charge.

    Attributes:
        fraction: Of the period's price.
    """

    first: date
    last: date
    units: int
    fraction: Fraction


def units_on(changes: Iterable[Change], day: date) -> int:
    """Return how many units are in force on the day."""
    return sum(change.units for change in changes if change.effective <= day)


def spans(periods: ContractCalendar, changes: Sequence[Change]) -> Iterator[Span]:
    """Yield a span for every period, cut where the number of units changes in between.

    The first begins with the first change; a line without changes has none.
    """
    if not changes:
        return
    begins = min(change.effective for change in changes)
    for period in periods.periods(begins):
        inside = {change.effective for change in changes if _inside(change.effective, period)}
        starts = sorted({max(period.start, begins), *inside})
        last = min(period.last, periods.ends)
        ends = [*(start - ONE_DAY for start in starts[1:]), last]
        for start, end in zip(starts, ends, strict=True):
            yield Span(start, end, units_on(changes, start))


def pieces(periods: ContractCalendar, change: Change, posted: Iterable[date] = ()) -> list[Piece]:
    """Return what a change is charged beside the charges of whole periods.

    That is its part of the period that it falls in, and the whole of each later period that was
    posted before the change came. A change on a period's first day needs no piece, unless that
    period is posted.

    Args:
        posted: First days of the periods that were posted already.
    """
    done = set(posted)
    found: list[Piece] = []
    for period in periods.periods(change.effective):
        first = max(period.start, change.effective)
        if first > period.start or period.start in done:
            last = min(period.last, periods.ends)
            found.append(Piece(first, last, change.units, share(period, first, last)))
        elif all(start < period.start for start in done):
            break
    return found


def whole(periods: ContractCalendar, period: Period, units: int) -> Piece:
    """Return the charge of a period: shorter where the contract ends within it."""
    last = min(period.last, periods.ends)
    return Piece(period.start, last, units, share(period, period.start, last))


def kept(price: Decimal, piece: Piece) -> Decimal:
    """Return a piece's amount as it is kept before posting: with four decimals."""
    return rounded(Fraction(price) * piece.fraction * piece.units, KEPT_PLACES)


def posted_amount(amount: Decimal) -> Decimal:
    """Return a kept amount as it is posted: with two decimals."""
    return rounded(Fraction(amount))


def _inside(day: date, period: Period) -> bool:
    return period.start <= day <= period.last
