"""``/api/psa/{connection}/…``: what a PSA offers to choose from."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.contracts import Query
from functions.endpoints import Call, endpoint
from functions.responses import jsonable, ok
from shared.domain import ids
from shared.domain.agreements import Company, Product
from shared.domain.ids import CompanyId
from shared.ports import PsaGateway

blueprint = func.Blueprint()

ROUTE = "api/psa/{connection}"


@endpoint(
    blueprint, "GET", f"{ROUTE}/companies", role=Role.VIEWER, gives=many(Company), outside=True
)
def list_companies(call: Call) -> func.HttpResponse:
    """Return a PSA's companies, by name."""
    return ok(views.listed(jsonable(one) for one in _gateway(call).list_companies()))


@endpoint(
    blueprint,
    "GET",
    f"{ROUTE}/agreements",
    role=Role.VIEWER,
    gives=many(shapes.Agreement),
    query=(Query("company", "Of one company."),),
    outside=True,
)
def list_agreements(call: Call) -> func.HttpResponse:
    """Return a PSA's agreements, of one company with ``?company=``."""
    found = _gateway(call).list_agreements(_company(call.query("company")))
    return ok(views.listed(views.agreement(one) for one in found))


@endpoint(
    blueprint, "GET", f"{ROUTE}/products", role=Role.VIEWER, gives=many(Product), outside=True
)
def list_products(call: Call) -> func.HttpResponse:
    """Return a PSA's products, by name."""
    return ok(views.listed(jsonable(one) for one in _gateway(call).list_products()))


def _gateway(call: Call) -> PsaGateway:
    return call.services.connections.psa(call.connection).gateway


def _company(text: str | None) -> CompanyId | None:
    return None if text is None else CompanyId(ids.key(text, "company"))
