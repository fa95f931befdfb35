"""What is old goes; what an open period, an undo or a person needs stays."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from shared.domain.approvals import Approval, ApprovalState
from shared.domain.ids import RunId
from shared.domain.ledger import Charged
from shared.domain.preferences import Preferences, Retention, months_before
from shared.domain.runs import ItemState, RunState, Totals
from shared.domain.trends import LicenseSeats, TrendPoint
from shared.ports import Services
from shared.usecases.prune import Pruned, prune
from tests.builders import (
    APRIL,
    CUSTOMER,
    GROUP,
    MARCH,
    NOW,
    a_change,
    a_customer,
    a_dismissal,
    a_ledger,
    a_run,
    an_alert,
    an_approval,
    an_item,
)
from tests.fakes.clock import FakeClock
from tests.fakes.services import fake_services

YEARS_AGO = NOW - timedelta(days=1000)
TOTALS = Totals(total=1, changed=1, unchanged=0, held=0, blocked=0, failed=0, queued=0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def services(clock: FakeClock) -> Services:
    made = fake_services(clock=clock)
    made.customers.add(a_customer())
    return made


def prune_a_day(services: Services, clock: FakeClock) -> Pruned:
    """Let the timer run 24 times, and return what it removed in all."""
    gone = Pruned()
    for _ in range(24):
        one = prune(services)
        gone = Pruned(
            gone.runs + one.runs,
            gone.changes + one.changes,
            gone.trend_points + one.trend_points,
            gone.pauses + one.pauses,
            gone.closed + one.closed,
        )
        clock.pass_time(timedelta(hours=1))
    return gone


def changes(services: Services) -> list[str]:
    return [one.change_id for one in services.changes.of_customer(CUSTOMER).items]


def a_closed_run(services: Services, at: datetime, run_id: str = "1", **fields: object) -> RunId:
    """Store a closed run with one changed line group."""
    run = a_run(RunId(run_id), started_at=at, state=RunState.FINISHED)
    services.runs.add(replace(run, totals=TOTALS, finished_at=at, **fields))
    item = an_item(run_id=run.run_id, state=ItemState.CHANGED)
    services.runs.put_items([replace(item, updated_at=at)])
    return run.run_id


# Changes -----------------------------------------------------------------------------------------


def test_changes_older_than_the_settings_keep_go_once_a_day(services, clock):
    for number in range(250):
        services.changes.add(a_change(f"old-{number}", at=YEARS_AGO - timedelta(days=number)))
    services.changes.add(a_change("young", at=NOW - timedelta(days=700)))

    gone = prune_a_day(services, clock)

    assert gone.changes == 250
    assert changes(services) == ["young"]


def test_the_last_change_of_a_line_group_stays_however_old(services, clock):
    services.changes.add(a_change("last", at=YEARS_AGO))
    services.changes.add(a_change("older", at=YEARS_AGO - timedelta(days=1)))
    services.ledgers.save(None, a_ledger(last_change="last", written_at=YEARS_AGO))

    prune_a_day(services, clock)

    assert changes(services) == ["last"]


def test_changes_in_a_period_that_still_counts_stay(services, clock):
    settings = services.settings.get()
    short = Preferences(retention=Retention(history_months=1))
    services.settings.save(settings, short)
    begun = NOW - timedelta(days=100)
    counted = (Charged(begun.date(), 12, 12),)
    services.ledgers.save(None, replace(a_ledger(), charged=counted, last_change="other"))
    services.changes.add(a_change("in the period", at=begun + timedelta(days=1)))
    services.changes.add(a_change("before it", at=begun - timedelta(days=1)))

    prune_a_day(services, clock)

    assert changes(services) == ["in the period"]


def test_more_than_a_day_may_remove_waits_for_the_next(services, clock):
    for number in range(1150):
        services.changes.add(a_change(f"old-{number}", at=YEARS_AGO - timedelta(minutes=number)))

    first, second = prune_a_day(services, clock), prune_a_day(services, clock)

    assert (first.changes, second.changes) == (1000, 150)


# Decisions and alerts ----------------------------------------------------------------------------


def a_decision(name: str, decided_at: datetime) -> Approval:
    decided = an_approval(name, state=ApprovalState.REJECTED, raised_at=decided_at)
    return replace(decided, decided_at=decided_at)


def test_what_was_decided_long_ago_goes_and_what_is_open_stays(services, clock):
    services.approvals.put(
        [
            a_decision("old", YEARS_AGO),
            a_decision("young", NOW - timedelta(days=700)),
            an_approval("open", raised_at=YEARS_AGO),
        ]
    )

    gone = prune_a_day(services, clock)

    assert gone.closed == 1
    left = services.approvals.list(open_only=False).items
    assert {one.fingerprint for one in left} == {"young", "open"}


def test_a_no_counts_as_long_as_it_stands_whatever_the_settings_keep(services, clock):
    short = Preferences(retention=Retention(history_months=1))
    services.settings.save(services.settings.get(), short)
    clock.pass_time(datetime(2026, 3, 1, 12, tzinfo=NOW.tzinfo) - clock.now())
    services.approvals.put([a_decision("a no", clock.now() - timedelta(days=28, hours=20))])

    assert prune_a_day(services, clock).closed == 0


def test_a_decision_in_a_period_that_still_counts_stays(services, clock):
    begun = YEARS_AGO.date()
    services.ledgers.save(None, replace(a_ledger(), charged=(Charged(begun, 12, 12),)))
    services.approvals.put(
        [
            a_decision("in the period", YEARS_AGO + timedelta(days=1)),
            a_decision("before it", YEARS_AGO - timedelta(days=1)),
        ]
    )

    prune_a_day(services, clock)

    left = services.approvals.list(open_only=False).items
    assert {one.fingerprint for one in left} == {"in the period"}


@pytest.mark.parametrize("customer_id", [CUSTOMER, None])
def test_alerts_that_were_cleared_long_ago_go(services, clock, customer_id):
    cleared = an_alert(customer_id=customer_id, raised_at=YEARS_AGO, cleared_at=YEARS_AGO)
    young = replace(cleared, subject="young", cleared_at=NOW)
    still_open = replace(cleared, subject="open", cleared_at=None)
    to_tell = replace(cleared, subject="to tell")
    services.alerts.put([cleared, young, still_open])
    services.alerts.put([to_tell], news=[to_tell.alert_id])

    gone = prune_a_day(services, clock)

    assert gone.closed == 1
    left = {one.subject for one in services.alerts.list().items}
    assert left == {"young", "open", "to tell"}


def test_what_people_said_about_alerts_goes_when_it_has_long_been_over(services, clock):
    services.dismissals.put(replace(a_dismissal(), alert_id="old", until=YEARS_AGO))
    services.dismissals.put(a_dismissal())

    gone = prune_a_day(services, clock)

    assert gone.closed == 1
    assert set(services.dismissals.all()) == {a_dismissal().alert_id}


# Runs --------------------------------------------------------------------------------------------


def test_runs_older_than_the_settings_keep_go_with_their_items(services, clock):
    old = a_closed_run(services, NOW - timedelta(days=100), "1")
    young = a_closed_run(services, NOW - timedelta(days=80), "2")

    assert prune_a_day(services, clock).runs == 1

    assert [run.run_id for run in services.runs.list().items] == [young]
    assert not list(services.runs.items(old))


@pytest.mark.parametrize(
    ("written_at", "first_uninvoiced", "stays"),
    [
        (NOW - timedelta(days=100), APRIL, True),
        (NOW - timedelta(days=50), APRIL, False),
        (NOW - timedelta(days=100), date(2024, 1, 1), False),
    ],
    ids=["the last change", "changed again since", "long invoiced"],
)
def test_a_run_that_can_be_undone_stays(services, clock, written_at, first_uninvoiced, stays):
    a_closed_run(services, NOW - timedelta(days=100))
    ledger = replace(
        a_ledger(group_id=GROUP), written_at=written_at, first_uninvoiced=first_uninvoiced
    )
    services.ledgers.save(None, ledger)

    prune_a_day(services, clock)

    assert bool(services.runs.list().items) is stays


def test_a_run_that_an_open_approval_names_stays_until_somebody_decides(services, clock):
    run_id = a_closed_run(services, NOW - timedelta(days=100))
    approval = replace(an_approval(), run_id=run_id)
    services.approvals.put([approval])

    prune_a_day(services, clock)
    assert services.runs.list().items
    services.approvals.put([replace(approval, state=ApprovalState.REJECTED)])
    prune_a_day(services, clock)

    assert services.runs.list().items == ()


def test_a_run_that_is_not_closed_stays(services, clock):
    services.runs.add(a_run(started_at=NOW - timedelta(days=100)))

    assert prune_a_day(services, clock).runs == 0


# The rest ----------------------------------------------------------------------------------------


def test_a_trend_keeps_its_last_point_from_before_the_oldest_day(services, clock):
    for days in (1200, 1100, 1000, 10):
        seats = (LicenseSeats("E5", "E5", days, days),)
        services.trends.put(TrendPoint(CUSTOMER, NOW.date() - timedelta(days=days), seats))

    assert prune_a_day(services, clock).trend_points == 2

    kept = services.trends.since(CUSTOMER, date.min)
    assert [point.licenses[0].active for point in kept] == [1000, 10]


def test_pauses_that_are_long_over_go(services, clock):
    services.connection_states.pause("over", NOW - timedelta(days=3))
    services.connection_states.pause("still", NOW + timedelta(days=3))

    assert prune_a_day(services, clock).pauses == 1

    assert services.connection_states.paused_until("still") is not None


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        (MARCH, 1, date(2026, 2, 1)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 15), 24, date(2024, 1, 15)),
    ],
)
def test_months_are_those_of_the_calendar(day, months, earlier):
    assert months_before(day, months) == earlier
