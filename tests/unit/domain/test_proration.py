from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from shared.domain.errors import InvalidPeriodError
from shared.domain.money import prorated_price, rounded
from shared.domain.periods import Cycle
from shared.domain.proration import fraction, prorated
from tests.unit.domain.vectors import PRORATION, day, each

MONTHS = {"monthly": 1, "quarterly": 3, "annual": 12}
CALENDAR_MONTHS = Cycle(date(2001, 1, 1), 1)


@each(PRORATION["spans"], "id")
def test_a_part_of_a_period_costs_its_days(case):
    cycle = Cycle(day(case["anchor"]), case["months"])

    amount = prorated(cycle, day(case["first"]), day(case["last"]), Decimal(case["price"]), 2)

    assert amount.fraction == Fraction(case["fraction"])
    assert amount.unit == Decimal(case["unit"])
    assert amount.amount == Decimal(case["unit"]) * 2


@each(PRORATION["weighted"], "id")
def test_changing_quantities_are_weighted_by_their_days(case):
    steps = [(day(first), seats) for first, seats in case["days"]]
    ends = [first - timedelta(days=1) for first, _ in steps[1:]] + [day(case["last"])]

    total = sum(
        seats * fraction(CALENDAR_MONTHS, first, last)
        for (first, seats), last in zip(steps, ends, strict=True)
    )

    assert total == Fraction(case["weighted"])


@each(PRORATION["cycles"], "id")
def test_billing_in_advance_charges_the_published_number_of_cycles(case):
    start, target = day(case["start"]), day(case["target"])
    cycle = a_cycle(start, case["anchor_day"], MONTHS[case["period"]])
    last = cycle.containing(target).last_day
    if case["end_exclusive"]:
        last = min(last, day(case["end_exclusive"]) - timedelta(days=1))

    charged = fraction(cycle, start, last) if start <= min(last, target) else Fraction(0)

    # The source rounds each of up to two fractions to nine decimals.
    assert abs(charged - Fraction(case["expected_cycles"])) <= Fraction(2, 10**9)


def test_a_whole_period_is_one():
    assert fraction(CALENDAR_MONTHS, date(2028, 2, 1), date(2028, 2, 29)) == 1


def test_a_span_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidPeriodError, match="lies before"):
        fraction(CALENDAR_MONTHS, date(2026, 3, 2), date(2026, 3, 1))


@pytest.mark.parametrize(
    ("exact", "cents"),
    [
        (Fraction(5, 1000), "0.01"),
        (Fraction(-5, 1000), "-0.01"),
        (Fraction(4999, 1000000), "0.00"),
        (Fraction(2, 3), "0.67"),
        (Fraction(0), "0.00"),
        (Decimal("1.005"), "1.01"),
        (Decimal("-1.005"), "-1.01"),
        (Decimal(7), "7.00"),
    ],
    ids=str,
)
def test_halves_of_a_cent_are_rounded_away_from_zero(exact, cents):
    assert str(rounded(exact)) == cents


def test_the_unit_is_rounded_before_it_is_multiplied():
    # 20.00 x 15/31 is 9.677…; the credit of two seats is twice the rounded 9.68.
    amount = prorated(CALENDAR_MONTHS, date(2026, 3, 17), date(2026, 3, 31), Decimal("20.00"), -2)

    assert (amount.unit, amount.amount) == (Decimal("9.68"), Decimal("-19.36"))
    assert prorated_price(Decimal("0.01"), Fraction(1, 2)) == Decimal("0.01")


def a_cycle(start: date, anchor_day: int, months: int) -> Cycle:
    """Return the cycle on this day of the start's month, from a month that has the day."""
    year, month = start.year, start.month
    for _ in range(12):
        if monthrange(year, month)[1] >= anchor_day:
            break
        number = year * 12 + month - 1 - months
        year, month = number // 12, number % 12 + 1
    return Cycle(date(year, month, min(anchor_day, monthrange(year, month)[1])), months)
