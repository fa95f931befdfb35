"""Money: ``Decimal`` amounts in the PSA's currency, rounded in one place."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")


def rounded(exact: Decimal | Fraction) -> Decimal:
    """Return the amount rounded half up to the cent, away from zero at the half.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    if isinstance(exact, Fraction):
        # A fraction such as 1/3 has no exact decimal: rounding by way of one could round twice.
        cents = int(abs(exact) * 100 + Fraction(1, 2))
        return Decimal(cents if exact >= 0 else -cents).scaleb(-2)
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def prorated_price(price: Decimal, fraction: Fraction) -> Decimal:
    """Return the price of one seat for a fraction of a period, rounded once to the cent.

    Source:
        docs/adr/0003-dates-periods-and-money.md: the unit is rounded, then multiplied by seats.
    """
    return rounded(Fraction(price) * fraction)
