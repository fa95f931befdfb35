"""Fractions of billing periods, and the money that a preview shows for them.

The PSA prices what it bills; nothing here is ever sent to it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from shared.domain.errors import InvalidPeriodError
from shared.domain.money import prorated_price
from shared.domain.periods import DAY, Cycle


def fraction(cycle: Cycle, first: date, last: date) -> Fraction:
    """Return how many periods the days from ``first`` to ``last`` are, both included.

    Each period's days are divided by that period's real length, so 17 March to 30 April in
    calendar months is 15/31 + 30/30.

    Raises:
        InvalidPeriodError: ``last`` lies before ``first``.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    if last < first:
        raise InvalidPeriodError(f"{last} lies before {first}")
    return sum(
        (
            Fraction(
                (min(period.last_day, last) - max(period.start, first) + DAY).days, period.days
            )
            for period in cycle.between(first, last)
        ),
        Fraction(0),
    )


@dataclass(frozen=True, slots=True)
class ProratedAmount:
    """What a dated quantity costs.

    Attributes:
        fraction: Periods that are billed.
        unit: Price of one seat for them, rounded half up to the cent.
        amount: ``unit`` times the quantity.
    """

    fraction: Fraction
    unit: Decimal
    amount: Decimal


def prorated(
    cycle: Cycle, first: date, last: date, price: Decimal, quantity: int
) -> ProratedAmount:
    """Return the predicted money of a quantity from ``first`` to ``last``, both included.

    Args:
        price: Price of one seat for one whole period.
        quantity: Seats; negative for a credit.

    Source:
        docs/adr/0003-dates-periods-and-money.md, with the worked examples the tests use.
    """
    share = fraction(cycle, first, last)
    unit = prorated_price(price, share)
    return ProratedAmount(share, unit, unit * quantity)
