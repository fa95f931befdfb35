"""What one invoice bills. Every expected amount carries its sum."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulators.common.billing import Calendar, Period, rounded
from local.simulators.connectwise.billing import Addition, Billable, Terms, bill

JANUARY_FIRST = date(2026, 1, 1)
MARCH_17 = date(2026, 3, 17)
MARCH_31 = date(2026, 3, 31)
APRIL_1 = date(2026, 4, 1)


def terms(
    next_invoice=APRIL_1, *, anchor=JANUARY_FIRST, months=1, ahead=False, prorates=True, **more
):
    return Terms(
        Calendar(anchor, months),
        next_invoice=next_invoice,
        invoices_ahead=ahead,
        prorates=prorates,
        **more,
    )


def an_addition(
    quantity=2,
    effective=MARCH_17,
    cancelled=None,
    *,
    price="20.00",
    billed_through=None,
    billable=Billable.YES,
    less_included=0,
):
    return Addition(
        1,
        Decimal(price),
        Decimal(quantity),
        Decimal(less_included),
        effective,
        cancelled,
        billable,
        billed_through,
    )


def standing(quantity, billed_through, **more):
    return an_addition(quantity, JANUARY_FIRST, billed_through=billed_through, **more)


TABLE = {
    # Invoiced in advance: what came too late for March's invoice is on April's.
    "two more from 17 to 31 March, on the April invoice": (
        terms(),
        an_addition(2, MARCH_17, MARCH_31),
        # 20.00 x 15/31 = 9.677 -> 9.68; x 2
        ("15/31", "9.68", "19.36"),
    ),
    "a standing line bills its whole quantity": (
        terms(),
        standing(12, MARCH_31),
        # 20.00 x 1 x 12
        ("1", "20.00", "240.00"),
    ),
    "a standing line that began in mid-March and was never billed": (
        terms(),
        an_addition(2, MARCH_17),
        # 20.00 x (15/31 + 30/30) = 29.677 -> 29.68; x 2
        ("46/31", "29.68", "59.36"),
    ),
    "two more from 17 March to 30 April, a month ahead: on the May invoice": (
        terms(ahead=True),
        an_addition(2, MARCH_17, date(2026, 4, 30)),
        # 20.00 x (15/31 + 1) = 29.677 -> 29.68; x 2
        ("46/31", "29.68", "59.36"),
    ),
    "a published ConnectWise invoice: two from 15 March 2019, billed in April": (
        terms(date(2019, 4, 1), anchor=date(2019, 1, 1)),
        an_addition(2, date(2019, 3, 15), price="22.00"),
        # 22.00 x (17/31 + 1) = 34.0645 -> 34.06; x 2
        ("48/31", "34.06", "68.12"),
    ),
    # A year.
    "a year, from 17 March to 31 December": (
        terms(date(2027, 1, 1), months=12),
        an_addition(2, MARCH_17, date(2026, 12, 31), price="264.00"),
        # 264.00 x 290/365 = 209.753 -> 209.75; x 2
        ("58/73", "209.75", "419.50"),
    ),
    "a leap year, from 17 March to 31 December": (
        terms(date(2029, 1, 1), anchor=date(2028, 1, 1), months=12),
        an_addition(2, date(2028, 3, 17), date(2028, 12, 31), price="264.00"),
        # 264.00 x 290/366 = 209.180 -> 209.18; x 2
        ("145/183", "209.18", "418.36"),
    ),
    "a quarter, from 15 February": (
        terms(APRIL_1, months=3),
        an_addition(1, date(2026, 2, 15), MARCH_31, price="90.00"),
        # 90.00 x (14 + 31)/(31 + 28 + 31) = 90.00 x 45/90
        ("1/2", "45.00", "45.00"),
    ),
    # Arrears: the date lies at the period's end.
    "in arrears the period that ends is billed": (
        terms(MARCH_31),
        standing(10, date(2026, 2, 28)),
        # 20.00 x 1 x 10
        ("1", "20.00", "200.00"),
    ),
    "in arrears a dated line is on its own period's invoice": (
        terms(MARCH_31),
        an_addition(2, MARCH_17, MARCH_31),
        # 20.00 x 15/31 -> 9.68; x 2
        ("15/31", "9.68", "19.36"),
    ),
    "in arrears a dated credit": (
        terms(MARCH_31),
        an_addition(-2, MARCH_17, MARCH_31),
        # 20.00 x 15/31 -> 9.68; x -2
        ("15/31", "9.68", "-19.36"),
    ),
    # Down to 5 on 6 March, up to 15 on 11 March, credits on.
    "minus five from 6 March": (
        terms(),
        an_addition(-5, date(2026, 3, 6), MARCH_31, price="10.00"),
        # 10.00 x 26/31 = 8.387 -> 8.39; x -5
        ("26/31", "8.39", "-41.95"),
    ),
    "plus ten from 11 March": (
        terms(),
        an_addition(10, date(2026, 3, 11), MARCH_31, price="10.00"),
        # 10.00 x 21/31 = 6.774 -> 6.77; x 10
        ("21/31", "6.77", "67.70"),
    ),
    # One day, a whole period, February.
    "from the first day: the whole price": (
        terms(),
        an_addition(2, date(2026, 3, 1), MARCH_31),
        ("1", "20.00", "40.00"),
    ),
    "on the last day alone": (
        terms(),
        an_addition(2, MARCH_31, MARCH_31),
        # 20.00 x 1/31 = 0.645 -> 0.65; x 2
        ("1/31", "0.65", "1.30"),
    ),
    "half of February in a leap year": (
        terms(date(2028, 3, 1), anchor=date(2028, 1, 1)),
        an_addition(2, date(2028, 2, 15), date(2028, 2, 29)),
        # 20.00 x 15/29 = 10.345 -> 10.34 (10.3448); x 2
        ("15/29", "10.34", "20.68"),
    ),
    "half of February in a common year": (
        terms(date(2027, 3, 1), anchor=date(2027, 1, 1)),
        an_addition(2, date(2027, 2, 15), date(2027, 2, 28)),
        # 20.00 x 14/28; x 2
        ("1/2", "10.00", "20.00"),
    ),
    # Anchored on the 31st: 28 February to 30 March is one period of 31 days.
    "a month-end anchor is counted from the 31st": (
        terms(date(2027, 3, 31), anchor=date(2027, 1, 31)),
        an_addition(1, date(2027, 3, 1), date(2027, 3, 30), price="31.00"),
        # 31.00 x 30/31
        ("30/31", "30.00", "30.00"),
    ),
    "anchored on 29 February, the common year ends on 27 February": (
        terms(date(2030, 2, 28), anchor=date(2028, 2, 29), months=12),
        an_addition(1, date(2030, 2, 27), date(2030, 2, 27), price="365.00"),
        # 365.00 x 1/365
        ("1/365", "1.00", "1.00"),
    ),
    # Limits.
    "nothing before the agreement starts": (
        terms(starts=date(2026, 3, 22)),
        an_addition(1, MARCH_17, MARCH_31, price="31.00"),
        # 31.00 x 10/31: 22 to 31 March
        ("10/31", "10.00", "10.00"),
    ),
    "nothing after the agreement ends": (
        terms(ends=date(2026, 4, 15)),
        standing(2, MARCH_31),
        # 20.00 x 15/30; x 2
        ("1/2", "10.00", "20.00"),
    ),
    "the cancelled day is the last billed day": (
        terms(),
        standing(1, MARCH_31, price="30.00", less_included=0),
        ("1", "30.00", "30.00"),
    ),
    "cancelled on the first of the period: one day": (
        terms(),
        an_addition(1, JANUARY_FIRST, APRIL_1, price="30.00", billed_through=MARCH_31),
        # 30.00 x 1/30
        ("1/30", "1.00", "1.00"),
    ),
    "what is included is taken off": (
        terms(),
        standing(10, MARCH_31, less_included=2),
        # 20.00 x (10 - 2)
        ("1", "20.00", "160.00"),
    ),
    "at no charge the line shows, and costs nothing": (
        terms(),
        standing(10, MARCH_31, billable=Billable.AT_NO_CHARGE),
        ("1", "0.00", "0.00"),
    ),
    # Without proration one day costs its whole period.
    "without proration one day in March and April bill both in full": (
        terms(prorates=False),
        an_addition(2, MARCH_31),
        # 20.00 x 2 periods x 2
        ("2", "40.00", "80.00"),
    ),
    "without proration a line cancelled on the 1st bills the month": (
        terms(prorates=False),
        an_addition(2, JANUARY_FIRST, APRIL_1, billed_through=MARCH_31),
        # 20.00 x 1 x 2
        ("1", "20.00", "40.00"),
    ),
}


@pytest.mark.parametrize(("agreed", "addition", "expected"), TABLE.values(), ids=TABLE.keys())
def test_an_addition_bills_its_unbilled_days(agreed, addition, expected):
    [billed] = bill(agreed, [addition])

    assert billed.charge is not None
    fraction, unit, amount = expected
    assert (str(billed.charge.fraction), str(billed.charge.unit), str(billed.charge.amount)) == (
        fraction,
        unit,
        amount,
    )


@pytest.mark.parametrize(
    ("agreed", "addition"),
    [
        (terms(), standing(10, MARCH_31, billable=Billable.NO)),
        (terms(), standing(0, MARCH_31)),
        (terms(), standing(2, MARCH_31, less_included=5)),
        (terms(), an_addition(2, MARCH_17, date(2026, 3, 16))),
        (terms(), an_addition(2, date(2026, 5, 1))),
        (terms(), an_addition(2, MARCH_17, MARCH_31, billed_through=MARCH_31)),
        (terms(ends=MARCH_31), standing(10, MARCH_31)),
    ],
    ids=[
        "not to be billed",
        "quantity zero",
        "more included than there is",
        "cancelled before it began",
        "beginning later",
        "billed already",
        "agreement over",
    ],
)
def test_nothing_is_billed(agreed, addition):
    assert bill(agreed, [addition])[0].charge is None


def test_half_cents_go_away_from_zero():
    assert rounded(Fraction(5, 1000)) == Decimal("0.01")
    assert rounded(Fraction(-5, 1000)) == Decimal("-0.01")
    assert rounded(Fraction(4999, 1000000)) == Decimal("0.00")


@pytest.mark.parametrize(
    ("anchor", "months", "day", "start", "last"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28), date(2027, 2, 28), date(2027, 3, 30)),
        (date(2027, 1, 31), 1, date(2027, 3, 30), date(2027, 2, 28), date(2027, 3, 30)),
        (date(2027, 1, 31), 1, date(2027, 4, 30), date(2027, 4, 30), date(2027, 5, 30)),
        (date(2028, 2, 29), 12, date(2029, 2, 27), date(2028, 2, 29), date(2029, 2, 27)),
        (date(2028, 2, 29), 12, date(2032, 2, 29), date(2032, 2, 29), date(2033, 2, 27)),
        (date(2026, 11, 30), 3, date(2027, 2, 28), date(2027, 2, 28), date(2027, 5, 29)),
        (date(2026, 1, 1), 1, date(2025, 12, 31), date(2025, 12, 1), date(2025, 12, 31)),
    ],
)
def test_periods_are_counted_from_the_original_anchor(anchor, months, day, start, last):
    calendar = Calendar(anchor, months)

    assert calendar.period(calendar.index_at(day)) == Period(start, last)


@pytest.mark.parametrize(
    ("anchor", "next_invoice", "moved"),
    [
        (JANUARY_FIRST, APRIL_1, date(2026, 5, 1)),  # in advance
        (JANUARY_FIRST, MARCH_31, date(2026, 4, 30)),  # in arrears
        (JANUARY_FIRST, date(2026, 2, 28), MARCH_31),  # in arrears, out of February
        (JANUARY_FIRST, date(2026, 3, 20), date(2026, 4, 20)),  # some day within
        (JANUARY_FIRST, date(2026, 1, 30), date(2026, 2, 28)),  # a day that February lacks
        (date(2026, 1, 31), date(2026, 2, 28), MARCH_31),  # anchored on the 31st
    ],
)
def test_the_next_invoice_keeps_its_place_in_the_period(anchor, next_invoice, moved):
    assert terms(next_invoice, anchor=anchor).after_its_invoice().next_invoice == moved


DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


@settings(deadline=None)
@given(anchor=st.dates(date(2023, 1, 1), date(2027, 12, 31)), months=st.sampled_from([1, 3, 12]))
def test_periods_follow_each_other_without_gap_or_overlap(anchor, months):
    calendar = Calendar(anchor, months)

    for index in range(-13, 26):
        assert calendar.period(index).last + timedelta(days=1) == calendar.period(index + 1).start
        for day in (calendar.period(index).start, calendar.period(index).last):
            assert calendar.index_at(day) == index
