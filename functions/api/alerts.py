"""``/api/alerts``: what a person should look at."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.contracts import flag
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import ok

blueprint = func.Blueprint()


@endpoint(
    blueprint,
    "GET",
    "api/alerts",
    role=Role.VIEWER,
    gives=many(shapes.Alert),
    query=(*PAGING, flag("all", "Cleared ones too.")),
)
def list_alerts(call: Call) -> func.HttpResponse:
    """Return open alerts, or with ``?all=true`` cleared ones too."""
    page = call.services.alerts.list(
        open_only=not call.flag("all"), continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.alert))
