"""The invoice run: who is due, what it bills over time, and what it leaves behind."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulators.common.billing import Calendar
from local.simulators.common.invoicing import find_invoices
from local.simulators.connectwise.builders import (
    a_company,
    a_product,
    a_type,
    an_addition,
    an_agreement,
)
from local.simulators.connectwise.hand import Hand
from local.simulators.connectwise.invoicing import run_invoices
from local.simulators.connectwise.state import PsaState

MARCH_31 = date(2026, 3, 31)
APRIL_1 = date(2026, 4, 1)


def a_site(*additions, **agreement):
    return PsaState().seed(
        companies=[a_company()],
        types=[a_type()],
        products=[a_product()],
        agreements=[an_agreement(**agreement)],
        additions=additions,
    )


def totals(state, through, **chosen):
    return [str(invoice["total"]) for invoice in run_invoices(state, through, **chosen).invoices]


def next_invoice(state, agreement=7001):
    return state.agreements[agreement]["nextInvoiceDate"][:10]


def test_a_change_in_an_invoiced_month_is_one_more_line_on_the_next_invoice():
    state = a_site(an_addition(quantity=10))
    hand = Hand(state)
    hand.edit(501, {"quantity": Decimal(12)})
    hand.add(
        7001,
        {
            "product": {"id": 101},
            "quantity": Decimal(2),
            "effectiveDate": "2026-03-17",
            "cancelledDate": "2026-03-31",
        },
    )

    # 12 x 20.00 + 2 x 9.68 (15/31), then 12 x 20.00
    assert totals(state, date(2026, 5, 1)) == ["259.36", "240.00"]


def test_in_arrears_the_standing_quantity_of_the_invoice_day_is_billed_for_the_whole_period():
    state = a_site(an_addition(quantity=10), next_invoice=MARCH_31)
    assert state.billed_through[501] == date(2026, 2, 28)

    Hand(state).edit(501, {"quantity": Decimal(12)})

    assert totals(state, MARCH_31) == ["240.00"]  # 12 x 20.00, whenever it became 12


def test_in_arrears_a_dated_line_beside_the_standing_ten():
    extra = an_addition(
        502, quantity=2, effective=date(2026, 3, 17), cancelled=MARCH_31, billed_through=None
    )
    state = a_site(an_addition(quantity=10), extra, next_invoice=MARCH_31)

    # 10 x 20.00 + 2 x 9.68 (15/31), then April without it
    assert totals(state, date(2026, 4, 30)) == ["219.36", "200.00"]


def test_a_month_ahead_a_dated_line_runs_to_the_end_of_the_invoiced_period():
    extra = an_addition(
        502,
        quantity=2,
        effective=date(2026, 3, 17),
        cancelled=date(2026, 4, 30),
        billed_through=None,
    )
    state = a_site(an_addition(quantity=12), extra, period_type="Future")
    assert state.billed_through[501] == date(2026, 4, 30)

    [invoice] = run_invoices(state, APRIL_1).invoices

    assert invoice["period"] == {"from": "2026-05-01", "to": "2026-05-31"}
    assert str(invoice["total"]) == "299.36"  # 12 x 20.00 + 2 x 29.68 (46/31)


def test_a_lower_quantity_gives_nothing_back_for_an_invoiced_period():
    state = a_site(an_addition(quantity=12))
    Hand(state).edit(501, {"quantity": Decimal(10)})

    assert totals(state, APRIL_1) == ["200.00"]


def test_nothing_moves_until_the_run_and_a_late_run_catches_up_period_by_period():
    state = a_site(an_addition(quantity=10))

    assert totals(state, MARCH_31) == []
    assert next_invoice(state) == "2026-04-01"

    assert totals(state, date(2026, 6, 15)) == ["200.00", "200.00", "200.00"]
    assert next_invoice(state) == "2026-07-01"
    assert [one["invoice_date"] for one in state.invoices] == [
        "2026-04-01",
        "2026-05-01",
        "2026-06-01",
    ]


def test_a_period_with_nothing_to_bill_is_invoiced_all_the_same():
    state = a_site(an_addition(effective=date(2026, 6, 1), billed_through=None))

    assert totals(state, date(2026, 6, 1)) == ["0.00", "0.00", "200.00"]
    assert next_invoice(state) == "2026-07-01"


def test_a_second_run_on_one_day_bills_nothing():
    state = a_site(an_addition(quantity=10))
    run_invoices(state, APRIL_1)

    assert totals(state, APRIL_1) == []


def test_a_cancelled_line_that_goes_on_again_bills_only_the_days_in_between():
    state = a_site(an_addition(quantity=1, cancelled=date(2026, 4, 10)))
    first = totals(state, APRIL_1)  # 20.00 x 10/30 = 6.666 -> 6.67
    Hand(state).edit(501, {"cancelledDate": None})

    # 20.00 x (20/30 + 31/31) = 33.333 -> 33.33
    assert (first, totals(state, date(2026, 5, 1))) == (["6.67"], ["33.33"])


def test_an_agreement_that_ends_bills_what_came_late_once_and_then_no_more():
    state = a_site(an_addition(quantity=10), ends=MARCH_31)
    assert totals(state, APRIL_1) == []

    Hand(state).add(
        7001,
        {"product": {"id": 101}, "quantity": Decimal(2), "effectiveDate": "2026-03-17"},
    )

    assert totals(state, APRIL_1) == ["19.36"]  # 2 x 9.68 (15/31)
    assert totals(state, date(2026, 12, 31)) == []


@pytest.mark.parametrize(
    ("cancelled", "ends"),
    [
        (date(2026, 4, 15), None),
        (date(2026, 4, 15), date(2026, 12, 31)),
        (date(2026, 12, 31), date(2026, 4, 15)),
    ],
)
def test_a_cancelled_agreement_bills_up_to_its_end_or_its_cancellation(cancelled, ends):
    state = a_site(an_addition(quantity=10), cancelled=cancelled, ends=ends)

    assert totals(state, date(2026, 12, 31)) == ["100.00"]  # 10 x 10.00 (20.00 x 15/30)


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        ({"cycle": "Weekly"}, "Weekly"),
        ({"period_type": "Both"}, "Both"),
        ({"period_type": None}, "None"),
        ({"next_invoice": None}, "next invoice"),
        ({"status": "Inactive"}, "inactive"),
    ],
)
def test_an_agreement_that_cannot_be_invoiced_is_skipped_with_a_reason(agreement, reason):
    state = a_site(an_addition(quantity=10), **agreement)

    run = run_invoices(state, date(2026, 12, 31))

    assert run.invoices == []
    assert reason in run.skipped[0]["reason"]


@pytest.mark.parametrize("name", ["Annual", "Annually", "Yearly"])
def test_a_year_is_known_by_three_names(name):
    state = a_site(an_addition(quantity=1), cycle=name, next_invoice=date(2027, 1, 1))

    [invoice] = run_invoices(state, date(2027, 1, 1)).invoices

    assert invoice["period"] == {"from": "2027-01-01", "to": "2027-12-31"}


def test_one_agreement_can_be_invoiced_alone():
    state = a_site(an_addition(quantity=10))
    state.seed(agreements=[an_agreement(7002)], additions=[an_addition(601, agreement=7002)])

    assert len(totals(state, APRIL_1, agreement_id=7002)) == 1
    assert next_invoice(state, 7001) == "2026-04-01"


def test_invoices_are_found_by_customer_agreement_and_date():
    state = a_site(an_addition(quantity=10))
    run_invoices(state, date(2026, 5, 1))

    assert len(find_invoices(state, company=250)) == 2
    assert find_invoices(state, company=251) == []
    assert len(find_invoices(state, agreement=7001, first=APRIL_1, last=date(2026, 4, 30))) == 1


def test_a_line_says_what_it_bills():
    marked = an_addition(quantity=10, serial_number="SEAT-1", invoice_description="M365, 10 seats")
    state = a_site(marked)

    [invoice] = run_invoices(state, APRIL_1).invoices

    assert invoice["lines"] == [
        {
            "addition_id": 501,
            "product_id": 101,
            "description": "M365, 10 seats",
            "serial_number": "SEAT-1",
            "quantity": Decimal(10),
            "from": "2026-04-01",
            "to": "2026-04-30",
            "fraction": "1",
            "unit": Decimal("20.00"),
            "amount": Decimal("200.00"),
        }
    ]


HORIZON = date(2028, 6, 30)
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))


@st.composite
def histories(draw):
    """An agreement, an addition, and the days on which the invoice run was started."""
    starts = draw(st.dates(date(2026, 1, 1), date(2026, 3, 31)))
    effective = draw(DAYS)
    agreement = {
        "starts": starts,
        "cycle": draw(st.sampled_from(["Monthly", "Quarterly", "Annual"])),
        "period_type": draw(st.sampled_from(["Current", "Future"])),
        "next_invoice": starts + timedelta(days=draw(st.integers(0, 40))),
        "prorates": draw(st.booleans()),
        "ends": draw(st.none() | st.dates(date(2026, 6, 1), date(2028, 3, 1))),
    }
    addition = {
        "quantity": draw(st.integers(-5, 20).filter(bool)),
        "effective": effective,
        "cancelled": draw(st.none() | st.dates(effective, date(2028, 3, 1))),
        "billed_through": None,
    }
    runs = sorted(draw(st.lists(DAYS, max_size=12)))
    return agreement, addition, runs


@given(history=histories(), posted_before=st.integers(0, 12))
@settings(deadline=None)
def test_every_day_is_billed_exactly_once_however_the_runs_are_spread(history, posted_before):
    agreement, addition, runs = history
    state = a_site(**agreement)
    for number, day in enumerate([*runs, HORIZON]):
        if number == min(posted_before, len(runs)):
            state.seed(additions=[an_addition(**addition)])
        run_invoices(state, day)

    lines = [line for invoice in state.invoices for line in invoice["lines"]]
    billed = [day for line in lines for day in days_of(line)]
    assert len(billed) == len(set(billed))
    assert set(billed) == expected_days(state, agreement, addition)

    calendar = calendar_of(agreement)
    exact = sum((Fraction(line["fraction"]) for line in lines), Fraction(0))
    whole_days = (calendar.period(calendar.index_at(day)).days for day in billed)
    assert exact == sum((Fraction(1, days) for days in whole_days), Fraction(0))


@given(history=histories())
@settings(deadline=None)
def test_late_runs_make_the_same_invoices_as_punctual_ones(history):
    agreement, addition, runs = history
    punctual, late = (a_site(an_addition(**addition), **agreement) for _ in range(2))
    for day in runs:
        run_invoices(punctual, day)
    for state in (punctual, late):
        run_invoices(state, HORIZON)

    def without_run(state):
        return [{**one, "run_through": None} for one in state.invoices]

    assert without_run(punctual) == without_run(late)


def calendar_of(agreement):
    months = {"Monthly": 1, "Quarterly": 3, "Annual": 12}[agreement["cycle"]]
    return Calendar(agreement["starts"], months)


def days_of(line):
    first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def expected_days(state, agreement, addition):
    """Walk over all days, one by one, and keep those which some invoice had to bill."""
    calendar = calendar_of(agreement)
    if not state.invoices:
        return set()
    invoiced = date.fromisoformat(state.invoices[-1]["period"]["to"])
    limits = [addition["cancelled"] or date.max, agreement["ends"] or date.max, invoiced]
    first, last = max(addition["effective"], agreement["starts"]), min(limits)
    days = {first + timedelta(days=number) for number in range((last - first).days + 1)}
    if agreement["prorates"]:
        return days
    periods = {calendar.index_at(day) for day in days}
    return {
        period.start + timedelta(days=number)
        for period in map(calendar.period, periods)
        for number in range(period.days)
    }
