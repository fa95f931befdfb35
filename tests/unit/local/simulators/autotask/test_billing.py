"""Proration, periods and posting: what a customer is billed."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulators.autotask.billing import (
    Change,
    ContractCalendar,
    Piece,
    Span,
    kept,
    pieces,
    posted_amount,
    spans,
)
from local.simulators.autotask.builders import (
    a_company,
    a_contract,
    a_contract_service,
    a_service,
)
from local.simulators.autotask.posting import approve_and_post
from local.simulators.autotask.rules import adjust
from local.simulators.autotask.state import SERVICE, PsaState
from tests.unit.local.simulators.autotask.conftest import NOON

YEAR = ContractCalendar(date(2026, 1, 1), 1, date(2026, 12, 31))
MARCH = date(2026, 3, 1)


def test_periods_are_counted_from_the_first_day_of_the_contract():
    found = list(ContractCalendar(date(2026, 1, 31), 1, date(2026, 4, 15)).periods())

    assert [one.start for one in found] == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
    ]


@pytest.mark.parametrize(
    ("months", "day", "start"),
    [
        (3, date(2026, 6, 30), date(2026, 4, 1)),
        (12, date(2026, 12, 31), date(2026, 1, 1)),
        (12, date(2027, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_period_may_be_a_quarter_or_a_year(months, day, start):
    calendar = ContractCalendar(date(2026, 1, 1), months, date(2028, 12, 31))

    assert calendar.containing(day).start == start


def test_units_are_cut_where_they_change():
    found = list(spans(YEAR, [Change(date(2026, 11, 1), 10), Change(date(2026, 11, 17), 2)]))

    assert found == [
        Span(date(2026, 11, 1), date(2026, 11, 16), 10),
        Span(date(2026, 11, 17), date(2026, 11, 30), 12),
        Span(date(2026, 12, 1), date(2026, 12, 31), 12),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(MARCH, 2), []),
        (Change(date(2026, 3, 17), 2), [(date(2026, 3, 17), date(2026, 3, 31), 2, "15/31")]),
        (Change(date(2026, 3, 17), -3), [(date(2026, 3, 17), date(2026, 3, 31), -3, "15/31")]),
    ],
)
def test_a_change_within_a_period_is_prorated_from_its_day_on(change, expected):
    found = [(one.first, one.last, one.units, str(one.fraction)) for one in pieces(YEAR, change)]

    assert found == expected


def test_a_change_in_posted_periods_owes_their_rest():
    found = pieces(YEAR, Change(date(2026, 3, 17), 1), [MARCH, date(2026, 4, 1)])

    assert [(one.first, one.fraction) for one in found] == [
        (date(2026, 3, 17), Fraction(15, 31)),
        (date(2026, 4, 1), Fraction(1)),
    ]


def test_amounts_keep_four_decimals_and_are_posted_with_two():
    piece = Piece(date(2026, 3, 17), date(2026, 3, 31), 2, Fraction(15, 31))

    assert kept(Decimal("20.00"), piece) == Decimal("19.3548")
    assert posted_amount(Decimal("19.3548")) == Decimal("19.35")
    assert posted_amount(Decimal("-0.005")) == Decimal("-0.01")


def test_what_is_added_within_a_period_is_posted_beside_it(site):
    site.state.posted_of(7001).pop(MARCH)
    assert site.adjust(2, "2026-03-17").status_code == 200
    assert site.adjust(-1, "2026-03-20").status_code == 200

    march, late = site.post("2026-03-31")

    assert [(one["units"], one["amount"]) for one in march["lines"]] == [(10, Decimal("200.00"))]
    assert [(one["units"], one["from"], one["amount"]) for one in late["lines"]] == [
        (2, "2026-03-17", Decimal("19.35")),
        (-1, "2026-03-20", Decimal("-7.74")),
    ]


def test_arrears_are_posted_at_the_end_of_a_period(site):
    site.state.seed(
        contracts=[a_contract(7002, billing="arrears", ends=date(2026, 12, 31))],
        contract_services=[a_contract_service(502, contract=7002)],
    )
    site.state.posted_of(7002).clear()
    assert site.adjust(2, "2026-03-17", line=502).status_code == 200

    invoices = [one for one in site.post("2026-03-31") if one["contract_id"] == 7002]

    assert [one["invoice_date"] for one in invoices] == ["2026-01-31", "2026-02-28", "2026-03-31"]
    assert [line["amount"] for line in invoices[-1]["lines"]] == [
        Decimal("200.00"),
        Decimal("19.35"),
    ]
    assert invoices[-1]["total"] == Decimal("219.35")


def test_nothing_is_posted_twice(site):
    first = site.post("2026-06-01")

    assert [one["invoice_date"] for one in first] == ["2026-04-01", "2026-05-01", "2026-06-01"]
    assert site.post("2026-06-01") == []


def test_what_is_added_to_a_posted_period_comes_with_the_next_run(site):
    site.control("PUT", "/switches", {"adjust_posted_periods": True})
    assert site.adjust(2, "2026-03-17").status_code == 200

    (late,) = site.post("2026-03-17")
    (april,) = site.post("2026-04-01")

    assert [(one["units"], one["amount"]) for one in late["lines"]] == [(2, Decimal("19.35"))]
    assert [(one["units"], one["amount"]) for one in april["lines"]] == [(12, Decimal("240.00"))]


def test_a_contract_that_ends_within_a_period_bills_its_days(site):
    site.state.seed(
        contracts=[a_contract(7002, ends=date(2026, 4, 15))],
        contract_services=[a_contract_service(502, contract=7002)],
    )

    invoices = [one for one in site.post("2026-12-31") if one["contract_id"] == 7002]

    assert [one["total"] for one in invoices] == [Decimal("100.00")]


def test_invoices_can_be_asked_for(site):
    site.post("2026-05-01")

    found = site.control("GET", "/invoices?contract=7001&from=2026-05-01").json()

    assert [one["invoice_date"] for one in found["invoices"]] == ["2026-05-01"]
    assert found["total"] == 200


@settings(deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.dates(date(2026, 1, 1), date(2026, 6, 30)),
            st.integers(-9, 9).filter(bool),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    months=st.sampled_from([1, 3]),
    billing=st.sampled_from(["advance", "arrears"]),
)
def test_every_day_is_billed_for_its_units_whenever_it_is_posted(changes, months, billing):
    """Each change may come after everything up to its day, and more, was posted."""
    period = {1: "Monthly", 3: "Quarterly"}[months]
    contract = a_contract(
        period=period, ends=date(2026, 6, 30), first_unposted=None, billing=billing
    )
    state = PsaState(now=lambda: NOON).seed(
        companies=[a_company()],
        services=[a_service(price="20.00")],
        contracts=[contract],
        contract_services=[a_contract_service(units=100)],
    )
    state.set_switches({"adjust_posted_periods": True, "same_date_twice": True})
    for effective, units, posts in changes:
        if posts:
            approve_and_post(state, effective)
        body = {"contractServiceID": 501, "unitChange": units, "effectiveDate": str(effective)}
        adjust(state, SERVICE, body, who="api", by="test")
    approve_and_post(state, date(2026, 12, 31))

    kept_amounts = [line["kept"] for one in state.invoices for line in one["lines"]]
    expected = Fraction(0)
    for number in range(181):
        day = date(2026, 1, 1) + timedelta(days=number)
        in_force = 100 + sum(units for effective, units, _ in changes if effective <= day)
        expected += Fraction(20 * in_force, state.calendar(7001).containing(day).days)
    assert abs(sum(map(Fraction, kept_amounts)) - expected) <= len(kept_amounts) * Fraction(
        1, 20000
    )
