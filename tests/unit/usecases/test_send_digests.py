"""People are told what is due once, whatever fails, and whoever else tries."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.digests import DeliveryState, Frequency, Routing
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.domain.preferences import Preferences
from shared.domain.runs import RunReason
from shared.usecases.alert_board import board_of
from shared.usecases.alerts import dismiss_alert
from shared.usecases.send_digests import notifier_states, send_digests
from shared.usecases.start_run import start_cycle
from tests.builders import CUSTOMER, EDITOR, an_alert
from tests.fakes.notify import FakeNotifier
from tests.house import Crash, House

MINUTE = timedelta(minutes=1)


@pytest.fixture
def notifier():
    return FakeNotifier()


@pytest.fixture
def house(notifier):
    """A customer in step, whose digests of this day, week and month are out already."""
    house = House().with_customer(name="Contoso").with_mapping().holds(10)
    house.services = replace(house.services, notifiers=(notifier,), home_url="https://x.example/a")
    house.on(date(2026, 3, 18))
    send_digests(house.services)
    assert notifier.sent == []
    return house


def alert(house, kind=AlertKind.HELD, *, subject="group", text="falls from 10 to 2"):
    board = board_of(CUSTOMER, house.services)
    board.show(kind, text, subject=subject, customer_id=CUSTOMER)
    board.save()


def route(house, **kinds):
    preferences = house.services.settings.get()
    routing = Routing({AlertKind(kind): each for kind, each in kinds.items()})
    house.services.settings.save(preferences, replace(Preferences(), alert_routing=routing))


def later(house, **time):
    house.clock.pass_time(timedelta(**time))
    return send_digests(house.services)


def lines(digest):
    return [line for section in digest.sections for line in section.lines]


def states(house):
    return [read.value.state for read in house.services.deliveries.all()]


# When --------------------------------------------------------------------------------------------


def test_a_daily_digest_tells_what_is_open_once_a_day(house, notifier):
    alert(house)
    assert later(house, hours=1) == 0

    assert later(house, days=1) == 1
    assert later(house, minutes=1) == 0
    assert later(house, days=1) == 1

    assert [one.subject for one in notifier.sent] == ["Seatsync: daily digest, 1 alert"] * 2
    assert lines(notifier.sent[0]) == ["Contoso: falls from 10 to 2"]
    assert notifier.sent[0].link == "https://x.example/a"


def test_a_day_without_alerts_is_no_message(house, notifier):
    later(house, days=1)

    assert notifier.sent == []


@pytest.mark.parametrize(
    ("frequency", "before", "from_"),
    [
        (Frequency.DAILY, datetime(2026, 3, 19, 5, 59, tzinfo=UTC), "2026-03-19"),
        (Frequency.WEEKLY, datetime(2026, 3, 23, 5, 59, tzinfo=UTC), "2026-03-23"),
        (Frequency.MONTHLY, datetime(2026, 4, 1, 5, 59, tzinfo=UTC), "2026-04-01"),
    ],
)
def test_a_period_begins_at_the_hour_of_its_first_day(house, notifier, frequency, before, from_):
    route(house, held=frequency)
    alert(house)

    house.clock.pass_time(before - house.clock.now())
    send_digests(house.services)
    assert notifier.sent == []

    later(house, minutes=1)
    assert len(notifier.sent) == 1
    assert house.clock.now().date().isoformat() == from_


def test_kinds_that_are_off_are_not_told(house, notifier):
    route(house, held=Frequency.OFF)
    alert(house)

    later(house, days=40)

    assert notifier.sent == []


def test_digests_that_fall_together_are_one_message(house, notifier):
    alert(house)
    alert(house, AlertKind.RENEWAL, text="Contoso: renews on 6 April")

    house.clock.pass_time(datetime(2026, 3, 23, 7, tzinfo=UTC) - house.clock.now())
    send_digests(house.services)

    [digest] = notifier.sent
    assert digest.subject == "Seatsync: daily and weekly digest, 2 alerts"
    assert lines(digest) == ["Contoso: falls from 10 to 2", "Contoso: renews on 6 April"]


def test_what_is_urgent_is_told_within_the_minute_and_once(house, notifier):
    alert(house, AlertKind.FAILED, text="the PSA said no")
    alert(house)

    assert later(house, minutes=1) == 1
    alert(house, AlertKind.FAILED, text="the PSA said no again")  # other words, same matter
    assert later(house, minutes=1) == 0

    assert lines(notifier.sent[0]) == ["Contoso: the PSA said no"]
    assert notifier.sent[0].subject == "Seatsync: urgent, 1 alert"


def test_what_was_urgent_and_is_still_open_is_in_the_next_daily_digest(house, notifier):
    alert(house, AlertKind.FAILED)
    later(house, minutes=1)

    later(house, days=1)

    assert [len(lines(digest)) for digest in notifier.sent] == [1, 1]


def test_what_is_urgent_as_a_digest_goes_out_is_told_in_it_alone(house, notifier):
    house.clock.pass_time(timedelta(days=1))
    alert(house, AlertKind.FAILED)

    assert send_digests(house.services) == 1
    assert later(house, minutes=1) == 0


def test_a_run_is_one_message_with_all_of_it(house, notifier):
    run = start_cycle(house.services, requested_by="timer", reason=RunReason.REQUESTED)
    alert(house, AlertKind.FAILED, subject="one")
    assert later(house, minutes=1) == 0

    alert(house, AlertKind.FAILED, subject="two")
    house.drain()
    assert list(house.services.runs.items(run))
    assert later(house, minutes=1) == 1

    assert len(lines(notifier.sent[0])) == 2


def test_a_run_that_takes_long_keeps_nothing_back_for_ever(house, notifier):
    start_cycle(house.services, requested_by="timer", reason=RunReason.REQUESTED)
    alert(house, AlertKind.FAILED)

    assert later(house, minutes=29) == 0
    assert later(house, minutes=2) == 1


@pytest.mark.parametrize("how", ["cleared", "dismissed"])
def test_what_was_settled_meanwhile_is_not_told(house, notifier, how):
    alert(house, AlertKind.FAILED)
    if how == "cleared":
        board = board_of(CUSTOMER, house.services)
        board.clear({AlertKind.FAILED})
        board.save()
    else:
        [one] = house.services.alerts.open_of(CUSTOMER)
        dismiss_alert(one.alert_id, house.services, reason="known", days=30, actor=EDITOR)

    later(house, minutes=1)
    later(house, days=1)

    assert notifier.sent == []
    assert house.services.alerts.news() == ()


def test_without_a_notifier_nothing_piles_up(house):
    house.services = replace(house.services, notifiers=())
    alert(house, AlertKind.FAILED)

    assert later(house, minutes=1) == 0
    assert house.services.alerts.news() == ()
    assert house.services.deliveries.all() == ()


def test_a_long_digest_counts_what_it_leaves_out(house, notifier):
    for number in range(130):
        alert(house, subject=f"group-{number}")

    later(house, days=1)

    [section] = notifier.sent[0].sections
    assert (len(section.lines), section.more) == (100, 30)
    assert notifier.sent[0].subject.endswith("130 alerts")


# Once --------------------------------------------------------------------------------------------


def test_a_notifier_that_fails_is_tried_again_and_stops_no_other(house, notifier):
    other = FakeNotifier("chat", "teams")
    house.services = replace(house.services, notifiers=(notifier, other))
    notifier.errors = [UpstreamUnavailableError("billing", "no connection")] * 2
    alert(house, AlertKind.FAILED)

    assert later(house, minutes=1) == 1
    assert (len(other.sent), len(notifier.sent)) == (1, 0)
    [trouble] = house.services.alerts.open_of(None)
    assert trouble.kind is AlertKind.NOTIFIER
    assert "could not send a message yet and tries again: billing: no connection" in trouble.text
    assert [one.problem for one in notifier_states(house.services)] == [
        "billing: no connection",
        "",
    ]

    assert later(house, minutes=1) == 0  # not before two minutes
    assert later(house, minutes=1) == 0  # fails again
    assert later(house, minutes=4) == 1
    assert (len(other.sent), len(notifier.sent)) == (1, 1)
    assert house.services.alerts.open_of(None) == ()
    assert {one.problem for one in notifier_states(house.services)} == {""}


def test_a_wait_that_is_asked_for_is_kept(house, notifier):
    notifier.errors = [RateLimitError("billing", timedelta(minutes=50))]
    alert(house, AlertKind.FAILED)
    later(house, minutes=1)

    assert later(house, minutes=49) == 0
    assert later(house, minutes=2) == 1


def test_a_message_is_given_up_when_the_next_period_tells_it(house, notifier):
    alert(house)
    notifier.errors = [AccessDeniedError("billing: refused", "Check the password.")] * 100

    house.clock.pass_time(datetime(2026, 3, 19, 6, tzinfo=UTC) - house.clock.now())
    for _ in range(30):
        later(house, hours=1)

    assert DeliveryState.GIVEN_UP in states(house)
    assert len([s for s in states(house) if s is DeliveryState.DUE]) == 1


def test_a_message_without_an_answer_is_not_sent_twice_and_a_person_is_told(house, notifier):
    notifier.errors = [UnknownOutcomeError("billing: not confirmed")]
    alert(house, AlertKind.FAILED)

    assert later(house, minutes=1) == 0
    assert later(house, hours=2) == 0

    assert notifier.sent == []
    assert states(house) == [DeliveryState.UNKNOWN]
    [trouble] = house.services.alerts.open_of(None)
    assert "may not have sent a message, and does not send it twice" in trouble.text


def test_a_notifier_that_left_the_settings_is_given_up(house, notifier):
    notifier.errors = [UpstreamUnavailableError("billing", "no connection")]
    alert(house, AlertKind.FAILED)
    later(house, minutes=1)

    house.services = replace(house.services, notifiers=(FakeNotifier("chat"),))
    later(house, minutes=5)

    assert states(house) == [DeliveryState.GIVEN_UP]


def test_finished_messages_are_forgotten_after_a_while(house, notifier):
    alert(house, AlertKind.FAILED)
    later(house, minutes=1)
    assert states(house) == [DeliveryState.SENT]
    board = board_of(CUSTOMER, house.services)
    board.clear({AlertKind.FAILED})
    board.save()

    later(house, days=15)

    assert states(house) == []


STEPS = {"open", "save", "forget_news", "send", "forget", "put"}


class Fused:
    """A service whose n-th changing call kills the worker, before or after its work."""

    def __init__(self, real: Any, fuse: "Fuse") -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._fuse.wrap(found) if name in STEPS else found


class Fuse:
    def __init__(self, at: int, *, after: bool) -> None:
        self.left = at
        self.after = after
        self.blown = False

    def wrap(self, call: Any) -> Any:
        def fused(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left != 0:
                return call(*args, **kwargs)
            self.blown = True
            if self.after:
                call(*args, **kwargs)
            raise Crash

        return fused


def fused(house, fuse):
    wrapped: dict[str, Any] = {
        f.name: Fused(getattr(house.services, f.name), fuse)
        for f in fields(house.services)
        if f.name in {"alerts", "deliveries"}
    }
    notifiers = tuple(Fused(one, fuse) for one in house.services.notifiers)
    return replace(house.services, notifiers=notifiers, **wrapped)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_crash_at_any_step_sends_nothing_twice_and_loses_nothing_unseen(
    house, notifier, step, after
):
    alert(house, AlertKind.FAILED)
    fuse = Fuse(step, after=after)
    services = fused(house, fuse)
    try:
        house.clock.pass_time(MINUTE)
        send_digests(services)
    except Crash:
        pass

    for _ in range(20):
        later(house, minutes=1)

    trouble = [a.text for a in house.services.alerts.open_of(None)]
    assert len(notifier.sent) <= 1
    assert len(notifier.sent) == 1 or "the message may have arrived" in trouble[0]
    assert house.services.alerts.news() == () or notifier.sent


def test_a_run_has_no_more_steps_than_are_tried(house):
    alert(house, AlertKind.FAILED)
    fuse = Fuse(9, after=False)
    house.clock.pass_time(MINUTE)

    send_digests(fused(house, fuse))

    assert not fuse.blown


class Interrupting:
    """Deliveries between whose reading and writing another worker does the same work."""

    def __init__(self, real: Any, other: Any) -> None:
        self._real = real
        self._other = other
        self.done = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in {"open", "save"} or self.done:
            return found
        self.done = True
        self._other()
        return found


def test_of_two_workers_at_once_one_sends(house, notifier):
    alert(house, AlertKind.FAILED)
    house.clock.pass_time(MINUTE)
    real = house.services
    racing = Interrupting(real.deliveries, lambda: send_digests(real))

    assert send_digests(replace(real, deliveries=racing)) == 0
    assert len(notifier.sent) == 1


def test_an_alert_without_a_customer_is_told_as_it_is(house, notifier):
    house.services.alerts.put([an_alert(customer_id=None, text="the PSA is away")])

    later(house, days=1)

    assert lines(notifier.sent[0]) == ["the PSA is away"]
