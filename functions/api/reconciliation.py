"""``/api/reconciliation``: Microsoft, the rules and the PSA side by side, with money."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.api.spreadsheets import CSV, XLSX, csv_file, xlsx_file
from functions.auth import Role
from functions.contracts import Query, flag, one_of
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import download, ok
from shared.domain import ids
from shared.domain.errors import InvalidInputError
from shared.domain.ids import ConnectionName, CustomerId
from shared.domain.reconciliation import LineState
from shared.ports import ReconciliationFilter
from shared.usecases.reconcile import (
    all_totals,
    customer_totals,
    every_line,
    reconciliation_page,
)

blueprint = func.Blueprint()

FORMATS = ("json", "csv", "xlsx")
FILTERS = (
    Query("customer", "Of one customer, by its id."),
    Query("connection", "Of one PSA connection."),
    Query("state", "Of one state.", one_of(*LineState)),
)


@endpoint(
    blueprint,
    "GET",
    "api/reconciliation",
    role=Role.VIEWER,
    gives=shapes.Reconciliation,
    media=("application/json", CSV, XLSX),
    query=(
        *FILTERS,
        *PAGING,
        flag("totals", "Add the totals of all lines, not of the page only."),
        Query("format", "As JSON by pages, or all lines as a file.", one_of(*FORMATS)),
    ),
)
def reconcile_lines(call: Call) -> func.HttpResponse:
    """Return what each line bills beside what it should, as it was last seen; nobody is asked."""
    where, form = _where(call), call.query("format") or "json"
    if form not in FORMATS:
        raise InvalidInputError({"format": f"must be {', '.join(FORMATS)}"})
    totals, now = call.flag("totals"), call.services.clock.now()
    name = f"reconciliation-{now:%Y-%m-%d}"
    if form == "csv":
        return download(csv_file(every_line(where, call.services)), CSV, f"{name}.csv")
    if form == "xlsx":
        return download(xlsx_file(every_line(where, call.services)), XLSX, f"{name}.xlsx")
    page = reconciliation_page(
        where, call.services, continuation=call.continuation, limit=call.limit
    )
    shown = views.listed((views.reconciled(one, now) for one in page.items), page.continuation)
    found = all_totals(where, call.services) if totals else None
    return ok({**shown, "totals": None if found is None else views.all_totals(found)})


@endpoint(
    blueprint,
    "GET",
    "api/reconciliation/customers",
    role=Role.VIEWER,
    gives=many(shapes.CustomerTotals),
    query=(*FILTERS, *PAGING),
)
def reconcile_customers(call: Call) -> func.HttpResponse:
    """Return each customer's totals for a month, a page at a time."""
    page = customer_totals(
        _where(call), call.services, continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.customer_totals))


def _where(call: Call) -> ReconciliationFilter:
    customer, psa, state = call.query("customer"), call.query("connection"), call.query("state")
    if state is not None and state not in set(LineState):
        raise InvalidInputError({"state": f"must be {', '.join(LineState)}"})
    return ReconciliationFilter(
        customer_id=None if customer is None else CustomerId(ids.key(customer, "customer")),
        psa=None if psa is None else ConnectionName(ids.key(psa, "connection")),
        state=None if state is None else LineState(state),
    )
