"""``/api/customers/{customer_id}/licenses``: the rows of a customer, split, merged, excluded."""

from typing import Literal

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.bodies import Body, Nothing
from functions.endpoints import Call, endpoint
from functions.responses import no_content, ok
from shared.usecases.edit_mapping import exclude_row, include_row, merge_row, split_row
from shared.usecases.preview import license_rows

blueprint = func.Blueprint()

ROWS = "api/customers/{customer_id}/licenses"


class ExclusionBody(Body):
    """What becomes of a line that the row owns."""

    line: Literal["end", "leave"] = "end"


@endpoint(blueprint, "GET", ROWS, role=Role.VIEWER)
def list_licenses(call: Call) -> func.HttpResponse:
    """Return the rows with what a sync would do to each now; ``?refresh=true`` reads them again."""
    found = license_rows(call.customer_id, call.services, refresh=call.flag("refresh"))
    return ok(views.licenses(found))


@endpoint(blueprint, "POST", f"{ROWS}/{{row_id}}/split", role=Role.EDITOR)
def split_license(call: Call) -> func.HttpResponse:
    """Show a licence's subscriptions as rows of their own."""
    call.body_or_nothing(Nothing)
    split_row(call.customer_id, call.row_id, call.services)
    return no_content()


@endpoint(blueprint, "POST", f"{ROWS}/{{row_id}}/merge", role=Role.EDITOR)
def merge_license(call: Call) -> func.HttpResponse:
    """Show a licence as one row again."""
    call.body_or_nothing(Nothing)
    merge_row(call.customer_id, call.row_id, call.services)
    return no_content()


@endpoint(blueprint, "POST", f"{ROWS}/{{row_id}}/exclude", role=Role.EDITOR)
def exclude_license(call: Call) -> func.HttpResponse:
    """Never bill a row again."""
    wanted = call.body_or_nothing(ExclusionBody)
    exclude_row(
        call.customer_id,
        call.row_id,
        call.services,
        leave_line=wanted.line == "leave",
        actor=call.actor,
    )
    return no_content()


@endpoint(blueprint, "POST", f"{ROWS}/{{row_id}}/include", role=Role.EDITOR)
def include_license(call: Call) -> func.HttpResponse:
    """Take a row's exclusion away."""
    call.body_or_nothing(Nothing)
    include_row(call.customer_id, call.row_id, call.services)
    return no_content()
