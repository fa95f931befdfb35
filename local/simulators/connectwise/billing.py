"""What an agreement invoices: its terms, proration, and the invoice run of one agreement.

Pure arithmetic like ``common.billing``. The unit price is rounded, once, to cents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from local.simulators.common.billing import ONE_DAY, Calendar, Period, line_amount, rounded, share

MONTHS_OF_CYCLE = {"monthly": 1, "quarterly": 3, "annual": 12, "annually": 12, "yearly": 12}
"""Length of a billing cycle by its name in lower case."""


class Billable(Enum):
    """Whether an addition is on the invoice, and whether it costs anything there."""

    YES = "Billable"
    NO = "DoNotBill"
    AT_NO_CHARGE = "NoCharge"


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement says about its invoices.

    Attributes:
        starts: First day that is billed at all, if the agreement names one.
        ends: Last day that is billed, if the agreement names one.
        invoices_ahead: The invoice of a day bills the period after the one containing that day.
    """

    calendar: Calendar
    next_invoice: date
    invoices_ahead: bool
    prorates: bool
    starts: date | None = None
    ends: date | None = None

    @property
    def first_uninvoiced(self) -> Period:
        """The period that the next invoice bills."""
        index = self.calendar.index_at(self.next_invoice)
        return self.calendar.period(index + 1 if self.invoices_ahead else index)

    def after_its_invoice(self) -> Terms:
        """Return the terms one cycle later, the next invoice at the same place in its period."""
        index = self.calendar.index_at(self.next_invoice)
        now, following = self.calendar.period(index), self.calendar.period(index + 1)
        if self.next_invoice == now.last:
            moved = following.last
        else:
            moved = min(following.start + (self.next_invoice - now.start), following.last)
        return replace(self, next_invoice=moved)


@dataclass(frozen=True, slots=True)
class Addition:
    """What the invoice run reads of an addition.

    Attributes:
        price: Of one unit for one whole period.
        cancelled: The last billed day, if any.
        billed_through: Up to here nothing will be billed again.
    """

    addition_id: int
    price: Decimal
    quantity: Decimal
    less_included: Decimal
    effective: date
    cancelled: date | None
    billable: Billable
    billed_through: date | None


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of an invoice; ``first`` and ``last`` are billed days."""

    addition_id: int
    quantity: Decimal
    first: date
    last: date
    fraction: Fraction
    unit: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Billed:
    """What one addition contributes to an invoice, and how far it is billed afterwards."""

    addition_id: int
    charge: Charge | None
    billed_through: date | None


def bill(terms: Terms, additions: Iterable[Addition]) -> list[Billed]:
    """Return what the agreement's next invoice bills, addition by addition.

    That is every day not billed yet, up to the end of the first un-invoiced period: days of an
    earlier period that came too late for its own invoice are on this one.
    """
    return [_bill_addition(terms, addition) for addition in additions]


def _bill_addition(terms: Terms, addition: Addition) -> Billed:
    span = _unbilled(terms, addition)
    if span is None:
        return Billed(addition.addition_id, None, addition.billed_through)

    first, last = span
    periods = list(terms.calendar.periods_between(first, last))
    if terms.prorates:
        fraction = sum((share(period, first, last) for period in periods), Fraction(0))
    else:
        # Without proration one day of a period costs the whole period, once.
        first, last, fraction = periods[0].start, periods[-1].last, Fraction(len(periods))
    return Billed(addition.addition_id, _charge(addition, first, last, fraction), last)


def _unbilled(terms: Terms, addition: Addition) -> tuple[date, date] | None:
    first = addition.effective
    if terms.starts is not None:
        first = max(first, terms.starts)
    if addition.billed_through is not None:
        first = max(first, addition.billed_through + ONE_DAY)

    limits = (terms.first_uninvoiced.last, addition.cancelled, terms.ends)
    last = min(limit for limit in limits if limit is not None)
    return (first, last) if first <= last else None


def _charge(addition: Addition, first: date, last: date, fraction: Fraction) -> Charge | None:
    quantity = billed_quantity(addition.quantity, addition.less_included)
    if addition.billable is Billable.NO or quantity == 0:
        return None
    price = Decimal(0) if addition.billable is Billable.AT_NO_CHARGE else addition.price
    unit = rounded(Fraction(price) * fraction)
    amount = line_amount(unit, quantity)
    return Charge(addition.addition_id, quantity, first, last, fraction, unit, amount)


def billed_quantity(quantity: Decimal, less_included: Decimal) -> Decimal:
    """Return the quantity after what is included; including more than there is makes no credit."""
    if quantity < 0:
        return quantity
    return max(Decimal(0), quantity - less_included)
