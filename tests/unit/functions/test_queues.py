"""Queue functions: what is done, what is noted, and that no message is lost."""

import json
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from shared import bootstrap
from shared.domain.errors import SettingsError, UpstreamUnavailableError
from shared.domain.runs import ItemState, RunItem, RunReason
from shared.messages import encode
from shared.ports import TenantSync
from shared.signals import Fault, FunctionCalled, MessageDone, MessageFailed, QueueAge
from shared.usecases.customers import delete_customer
from shared.usecases.start_run import sync_now
from tests.api_client import deliver, fire
from tests.builders import AGREEMENT, CUSTOMER, EDITOR, MAIN, RUN, TENANT
from tests.house import House

QUEUES = ["sync_tenant", "sync_license", "sync_now"]
UNREADABLE = {
    "empty": "",
    "no JSON": "not JSON",
    "half": '{"version": 1, "run',
    "a list": "[]",
    "unknown version": '{"version": 2}',
    "unknown field": '{"version": 1, "surprise": true}',
    "huge": '{"version": 1, "run_id": "' + "x" * 40_000 + '"}',
}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    house = House().with_customer().with_mapping().holds(10)
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    monkeypatch.setattr(bootstrap, "telemetry", lambda: house.services.telemetry)
    return house


def queued(house: House) -> TenantSync:
    """Return the message of a Sync Now."""
    sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    return house.services.tenant_queue.take()


def items(house: House, run_id: str = RUN) -> list[RunItem]:
    return list(house.services.runs.items(run_id))


def unreadable_items(house: House) -> list[RunItem]:
    runs = house.services.runs.list().items
    return [
        item
        for run in runs
        if run.reason is RunReason.UNREADABLE
        for item in house.services.runs.items(run.run_id)
    ]


def test_what_a_person_waits_for_passes_the_queues_of_cycles(house: House):
    message = queued(house)
    assert message.urgent

    deliver("sync_now", encode(message))
    follows = house.services.license_queue.take()
    assert follows.urgent
    deliver("sync_now", encode(follows))

    assert [line.quantity for line in house.psa.lines_of(AGREEMENT)] == [10]


def test_what_a_person_waits_for_is_given_up_as_any_other_message(house: House):
    message = queued(house)
    deliver("sync_now_poison", encode(message))
    deliver("sync_tenant", encode(message))
    follows = house.services.license_queue.take()
    deliver("sync_now_poison", encode(follows))

    states = [item.state for item in items(house, message.run_id) if item.group_id]
    assert states == [ItemState.FAILED]


def test_both_queues_together_write_the_line(house: House):
    deliver("sync_tenant", encode(queued(house)))
    deliver("sync_license", encode(house.services.license_queue.take()))

    assert 10 in house.quantities
    assert house.history()


def test_a_delivery_that_comes_again_writes_nothing_twice(house: House):
    message = encode(queued(house))
    deliver("sync_tenant", message)
    line = encode(house.services.license_queue.take())
    deliver("sync_license", line)
    written = list(house.psa.writes)

    deliver("sync_tenant", message, dequeue_count=2)
    deliver("sync_license", line, dequeue_count=2)

    assert house.psa.writes == written


@pytest.mark.parametrize("name", [*QUEUES, *(f"{name}_poison" for name in QUEUES)])
@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_that_cannot_be_read_is_kept_whole_with_its_reason(
    house: House, caplog, name, text
):
    with caplog.at_level(logging.DEBUG):
        deliver(name, text)

    [item] = unreadable_items(house)
    assert item.state is ItemState.FAILED
    assert "cannot be read" in item.detail
    assert item.message == text
    assert not text or text not in caplog.text


def test_a_message_that_cannot_be_kept_stays_in_the_queue(house: House, monkeypatch):
    def full(*_arguments: object) -> None:
        raise UpstreamUnavailableError("storage", "no answer")

    monkeypatch.setattr(house.services.runs, "add", full, raising=False)

    with pytest.raises(UpstreamUnavailableError):
        deliver("sync_tenant", "not JSON")


def test_a_message_for_a_customer_nobody_knows_ends_failed_with_its_reason(house: House):
    ghost = TenantSync(RUN, TENANT, MAIN, ("nobody",))

    deliver("sync_tenant", encode(ghost))

    [item] = items(house)
    assert item.state is ItemState.FAILED
    assert "nobody does not exist" in item.detail
    assert house.psa.calls == []


def test_a_message_for_a_deleted_customer_ends_with_its_reason(house: House):
    message = queued(house)
    delete_customer(CUSTOMER, house.services, if_match=None)

    deliver("sync_tenant", encode(message))

    [item] = items(house, message.run_id)
    assert item.state.final
    assert "deleted" in item.detail
    assert house.psa.writes == []


def test_a_failed_delivery_is_noted_and_raised_so_that_it_comes_again(house: House):
    message = queued(house)
    house.microsoft.fail(TENANT, UpstreamUnavailableError("main", "no connection"))

    with pytest.raises(UpstreamUnavailableError):
        deliver("sync_tenant", encode(message))

    [item] = items(house, message.run_id)
    assert (item.state, item.detail) == (ItemState.QUEUED, "main: no connection")


