"""A whole house on a PSA whose lines change by adjustments that nothing takes back (Autotask)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.agreements import AdjustQuantity, CreateLine, QuantityStep
from shared.domain.alerts import AlertKind
from shared.domain.errors import ConflictError
from shared.domain.ids import RunId
from shared.domain.mappings import ExistingLine
from shared.domain.reconciliation import LineState
from shared.domain.runs import ItemState
from shared.ports import ReconciliationFilter
from shared.usecases.approve import approve
from shared.usecases.undo_run import Undone, undo_run
from tests.builders import AGREEMENT, APRIL, CUSTOMER, EDITOR, LINE, MARCH, TODAY, a_line
from tests.house import House
from tests.property.adjusted import AUTOTASK

MARCH_18 = date(2026, 3, 18)


@pytest.fixture
def house():
    """Ten seats on a line that was there already; March is open."""
    house = House().with_customer().with_mapping().holds(10).invoiced_through(MARCH)
    house.psa.capabilities = AUTOTASK
    house.psa.add(replace(a_line(LINE, quantity=10), steps=(QuantityStep(date(2026, 1, 1), 10),)))
    house.cycle()
    return house


def adjustments(house: House) -> list[tuple[date, int, int]]:
    assert all(isinstance(one, AdjustQuantity) for one in house.psa.writes)
    return [
        (one.effective, one.before, one.after)
        for one in house.psa.writes
        if isinstance(one, AdjustQuantity)
    ]


def test_a_line_that_is_there_is_taken_over_without_a_write(house):
    assert house.psa.writes == []
    assert house.services.ledgers.of_customer(CUSTOMER)[0].value.line_id == LINE


def test_more_seats_are_adjusted_from_today_and_a_quiet_cycle_writes_nothing(house):
    house.holds(12).cycle()

    house.on(MARCH_18).cycle()

    assert adjustments(house) == [(TODAY, 10, 12)]


def test_fewer_seats_wait_for_the_next_period_and_are_remembered(house):
    house.holds(8).cycle()
    waited = list(house.psa.writes)

    house.on(date(2026, 4, 3)).cycle()

    assert waited == []
    assert adjustments(house) == [(APRIL, 10, 8)]


def test_in_a_posted_period_a_change_counts_from_the_first_day_that_is_not(house):
    house.invoiced_through(APRIL).holds(12).cycle()

    house.holds(8).cycle()

    assert adjustments(house) == [(APRIL, 10, 12), (date(2026, 4, 2), 12, 8)]


def test_a_lost_answer_adjusts_once(house):
    house.psa.lose_next_answer()

    house.holds(12).cycle()

    assert adjustments(house) == [(TODAY, 10, 12)]
    assert house.psa.lines[LINE].quantity == 12
    assert house.services.intents.of_customer(CUSTOMER) == ()


def test_messages_that_come_twice_adjust_once(house):
    house.holds(12)
    house.cycle()

    house.drain(each=2)
    house.sync_now()

    assert adjustments(house) == [(TODAY, 10, 12)]


def test_a_new_line_begins_where_nothing_is_posted():
    house = House().with_customer().with_mapping(existing_line=ExistingLine.CREATE).holds(4)
    house.psa.capabilities = AUTOTASK

    house.cycle()

    [create] = house.psa.writes
    assert isinstance(create, CreateLine)
    assert (create.starts, create.quantity) == (APRIL, 4)  # March is posted in this house


def test_a_line_that_cannot_be_empty_is_for_a_person(house):
    house.invoiced_through(APRIL).holds(0)
    house.psa.capabilities = replace(AUTOTASK, can_reach_zero=False)

    run = house.cycle()

    assert house.psa.writes == []
    assert [item.state for item in house.items(run)] == [ItemState.HELD]


def test_somebody_elses_adjustment_is_held_and_shown(house):
    line = house.psa.lines[LINE]
    house.psa.edit(
        LINE, quantity=15, steps=(*(line.steps or ()), QuantityStep(date(2026, 3, 12), 15))
    )

    house.holds(11).cycle()

    assert house.psa.writes == []
    assert AlertKind.DRIFT in {one.kind for one in house.services.alerts.open_of(CUSTOMER)}
    assert {one.agreement_id for one in house.psa.lines.values()} == {AGREEMENT}


# Undo --------------------------------------------------------------------------------------------

MARCH_25 = date(2026, 3, 25)
KEPT = date(2026, 4, 30)


def undone(house: House, run_id: RunId) -> tuple[RunId, tuple[Undone, ...]]:
    found = undo_run(run_id, house.services, until=KEPT, note="too early", actor=EDITOR)
    house.drain()
    return found


def test_what_somebody_else_adjusted_for_this_period_is_approved_once(house):
    steps = (QuantityStep(date(2026, 1, 1), 10), QuantityStep(date(2026, 3, 5), 12))
    house.psa.lines[LINE] = replace(house.psa.lines[LINE], steps=steps, quantity=12)
    held = house.cycle()
    (approval,) = house.services.approvals.list(open_only=True, limit=5).items

    approve(approval.approval_id, house.services, note="", actor=EDITOR)
    house.drain()
    later = house.on(MARCH_18).cycle()
    house.on(date(2026, 4, 3)).cycle()

    assert [item.state for item in house.items(held)] == [ItemState.HELD]
    assert [item.state for item in house.items(later)] == [ItemState.UNCHANGED]
    assert adjustments(house) == [(APRIL, 12, 10)]


@pytest.mark.parametrize("on", [TODAY, MARCH_25], ids=["the same day", "days later"])
def test_an_undo_is_an_opposite_change_from_the_next_day(house, on):
    run_id = house.holds(12).cycle()
    house.clock.pass_time(timedelta(days=(on - TODAY).days, minutes=5))

    undoing, (outcome,) = undone(house, run_id)
    quiet = house.cycle()

    assert adjustments(house) == [(TODAY, 10, 12), (MARCH_18, 12, 10)]
    assert (outcome.seats, outcome.refused) == (10, "")
    assert "nothing takes an adjustment back" in outcome.remark
    (change, *_) = house.history()
    assert (change.before, change.after, change.actor) == (12, 10, EDITOR)
    assert any("this one counts from 18 March 2026" in why for why in change.why)
    states = [house.items(one)[0].state for one in (undoing, quiet)]
    assert states == [ItemState.CHANGED, ItemState.UNCHANGED]


def test_an_undo_of_a_change_in_a_posted_period_follows_it_too(house):
    house.invoiced_through(APRIL)
    run_id = house.holds(12).cycle()

    undone(house.on(MARCH_25), run_id)

    assert adjustments(house) == [(APRIL, 10, 12), (date(2026, 4, 2), 12, 10)]


def test_an_undo_of_fewer_seats_follows_it_too(house):
    house.invoiced_through(APRIL)
    run_id = house.holds(8).cycle()

    undone(house.on(MARCH_25), run_id)

    assert adjustments(house) == [(APRIL, 10, 8), (date(2026, 4, 2), 8, 10)]


def test_what_was_posted_since_is_not_undone(house):
    run_id = house.holds(12).cycle()
    house.on(date(2026, 4, 2)).invoiced_through(APRIL)

    with pytest.raises(ConflictError, match="an invoice has counted it"):
        undone(house, run_id)

    assert len(adjustments(house)) == 1


@pytest.mark.parametrize("can_reach_zero", [True, False])
def test_an_undone_new_line_has_no_seats_or_goes_to_a_person(can_reach_zero):
    house = House().with_customer().with_mapping(existing_line=ExistingLine.CREATE).holds(2)
    house.psa.capabilities = replace(AUTOTASK, can_reach_zero=can_reach_zero)
    run_id = house.invoiced_through(MARCH).cycle()

    undoing, _ = undone(house, run_id)

    _create, *rest = house.psa.writes
    (item,) = house.items(undoing)
    if can_reach_zero:
        assert [(one.effective, one.before, one.after) for one in rest] == [(MARCH_18, 2, 0)]
        assert item.state is ItemState.CHANGED
    else:
        assert rest == []
        assert item.state is ItemState.HELD
        assert "end" in item.detail


# What is told of it ------------------------------------------------------------------------------


def told(house: House) -> tuple[LineState, int | None, int | None]:
    (line,) = house.services.reconciliation.page(ReconciliationFilter()).items
    return line.state, line.billed, line.planned


def test_an_adjustment_ahead_is_not_billed_yet(house):
    """March is posted: the two more seats count from April, which a look the next day says too."""
    house.invoiced_through(APRIL).holds(12).cycle()
    written = told(house)
    house.on(MARCH_18).cycle()

    assert written == told(house) == (LineState.WAITING, 10, 12)
    house.on(APRIL).cycle()
    assert told(house) == (LineState.IN_STEP, 12, 12)


def test_an_adjustment_of_today_is_billed_at_once(house):
    house.holds(12).cycle()

    assert told(house) == (LineState.IN_STEP, 12, 12)


def test_what_was_adjusted_is_on_no_invoice_until_it_is_posted(house):
    house.holds(12).cycle()
    (before,) = house.lines
    house.invoiced_through(APRIL)
    (after,) = house.lines

    assert before.steps is not None
    assert after.steps is not None
    assert [step.unposted for step in before.steps] == [False, True]
    assert [step.unposted for step in after.steps] == [False, False]
