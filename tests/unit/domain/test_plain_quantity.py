"""A line with one quantity and no dates: what the next invoice bills, and nothing else."""

from dataclasses import replace
from datetime import date

import pytest

from local.simulators.common.billing import Calendar
from shared.domain.agreements import CreateLine, RemoveLine, SetQuantity
from shared.domain.ledger import Ledger, SeatOverride
from shared.domain.planning import plan
from shared.domain.plans import PlanStatus, ReasonKind
from tests.builders import CUSTOMER, GROUP, LINE, a_line, a_mapping
from tests.property.plain import PLAIN, PlainPsa
from tests.property.simulated import Driver


def march(day: int) -> date:
    return date(2026, 3, day)


def april(day: int) -> date:
    return date(2026, 4, day)


def a_driver(*, seats: int | None = 10, capabilities=PLAIN, **mapping) -> Driver:
    """A driver on a schedule that runs next on 1 April, with a line of so many taken over."""
    psa = PlainPsa(Calendar(date(2026, 1, 1), 1))
    psa.next_run = 3
    driver = Driver(psa, (a_mapping(**mapping),), capabilities=capabilities)
    if seats is not None:
        psa.lines[LINE] = a_line(quantity=seats, starts=None)
        driver.sync(march(2), seats)
    return driver


def quantities(driver: Driver) -> list[int | None]:
    return [line.quantity for line in driver.psa.lines.values()]


def test_a_change_is_one_quantity_and_waits_for_the_next_invoice():
    driver = a_driver()

    found = driver.sync(march(17), 12)

    assert [type(op) for op in found.operations] == [SetQuantity]
    assert quantities(driver) == [12]
    assert found.explanation[-1] == (
        "counts from the invoice of 1 April 2026 on, which bills it whole"
    )


def test_two_changes_of_a_day_are_the_last_of_them():
    driver = a_driver()

    driver.sync(march(17), 15)
    driver.sync(march(17), 10)

    assert quantities(driver) == [10]


def test_a_fall_lowers_the_next_invoice():
    driver = a_driver()

    driver.sync(march(17), 7)

    assert quantities(driver) == [7]


def test_a_new_line_is_there_at_once_for_the_next_invoice():
    driver = a_driver(seats=None)

    [created] = driver.sync(march(17), 5).operations

    assert isinstance(created, CreateLine)
    assert (created.quantity, created.starts, created.ends) == (5, april(1), None)


def test_a_line_is_added_ahead_of_a_start_date_that_the_next_invoice_bills_whole():
    driver = a_driver(seats=None, override_start=april(1))

    found = driver.sync(march(17), 5)

    assert found.status is PlanStatus.CHANGE
    assert driver.sync(march(18), 6).previous is None
    assert quantities(driver) == [6]


def test_a_start_date_inside_a_period_waits_for_the_invoice_after_it():
    driver = a_driver(seats=None, override_start=april(2))

    waiting = driver.sync(march(17), 5)
    driver.psa.invoice()
    driver.sync(april(1), 5)

    assert (waiting.status, waiting.operations) == (PlanStatus.WAITING, ())
    assert waiting.reasons[0].kind is ReasonKind.OVERRIDE_START
    assert waiting.reasons[0].text == "starts on 2 April 2026"
    assert driver.psa.billed == {april(1): 0}
    assert quantities(driver) == [5]


def test_the_line_of_others_is_not_taken_over_before_the_start_date_counts():
    driver = a_driver(seats=None, override_start=april(2))
    driver.psa.lines[LINE] = a_line(quantity=8, starts=None)

    assert driver.sync(march(17), 5).status is PlanStatus.WAITING
    assert quantities(driver) == [8]


def test_a_row_that_leaves_is_on_no_invoice_from_the_next_one_on_and_its_line_goes_after_that():
    driver = a_driver(effective_to=march(31))

    driver.sync(march(17), 10)
    in_march = quantities(driver)
    driver.psa.invoice()
    last = driver.sync(april(1), 10)

    assert in_march == [0]
    assert [type(op) for op in last.operations] == [RemoveLine]
    assert driver.psa.lines == {}
    assert driver.ledger.line_id is None


def test_a_row_that_leaves_and_comes_back_finds_its_line():
    driver = a_driver(effective_to=march(31))
    driver.sync(march(17), 10)

    driver.mappings = (a_mapping(),)
    driver.sync(march(20), 10)

    assert [(line.line_id, line.quantity) for line in driver.psa.lines.values()] == [(LINE, 10)]


