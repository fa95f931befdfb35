"""The worked examples of ADR 0008, on a PSA that invoices."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.charging import last_settled_day
from shared.domain.periods import Cycle
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, PlanStatus
from tests.builders import LINE, a_line, a_mapping
from tests.property.simulated import ADVANCE, ARREARS, MONTH_AHEAD, Driver, a_psa


def march(day: int) -> date:
    return date(2026, 3, day)


def april(day: int) -> date:
    return date(2026, 4, day)


def a_driver(timing=ADVANCE, *, seats: int | None = 10, **options) -> Driver:
    """A driver on an agreement that is invoiced as on 1 March, with an old line of so many."""
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=march(1))
    if seats is not None:
        psa.lines[LINE] = a_line(quantity=seats)
    if timing is not ARREARS:
        psa.invoice()
    driver = Driver(psa, **options)
    if seats is not None:
        driver.sync(march(1), seats)
    return driver


def test_a_rise_in_an_invoiced_period_is_a_line_to_its_end():
    driver = a_driver()

    driver.sync(march(17), 12)

    assert driver.psa.lines[LINE].quantity == 12
    assert driver.psa.dated() == [(2, march(17), march(31))]


def test_a_rise_before_the_invoice_leaves_the_standing_line():
    driver = a_driver(ARREARS)

    driver.sync(march(17), 12)
    before_invoice = driver.psa.lines[LINE].quantity
    driver.psa.invoice()
    driver.sync(april(1), 12)

    assert (before_invoice, driver.psa.lines[LINE].quantity) == (10, 12)
    assert driver.psa.dated() == [(2, march(17), march(31))]


def test_each_invoiced_period_has_its_own_high_water_mark():
    # A month ahead: April was invoiced with 12, May with 10; on 16 April 13 are needed.
    driver = a_driver(MONTH_AHEAD, seats=12)
    driver.sync(march(20), 10)
    driver.psa.invoice()

    driver.sync(april(16), 13)

    assert driver.psa.dated() == [
        (1, april(16), april(30)),
        (3, date(2026, 5, 1), date(2026, 5, 31)),
    ]


def test_two_invoices_without_a_sync_between_them_are_made_up_for():
    # March in arrears is billed 10 as it should be; April's invoice finds the 10 still there.
    driver = a_driver(ARREARS)
    driver.sync(march(17), 12)
    driver.psa.invoice()
    driver.psa.invoice()

    driver.sync(date(2026, 5, 2), 12)

    assert driver.psa.lines[LINE].quantity == 12
    assert (2, april(1), april(30)) in driver.psa.dated()
    assert driver.plans[-1].back_dated == (april(1),)


def test_a_line_made_up_for_stays_when_the_day_has_a_second_sync():
    driver = a_driver(ARREARS)
    driver.sync(march(17), 12)
    driver.psa.invoice()
    driver.psa.invoice()
    driver.sync(date(2026, 5, 2), 12)
    made_up = driver.psa.dated()

    driver.sync(date(2026, 5, 2), 13)

    assert set(made_up) < set(driver.psa.dated())


def test_a_new_line_that_rises_before_its_first_invoice_is_charged_the_rise_by_dated_lines():
    driver = a_driver(seats=None)
    driver.sync(march(20), 10)
    driver.sync(march(25), 12)
    assert [line.quantity for line in driver.psa.standing()] == [10]
    assert driver.psa.dated() == [(2, march(25), march(31))]
    driver.psa.invoice()

    driver.sync(april(1), 12)

    assert [line.quantity for line in driver.psa.standing()] == [12]
    assert driver.psa.dated() == [(2, march(25), march(31)), (2, april(1), april(30))]


@pytest.mark.parametrize(
    ("credits_on", "line"),
    [(False, (2, march(20), march(31))), (True, (2, march(20), march(24)))],
    ids=["without credits", "with credits"],
)
def test_a_new_line_that_falls_before_its_first_invoice_keeps_its_first_days(credits_on, line):
    driver = a_driver(seats=None, credits=credits_on)
    driver.sync(march(20), 10)

    driver.sync(march(25), 8)

    assert [x.quantity for x in driver.psa.standing()] == [8]
    assert driver.psa.dated() == [line]


def test_a_new_line_that_changes_on_its_first_day_is_just_set():
    driver = a_driver(seats=None)
    driver.sync(march(20), 10)

    driver.sync(march(20), 12)

    assert [line.quantity for line in driver.psa.standing()] == [12]
    assert driver.psa.dated() == []


@pytest.mark.parametrize(
    ("seats", "standing", "dated"),
    [(12, 10, [(2, march(25), march(31))]), (8, 8, [])],
    ids=["a rise waits", "a fall counts at once"],
)
def test_a_young_line_that_is_taken_over_is_neither_billed_twice_nor_too_long(
    seats, standing, dated
):
    driver = a_driver(seats=None)
    driver.psa.lines[LINE] = a_line(starts=march(20))
    driver.sync(march(21), 10)

    driver.sync(march(25), seats)

    assert driver.psa.lines[LINE].quantity == standing
    assert driver.psa.dated() == dated


def test_equal_differences_of_neighbouring_periods_are_one_line():
    driver = a_driver(MONTH_AHEAD)

    driver.sync(march(17), 12)

    assert driver.psa.dated() == [(2, march(17), april(30))]


def test_a_credit_that_is_reported_is_told_once_and_not_again():
    driver = a_driver(credits=True, credit_mode=CreditMode.REPORT)

    first = driver.sync(march(17), 8)
    second = driver.sync(march(17), 8)
    third = driver.sync(march(18), 8)

    assert [(c.seats, c.starts, c.ends) for c in first.credits_due] == [(-2, march(17), march(31))]
    assert second.status is PlanStatus.IN_STEP
    assert third.credits_due == ()
    assert driver.psa.dated() == []


def test_lines_end_with_the_agreement():
    psa = a_psa(date(2026, 1, 1), first_day=march(1), ends=march(20))
    psa.lines[LINE] = a_line()
    psa.invoice()
    driver = Driver(psa)
    driver.sync(march(1), 10)

    driver.sync(march(17), 12)

    assert psa.dated() == [(2, march(17), march(20))]
    assert psa.lines[LINE].quantity == 10  # it never bills again


def test_no_dated_line_without_a_first_uninvoiced_day():
    driver = a_driver()
    request = driver.request(march(17), 12)
    agreement = replace(request.agreement, first_uninvoiced=None)

    unknown = plan(replace(request, agreement=agreement))

    assert (unknown.status, unknown.operations) == (PlanStatus.BLOCKED, ())
    assert "invoiced" in unknown.reasons[0].text


def test_after_an_invoice_between_two_changes_of_a_day_nothing_invoiced_is_edited():
    driver = a_driver()
    driver.sync(march(31), 12)
    driver.psa.invoice()
    driver.sync(march(31), 13)

    driver.sync(march(31), 12)

    # The simulated PSA refuses to remove or lower what an invoice has seen.
    assert (2, march(31), march(31)) in driver.psa.dated()
    assert driver.psa.lines[LINE].quantity == 12


@pytest.mark.parametrize(
    ("today", "first_uninvoiced", "last"),
    [
        (march(17), march(1), march(31)),
        (march(17), april(1), march(31)),
        (march(17), date(2026, 5, 1), april(30)),
        (april(3), march(1), april(30)),
    ],
)
def test_a_row_leaves_its_line_on_the_last_settled_day(today, first_uninvoiced, last):
    assert last_settled_day(Cycle(date(2026, 1, 1), 1), today, first_uninvoiced) == last


def test_a_row_that_leaves_ends_its_line_even_if_no_sync_ran_until_then():
    driver = a_driver()

    driver.mappings = (a_mapping(effective_to=march(31)),)
    driver.sync(april(3), 10)

    assert driver.psa.lines[LINE].ends == march(31)
