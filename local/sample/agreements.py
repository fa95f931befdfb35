"""The sample's kinds of agreement, and their dates as of today."""

from datetime import date
from enum import Enum

from local.sites.site import DAY, Terms

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