def test_a_line_that_cannot_have_no_seats_is_taken_away_at_once():
    driver = a_driver(capabilities=replace(PLAIN, can_reach_zero=False))

    driver.sync(march(17), 0)

    assert driver.psa.lines == {}


def test_a_line_of_no_seats_goes_once_a_whole_period_had_none():
    driver = a_driver()

    driver.sync(march(17), 0)
    in_march = quantities(driver)
    driver.psa.invoice()
    driver.sync(april(2), 0)

    assert (in_march, driver.psa.lines) == ([0], {})


def test_a_line_that_went_is_made_again_under_another_mark():
    driver = a_driver(seats=None)
    driver.sync(march(2), 4)
    [first] = (line.marker for line in driver.psa.lines.values())
    driver.sync(march(3), 0)
    driver.psa.invoice()
    driver.sync(april(1), 0)

    driver.sync(april(2), 3)

    [second] = driver.psa.lines.values()
    assert (first, second.marker, second.quantity) == (
        f"SEATSYNC-{driver.group.group_id}",
        f"SEATSYNC-{driver.group.group_id}.2",
        3,
    )


def test_a_hand_edit_is_held():
    driver = a_driver()
    driver.psa.lines[LINE] = a_line(quantity=99, starts=None)

    assert [r.kind for r in driver.sync(march(17), 12).reasons] == [ReasonKind.DRIFT]
    assert quantities(driver) == [99]


def test_a_line_removed_by_hand_is_held():
    driver = a_driver()
    driver.psa.lines.clear()

    assert [r.kind for r in driver.sync(march(17), 12).reasons] == [ReasonKind.REMOVED_BY_HAND]


def test_a_line_of_no_seats_that_a_person_took_away_is_done():
    driver = a_driver()
    driver.sync(march(17), 0)
    driver.psa.lines.clear()

    found = driver.sync(march(18), 0)

    assert found.status is PlanStatus.IN_STEP
    assert driver.ledger.line_id is None


@pytest.mark.parametrize(
    ("until", "seats"),
    [(march(30), 20), (march(31), 12), (april(1), 20)],
    ids=["ends before the invoice", "ends on the eve of it", "lasts through it"],
)
def test_a_number_that_a_person_set_is_billed_only_if_it_lasts_through_the_invoice(until, seats):
    driver = a_driver()
    driver.ledger = replace(driver.ledger, override=SeatOverride(20, until, "a project", "ann"))

    driver.sync(march(17), 12)
    while_it_lasts = quantities(driver)
    driver.sync(march(31), 12)
    on_the_eve = quantities(driver)
    driver.psa.invoice()

    assert while_it_lasts == [seats]
    assert on_the_eve == [20 if until >= april(1) else 12]


def test_nothing_is_needed_for_a_row_that_comes_later_than_the_next_invoice():
    driver = a_driver(seats=None, effective_from=april(10))

    found = driver.sync(march(17), 5)

    assert (found.status, found.operations) == (PlanStatus.WAITING, ())


def test_a_row_that_comes_with_the_next_invoice_has_its_line_ahead():
    driver = a_driver(seats=None, effective_from=april(1))

    driver.sync(march(17), 5)

    assert quantities(driver) == [5]


# Lines that nobody but a person can end -----------------------------------------------------------


def test_a_line_that_has_no_last_day_and_cannot_be_empty_is_for_a_person(monkeypatch):
    driver = a_driver(capabilities=replace(PLAIN, can_reach_zero=False))
    monkeypatch.setattr("shared.domain.changing.plain_quantity._is_done", lambda facts: False)

    found = plan(driver.request(march(17), 0))

    assert (found.status, found.operations) == (PlanStatus.HELD, ())
    [reason] = found.reasons
    assert reason.kind is ReasonKind.CANNOT_END
    assert "end it there" in reason.text


def test_a_line_without_a_last_day_is_retired_once_its_rows_have_left(monkeypatch):
    driver = a_driver(effective_to=march(31))
    monkeypatch.setattr("shared.domain.changing.plain_quantity._is_done", lambda facts: False)

    driver.sync(march(17), 10)
    before = driver.ledger.is_done
    driver.sync(april(1), 10)

    assert (before, driver.ledger.is_done, driver.ledger.line_id) == (False, True, LINE)


def test_an_empty_ledger_is_done():
    assert Ledger(CUSTOMER, GROUP).is_done
