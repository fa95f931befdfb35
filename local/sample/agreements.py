"""The sample's kinds of agreement, and their dates as of today."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

DAY = timedelta(days=1)
_MONTHS_A_YEAR = 12
_YEARS_OLD = 3
_MID_MONTH = 15
_MONTHS_INTO_THE_YEAR = 7


class Kind(Enum):
    """How an agreement is invoiced. The value is its name in the PSA."""

    IN_ADVANCE = "Microsoft 365"
    IN_ARREARS = "Microsoft 365 (in arrears)"
    ANNUAL = "Microsoft 365 (annual)"
    WITHOUT_PRORATION = "Microsoft 365 (whole months)"
    MID_MONTH = "Microsoft 365 (from the 15th)"
    ENDED = "Microsoft 365 (old contract)"


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement's calendar today.

    Attributes:
        starts: First day of the agreement, years ago.
        period_start, period_end: First and last day of the billing period that today is in.
        invoiced_through: Last day that is on an invoice already.
        next_invoice: As the PSA shows it.
        ends: Last day, for one that has ended.
    """

    starts: date
    period_start: date
    period_end: date
    invoiced_through: date
    next_invoice: date
    annual: bool = False
    prorates: bool = True
    ends: date | None = None


def terms(kind: Kind, today: date) -> Terms:
    """Return the calendar of an agreement of this kind."""
    months = _MONTHS_A_YEAR if kind is Kind.ANNUAL else 1
    start = _period_start(kind, today)
    following = add_months(start, months)
    end = following - DAY
    invoiced, next_invoice = end, following
    if kind is Kind.IN_ARREARS:
        invoiced, next_invoice = start - DAY, end
    return Terms(
        starts=add_months(start, -_YEARS_OLD * _MONTHS_A_YEAR),
        period_start=start,
        period_end=end,
        invoiced_through=invoiced,
        next_invoice=next_invoice,
        annual=kind is Kind.ANNUAL,
        prorates=kind is not Kind.WITHOUT_PRORATION,
        ends=start - DAY if kind is Kind.ENDED else None,
    )


def _period_start(kind: Kind, today: date) -> date:
    if kind is Kind.MID_MONTH:
        this_months = today.replace(day=_MID_MONTH)
        return this_months if this_months <= today else add_months(this_months, -1)
    first = today.replace(day=1)
    return add_months(first, -_MONTHS_INTO_THE_YEAR) if kind is Kind.ANNUAL else first


def add_months(day: date, months: int) -> date:
    """Return the same day of another month; the day is one that every month has."""
    count = day.year * _MONTHS_A_YEAR + day.month - 1 + months
    return day.replace(year=count // _MONTHS_A_YEAR, month=count % _MONTHS_A_YEAR + 1)
