"""Worked examples of dated adjustments: a contract billed monthly from the 1st, a line of 10.

Autotask prorates what is adjusted from its day on. What is tried here is which adjustments are
sent, and when.
"""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from local.simulators.autotask import billing
from shared.domain.agreements import (
    AdjustQuantity,
    Capabilities,
    CreateLine,
    QuantityStep,
    standing_marker,
)
from shared.domain.ledger import InForce, SeatOverride
from shared.domain.mappings import ExistingLine, OnDrift
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, Plan, PlanStatus, ReasonKind
from tests.builders import (
    BUSINESS_PREMIUM_ROW,
    E5_ROW,
    GROUP,
    LINE,
    a_line,
    a_mapping,
    dollars,
)
from tests.property.adjusted import AUTOTASK, POSTED_TOO, Contract
from tests.property.simulated import PRICE, Driver

MARCH_10 = date(2026, 3, 10)
MARCH_17 = date(2026, 3, 17)
MARCH_18 = date(2026, 3, 18)
MARCH_31 = date(2026, 3, 31)
MARCH = date(2026, 3, 1)
APRIL = date(2026, 4, 1)
APRIL_2 = date(2026, 4, 2)
MAY = date(2026, 5, 1)


def a_contract(*, posted: date, seats: int | None = 10, changes_posted: bool = False) -> Contract:
    """A contract whose periods are posted up to the one that begins on a day."""
    contract = Contract(
        billing.ContractCalendar(date(2026, 1, 1), 1, date(2030, 12, 31)),
        changes_posted=changes_posted,
    )
    if seats is not None:
        contract.begin_with(a_line(LINE, quantity=seats, unit_price=PRICE), seats)
    while contract.first_unposted <= posted:
        contract.invoice()
    return contract


def a_driver(
    *,
    posted: date,
    seats: int | None = 10,
    credits_on: bool = False,
    site: Capabilities = AUTOTASK,
    **mapping,
) -> Driver:
    """A driver whose line was taken over on 10 March."""
    contract = a_contract(posted=posted, seats=seats, changes_posted=site.changes_invoiced)
    driver = Driver(
        contract,  # type: ignore[arg-type]  # has what a driver calls
        (a_mapping(**mapping),),
        credits=credits_on,
        capabilities=site,
    )
    if seats is not None:
        driver.sync(MARCH_10, seats)
    return driver


def changes(found: Plan) -> list[tuple[date, int, int]]:
    assert all(isinstance(one, AdjustQuantity) for one in found.operations)
    return [
        (one.effective, one.before, one.after)
        for one in found.operations
        if isinstance(one, AdjustQuantity)
    ]


FEBRUARY_POSTED = date(2026, 2, 1)
MARCH_POSTED = MARCH


# A rise ------------------------------------------------------------------------------------------


def test_a_rise_in_an_open_period_counts_from_today():
    driver = a_driver(posted=FEBRUARY_POSTED)

    assert changes(driver.sync(MARCH_17, 12)) == [(MARCH_17, 10, 12)]
    driver.psa.invoice()
    assert driver.psa.billed()[MARCH] == 10 + 2 * Fraction(15, 31)


def test_a_rise_in_a_posted_period_counts_from_the_first_day_that_is_not():
    driver = a_driver(posted=MARCH_POSTED)

    found = driver.sync(MARCH_17, 12)

    assert changes(found) == [(APRIL, 10, 12)]
    assert "the days before 1 April 2026 are posted: a change counts from then" in found.explanation


def test_a_rise_counts_from_today_where_posted_periods_change():
    driver = a_driver(posted=MARCH_POSTED, site=POSTED_TOO)

    assert changes(driver.sync(MARCH_17, 12)) == [(MARCH_17, 10, 12)]
    driver.psa.invoice()
    assert driver.psa.billed()[MARCH] == 10 + 2 * Fraction(15, 31)


def test_a_second_change_of_a_day_counts_from_the_next_day():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(MARCH_17, 12)

    found = driver.sync(MARCH_17, 15)

    assert changes(found) == [(MARCH_18, 12, 15)]
    assert (
        "the PSA takes one change of a line and day: this one counts from 18 March 2026"
        in found.explanation
    )


