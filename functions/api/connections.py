"""``/api/connections``: Microsoft and the PSAs, as the settings name them."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Nothing
from functions.endpoints import Call, endpoint
from functions.responses import jsonable, ok
from shared.usecases.connections import list_connections, try_connection

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "api/connections", role=Role.VIEWER, gives=many(shapes.Connection))
def list_all_connections(call: Call) -> func.HttpResponse:
    """Return the connections, and which are paused."""
    return ok(views.listed(jsonable(one) for one in list_connections(call.services)))


@endpoint(
    blueprint,
    "POST",
    "api/connections/{connection}/test",
    role=Role.ADMIN,
    gives=shapes.ConnectionTests,
    takes=Nothing,
    optional=True,
    outside=True,
)
def test_connection(call: Call) -> func.HttpResponse:
    """Read a little through a connection, and say how it went."""
    call.body_or_nothing(Nothing)
    found = try_connection(call.connection, call.services)
    works = all(one.works for one in found)
    return ok({**views.listed(jsonable(one) for one in found), "works": works})
