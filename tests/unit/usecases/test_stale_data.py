"""Old numbers are shown with their age and lower nothing; a person is told once."""

from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    UpstreamUnavailableError,
)
from shared.domain.runs import ItemState, RunReason
from shared.ports import LicenseSync
from shared.usecases.pauses import psa_key, tenant_key
from shared.usecases.preview import license_rows, preview_customer
from shared.usecases.start_run import start_groups
from tests.builders import AGREEMENT, CUSTOMER, MAIN, OTHER_TENANT, RUN, TENANT
from tests.house import House

REFUSED = RequestRefusedError("main: no")
DENIED = AccessDeniedError("no consent", "Let the app in.")
LOST = UpstreamUnavailableError("main", "503")
BUSY = RateLimitError("main", timedelta(seconds=30))


@pytest.fixture
def house():
    house = House().with_customer().with_mapping().holds(10)
    house.cycle()
    return house


def stale(house):
    kept = house.services.alerts.open_of(CUSTOMER)
    return [alert for alert in kept if alert.kind is AlertKind.STALE]


def write_the_group(house):
    """Work on the line group without reading the tenant, as an approval does."""
    message = LicenseSync(RUN, CUSTOMER, house.group_id, AGREEMENT)
    start_groups([message], house.services, requested_by="editor", reason=RunReason.APPROVAL)
    house.drain()


def store_fewer_seats(house):
    """Let the tenant's stored numbers, of 17 March, say 8 seats; the PSA still has 10."""
    read = house.services.snapshots.get(TENANT)
    house.holds(8)
    snapshot = house.microsoft.read_tenant(TENANT)
    record = read.value
    house.services.snapshots.save(read, type(record)(TENANT, snapshot))


@pytest.mark.parametrize("error", [REFUSED, DENIED, LOST])
def test_three_failed_runs_in_a_row_are_told_once(house, error):
    house.microsoft.fail(TENANT, error)
    for failures in (1, 2):
        house.cycle()
        assert (stale(house), house.services.snapshots.get(TENANT).value.failures) == (
            [],
            failures,
        )

    house.cycle()
    [first] = stale(house)
    house.cycle()
    [again] = stale(house)

    assert again == first
    assert "17 March 2026, 09:30 UTC" in first.text
    assert str(error) in first.text


@pytest.mark.parametrize("error", [REFUSED, LOST, BUSY])
def test_two_days_without_a_complete_read_are_told(house, error):
    house.microsoft.fail(TENANT, error)

    house.on(date(2026, 3, 19)).cycle()
    assert stale(house) == [], "not yet 48 hours"
    house.on(date(2026, 3, 20)).cycle()

    assert len(stale(house)) == 1


def test_a_complete_read_clears_the_alert(house):
    house.microsoft.fail(TENANT, REFUSED)
    house.on(date(2026, 3, 20)).cycle()
    house.microsoft.recover(TENANT)

    house.cycle()

    assert house.services.alerts.open_of(CUSTOMER) == ()
    assert house.services.snapshots.get(TENANT).value.failures == 0


def test_a_tenant_that_was_never_read_is_told_after_three_failures():
    house = House().with_customer()
    house.microsoft.fail(TENANT, REFUSED)
    for _ in range(3):
        house.cycle()

    [alert] = stale(house)
    assert "never read completely" in alert.text


def test_the_company_page_tells_the_age(house):
    fresh = license_rows(CUSTOMER, house.services)
    old = license_rows(CUSTOMER, house.on(date(2026, 3, 20)).services)

    assert (fresh.age, fresh.stale) == (timedelta(0), False)
    assert old.age == timedelta(days=3) - timedelta(seconds=30)
    assert old.stale


def test_nothing_is_lowered_by_numbers_older_than_48_hours(house):
    store_fewer_seats(house)
    house.on(date(2026, 3, 20))

    [preview] = preview_customer(CUSTOMER, house.services)
    write_the_group(house)

    assert preview.plan.status == "blocked"
    assert "seats are not lowered until it is read again" in preview.plan.reasons[0].text
    assert house.quantities == [10]
    [alert] = house.services.alerts.open_of(CUSTOMER)
    assert alert.kind is AlertKind.BLOCKED


def test_numbers_of_47_hours_still_lower(house):
    store_fewer_seats(house)
    house.clock.pass_time(timedelta(hours=47))

    write_the_group(house)

    assert (
        house.services.ledgers.get(CUSTOMER, house.group_id).value.seats_on(date(2026, 3, 19)) == 8
    )


def test_old_numbers_may_raise_and_the_preview_tells_their_age(house):
    store_fewer_seats(house.holds(12))
    read = house.services.snapshots.get(TENANT)
    house.holds(12)
    house.services.snapshots.save(
        read, type(read.value)(TENANT, house.microsoft.read_tenant(TENANT))
    )
    house.on(date(2026, 3, 20))

    [preview] = preview_customer(CUSTOMER, house.services)

    assert preview.plan.status == "change"
    assert "more than 48 hours ago" in preview.plan.explanation[-1]


def test_the_next_complete_read_lowers(house):
    store_fewer_seats(house)

    run = house.on(date(2026, 3, 20)).cycle()

    assert [item.state for item in house.items(run)] in (
        [ItemState.CHANGED],
        [ItemState.UNCHANGED],
    )
    assert (
        house.services.ledgers.get(CUSTOMER, house.group_id).value.seats_on(date(2026, 3, 20)) == 8
    )


def test_a_busy_tenant_does_not_stop_the_connection(house):
    house.microsoft.fail(TENANT, BUSY)

    house.cycle()

    states = house.services.connection_states
    assert states.paused_until(psa_key(MAIN)) is None
    assert states.paused_until(tenant_key(MAIN, TENANT)) is not None
    assert states.paused_until(tenant_key(MAIN, OTHER_TENANT)) is None
