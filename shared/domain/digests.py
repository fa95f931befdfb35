"""Digests: which alerts are told when, and what a message says.

Source: docs/adr/0020-alerts-and-digests.md
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.alerts import Alert, AlertKind
from shared.domain.ids import CustomerId

MOST_LINES = 100
"""Of one message; the rest is counted. A message is for reading, and a card holds 28 KB."""


class Frequency(StrEnum):
    """How soon alerts of a kind are told."""

    OFF = "off"
    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


PERIODIC = (Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY)

USUAL: Mapping[AlertKind, Frequency] = {
    AlertKind.SIGN_IN_BROKEN: Frequency.AT_ONCE,
    AlertKind.CONNECTION: Frequency.AT_ONCE,
    AlertKind.RUN_STOPPED: Frequency.AT_ONCE,
    AlertKind.FAILED: Frequency.AT_ONCE,
    AlertKind.HELD: Frequency.DAILY,
    AlertKind.BLOCKED: Frequency.DAILY,
    AlertKind.DRIFT: Frequency.DAILY,
    AlertKind.MISSING_PROFILE: Frequency.DAILY,
    AlertKind.TENANT_UNREADABLE: Frequency.DAILY,
    AlertKind.TENANT_GONE: Frequency.DAILY,
    AlertKind.STALE: Frequency.DAILY,
    AlertKind.OVERLAP: Frequency.DAILY,
    AlertKind.ORPHAN_LINE: Frequency.DAILY,
    AlertKind.CREDIT_DUE: Frequency.DAILY,
    AlertKind.SEATS_REDUCIBLE: Frequency.DAILY,
    AlertKind.LOOKS_LIKE_TRANSFER: Frequency.DAILY,
    AlertKind.NOTIFIER: Frequency.DAILY,
    AlertKind.TENANT_NOT_ADDED: Frequency.WEEKLY,
    AlertKind.IN_GRACE: Frequency.WEEKLY,
    AlertKind.RENEWAL: Frequency.WEEKLY,
    AlertKind.PREFLIGHT: Frequency.WEEKLY,
    AlertKind.MINIMUM_FOR_NONE: Frequency.MONTHLY,
    AlertKind.HELD_BY_DISABLED: Frequency.MONTHLY,
}
"""How soon each kind is told unless the settings say otherwise."""

TITLES: Mapping[AlertKind, str] = {
    AlertKind.SIGN_IN_BROKEN: "Sign-in is broken",
    AlertKind.CONNECTION: "A connection does not work",
    AlertKind.RUN_STOPPED: "A run was stopped",
    AlertKind.FAILED: "Failed",
    AlertKind.HELD: "Waiting for approval",
    AlertKind.BLOCKED: "Blocked",
    AlertKind.DRIFT: "Changed by hand in the PSA",
    AlertKind.MISSING_PROFILE: "No billing profile",
    AlertKind.TENANT_UNREADABLE: "Tenants that cannot be read",
    AlertKind.TENANT_GONE: "Tenants that are gone",
    AlertKind.STALE: "Numbers that are too old",
    AlertKind.OVERLAP: "Users of two customers",
    AlertKind.ORPHAN_LINE: "Lines of ours that nothing is mapped to",
    AlertKind.CREDIT_DUE: "Credits to give",
    AlertKind.SEATS_REDUCIBLE: "Seats that can be given back now",
    AlertKind.LOOKS_LIKE_TRANSFER: "Seats that seem to have moved",
    AlertKind.TENANT_NOT_ADDED: "Tenants that are not added",
    AlertKind.IN_GRACE: "In grace",
    AlertKind.RENEWAL: "Renewals",
    AlertKind.PREFLIGHT: "Agreements to check",
    AlertKind.MINIMUM_FOR_NONE: "Minimums billed for nobody",
    AlertKind.HELD_BY_DISABLED: "Licences of accounts that may not sign in",
    AlertKind.NOTIFIER: "Messages that were not sent",
}
"""What people read instead of a kind, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What the Admins set.

    Attributes:
        kinds: Where a kind differs from the usual.
        hour: The hour of the day, UTC, from which digests are sent.
    """

    kinds: Mapping[AlertKind, Frequency] = field(default_factory=dict)
    hour: int = 6

    def of(self, kind: AlertKind) -> Frequency:
        """Return how soon alerts of a kind are told."""
        return self.kinds.get(kind, USUAL[kind])


@dataclass(frozen=True, slots=True)
class DigestSection:
    """Alerts of one kind.

    Attributes:
        more: How many are left out.
    """

    title: str
    lines: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """A message to people.

    Attributes:
        link: Where to look; ``None`` where the app does not know its own address.
    """

    subject: str
    sections: tuple[DigestSection, ...]
    link: str | None = None


class DeliveryState(StrEnum):
    """How far a message to one notifier has got."""

    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    GIVEN_UP = "given_up"

    @property
    def final(self) -> bool:
        """Whether nothing more is tried."""
        return self in {DeliveryState.SENT, DeliveryState.UNKNOWN, DeliveryState.GIVEN_UP}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one notifier. All moments are in real time.

    Attributes:
        next_try_at: Not before this moment.
        give_up_at: Not after it: the next period's digest tells it.
        tried_at: When the last try began.
        problem: Why the last try failed, or what was not quite right with it.
    """

    delivery_id: str
    notifier: str
    digest: Digest
    state: DeliveryState
    created_at: datetime
    next_try_at: datetime
    give_up_at: datetime
    tried_at: datetime | None = None
    attempts: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """What is in a delivery already, so that it gets into no second one.

    Attributes:
        periods: The last period of each frequency.
        news: Announcements that were taken and are perhaps not forgotten yet.
    """

    periods: Mapping[Frequency, str] = field(default_factory=dict)
    news: tuple[str, ...] = ()