def test_a_rise_that_is_undone_on_its_day_counts_for_that_day_alone():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(MARCH_17, 15)

    assert changes(driver.sync(MARCH_17, 8)) == [(MARCH_18, 15, 10)]


def test_a_second_change_of_a_periods_last_day_is_left_to_the_next_period():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(MARCH_31, 12)

    assert changes(driver.sync(MARCH_31, 15)) == []
    assert changes(driver.sync(APRIL_2, 15)) == [(APRIL, 12, 15)]


def test_back_up_after_a_fall_is_charged_beyond_the_high_water_only():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(date(2026, 3, 12), 5)

    assert changes(driver.sync(date(2026, 3, 14), 9)) == []
    assert changes(driver.sync(MARCH_17, 15)) == [(MARCH_17, 10, 15)]


# A fall ------------------------------------------------------------------------------------------


def test_a_fall_in_an_open_period_waits_for_the_next_one():
    driver = a_driver(posted=FEBRUARY_POSTED)

    waits = driver.sync(MARCH_17, 8)

    assert (waits.status, waits.operations) == (PlanStatus.IN_STEP, ())
    assert f"line {LINE} stays at 10 until its next period begins" in waits.explanation
    assert changes(driver.sync(APRIL, 8)) == [(APRIL, 10, 8)]


def test_a_fall_that_waited_counts_from_the_periods_first_day_although_the_sync_is_late():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(MARCH_17, 8)

    found = driver.sync(date(2026, 4, 9), 11)

    assert changes(found) == [(APRIL, 10, 8), (date(2026, 4, 9), 8, 11)]


def test_a_fall_in_a_posted_period_is_written_for_the_next_one_at_once():
    driver = a_driver(posted=MARCH_POSTED)

    assert changes(driver.sync(MARCH_17, 8)) == [(APRIL, 10, 8)]
    assert changes(driver.sync(MARCH_18, 9)) == [(APRIL_2, 8, 9)]


def test_a_fall_with_credits_counts_from_today():
    driver = a_driver(posted=FEBRUARY_POSTED, credits_on=True)

    assert changes(driver.sync(MARCH_17, 8)) == [(MARCH_17, 10, 8)]
    driver.psa.invoice()
    assert driver.psa.billed()[MARCH] == 10 - 2 * Fraction(15, 31)


def test_a_credit_that_cannot_be_written_is_reported_for_its_days():
    driver = a_driver(posted=MARCH_POSTED, credits_on=True)

    [credit] = driver.sync(MARCH_17, 8).credits_due

    assert (credit.starts, credit.ends, credit.seats) == (MARCH_17, MARCH_31, -2)


def test_a_credit_of_a_connection_that_reports_them_waits_like_a_fall_without():
    driver = a_driver(posted=FEBRUARY_POSTED, credits_on=True)
    driver.credit_mode = CreditMode.REPORT

    found = driver.sync(MARCH_17, 8)

    assert found.operations == ()
    assert [(c.starts, c.ends, c.seats) for c in found.credits_due] == [(MARCH_17, MARCH_31, -2)]


def test_on_a_periods_first_day_rise_and_fall_count_from_it():
    for seats in (7, 13):
        driver = a_driver(posted=FEBRUARY_POSTED)
        assert changes(driver.sync(APRIL, seats)) == [(APRIL, 10, seats)]


def test_where_posted_periods_change_a_fall_is_written_on_the_last_day_before_its_period():
    driver = a_driver(posted=MARCH_POSTED, site=POSTED_TOO)

    assert changes(driver.sync(MARCH_17, 8)) == []
    assert changes(driver.sync(MARCH_31, 8)) == [(APRIL, 10, 8)]


def test_where_posted_periods_change_a_fall_that_was_missed_still_counts():
    driver = a_driver(posted=MARCH_POSTED, site=POSTED_TOO)
    driver.sync(MARCH_17, 8)
    driver.psa.invoice()  # April, with 10

    assert changes(driver.sync(date(2026, 4, 3), 8)) == [(APRIL, 10, 8)]


