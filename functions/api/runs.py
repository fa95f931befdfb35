"""``/api/runs``: cycles and Sync Nows, and how they went."""

from http import HTTPStatus

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.api.syncing import started
from functions.auth import Role
from functions.bodies import Body, Day, Note, Nothing, example
from functions.contracts import Query, one_of
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import accepted, ok, path
from shared.domain.runs import ItemState, RunReason
from shared.usecases.runs import get_run, list_items, list_runs
from shared.usecases.start_run import retry_failed, start_cycle
from shared.usecases.undo_run import undo_run

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "api/runs", role=Role.VIEWER, gives=many(shapes.Run), query=PAGING)
def list_all_runs(call: Call) -> func.HttpResponse:
    """Return runs, newest first."""
    page = list_runs(call.services, continuation=call.continuation, limit=call.limit)
    return ok(views.paged(page, views.run))


@endpoint(
    blueprint,
    "POST",
    "api/runs",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=Nothing,
    optional=True,
)
def start_requested_cycle(call: Call) -> func.HttpResponse:
    """Queue all active customers now."""
    call.body_or_nothing(Nothing)
    return started(start_cycle(call.services, requested_by=call.actor, reason=RunReason.REQUESTED))


@endpoint(blueprint, "GET", "api/runs/{run_id}", role=Role.VIEWER, gives=shapes.Run)
def show_run(call: Call) -> func.HttpResponse:
    """Return a run with its totals as of now."""
    return ok(views.run(get_run(call.run_id, call.services)))


@endpoint(
    blueprint,
    "GET",
    "api/runs/{run_id}/items",
    role=Role.VIEWER,
    gives=many(shapes.RunItem),
    query=(*PAGING, Query("state", "Of one state.", one_of(*ItemState))),
)
def show_run_items(call: Call) -> func.HttpResponse:
    """Return a run's items, a page at a time; of one state with ``?state=``."""
    page = list_items(
        call.run_id,
        call.services,
        state=call.query("state"),
        continuation=call.continuation,
        limit=call.limit,
    )
    return ok(views.paged(page, views.run_item))


class UndoBody(Body):
    """Through which PSA date the seats of before hold, and why."""

    model_config = example(until="2026-12-31", note="agreed with the customer")

    until: Day
    note: Note = ""


@endpoint(
    blueprint,
    "POST",
    "api/runs/{run_id}/undo",
    role=Role.EDITOR,
    gives=shapes.Undoing,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=UndoBody,
    outside=True,
)
def undo_a_run(call: Call) -> func.HttpResponse:
    """Take back what a run wrote, where no invoice has counted it yet."""
    body = call.body(UndoBody)
    undoing, outcome = undo_run(
        call.run_id, call.services, until=body.until, note=body.note, actor=call.actor
    )
    items = [views.undone(one) for one in outcome]
    return accepted({"run_id": undoing, "items": items}, path("runs", undoing))


@endpoint(
    blueprint,
    "POST",
    "api/runs/{run_id}/retry-failed",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=Nothing,
    optional=True,
)
def retry_failed_items(call: Call) -> func.HttpResponse:
    """Queue the customers of a run's failed items again, as a new run."""
    call.body_or_nothing(Nothing)
    return started(retry_failed(call.run_id, call.services, requested_by=call.actor))
