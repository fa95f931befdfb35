"""The main job: what Microsoft says becomes what the PSA bills."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.customers import CustomerState
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.domain.ids import ConnectionName
from shared.domain.licensing import AssignedUser
from shared.domain.mappings import DescriptionOptions, GlobalExclusion, Usernames
from shared.domain.plans import CreditMode
from shared.domain.runs import ItemState, RunReason
from shared.ports import LicenseSync, PsaConnection, TenantSync
from shared.usecases.books import open_catalogue
from shared.usecases.pauses import psa_key
from shared.usecases.preview import license_rows
from shared.usecases.start_run import MOST_CARRIED, start_cycle, start_groups
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    E5,
    E5_ROW,
    EDITOR,
    MAIN,
    OTHER_CUSTOMER,
    RUN,
    TENANT,
    a_company,
    a_line,
    a_product,
    a_sku,
    a_snapshot,
    an_agreement,
)
from tests.fakes.psa import FakePsa
from tests.house import House


@pytest.fixture
def house():
    return House().with_customer().with_mapping().holds(10)


def test_a_new_mapping_creates_one_marked_line(house):
    run = house.cycle()

    (line,) = house.lines
    assert (line.quantity, line.starts) == (10, date(2026, 3, 17))
    assert line.marker
    assert line.marker.startswith("SEATSYNC-")
    assert [item.state for item in house.items(run)] == [ItemState.CHANGED]


def test_history_tells_who_when_before_after_and_why(house):
    house.cycle()
    house.holds(12)
    house.sync_now()

    change = house.history()[0]
    assert (change.actor, change.before, change.after) == ("editor@msp.example", 10, 12)
    assert change.at == house.clock.now()
    assert any("12 enabled" in step for step in change.why)


def test_a_second_cycle_writes_nothing(house):
    house.cycle()
    writes = len(house.psa.writes)

    run = house.cycle()

    assert len(house.psa.writes) == writes
    assert [item.state for item in house.items(run)] == [ItemState.UNCHANGED]


def test_a_cycles_messages_carry_the_headers_of_their_customers_companies(house):
    house.psa.add(an_agreement("7009", company_id="999"))

    run = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)

    message = house.services.tenant_queue.take()
    assert [one.agreement_id for one in message.agreements] == [AGREEMENT]
    assert house.services.headers.get_many(run, MAIN, [AGREEMENT, "7009"]) == {}


def test_headers_that_are_too_many_for_a_message_are_kept_beside_it(house):
    many = [an_agreement(f"8{number:03}") for number in range(MOST_CARRIED)]
    house.psa.add(*many)

    run = house.cycle()

    kept = house.services.headers.get_many(run, MAIN, [one.agreement_id for one in many])
    assert len(kept) == MOST_CARRIED
    assert house.quantities == [10]
    assert "get_agreement" not in house.psa.calls


def test_agreements_of_two_psas_are_not_taken_for_each_other(house):
    other, gateway = ConnectionName("other"), FakePsa()
    gateway.add(a_company(), a_product(), an_agreement(name="Another's"))
    house.services.connections.psas[other] = PsaConnection(
        other, gateway, "connectwise", "UTC", CreditMode.WRITE
    )
    house.with_customer(customer_id=OTHER_CUSTOMER, name="Fabrikam", psa=other)

    run = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)

    assert house.services.tenant_queue.take().agreements == ()
    for psa, name in ((MAIN, "Cloud services"), (other, "Another's")):
        found = house.services.headers.get_many(run, psa, [AGREEMENT])
        assert found[AGREEMENT].name == name


def test_a_quiet_cycle_reads_one_agreement_list_one_tenant_and_one_line_list(house):
    house.cycle()
    house.psa.calls.clear()
    house.microsoft.reads.clear()

    house.cycle()

    assert house.psa.calls == ["list_agreements", "list_lines"]
    assert house.microsoft.reads[TENANT] == 1


def test_sync_now_reads_its_own_agreement(house):
    house.cycle()
    house.psa.calls.clear()

    house.sync_now()

    assert house.psa.calls == ["get_agreement", "list_lines"]


def test_an_existing_line_is_taken_over_and_raised(house):
    house.psa.add(a_line(quantity=8))

    house.cycle()

    assert house.lines[0].quantity == 10
    assert house.lines[0].marker is None
    (dated,) = house.lines[1:]
    assert (dated.quantity, dated.starts, dated.ends) == (2, date(2026, 3, 17), date(2026, 3, 31))


def test_an_equal_existing_line_is_taken_over_without_a_write(house):
    house.psa.add(a_line(quantity=10))

    run = house.cycle()

    assert house.psa.writes == []
    assert house.history()[0].result == "adopted"
    assert [item.state for item in house.items(run)] == [ItemState.CHANGED]
    assert house.cycle()
    assert house.psa.writes == []


def test_two_rows_on_one_line_are_added_up(house):
    house.with_mapping(row_id="sku-cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", included=2)
    house.microsoft.hold(
        a_snapshot(
            skus=[
                a_sku(E5, enabled=10),
                a_sku("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", enabled=6),
            ],
            subscriptions=[],
        )
    )

    house.cycle()

    assert house.quantities == [14]


def test_an_unreadable_tenant_changes_nothing_and_says_so(house):
    house.cycle()
    house.microsoft.fail(TENANT, AccessDeniedError("no consent", remedy="Open the consent link."))

    run = house.cycle()

    assert house.quantities == [10]
    alerts = house.services.alerts.open_of(CUSTOMER)
    assert [a.kind for a in alerts] == [AlertKind.SIGN_IN_BROKEN]
    assert "Open the consent link." in alerts[0].text
    failed = [i for i in house.services.runs.items(run) if i.state is ItemState.FAILED]
    assert [i.customer_id for i in failed] == [CUSTOMER]


def test_the_alert_of_an_unreadable_tenant_is_cleared_by_itself(house):
    house.microsoft.fail(TENANT, AccessDeniedError("no consent", remedy=""))
    house.cycle()
    house.microsoft.recover(TENANT)

    house.cycle()

    assert house.services.alerts.open_of(CUSTOMER) == ()
    assert house.quantities == [10]


def test_a_tenant_that_cannot_be_read_for_now_is_tried_again(house):
    house.microsoft.fail(TENANT, UpstreamUnavailableError("main", "503"))

    house.cycle()

    assert isinstance(house.dropped[0], TenantSync)
    record = house.services.snapshots.get(TENANT).value
    assert record.failures == 1, "five deliveries of one message are one failed read"
    assert record.snapshot is None


def test_a_missing_number_holds_the_line(house):
    house.cycle()
    house.microsoft.hold(a_snapshot(skus=[a_sku(E5, enabled=None)], subscriptions=[]))

    run = house.cycle()

    assert house.quantities == [10]
    assert [item.state for item in house.items(run)] == [ItemState.BLOCKED]


def test_a_licence_missing_from_one_complete_answer_is_not_zero(house):
    house.cycle()
    house.microsoft.hold(a_snapshot(skus=[], subscriptions=[]))

    house.cycle()
    assert house.quantities == [10]

    house.on(date(2026, 3, 18)).cycle()
    approval = house.services.approvals.open_of(CUSTOMER)[0]
    assert house.quantities == [10]
    assert (approval.before, approval.after) == (10, 0)


def test_a_429_of_the_psa_pauses_the_connection_and_the_work_is_done_later(house):
    house.psa.next_write(RateLimitError("main", timedelta(seconds=90)))
    before = house.clock.real_now()

    house.cycle()

    assert house.quantities == [10]
    assert house.clock.real_now() - before >= timedelta(seconds=90)
    assert house.dropped == []


def pauses_of(house):
    """Return the keys of all pauses from now on."""
    keys: list[str] = []
    states = house.services.connection_states
    real = states.pause

    def pause(key, until):
        keys.append(key)
        real(key, until)

    states.pause = pause
    return keys


def test_a_pause_of_the_psa_leaves_the_microsoft_connection_of_the_same_name_alone(house):
    keys = pauses_of(house)
    house.psa.next_write(RateLimitError("main", timedelta(seconds=90)))

    house.cycle()
    house.services.connection_states.pause(
        psa_key(MAIN), house.clock.real_now() + timedelta(minutes=1)
    )

    assert set(keys) == {"psa/main"}
    reads = house.microsoft.reads[TENANT]
    license_rows(CUSTOMER, house.services, refresh=True)
    assert house.microsoft.reads[TENANT] == reads + 1


@pytest.mark.parametrize("text_in", ["the tenant's message", "the line group's message"])
def test_a_429_while_an_invoices_users_are_read_delays_that_tenant_and_no_other(text_in):
    house = House().with_customer().holds(10)
    house.with_mapping(description=DescriptionOptions(usernames=Usernames.COMMA))
    house.microsoft.users(TENANT, [AssignedUser("Ann Abel", "ann@example.com", frozenset({E5}))])
    answers = iter([RateLimitError("main", timedelta(seconds=90))])
    real = house.microsoft.assigned_users

    def once_busy(tenant_id, *, details=False):
        error = next(answers, None)
        if error is not None:
            raise error
        return real(tenant_id, details=details)

    keys = pauses_of(house)
    before = house.clock.real_now()
    if text_in == "the tenant's message":
        house.microsoft.assigned_users = once_busy
        house.cycle()
    else:  # as an approval sends it: without the text
        license_rows(CUSTOMER, house.services)
        house.microsoft.assigned_users = once_busy
        message = LicenseSync(RUN, CUSTOMER, house.group_id, AGREEMENT)
        start_groups([message], house.services, requested_by=EDITOR, reason=RunReason.APPROVAL)
        house.drain()

    assert keys == [f"microsoft/main/{TENANT}"]
    assert house.clock.real_now() - before >= timedelta(seconds=90)
    assert house.lines[0].description.endswith("Users: Ann Abel")
    assert house.dropped == []


def test_a_lost_answer_on_the_creating_write_makes_one_line(house):
    house.psa.lose_next_answer()

    run = house.cycle()

    assert house.quantities == [10]
    assert len(house.history()) == 1
    assert [item.state for item in house.items(run)] == [ItemState.CHANGED]
    assert house.cycle()
    assert len(house.lines) == 1


def test_a_write_that_never_landed_is_planned_again(house):
    house.psa.next_write(UnknownOutcomeError("main: the connection broke"))

    house.cycle()

    assert house.quantities == [10]
    assert len(house.history()) == 1


def test_a_lost_answer_on_a_change_is_found_by_reading(house):
    house.cycle()
    house.holds(12)
    house.psa.lose_next_answer()

    house.cycle()

    assert house.quantities == [12]
    assert len(house.history()) == 2


def test_a_refused_write_fails_the_item_and_is_forgotten(house):
    house.psa.next_write(RequestRefusedError("quantity is not allowed"))

    run = house.cycle()

    assert [(i.state, i.detail) for i in house.items(run)] == [
        (ItemState.FAILED, "quantity is not allowed")
    ]
    assert house.services.intents.of_customer(CUSTOMER) == ()
    assert house.cycle()
    assert house.quantities == [10]


def test_a_refusal_after_a_landed_write_keeps_what_landed(house):
    house.psa.add(a_line(quantity=8))
    house.cycle()
    house.on(date(2026, 3, 20)).holds(13)
    house.psa.next_write(*[RequestRefusedError("no")] * 1)

    house.cycle()
    house.cycle()

    assert sum(line.quantity or 0 for line in house.lines) == 13 + 2 + 3


def test_every_message_delivered_twice_makes_one_line_and_one_entry(house):
    run = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    house.drain(each=2)

    assert house.quantities == [10]
    assert len(house.history()) == 1
    assert [item.state for item in house.items(run)] == [ItemState.CHANGED]


def test_a_message_that_comes_again_after_its_run_takes_nothing_back(house):
    run = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    [again] = [waiting.message for waiting in house.services.tenant_queue.waiting]
    house.drain()

    house.services.tenant_queue.put(again)
    house.drain()

    assert [item.state for item in house.items(run)] == [ItemState.CHANGED]


def test_a_hand_edit_is_held_and_never_overwritten(house):
    house.cycle()
    line = house.lines[0]
    house.psa.edit(line.line_id, quantity=11)

    run = house.cycle()

    assert house.quantities == [11]
    assert [item.state for item in house.items(run)] == [ItemState.HELD]
    assert [a.kind for a in house.services.alerts.open_of(CUSTOMER)] == [AlertKind.DRIFT]


def test_a_line_deleted_by_hand_is_not_made_again(house):
    house.cycle()
    house.psa.remove(house.lines[0].line_id)

    house.cycle()

    assert house.lines == []
    assert [a.kind for a in house.services.alerts.open_of(CUSTOMER)] == [AlertKind.DRIFT]


def test_an_agreement_of_another_company_blocks_its_lines(house):
    house.psa.add(an_agreement(company_id="999"))

    run = house.cycle()

    assert house.lines == []
    (item,) = house.items(run)
    assert item.state is ItemState.BLOCKED
    assert "another company" in item.detail


def test_a_vanished_agreement_blocks_its_lines(house):
    del house.psa.agreements[AGREEMENT]

    run = house.cycle()

    (item,) = house.items(run)
    assert item.state is ItemState.BLOCKED


def test_a_row_with_seats_and_no_mapping_raises_one_alert():
    house = House().with_customer().holds(10)

    house.cycle()
    house.cycle()

    (alert,) = house.services.alerts.open_of(CUSTOMER)
    assert (alert.kind, alert.row_id) == (AlertKind.MISSING_PROFILE, E5_ROW)


def test_an_exclusion_that_is_saved_while_a_run_is_at_work_holds_before_each_write(house):
    services = house.services
    start_cycle(services, requested_by="timer", reason=RunReason.SCHEDULED)
    sync_tenant(services.tenant_queue.take(), services)
    assert len(services.license_queue.waiting) == 1

    exclusions = (GlobalExclusion(E5, "costs nothing"),)
    services.exclusions.save(services.exclusions.get(), exclusions)
    house.drain()

    assert house.lines == []


def test_a_profile_that_is_made_while_a_run_is_at_work_is_found():
    house = House().with_customer().holds(10)
    services = house.services
    run = start_cycle(services, requested_by="timer", reason=RunReason.SCHEDULED)
    services.run_memory.once(run, lambda: open_catalogue(services))

    house.with_mapping()
    house.drain()

    assert house.quantities == [10]


def test_a_paused_customer_is_not_synced(house):
    read = house.services.customers.get(CUSTOMER)
    house.services.customers.save(read, replace(read.value, state=CustomerState.PAUSED))

    house.cycle()

    assert house.lines == []


def test_a_message_of_an_unknown_customer_is_refused_with_its_name(house):
    house.services.tenant_queue.put(TenantSync(RUN, TENANT, MAIN, (OTHER_CUSTOMER,)))
    house.services.license_queue.put(LicenseSync(RUN, OTHER_CUSTOMER, house.group_id, AGREEMENT))

    house.drain()

    assert len(house.dropped) == 2


def test_a_broken_customer_stops_no_other_of_the_tenant(house):
    house.with_customer(customer_id=OTHER_CUSTOMER, name="Fabrikam", psa="gone")

    run = house.cycle()

    assert house.quantities == [10]
    failed = [i for i in house.services.runs.items(run) if i.state is ItemState.FAILED]
    assert [i.customer_id for i in failed] == [OTHER_CUSTOMER]
