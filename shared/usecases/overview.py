"""What is going on, at a glance: what needs a person, the last cycle, seats and money."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from shared.domain.alerts import Alert, AlertKind
from shared.domain.approvals import Approval
from shared.domain.runs import FULL, Run, Totals
from shared.domain.trends import EVERYBODY, Managed
from shared.ports import Page, Services
from shared.usecases.alerts import open_alerts
from shared.usecases.close_runs import run_totals

LOOK_BACK = 50
"""How many runs are looked through for the last one over all customers."""

ORDER = (
    AlertKind.CONNECTION,
    AlertKind.SIGN_IN_BROKEN,
    AlertKind.RUN_STOPPED,
    AlertKind.FAILED,
    AlertKind.TENANT_UNREADABLE,
    AlertKind.STALE,
    AlertKind.DRIFT,
    AlertKind.OVERLAP,
    AlertKind.BLOCKED,
    AlertKind.MISSING_PROFILE,
    AlertKind.LOOKS_LIKE_TRANSFER,
    AlertKind.CREDIT_DUE,
    AlertKind.MINIMUM_FOR_NONE,
    AlertKind.IN_GRACE,
    AlertKind.TENANT_GONE,
    AlertKind.TENANT_NOT_ADDED,
)
"""What stops billing or bills wrongly comes first; kinds that are not named here come last. What is
held is told as approvals.
"""


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """The open alerts of one kind: how many, and the first of them."""

    kind: AlertKind
    total: int
    first: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """What is going on.

    Attributes:
        approvals: The first of those that wait for a decision.
        alerts: The worst kind first.
        last_cycle: The last run over all customers, with its totals as of now.
        managed: What was billed by PSA connection when the last cycle was done.
        managed_since: The day from which on it was so.
    """

    approvals: Page[Approval]
    alerts: tuple[AlertGroup, ...]
    last_cycle: tuple[Run, Totals] | None
    managed: tuple[Managed, ...]
    managed_since: date | None


def overview(services: Services, *, approvals: int, alerts_of_each: int) -> Overview:
    """Return what is going on, from what is stored; nobody outside is asked.

    Args:
        approvals: How many at most.
        alerts_of_each: How many alerts of each kind at most; all of them are counted.
    """
    point = services.trends.last(EVERYBODY)
    return Overview(
        approvals=services.approvals.list(open_only=True, limit=approvals),
        alerts=_groups(open_alerts(services), alerts_of_each),
        last_cycle=_last_cycle(services),
        managed=() if point is None else point.managed,
        managed_since=None if point is None else point.day,
    )


def _groups(alerts: tuple[Alert, ...], most: int) -> tuple[AlertGroup, ...]:
    totals = Counter(alert.kind for alert in alerts)
    first: dict[AlertKind, list[Alert]] = {kind: [] for kind in totals}
    for alert in alerts:
        if len(first[alert.kind]) < most:
            first[alert.kind].append(alert)
    return tuple(
        AlertGroup(kind, totals[kind], tuple(first[kind]))
        for kind in (*ORDER, *(one for one in AlertKind if one not in ORDER))
        if totals[kind] and kind is not AlertKind.HELD
    )


def _last_cycle(services: Services) -> tuple[Run, Totals] | None:
    runs = services.runs.list(limit=LOOK_BACK).items
    last = next((run for run in runs if run.reason in FULL), None)
    return None if last is None else run_totals(last, services)
