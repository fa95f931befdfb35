"""``/api/overview``: what is going on, at a glance."""

import azure.functions as func

from functions.api import shapes, views
from functions.auth import Role
from functions.endpoints import Call, endpoint
from functions.responses import ok
from shared import bootstrap
from shared.usecases.health import next_cycle
from shared.usecases.overview import overview

blueprint = func.Blueprint()

MOST_APPROVALS = 10


@endpoint(blueprint, "GET", "api/overview", role=Role.VIEWER, gives=shapes.Overview)
def show_overview(call: Call) -> func.HttpResponse:
    """Return what needs a person, how the last cycle went, and the seats and money looked after."""
    services = call.services
    found = overview(services, approvals=MOST_APPROVALS, alerts_of_each=0)
    next_one = next_cycle(bootstrap.environment().sync_schedule, services.clock.real_now())
    return ok(views.overview(found, next_one))