def due_periods(claimed: Mapping[Frequency, str], now: datetime, hour: int) -> dict[Frequency, str]:
    """Return the periods that have begun and that nobody has claimed.

    A period begins at the hour: of each day, of each Monday, of each first day of a month. One that
    was missed as a whole is not made up for: the next digest tells what is still open.
    """
    day = (now - timedelta(hours=hour)).date()
    year, week, _ = day.isocalendar()
    current = {
        Frequency.DAILY: day.isoformat(),
        Frequency.WEEKLY: f"{year}-W{week:02d}",
        Frequency.MONTHLY: f"{day:%Y-%m}",
    }
    return {each: name for each, name in current.items() if claimed.get(each) != name}


def told_in(alerts: Iterable[Alert], due: Iterable[Frequency], routing: Routing) -> list[Alert]:
    """Return the alerts that digests of these frequencies tell.

    A daily digest repeats what was told at once and is still open: a message that got lost is
    caught up by the next.
    """
    wanted = set(due)
    if Frequency.DAILY in wanted:
        wanted.add(Frequency.AT_ONCE)
    return [alert for alert in alerts if routing.of(alert.kind) in wanted]


def compose(
    alerts: Iterable[Alert],
    name_of: Callable[[CustomerId], str],
    *,
    occasion: str,
    link: str | None,
) -> Digest:
    """Return a message about alerts, the most urgent kinds first.

    Args:
        occasion: What the message is, in words, for its subject.
    """
    by_kind: dict[AlertKind, list[Alert]] = {}
    for alert in alerts:
        by_kind.setdefault(alert.kind, []).append(alert)
    room, total = MOST_LINES, sum(len(found) for found in by_kind.values())
    sections = []
    for kind, title in TITLES.items():
        found = sorted(by_kind.get(kind, ()), key=lambda alert: alert.raised_at, reverse=True)
        if not found:
            continue
        shown = found[:room]
        room -= len(shown)
        lines = tuple(_line(alert, name_of) for alert in shown)
        sections.append(DigestSection(title, lines, len(found) - len(shown)))
    what = "1 alert" if total == 1 else f"{total} alerts"
    return Digest(f"Seatsync: {occasion}, {what}", tuple(sections), link)


def _line(alert: Alert, name_of: Callable[[CustomerId], str]) -> str:
    """The alert's text, with its customer's name in front unless it names the customer."""
    if alert.customer_id is None:
        return alert.text
    name = name_of(alert.customer_id)
    return alert.text if name in alert.text else f"{name}: {alert.text}"
