"""``/``: what needs a person, first."""

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.pages.people import customer_names
from functions.pages.reconciliation import DAYS, seats_by_day
from functions.pages.site import Visit, page
from shared import bootstrap
from shared.usecases.health import next_cycle
from shared.usecases.overview import overview
from shared.usecases.record_trend import total_trend

blueprint = func.Blueprint()

ALERTS_OF_EACH = 5
MOST_APPROVALS = 10


# The host knows no empty route: a single slash is the root.
@page(blueprint, "GET", "/", role=Role.VIEWER)
def page_overview(visit: Visit) -> func.HttpResponse:
    """Show what needs a person, how the last cycle went, and what is looked after."""
    services = visit.services
    found = overview(services, approvals=MOST_APPROVALS, alerts_of_each=ALERTS_OF_EACH)
    concerned = [alert.customer_id for group in found.alerts for alert in group.first]
    concerned += [approval.customer_id for approval in found.approvals.items]
    return visit.show(
        "overview.html",
        approvals=[views.approval(one) for one in found.approvals.items],
        more_approvals=found.approvals.continuation is not None,
        groups=found.alerts,
        names=customer_names(concerned, services),
        next_cycle=next_cycle(bootstrap.environment().sync_schedule, services.clock.real_now()),
        last=None if found.last_cycle is None else views.run(found.last_cycle),
        managed=found.managed,
        managed_since=found.managed_since,
        trend=seats_by_day(total_trend(services, days=DAYS)),
    )
