"""The main job on a PSA with pro-rata rows: a sync, a preview, a hold and an approval."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.agreements import AddProrata, Capabilities, ChangeKind, ProrataRow, SetQuantity
from shared.domain.errors import RequestRefusedError, UpstreamUnavailableError
from shared.domain.plans import PlanStatus
from shared.domain.runs import ItemState
from shared.usecases.approve import approve
from shared.usecases.preview import preview_customer
from shared.usecases.start_run import sync_now
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import AGREEMENT, CUSTOMER, EDITOR, MAIN, TODAY, a_line
from tests.house import House

ROWS = Capabilities(ChangeKind.PRORATA_ROWS, credits=False, description_limit=255)


@pytest.fixture
def house():
    house = House().with_customer().with_mapping().holds(10)
    house.psa.capabilities = ROWS
    return house


def settled(house: House) -> House:
    """A house whose line has 40 seats of its own, on the day after it was taken over."""
    house.psa.add(a_line(quantity=40))
    house.holds(40).cycle()
    return house.on(date(2026, 3, 18))


def test_a_new_line_has_one_row_from_today(house):
    house.cycle()

    (line,) = house.lines
    assert (line.quantity, line.waiting) == (10, (ProrataRow(TODAY, 10),))
    assert house.cycle() is not None
    assert len(house.psa.writes) == 1


def test_sync_now_adds_a_row_and_tells_why(house):
    house.cycle()

    house.on(date(2026, 3, 20)).holds(12).sync_now()

    (row,) = house.psa.writes[1:]
    assert row == AddProrata(row.agreement_id, row.line_id, 10, 2, date(2026, 3, 20))
    change = house.history()[0]
    assert (change.before, change.after) == (10, 12)
    assert "row of +2 from 20 March 2026, prorated by the PSA" in change.why
    assert change.operations == (f"line {row.line_id}: +2 from 2026-03-20",)


def test_where_a_write_carries_the_whole_agreement_one_worker_is_at_it(house):
    house.psa.capabilities = replace(ROWS, writes_whole_agreement=True)
    settled(house).holds(45)
    elsewhere = house.services.leases.take_agreement(MAIN, AGREEMENT)
    sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    sync_tenant(house.services.tenant_queue.take(), house.services)
    message = house.services.license_queue.take()

    sync_license(message, house.services)

    assert house.psa.writes == []
    assert house.services.license_queue.waiting[0].message.attempt == 2
    elsewhere.release()
    house.drain()
    assert len(house.psa.writes) == 1
    house.services.leases.take_agreement(MAIN, AGREEMENT)
    house.services.leases.take(CUSTOMER, house.group_id)


def test_where_a_write_carries_one_line_agreements_are_shared(house):
    settled(house).holds(45)
    house.services.leases.take_agreement(MAIN, AGREEMENT)

    house.sync_now()

    assert len(house.psa.writes) == 1


def test_the_preview_is_what_is_sent(house):
    settled(house).holds(45)

    (preview,) = preview_customer(CUSTOMER, house.services, refresh=True)
    house.sync_now()

    assert preview.plan is not None
    assert preview.plan.operations == tuple(house.psa.writes)
    assert "row of +5 from 18 March 2026, prorated by the PSA" in preview.plan.explanation


def test_a_fall_while_a_row_waits_is_remembered_and_written_after_the_invoice(house):
    settled(house).holds(45).cycle()
    house.on(date(2026, 3, 25)).holds(42)

    waited = house.cycle()
    (preview,) = preview_customer(CUSTOMER, house.services)
    sent = len(house.psa.writes)
    house.psa.fold_rows()
    house.invoiced_through(date(2026, 5, 1)).on(date(2026, 4, 2)).cycle()

    assert [item.state for item in house.items(waited)] == [ItemState.UNCHANGED]
    assert preview.plan is not None
    assert preview.plan.status is PlanStatus.WAITING
    assert "3 fewer wait for the next invoice" in preview.plan.reasons[0].text
    (last,) = house.psa.writes[sent:]
    assert isinstance(last, SetQuantity)
    assert (last.before, last.after) == (45, 42)


def test_a_large_fall_is_held_and_written_once_it_is_approved(house):
    settled(house).holds(10).cycle()
    held = list(house.psa.writes)

    (approval,) = house.services.approvals.open_of(CUSTOMER)
    approve(approval.approval_id, house.services, note="ok", actor=EDITOR)
    house.drain()

    assert held == []
    assert house.quantities == [10]


def test_a_large_fall_that_waits_for_the_invoice_is_held_too(house):
    settled(house).holds(45).cycle()
    house.on(date(2026, 3, 25)).holds(10).cycle()

    (approval,) = house.services.approvals.open_of(CUSTOMER)
    approve(approval.approval_id, house.services, note="ok", actor=EDITOR)
    house.drain()
    house.psa.fold_rows()
    house.invoiced_through(date(2026, 5, 1)).on(date(2026, 4, 2)).cycle()

    assert house.quantities == [10]


def test_a_row_whose_answer_is_lost_is_not_sent_again(house):
    settled(house).holds(45)
    house.psa.lose_next_answer()

    house.cycle()

    assert house.quantities == [45]
    assert len(house.psa.writes) == 1


def test_a_row_that_was_never_sent_is_sent_once(house):
    settled(house).holds(45)
    house.psa.next_write(UpstreamUnavailableError("main", "connection refused"))

    house.cycle()

    assert house.quantities == [45]
    assert house.lines[0].waiting == (ProrataRow(date(2026, 3, 18), 5),)


def test_a_refused_row_is_tried_again_by_the_next_cycle(house):
    settled(house).holds(45)
    house.psa.next_write(RequestRefusedError("main: no"))

    run = house.cycle()
    house.cycle()

    assert [item.state for item in house.items(run)] == [ItemState.FAILED]
    assert house.quantities == [45]


def test_a_hand_edit_waits_for_a_person(house):
    settled(house)
    (line,) = house.lines
    house.psa.edit(line.line_id, quantity=43)

    run = house.holds(45).cycle()

    assert [item.state for item in house.items(run)] == [ItemState.HELD]
    assert house.psa.writes == []


def test_a_line_that_the_psa_counts_is_left_alone(house):
    settled(house)
    (line,) = house.lines
    house.psa.add(replace(line, computed=True))

    run = house.holds(45).cycle()

    (item,) = house.items(run)
    assert item.state is ItemState.BLOCKED
    assert "counts the quantity" in item.detail


def test_a_row_of_a_later_day_is_not_billed_yet():
    row = ProrataRow(date(2026, 4, 1), 2)
    line = replace(a_line(quantity=12), waiting=(row, ProrataRow(TODAY, 1)))

    assert [line.billed_on(day) for day in (TODAY, date(2026, 4, 1))] == [10, 12]
    assert replace(line, quantity=None).billed_on(TODAY) is None
