"""Tell people about alerts: digests by period, and what is urgent as soon as its run is over.

No notifier can be asked whether it has sent something, so that a message is sent at most once: its
delivery is marked before it is sent, and one that was marked and not finished is never sent again.

Source: docs/adr/0020-alerts-and-digests.md
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.alerts import Alert, AlertKind
from shared.domain.digests import (
    PERIODIC,
    Claims,
    Delivery,
    DeliveryState,
    Digest,
    Frequency,
    compose,
    due_periods,
    told_in,
)
from shared.domain.errors import (
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    RetryableError,
    StaleVersionError,
    UnknownOutcomeError,
)
from shared.domain.ids import CustomerId
from shared.domain.runs import RunState
from shared.ports import Notifier, Services, Versioned
from shared.usecases.alert_board import board_of
from shared.usecases.alerts import open_alerts
from shared.usecases.close_runs import run_totals

PATIENCE = timedelta(minutes=30)
"""A run that takes longer does not keep urgent alerts back: one message a run, but not for ever."""
SENDING_LASTS = timedelta(minutes=15)
"""Longer than any try: a delivery that is marked for so long was left by a worker that died."""
KEPT = timedelta(days=14)
"""How long a finished delivery is kept to be looked at."""
LONGEST_WAIT = timedelta(hours=1)

_LASTS = {
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
    Frequency.MONTHLY: timedelta(days=28),
    Frequency.AT_ONCE: timedelta(days=1),
}
_WORDS = {Frequency.DAILY: "daily", Frequency.WEEKLY: "weekly", Frequency.MONTHLY: "monthly"}


@dataclass(frozen=True, slots=True)
class NotifierState:
    """How a notifier does.

    Attributes:
        problem: Why its last message was not sent, or may not have been; empty when it was.
        sent_at: When it last sent one, as far as that is remembered.
    """

    name: str
    channel: str
    problem: str
    sent_at: datetime | None


def send_digests(services: Services) -> int:
    """Send what is due, and return how many messages were sent.

    Safe to call at any time, by several workers at once, and after a crash.
    """
    if not services.notifiers:
        services.alerts.forget_news(services.alerts.news())
        return 0
    _claim(services)
    return _work_off(services)


def notifier_states(services: Services) -> tuple[NotifierState, ...]:
    """Return how the notifiers do, by name."""
    deliveries = [read.value for read in services.deliveries.all()]
    return tuple(_state(one, deliveries) for one in services.notifiers)


# What is told ------------------------------------------------------------------------------------


def _claim(services: Services) -> None:
    """Make deliveries of what is due; of several workers, one does."""
    read = services.deliveries.claims()
    routing = services.settings.get().value.alert_routing
    due = due_periods(read.value.periods, services.clock.now(), routing.hour)
    news = set(services.alerts.news()) - set(read.value.news)
    if news or due:
        alerts = open_alerts(services)
        told = told_in(alerts, due, routing)
        in_digest = {alert.alert_id for alert in told}
        urgent = [
            alert
            for alert in alerts
            if alert.alert_id in news - in_digest and routing.of(alert.kind) is Frequency.AT_ONCE
        ]
        if urgent and _is_running(services):
            urgent, news = [], news & in_digest  # the rest of the run may have more to tell
        if news or due:
            claims = Claims({**read.value.periods, **due}, tuple(sorted(news)))
            messages = _messages(told, urgent, due, services)
            try:
                read = services.deliveries.open(read, claims, messages)
            except StaleVersionError:
                return  # another worker tells it
    if read.value.news:
        services.alerts.forget_news(read.value.news)
        try:
            services.deliveries.open(read, replace(read.value, news=()), ())
        except StaleVersionError:
            return


def _is_running(services: Services) -> bool:
    now = services.clock.real_now()
    return any(
        run.state is RunState.RUNNING  # a stop is told at once
        and now - run.started_at < PATIENCE
        and run_totals(run, services)[1].queued > 0
        for run in services.runs.unclosed()
    )


def _messages(
    told: list[Alert], urgent: list[Alert], due: Iterable[Frequency], services: Services
) -> list[Delivery]:
    name_of = _names(services)
    found: list[tuple[Digest, timedelta]] = []
    if told:
        occasion = " and ".join(_WORDS[each] for each in PERIODIC if each in due) + " digest"
        digest = compose(told, name_of, occasion=occasion, link=services.home_url)
        found.append((digest, min(_LASTS[each] for each in due)))
    if urgent:
        digest = compose(urgent, name_of, occasion="urgent", link=services.home_url)
        found.append((digest, _LASTS[Frequency.AT_ONCE]))
    now = services.clock.real_now()
    return [
        Delivery(
            delivery_id=services.ids.new(),
            notifier=notifier.name,
            digest=digest,
            state=DeliveryState.DUE,
            created_at=now,
            next_try_at=now,
            give_up_at=now + lasts,
        )
        for digest, lasts in found
        for notifier in services.notifiers
    ]


def _names(services: Services) -> Callable[[CustomerId], str]:
    known: dict[CustomerId, str] = {}

    def name_of(customer_id: CustomerId) -> str:
        if customer_id not in known:
            try:
                known[customer_id] = services.customers.get(customer_id).value.name
            except NotFoundError:
                known[customer_id] = str(customer_id)
        return known[customer_id]

    return name_of


# Sending -----------------------------------------------------------------------------------------


def _work_off(services: Services) -> int:
    now = services.clock.real_now()
    deliveries = sorted(services.deliveries.all(), key=lambda read: read.value.created_at)
    notifiers = {notifier.name: notifier for notifier in services.notifiers}
    ended = []
    for read in deliveries:
        after = _step(read, notifiers, now, services)
        if after is not None:
            ended.append(after)
    over = [
        read.value
        for read in deliveries
        if read.value.state.final and now - read.value.created_at > KEPT
    ]
    if over:
        services.deliveries.forget(over)
    if ended:
        _tell_trouble(ended, services)
    return sum(1 for one in ended if one.state is DeliveryState.SENT)


def _step(
    read: Versioned[Delivery],
    notifiers: Mapping[str, Notifier],
    now: datetime,
    services: Services,
) -> Delivery | None:
    """Do what can be done for a delivery now, and return it if that was anything."""
    one = read.value
    if one.state is DeliveryState.SENDING:
        if one.tried_at is not None and now - one.tried_at <= SENDING_LASTS:
            return None
        problem = "the worker stopped while it was sending; the message may have arrived"
        return _saved(read, replace(one, state=DeliveryState.UNKNOWN, problem=problem), services)
    if one.state is not DeliveryState.DUE or now < one.next_try_at:
        return None
    notifier = notifiers.get(one.notifier)
    if notifier is None or now >= one.give_up_at:
        problem = one.problem if notifier else "the settings name no such notifier any more"
        given_up = replace(one, state=DeliveryState.GIVEN_UP, problem=problem)
        return _saved(read, given_up, services)
    sending = replace(
        one, state=DeliveryState.SENDING, tried_at=now, attempts=one.attempts + 1, problem=""
    )
    try:
        marked = services.deliveries.save(read, sending)
    except StaleVersionError:
        return None  # another worker sends it
    return _saved(marked, _sent(sending, notifier, services), services)


def _sent(sending: Delivery, notifier: Notifier, services: Services) -> Delivery:
    """The delivery after one try."""
    try:
        note = notifier.send(sending.digest)
    except UnknownOutcomeError as error:
        return replace(sending, state=DeliveryState.UNKNOWN, problem=str(error))
    except (RetryableError, OperatorActionError) as error:
        wait = min(timedelta(minutes=2**sending.attempts), LONGEST_WAIT)
        if isinstance(error, RateLimitError):
            wait = max(wait, error.retry_after)
        next_try_at = services.clock.real_now() + wait
        due = replace(sending, state=DeliveryState.DUE, next_try_at=next_try_at)
        return replace(due, problem=str(error))
    return replace(sending, state=DeliveryState.SENT, problem=note)


def _saved(read: Versioned[Delivery], after: Delivery, services: Services) -> Delivery | None:
    try:
        services.deliveries.save(read, after)
    except StaleVersionError:
        return None  # another worker gave it up; what it says stays
    return after


def _tell_trouble(ended: Iterable[Delivery], services: Services) -> None:
    """One alert for each notifier whose last message was not sent, until one is."""
    board = board_of(None, services)
    for one in ended:
        if one.state is DeliveryState.SENT and not one.problem:
            board.clear({AlertKind.NOTIFIER}, subject=one.notifier)
            continue
        what = {
            DeliveryState.DUE: "could not send a message yet and tries again",
            DeliveryState.GIVEN_UP: "could not send a message, and does not try it any more",
            DeliveryState.SENT: "sent a message, but not to everybody",
            DeliveryState.UNKNOWN: "may not have sent a message, and does not send it twice",
        }[one.state]
        text = f"Notifier {one.notifier} {what}: {one.problem}. The Alerts page has all of it"
        board.show(
            AlertKind.NOTIFIER,
            text,
            subject=one.notifier,
            customer_id=None,
            matter=one.state.value,
        )
    board.save()


def _state(notifier: Notifier, deliveries: Iterable[Delivery]) -> NotifierState:
    mine = [one for one in deliveries if one.notifier == notifier.name and one.tried_at]
    mine.sort(key=lambda one: one.tried_at or one.created_at)
    sent = [one.tried_at for one in mine if one.state is DeliveryState.SENT]
    last = mine[-1] if mine else None
    problem = "" if last is None else last.problem
    return NotifierState(notifier.name, notifier.channel, problem, sent[-1] if sent else None)
