"""``/api/trend`` and ``/api/customers/{customer_id}/trend``: seats over time."""

import azure.functions as func

from functions.api import shapes, views
from functions.auth import Role
from functions.contracts import Query, whole_number
from functions.endpoints import Call, endpoint
from functions.responses import ok
from shared.domain.errors import InvalidInputError
from shared.usecases.record_trend import customer_trend, total_trend

blueprint = func.Blueprint()

DAYS = 90
MOST_DAYS = 3650
QUERY = (
    Query("days", f"How many, today included; {DAYS} unless told.", whole_number(1, MOST_DAYS)),
)


@endpoint(blueprint, "GET", "api/trend", role=Role.VIEWER, gives=shapes.Trend, query=QUERY)
def show_total_trend(call: Call) -> func.HttpResponse:
    """Return the seats of all customers, and what they are billed a month, day by day."""
    return ok(views.trend(total_trend(call.services, days=_days(call))))


@endpoint(
    blueprint,
    "GET",
    "api/customers/{customer_id}/trend",
    role=Role.VIEWER,
    gives=shapes.Trend,
    query=QUERY,
)
def show_customer_trend(call: Call) -> func.HttpResponse:
    """Return a customer's seats by SKU, day by day; null where nothing is known."""
    return ok(views.trend(customer_trend(call.customer_id, call.services, days=_days(call))))


def _days(call: Call) -> int:
    text = call.query("days") or str(DAYS)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0  # noqa: PLR2004 - far above the most
    if not 1 <= number <= MOST_DAYS:
        raise InvalidInputError({"days": f"must be 1 to {MOST_DAYS}"})
    return number
