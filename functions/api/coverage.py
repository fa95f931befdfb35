"""``/api/customers/{customer_id}/coverage``: whether each user of a tenant is billed once."""

import azure.functions as func

from functions.api import shapes, views
from functions.auth import Role
from functions.endpoints import Call, endpoint
from functions.responses import ok
from shared.usecases.coverage import coverage

blueprint = func.Blueprint()


@endpoint(
    blueprint,
    "GET",
    "api/customers/{customer_id}/coverage",
    role=Role.VIEWER,
    gives=shapes.Coverage,
    outside=True,
)
def get_coverage(call: Call) -> func.HttpResponse:
    """Return how the tenant's licensed users are spread over its customers; nobody is named."""
    return ok(views.coverage(coverage(call.customer_id, call.services)))
