"""``/``: what needs a person, first."""

from collections import Counter
from dataclasses import dataclass

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.pages.people import customer_names
from functions.pages.site import Visit, page
from shared import bootstrap
from shared.domain.alerts import Alert, AlertKind
from shared.domain.runs import FULL
from shared.usecases.alerts import list_alerts
from shared.usecases.health import next_cycle
from shared.usecases.runs import list_runs

blueprint = func.Blueprint()

MOST_ALERTS = 200
MOST_RUNS = 40
SHOWN_OF_EACH = 5
SHOWN_APPROVALS = 10

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
held stands above them, as approvals.
"""


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The open alerts of one kind: how many, and the first of them."""

    kind: AlertKind
    total: int
    first: tuple[Alert, ...]


# The host knows no empty route: a single slash is the root.
@page(blueprint, "GET", "/", role=Role.VIEWER)
def page_overview(visit: Visit) -> func.HttpResponse:
    """Show what needs a person, how the last cycle went, and how many seats are looked after."""
    services = visit.services
    alerts = list_alerts(services, limit=MOST_ALERTS)
    approvals = services.approvals.list(open_only=True, limit=SHOWN_APPROVALS)
    runs = list_runs(services, continuation=None, limit=MOST_RUNS).items
    cycles = [one for one in runs if one[0].reason in FULL]
    groups = _groups(tuple(one.alert for one in alerts.items))
    concerned = [alert.customer_id for group in groups for alert in group.first]
    concerned += [approval.customer_id for approval in approvals.items]
    return visit.show(
        "overview.html",
        approvals=[views.approval(one) for one in approvals.items],
        more_approvals=approvals.continuation is not None,
        groups=groups,
        more_alerts=alerts.continuation is not None,
        names=customer_names(concerned, services),
        next_cycle=next_cycle(bootstrap.environment().sync_schedule, services.clock.real_now()),
        last=views.run(cycles[0]) if cycles else None,
        trend=[
            {"at": run.started_at, "seats": totals.seats}
            for run, totals in reversed(cycles)
            if totals.seats is not None
        ],
    )


def _groups(alerts: tuple[Alert, ...]) -> list[Exceptions]:
    totals = Counter(alert.kind for alert in alerts)
    return [
        Exceptions(
            kind,
            totals[kind],
            tuple(alert for alert in alerts if alert.kind is kind)[:SHOWN_OF_EACH],
        )
        for kind in (*ORDER, *(one for one in AlertKind if one not in ORDER))
        if totals[kind] and kind is not AlertKind.HELD
    ]
