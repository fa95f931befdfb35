"""Money: ``Decimal`` amounts in the PSA's currency, rounded in one place."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")


def rounded(exact: Decimal | Fraction, *, places: int = 2) -> Decimal:
    """Return the amount rounded half up to the cent, away from zero at the half.

    Args:
        places: Decimals that are kept, where a PSA keeps others for a while.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    if isinstance(exact, Fraction):
        # A fraction such as 1/3 has no exact decimal: rounding by way of one could round twice.
        parts = int(abs(exact) * int(Decimal(1).scaleb(places)) + Fraction(1, 2))
        return Decimal(parts if exact >= 0 else -parts).scaleb(-places)
    return exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def prorated_price(price: Decimal, fraction: Fraction) -> Decimal:
    """Return the price of one seat for a fraction of a period, rounded once to the cent.

    Source:
        docs/adr/0003-dates-periods-and-money.md: the unit is rounded, then multiplied by seats.
    """
    return rounded(Fraction(price) * fraction)
