"""What use cases tell of themselves: once each, in the right numbers, and never in words."""

from datetime import date, timedelta

import pytest

from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    UnknownOutcomeError,
)
from shared.domain.guards import GuardSettings
from shared.domain.preferences import Preferences
from shared.signals import (
    ChangesWritten,
    ChangeWritten,
    CycleTime,
    FailedItems,
    GroupRecovering,
    GroupWriting,
    Holds,
    ItemFailed,
    Metric,
    Paused,
    Pauses,
    PlanHeld,
    RunClosed,
    RunStarted,
    RunStopped,
    Seats,
)
from shared.usecases.close_runs import close_runs
from tests.builders import CUSTOMER, EDITOR, MAIN, TENANT
from tests.fakes.telemetry import FakeTelemetry, Told
from tests.house import House


@pytest.fixture
def house() -> House:
    return House().with_customer().with_mapping().holds(10)


def telemetry(house: House) -> FakeTelemetry:
    found = house.services.telemetry
    assert isinstance(found, FakeTelemetry)
    return found


def measured(house: House, kind: type[Metric]) -> list[Metric]:
    return telemetry(house).measured(kind)


def spans(house: House, kind: type) -> list[Told]:
    return [one for one in telemetry(house).spans if isinstance(one.span, kind)]


def test_a_change_is_told_once_with_its_seats(house: House):
    run = house.cycle()
    house.cycle()

    assert measured(house, ChangesWritten) == [ChangesWritten(1, MAIN)]
    [written] = telemetry(house).told(ChangeWritten)
    assert (written.run_id, written.customer_id, written.psa) == (run, CUSTOMER, MAIN)
    assert (written.before, written.after, written.operations) == (None, 10, 1)
    [span] = spans(house, GroupWriting)
    assert span.span.operations == 1
    assert not span.failed


def test_a_change_that_a_later_delivery_finishes_is_told_once_too(house: House):
    house.psa.next_write(UnknownOutcomeError("the connection broke"), lands=True)

    house.cycle()

    assert house.quantities == [10]
    assert measured(house, ChangesWritten) == [ChangesWritten(1, MAIN)]
    assert [one.error for one in spans(house, GroupWriting)] == ["UnknownOutcomeError"]
    assert [one.failed for one in spans(house, GroupRecovering)] == [False]


def test_a_plan_that_waits_for_a_person_is_told_once_for_as_long_as_it_waits(house: House):
    house.cycle()
    house.holds(2)
    house.cycle()
    house.cycle()

    [held] = telemetry(house).told(PlanHeld)
    assert held.customer_id == CUSTOMER
    assert measured(house, Holds) == [Holds(1, held.reasons)]


def test_a_wait_that_a_psa_asks_for_is_told_with_its_seconds(house: House):
    house.psa.next_write(RateLimitError("main", timedelta(seconds=90)))

    house.cycle()

    assert measured(house, Pauses) == [Pauses(1, "psa/main")]
    assert telemetry(house).told(Paused) == [Paused("psa/main", 90)]


def test_a_wait_that_microsoft_asks_for_counts_for_its_connection(house: House):
    house.microsoft.fail(TENANT, RateLimitError("graph", timedelta(seconds=7)))

    house.cycle()

    assert {one.connection for one in measured(house, Pauses)} == {"microsoft/main"}
    assert TENANT not in str(measured(house, Pauses))


def test_a_refused_write_is_a_failed_line_group_and_its_words_stay_here(house: House):
    house.psa.next_write(RequestRefusedError("main: 400: pat@customer.example"))

    run = house.cycle()

    assert measured(house, FailedItems) == [FailedItems(1, "group")]
    [failed] = telemetry(house).told(ItemFailed)
    assert (failed.run_id, failed.group_id) == (run, house.group_id)
    assert "pat@" not in str(telemetry(house))


def test_a_tenant_that_lets_nobody_in_is_a_failed_tenant(house: House):
    house.microsoft.fail(TENANT, AccessDeniedError("graph: 403", "Consent again."))

    house.cycle()

    assert measured(house, FailedItems) == [FailedItems(1, "tenant")]
    assert [one.group_id for one in telemetry(house).told(ItemFailed)] == [None]


def test_a_run_tells_its_start_its_end_and_its_seats_but_not_who_asked(house: House):
    house.cycle()
    house.sync_now()
    close_runs(house.services)

    started = telemetry(house).told(RunStarted)
    closed = telemetry(house).told(RunClosed)
    assert [one.reason for one in started] == ["scheduled", "sync_now"]
    assert {one.run_id for one in closed} == {one.run_id for one in started}
    assert sorted((one.changed, one.unchanged, one.failed) for one in closed) == [
        (0, 1, 0),
        (1, 0, 0),
    ]
    assert measured(house, Seats) == [Seats(10)]
    assert {one.reason for one in measured(house, CycleTime)} == {"scheduled", "sync_now"}
    assert EDITOR not in str(telemetry(house))


def test_a_run_lasted_until_its_last_item_however_late_it_is_closed(house: House):
    house.cycle()
    house.clock.pass_time(timedelta(minutes=4))
    close_runs(house.services)

    [took] = measured(house, CycleTime)
    [closed] = telemetry(house).told(RunClosed)
    assert took.value == closed.seconds < 60


def test_a_stopped_run_is_told_by_how_much_would_have_changed(house: House):
    house.cycle()
    strict = Preferences(GuardSettings(run_stop_lines=1, run_stop_percent=0))
    house.services.settings.save(house.services.settings.get(), strict)
    house.on(date(2026, 3, 18))

    run = house.holds(11).cycle()

    assert telemetry(house).told(RunStopped) == [RunStopped(run, 1, 0)]
