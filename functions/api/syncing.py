"""What a sync would write, and Sync Now."""

from http import HTTPStatus

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Nothing
from functions.contracts import flag
from functions.endpoints import Call, endpoint
from functions.responses import accepted, ok, path
from shared.domain.ids import RunId
from shared.usecases.preview import preview_customer
from shared.usecases.start_run import sync_now

blueprint = func.Blueprint()


@endpoint(
    blueprint,
    "GET",
    "api/customers/{customer_id}/preview",
    role=Role.VIEWER,
    gives=many(shapes.Preview),
    query=(flag("refresh", "Ask Microsoft again first."),),
    outside=True,
)
def preview_whole_customer(call: Call) -> func.HttpResponse:
    """Return every line group's plan; ``?refresh=true`` asks Microsoft again first."""
    found = preview_customer(call.customer_id, call.services, refresh=call.flag("refresh"))
    return ok(views.listed(views.preview(one) for one in found))


@endpoint(
    blueprint,
    "POST",
    "api/customers/{customer_id}/sync",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=Nothing,
    optional=True,
)
def sync_customer_now(call: Call) -> func.HttpResponse:
    """Queue a customer's sync."""
    call.body_or_nothing(Nothing)
    return started(sync_now(call.customer_id, None, call.services, requested_by=call.actor))


@endpoint(
    blueprint,
    "POST",
    "api/customers/{customer_id}/licenses/{row_id}/sync",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=Nothing,
    optional=True,
    outside=True,
)
def sync_license_now(call: Call) -> func.HttpResponse:
    """Queue the sync of the line that a row bills through."""
    call.body_or_nothing(Nothing)
    return started(sync_now(call.customer_id, call.row_id, call.services, requested_by=call.actor))


def started(run_id: RunId) -> func.HttpResponse:
    """Return 202 with the run and its address."""
    return accepted({"run_id": run_id}, path("runs", run_id))
