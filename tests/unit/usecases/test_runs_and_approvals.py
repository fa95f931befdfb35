"""Runs are closed, failures are shown, and held plans wait for exactly one decision."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.approvals import GOOD_FOR, ApprovalState
from shared.domain.errors import ConflictError, InvalidInputError, UpstreamUnavailableError
from shared.domain.guards import GuardSettings
from shared.domain.ids import CustomerId
from shared.domain.mappings import group_of
from shared.domain.plans import Plan, PlanStatus
from shared.domain.preferences import Preferences
from shared.domain.runs import ItemState, RunReason, RunState
from shared.ports import LicenseSync, TenantSync
from shared.usecases.approve import approve, keep_psa, reject
from shared.usecases.close_runs import STUCK_AFTER, close_runs, run_totals
from shared.usecases.poison import give_up_license, give_up_tenant, give_up_unreadable, note_trouble
from shared.usecases.start_run import retry_failed, start_cycle, sync_now
from shared.usecases.stop_run import stop_if_unlikely
from shared.usecases.undo_run import undo_run
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    E5_ROW,
    EDITOR,
    MAIN,
    RUN,
    TENANT,
    a_line,
    a_mapping,
    a_profile,
    a_run,
    an_agreement,
    an_item,
)
from tests.house import House


@pytest.fixture
def house():
    """A customer whose line was adopted at 40 seats a while ago, so that size counts."""
    house = House().with_customer().with_mapping().holds(40)
    house.psa.add(a_line(quantity=40))
    house.cycle()
    return house.on(date(2026, 3, 18))


def open_approvals(house):
    return house.services.approvals.open_of(CUSTOMER)


def test_a_large_fall_waits_for_a_person(house):
    run = house.holds(10).cycle()

    (approval,) = open_approvals(house)
    assert (approval.before, approval.after, approval.approvable) == (40, 10, True)
    assert [i.state for i in house.items(run)] == [ItemState.HELD]
    assert house.quantities == [40]


def test_an_approved_fall_is_written_in_the_name_of_who_approved(house):
    house.holds(10).cycle()

    approve(open_approvals(house)[0].approval_id, house.services, note="ok", actor=EDITOR)
    house.drain()

    assert house.quantities == [10]
    assert house.history()[0].actor == EDITOR
    assert open_approvals(house) == ()
    assert house.services.alerts.open_of(CUSTOMER) == ()


def test_what_changed_after_the_approval_has_to_be_seen_again(house):
    house.holds(10).cycle()
    approval = open_approvals(house)[0]
    house.holds(3)
    house.sync_now()
    assert house.services.approvals.get(approval.approval_id).value.state is (
        ApprovalState.SUPERSEDED
    )

    (newer,) = open_approvals(house)
    approve(newer.approval_id, house.services, note="", actor=EDITOR)
    house.psa.edit(house.lines[0].line_id, quantity=39)
    house.drain()

    assert house.quantities == [39]
    (held,) = open_approvals(house)
    assert held.approval_id != newer.approval_id


def test_an_approval_of_yesterday_is_still_for_the_same(house):
    house.holds(90).cycle()
    approval = open_approvals(house)[0]
    house.on(date(2026, 3, 19)).cycle()
    assert [a.approval_id for a in open_approvals(house)] == [approval.approval_id]

    approve(approval.approval_id, house.services, note="", actor=EDITOR)
    house.drain()

    assert house.lines[0].quantity == 90
    assert house.lines[1].starts == date(2026, 3, 19)


def test_a_rejected_plan_is_not_asked_about_again_until_it_differs(house):
    house.holds(10).cycle()
    reject(open_approvals(house)[0].approval_id, house.services, note="no", actor=EDITOR)

    house.cycle()
    assert open_approvals(house) == ()

    house.holds(9).cycle()
    assert len(open_approvals(house)) == 1


def test_a_question_that_waited_for_a_month_is_asked_anew(house):
    house.holds(10).cycle()
    old = open_approvals(house)[0]
    house.clock.real += GOOD_FOR + timedelta(seconds=1)

    with pytest.raises(ConflictError, match="too long"):
        approve(old.approval_id, house.services, note="", actor=EDITOR)

    house.cycle()
    (fresh,) = open_approvals(house)
    assert fresh.raised_at > old.raised_at
    approve(fresh.approval_id, house.services, note="", actor=EDITOR)


def test_a_no_holds_for_a_month(house):
    house.holds(10).cycle()
    reject(open_approvals(house)[0].approval_id, house.services, note="no", actor=EDITOR)

    house.clock.real += GOOD_FOR - timedelta(minutes=1)
    house.cycle()
    assert open_approvals(house) == ()

    house.clock.real += timedelta(days=1)
    house.cycle()
    assert len(open_approvals(house)) == 1


def test_an_approval_is_decided_once(house):
    house.holds(10).cycle()
    approval_id = open_approvals(house)[0].approval_id
    reject(approval_id, house.services, note="", actor=EDITOR)

    with pytest.raises(ConflictError, match="rejected"):
        approve(approval_id, house.services, note="", actor=EDITOR)


def test_a_hold_that_no_approval_can_help_says_so(house):
    house.psa.add(
        replace(house.lines[0], line_id="502", marker=None),
        replace(house.lines[0], line_id="503", marker=None),
    )
    house.services.mappings.put(
        house.services.mappings.get(CUSTOMER, E5_ROW),
        a_mapping(agreement_id="7002", saved_at=house.clock.now()),
    )
    house.psa.add(
        an_agreement("7002"),
        a_line("601", agreement_id="7002"),
        a_line("602", agreement_id="7002"),
    )

    house.cycle()
    (approval,) = open_approvals(house)

    with pytest.raises(ConflictError, match="601, 602"):
        approve(approval.approval_id, house.services, note="", actor=EDITOR)


def test_the_first_write_of_a_mapping_just_saved_is_not_held_by_its_size():
    house = House().with_customer().with_mapping().holds(500)

    house.cycle()

    assert house.quantities == [500]


def test_taking_what_microsoft_says_overwrites_a_hand_edit(house):
    house.psa.edit(house.lines[0].line_id, quantity=37)
    house.cycle()

    approve(open_approvals(house)[0].approval_id, house.services, note="", actor=EDITOR)
    house.drain()

    assert house.quantities == [40]


# Runs --------------------------------------------------------------------------------------------


def test_a_run_whose_items_are_done_answers_finished_before_it_is_closed(house):
    run_id = house.cycle()
    run = house.services.runs.get(run_id).value

    shown, totals = run_totals(run, house.services)

    assert run.state is RunState.RUNNING
    assert shown.state is RunState.FINISHED
    assert (totals.total, totals.unchanged) == (1, 1)


def test_closing_a_run_stamps_its_totals_and_forgets_its_headers(house):
    run_id = house.cycle()

    assert run_id in close_runs(house.services)

    run = house.services.runs.get(run_id).value
    assert run.state is RunState.FINISHED
    assert run.totals is not None
    assert run.totals.total == 1
    assert house.services.headers.get_many(run_id, "main", [AGREEMENT]) == {}


def test_an_item_nobody_worked_on_for_hours_is_given_up_and_shown(house):
    run_id = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    house.services.tenant_queue.waiting.clear()
    house.clock.pass_time(STUCK_AFTER + timedelta(seconds=1))

    close_runs(house.services)

    run = house.services.runs.get(run_id).value
    assert run.totals is not None
    assert run.totals.failed == 1
    assert AlertKind.FAILED in {a.kind for a in house.services.alerts.open_of(CUSTOMER)}


def test_a_run_whose_worker_died_while_it_queued_is_left_to_the_next(house):
    dead = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    house.services.tenant_queue.waiting.clear()
    house.clock.pass_time(timedelta(minutes=1))
    house.cycle()
    close_runs(house.services)
    house.clock.pass_time(STUCK_AFTER)

    close_runs(house.services)

    run = house.services.runs.get(dead).value
    assert run.totals is not None
    assert (run.totals.failed, run.totals.unchanged) == (0, 1)
    assert house.services.alerts.open_of(CUSTOMER) == ()


def test_a_run_that_has_not_stored_its_items_yet_stays_open(house):
    run = a_run(RUN, started_at=house.clock.real_now(), customers=3)
    house.services.runs.add(run)

    assert RUN not in close_runs(house.services)


def test_a_run_in_the_middle_of_its_work_stays_open(house):
    run_id = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)

    assert run_id not in close_runs(house.services)


def test_a_message_given_up_fails_its_item_with_the_last_reason(house):
    run_id = sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    message = house.services.tenant_queue.take()
    note_trouble(message, "main: 503", house.services)

    give_up_tenant(message, house.services)

    (item,) = house.services.runs.items(run_id)
    assert (item.state, item.detail) == (ItemState.FAILED, "main: 503")


def test_a_line_given_up_fails_its_item(house):
    run_id = sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)

    give_up_license(LicenseSync(run_id, CUSTOMER, house.group_id, AGREEMENT), house.services)

    failed = [i for i in house.services.runs.items(run_id) if i.state is ItemState.FAILED]
    assert [i.group_id for i in failed] == [house.group_id]


def test_a_delivery_that_fails_long_after_another_was_done_makes_nothing_wait(house, monkeypatch):
    """A host is stopped after it has looked at the item, and notes its trouble when it goes on."""
    run_id = house.cycle()
    items = list(house.services.runs.items(run_id))
    waiting = an_item(None, run_id=run_id)
    monkeypatch.setattr(house.services.runs, "get_item", lambda *_: waiting)

    note_trouble(TenantSync(run_id, TENANT, MAIN, (CUSTOMER,)), "no answer", house.services)

    assert list(house.services.runs.items(run_id)) == items
    assert ItemState.READ in {item.state for item in items}


def test_an_unreadable_message_is_kept_on_a_run_of_its_own(house):
    give_up_unreadable("tenant-sync", "{broken", "it is not JSON", house.services)

    run = house.services.runs.list().items[0]
    (item,) = house.services.runs.items(run.run_id)
    assert run.reason is RunReason.UNREADABLE
    assert item.message == "{broken"
    assert "it is not JSON" in item.detail


def test_failed_customers_can_be_tried_again(house):
    house.microsoft.fail(TENANT, UpstreamUnavailableError("main", "503"))
    run_id = house.cycle()
    give_up_tenant(house.dropped.pop(), house.services)
    house.microsoft.recover(TENANT)

    again = retry_failed(run_id, house.services, requested_by=EDITOR)
    house.drain()

    assert [i.state for i in house.items(again)] == [ItemState.UNCHANGED]
    assert house.services.alerts.open_of(CUSTOMER) == ()


def test_a_run_with_too_many_changes_is_stopped_and_the_rest_is_held(house):
    read = house.services.settings.get()
    strict = Preferences(GuardSettings(run_stop_lines=1, run_stop_percent=0))
    house.services.settings.save(read, strict)

    run_id = house.holds(41).cycle()

    run = house.services.runs.get(run_id).value
    assert run.state is RunState.STOPPED
    assert house.quantities == [40]
    assert [a.kind for a in house.services.alerts.open_of(None)] == [AlertKind.RUN_STOPPED]
    assert len(open_approvals(house)) == 1

    house.services.settings.save(house.services.settings.get(), Preferences())
    house.cycle()
    close_runs(house.services)
    assert house.quantities[0] == 41
    assert house.services.alerts.open_of(None) == ()


def test_what_a_dead_worker_stored_and_never_queued_does_not_wait_for_ever(house):
    """Its message was in the queue twice, and the copy found that a person has to look first."""
    strict = Preferences(GuardSettings(rise_seats=1, rise_percent=0))
    house.services.settings.save(house.services.settings.get(), strict)
    house.holds(80)
    run_id = start_cycle(house.services, requested_by=EDITOR, reason=RunReason.REQUESTED)
    group = house.group_id
    house.services.runs.put_items([an_item(group, run_id=run_id)])

    house.drain()

    assert [item.state for item in house.items(run_id)] == [ItemState.HELD]
    assert run_id in close_runs(house.services)


def test_a_run_that_was_stopped_is_closed_as_stopped_once_nothing_of_it_waits(house):
    read = house.services.settings.get()
    strict = Preferences(GuardSettings(run_stop_lines=1, run_stop_percent=0))
    house.services.settings.save(read, strict)
    run_id = house.holds(41).cycle()

    assert run_id in close_runs(house.services)

    run = house.services.runs.get(run_id).value
    assert run.state is RunState.STOPPED
    assert run.finished_at is not None
    assert run.totals is not None
    assert (run.totals.total, run.totals.held) == (1, 1)
    assert close_runs(house.services) == ()


def test_a_run_from_before_a_stop_does_not_end_it_by_being_closed_after_it(house):
    strict = Preferences(GuardSettings(run_stop_lines=1, run_stop_percent=0))
    house.services.settings.save(house.services.settings.get(), strict)
    house.services.clock.pass_time(timedelta(minutes=1))
    house.holds(41).cycle()

    assert len(close_runs(house.services)) == 2

    assert [a.kind for a in house.services.alerts.open_of(None)] == [AlertKind.RUN_STOPPED]


def test_the_run_after_a_stopped_one_is_measured_against_its_lines(house):
    strict = Preferences(GuardSettings(run_stop_lines=1, run_stop_percent=0))
    house.services.settings.save(house.services.settings.get(), strict)
    house.holds(41).cycle()
    close_runs(house.services)

    again = house.cycle()

    assert house.services.runs.get(again).value.lines == 1


def test_a_customer_whose_message_comes_twice_at_once_falls_to_zero_once():
    services = House().services
    services.runs.add(a_run(customers=2, lines=2))
    emptied = Plan(
        group_of(a_mapping(), a_profile()),
        PlanStatus.CHANGE,
        operations=(),
        reasons=(),
        needed=0,
        previous=40,
        before=40,
        after=0,
        explanation=(),
        ledger=None,
    )

    for _ in range(2):
        stop_if_unlikely(RUN, CUSTOMER, [emptied], GuardSettings(), services)
    once = services.runs.get(RUN).value
    assert (once.state, once.emptied) == (RunState.RUNNING, (CUSTOMER,))

    stop_if_unlikely(RUN, CustomerId("another"), [emptied], GuardSettings(), services)
    twice = services.runs.get(RUN).value
    assert twice.state is RunState.STOPPED
    assert twice.stop_reason == "2 of 2 customers would fall to 0"


def test_keeping_what_the_psa_has_holds_until_its_day_and_writes_nothing(house):
    house.psa.edit(house.lines[0].line_id, quantity=37)
    house.cycle()
    writes = len(house.psa.writes)

    keep_psa(
        open_approvals(house)[0].approval_id,
        house.services,
        until=date(2026, 4, 10),
        note="agreed",
        actor=EDITOR,
    )
    house.drain()
    house.cycle()

    assert house.quantities == [37]
    assert len(house.psa.writes) == writes
    assert open_approvals(house) == ()

    house.on(date(2026, 4, 11)).invoiced_through(date(2026, 5, 1)).cycle()
    assert house.quantities == [40, 3]


# Undo --------------------------------------------------------------------------------------------


def test_an_undone_run_leaves_the_lines_as_they_were(house):
    before = house.lines
    run_id = house.holds(42).cycle()
    assert house.quantities == [42, 2]

    undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)
    house.drain()

    assert house.lines == before
    assert house.cycle()
    assert house.lines == before


def test_a_run_is_undone_days_later_to_the_day_it_wrote(house):
    before = house.lines
    run_id = house.holds(42).cycle()
    house.on(date(2026, 3, 25)).cycle()

    undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)
    house.drain()

    assert house.lines == before
    assert house.history()[0].actor == EDITOR


def test_what_an_invoice_has_counted_is_not_undone(house):
    run_id = house.holds(42).cycle()
    house.on(date(2026, 4, 2)).invoiced_through(date(2026, 5, 1))

    with pytest.raises(ConflictError, match="an invoice has counted it"):
        undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)


def test_what_changed_again_is_not_undone(house):
    run_id = house.holds(42).cycle()
    house.on(date(2026, 3, 19)).holds(43).cycle()

    with pytest.raises(ConflictError, match="changed again"):
        undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)


def test_an_undo_into_the_past_is_refused(house):
    run_id = house.holds(42).cycle()

    with pytest.raises(InvalidInputError, match="until"):
        undo_run(run_id, house.services, until=date(2026, 3, 1), note="", actor=EDITOR)


def test_a_run_that_wrote_nothing_has_nothing_to_undo(house):
    run_id = house.cycle()

    with pytest.raises(ConflictError, match="wrote nothing"):
        undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)