def test_after_all_deliveries_the_item_fails_with_the_last_reason(house: House):
    message = queued(house)
    house.microsoft.fail(TENANT, UpstreamUnavailableError("main", "no connection"))
    with pytest.raises(UpstreamUnavailableError):
        deliver("sync_tenant", encode(message), dequeue_count=5)

    deliver("sync_tenant_poison", encode(message))

    [item] = items(house, message.run_id)
    assert (item.state, item.detail) == (ItemState.FAILED, "main: no connection")
    assert [alert.text for alert in house.services.alerts.open_of(CUSTOMER)]


def test_a_line_that_failed_for_good_is_given_up_by_name(house: House):
    message = queued(house)
    deliver("sync_tenant", encode(message))
    line = house.services.license_queue.take()

    deliver("sync_license_poison", encode(line))

    [item] = house.items(message.run_id)
    assert item.state is ItemState.FAILED
    assert item.group_id == line.group_id


def test_a_fault_of_ours_is_noted_without_its_words(house: House, monkeypatch):
    def broken(*_arguments: object) -> None:
        raise KeyError("pat@customer.example")

    message = queued(house)
    monkeypatch.setattr(house.microsoft, "read_tenant", broken, raising=False)

    with pytest.raises(KeyError):
        deliver("sync_tenant", encode(message))

    [item] = items(house, message.run_id)
    assert "KeyError" in item.detail
    assert "pat@" not in item.detail


def test_a_trouble_that_cannot_be_noted_does_not_hide_the_first_one(house: House, monkeypatch):
    def full(*_arguments: object) -> None:
        raise UpstreamUnavailableError("storage", "no answer")

    message = queued(house)
    house.microsoft.fail(TENANT, UpstreamUnavailableError("main", "no connection"))
    monkeypatch.setattr(house.services.runs, "put_items", full, raising=False)

    with pytest.raises(UpstreamUnavailableError, match="main"):
        deliver("sync_tenant", encode(message))


@pytest.mark.parametrize("name", QUEUES)
def test_with_wrong_settings_a_message_comes_again(monkeypatch, name):
    def wrong() -> None:
        raise SettingsError("PSA__main__URL is missing")

    monkeypatch.setattr(bootstrap, "services", wrong)

    with pytest.raises(SettingsError):
        deliver(name, "{}")


def test_the_log_has_one_line_for_each_outcome_and_names_nobody(house: House):
    message = queued(house)
    deliver("sync_tenant", encode(message))
    deliver("sync_license", encode(house.services.license_queue.take()), dequeue_count=3)

    assert [one.text for one in house.services.telemetry.told(MessageDone)] == [
        f"tenant-sync: run {message.run_id}: done on delivery 1",
        f"license-sync: run {message.run_id}: done on delivery 3",
    ]
    assert EDITOR not in str(house.services.telemetry)


def test_a_delivery_goes_on_with_the_trace_of_its_message(house: House):
    carried = f"00-{7:032x}-{8:016x}-01"
    deliver("sync_tenant", encode(replace(queued(house), traceparent=carried)))

    spans = house.services.telemetry.spans
    function = next(one for one in spans if isinstance(one.span, FunctionCalled))
    assert (function.trace, function.parent) == (7, 8)
    assert {one.trace for one in spans} == {7}
    assert {one.span.title for one in spans} >= {"tenant.read", "customer.plan"}


def test_a_message_with_a_damaged_trace_is_worked_off_as_any_other(house: House):
    document = json.loads(encode(queued(house))) | {"traceparent": "ä" * 5000}

    deliver("sync_tenant", json.dumps(document))

    assert house.services.license_queue.messages
    assert house.services.telemetry.told(MessageDone)


def test_a_failed_delivery_tells_the_kind_of_error_and_where_but_not_its_words(house: House):
    message = queued(house)
    house.microsoft.fail(TENANT, RuntimeError("s3cret"))

    with pytest.raises(RuntimeError):
        deliver("sync_tenant", encode(message), dequeue_count=2)

    telemetry = house.services.telemetry
    [failed] = telemetry.told(MessageFailed)
    [fault] = telemetry.told(Fault)
    assert (failed.delivery, failed.error) == (2, "RuntimeError")
    assert (fault.function, fault.error) == ("sync_tenant", "RuntimeError")
    assert "read_tenant" in fault.where
    assert "s3cret" not in str(telemetry)


def test_the_age_of_a_message_is_told_once_however_often_it_is_delivered(house: House):
    message = encode(queued(house))
    created = house.services.clock.real_now() - timedelta(seconds=90)
    for delivery in (1, 2):
        deliver("sync_tenant", message, dequeue_count=delivery, insertion_time=created)

    [age] = house.services.telemetry.measured(QueueAge)
    assert (age.value, age.queue, age.put_back) == (90.0, "tenant-sync", False)


def test_the_timers_start_and_close_a_cycle(house: House):
    fire("start_sync_cycle")
    [run] = house.services.runs.unclosed()
    assert (run.reason, run.requested_by) == (RunReason.SCHEDULED, "timer")
    house.drain()

    fire("close_runs")

    closed = house.services.runs.get(run.run_id).value
    assert closed.totals is not None
    assert closed.totals.changed == 1
    assert house.services.runs.unclosed() == ()