def test_periods_that_were_posted_between_two_syncs_stay_as_they_are():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.sync(MARCH_17, 8)
    driver.psa.invoice()
    driver.psa.invoice()  # March and April

    assert changes(driver.sync(date(2026, 4, 3), 12)) == [(MAY, 10, 12)]


def test_an_agreement_that_does_not_prorate_changes_on_first_days_only():
    driver = a_driver(posted=FEBRUARY_POSTED)
    request = driver.request(MARCH_17, 12)
    whole = replace(request, agreement=replace(request.agreement, prorates=False))

    assert plan(whole).operations == ()
    waiting = replace(whole, today=APRIL_2, ledger=_remembering(whole.ledger, MARCH_17, 12))
    assert changes(plan(waiting)) == [(APRIL, 10, 12)]


def _remembering(ledger, day: date, seats: int):
    return replace(ledger, in_force=(*ledger.in_force, InForce(day, seats)), as_of=day)


# To nothing --------------------------------------------------------------------------------------


def test_no_seats_are_written_where_a_line_can_have_none():
    driver = a_driver(posted=MARCH_POSTED)

    assert changes(driver.sync(MARCH_17, 0)) == [(APRIL, 10, 0)]


def test_no_seats_wait_for_a_person_where_a_line_cannot_have_none():
    driver = a_driver(posted=MARCH_POSTED, site=replace(AUTOTASK, can_reach_zero=False))

    found = driver.sync(MARCH_17, 0)

    assert (found.status, found.operations) == (PlanStatus.HELD, ())
    assert [reason.kind for reason in found.reasons] == [ReasonKind.CANNOT_END]


def test_seats_that_came_back_after_none_are_one_change_where_a_line_cannot_have_none():
    driver = a_driver(posted=FEBRUARY_POSTED, site=replace(AUTOTASK, can_reach_zero=False))
    driver.sync(MARCH_17, 0)

    assert changes(driver.sync(date(2026, 4, 9), 4)) == [(date(2026, 4, 9), 10, 4)]


def test_a_line_whose_rows_left_has_no_seats_from_the_day_after_and_is_then_done():
    driver = a_driver(posted=MARCH_POSTED)
    driver.mappings = (a_mapping(effective_to=MARCH_31),)

    assert changes(driver.sync(MARCH_17, 10)) == [(APRIL, 10, 0)]
    done = driver.sync(APRIL_2, 10)

    assert (done.status, done.operations) == (PlanStatus.IN_STEP, ())
    assert driver.ledger is not None
    assert driver.ledger.retired


def test_a_line_that_was_done_is_taken_up_again():
    driver = a_driver(posted=MARCH_POSTED)
    driver.mappings = (a_mapping(effective_to=MARCH_31),)
    driver.sync(MARCH_17, 10)
    driver.sync(APRIL_2, 10)
    driver.mappings = (a_mapping(),)

    assert changes(driver.sync(date(2026, 4, 6), 6)) == [(date(2026, 4, 6), 0, 6)]
    assert driver.ledger is not None
    assert not driver.ledger.retired


# A new line --------------------------------------------------------------------------------------


def test_a_new_line_starts_today_in_an_open_period():
    driver = a_driver(posted=FEBRUARY_POSTED, seats=None)

    [create] = driver.sync(MARCH_17, 6).operations

    assert isinstance(create, CreateLine)
    assert (create.starts, create.quantity, create.ends) == (MARCH_17, 6, None)


def test_a_new_line_starts_on_the_first_day_that_is_not_posted():
    driver = a_driver(posted=MARCH_POSTED, seats=None)

    [create] = driver.sync(MARCH_17, 6).operations

    assert isinstance(create, CreateLine)
    assert (create.starts, create.quantity) == (APRIL, 6)


def test_a_line_of_ours_without_units_is_half_made_and_made_again():
    driver = a_driver(posted=FEBRUARY_POSTED, seats=None)
    half = a_line(LINE, quantity=0, starts=None, marker=standing_marker(GROUP, 1))
    driver.psa.lines[LINE] = replace(half, steps=())

    [create] = plan(driver.request(MARCH_17, 6)).operations

    assert isinstance(create, CreateLine)
    assert create.quantity == 6


