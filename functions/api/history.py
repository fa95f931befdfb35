"""``/api/customers/{customer_id}/history``: what was written, by whom, when and why."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.contracts import Query
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import ok
from shared.domain import ids
from shared.domain.ids import RowId
from shared.usecases.customers import customer_history

blueprint = func.Blueprint()


@endpoint(
    blueprint,
    "GET",
    "api/customers/{customer_id}/history",
    role=Role.VIEWER,
    gives=many(shapes.Change),
    query=(*PAGING, Query("row_id", "Of one row.")),
)
def list_history(call: Call) -> func.HttpResponse:
    """Return a customer's changes, newest first; of one row with ``?row_id=``."""
    page = customer_history(
        call.customer_id,
        _row(call.query("row_id")),
        call.services,
        continuation=call.continuation,
        limit=call.limit,
    )
    return ok(views.paged(page, views.change))


def _row(text: str | None) -> RowId | None:
    return None if text is None else ids.row_id(text)
