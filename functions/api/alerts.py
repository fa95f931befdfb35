"""``/api/alerts``: what a person should look at."""

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.endpoints import Call, endpoint
from functions.responses import ok

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "api/alerts", role=Role.VIEWER)
def list_alerts(call: Call) -> func.HttpResponse:
    """Return open alerts, or with ``?all=true`` cleared ones too."""
    page = call.services.alerts.list(
        open_only=not call.flag("all"), continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.alert))