def test_a_product_that_is_on_the_agreement_already_is_never_added_twice():
    driver = a_driver(posted=FEBRUARY_POSTED, seats=None, existing_line=ExistingLine.CREATE)
    driver.psa.begin_with(a_line(LINE, quantity=4), 4)

    found = driver.sync(MARCH_17, 6)

    assert (found.status, found.operations) == (PlanStatus.HELD, ())
    assert [reason.kind for reason in found.reasons] == [ReasonKind.SEVERAL_LINES]


def test_a_line_of_a_row_that_moves_here_is_written_ahead_only_for_a_posted_period():
    for posted, status in (
        (MARCH_POSTED, PlanStatus.CHANGE),
        (FEBRUARY_POSTED, PlanStatus.WAITING),
    ):
        driver = a_driver(posted=posted, seats=None, effective_from=APRIL)
        assert driver.sync(MARCH_17, 6).status is status


# People ------------------------------------------------------------------------------------------


def test_a_hand_edit_holds_although_the_fall_would_wait():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.psa.by_hand(LINE, date(2026, 3, 12), +2)

    found = driver.sync(MARCH_17, 10)

    assert (found.status, found.operations) == (PlanStatus.HELD, ())
    assert [reason.kind for reason in found.reasons] == [ReasonKind.DRIFT]


def test_a_hand_edit_to_the_right_number_is_kept_without_a_write():
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.psa.by_hand(LINE, date(2026, 3, 12), +2)

    found = driver.sync(MARCH_17, 12)

    assert (found.adopts, found.operations) == (True, ())
    assert changes(driver.sync(MARCH_18, 13)) == [(MARCH_18, 12, 13)]


def test_a_hand_edit_that_may_be_written_over_is_taken_back_when_the_next_period_begins():
    driver = a_driver(posted=FEBRUARY_POSTED, on_drift=OnDrift.ENFORCE)
    driver.psa.by_hand(LINE, date(2026, 3, 12), +2)

    assert changes(driver.sync(MARCH_17, 10)) == []
    assert changes(driver.sync(APRIL, 10)) == [(APRIL, 12, 10)]


def test_a_persons_number_ends_on_its_last_day_although_no_sync_saw_it():
    driver = a_driver(posted=FEBRUARY_POSTED)
    assert driver.ledger is not None
    until = SeatOverride(14, date(2026, 3, 25), "for a while", "editor")
    driver.ledger = replace(driver.ledger, override=until)
    driver.sync(MARCH_17, 10)

    assert changes(driver.sync(date(2026, 4, 9), 10)) == [(APRIL, 14, 10)]


def test_a_price_that_only_a_person_can_change_is_told_and_seats_do_not_wait_for_it():
    driver = a_driver(posted=FEBRUARY_POSTED)

    def planned(seats: int) -> Plan:
        request = driver.request(MARCH_17, seats)
        return plan(replace(request, price=dollars("22.00")))

    quiet, rise = planned(10), planned(12)

    assert [reason.kind for reason in quiet.reasons] == [ReasonKind.PRICE]
    assert (quiet.status, rise.status) == (PlanStatus.HELD, PlanStatus.CHANGE)
    assert changes(rise) == [(MARCH_17, 10, 12)]
    assert "20.00 in the PSA and 22.00" in rise.explanation[-1]


@pytest.mark.parametrize("seats", [9, 11])
def test_rows_of_one_product_share_its_line(seats):
    driver = a_driver(posted=FEBRUARY_POSTED)
    driver.mappings = (a_mapping(E5_ROW), a_mapping(BUSINESS_PREMIUM_ROW))

    found = driver.sync(MARCH_17, {E5_ROW: seats, BUSINESS_PREMIUM_ROW: 3})

    assert changes(found) == [(MARCH_17, 10, seats + 3)]


def test_a_change_somebody_planned_for_later_holds_the_line():
    driver = a_driver(posted=FEBRUARY_POSTED)
    line = driver.psa.lines[LINE]
    driver.psa.lines[LINE] = replace(line, steps=(*(line.steps or ()), QuantityStep(APRIL, 3)))

    assert driver.sync(MARCH_17, 10).status is PlanStatus.HELD
