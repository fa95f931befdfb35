"""``/api/connections``: Microsoft and the PSAs, as the settings name them."""

from typing import Annotated

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Key, Nothing, example
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import jsonable, ok
from shared.domain.ids import AgreementId
from shared.usecases.connections import list_connections, try_connection
from shared.usecases.preflight import preflight_agreements, preflight_connection

blueprint = func.Blueprint()

MOST_AGREEMENTS = 100

Agreements = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MOST_AGREEMENTS)]


class PreflightBody(Body):
    """Which agreements to look at; all mapped ones, a page of companies at a time, when absent."""

    model_config = example(agreement_ids=["7001"])

    agreement_ids: Agreements | None = None


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


@endpoint(
    blueprint,
    "POST",
    "api/connections/{connection}/preflight",
    role=Role.EDITOR,
    gives=many(shapes.AgreementReport),
    takes=PreflightBody,
    optional=True,
    query=PAGING,
    outside=True,
)
def preflight_a_connection(call: Call) -> func.HttpResponse:
    """Say what stands in the way of billing on agreements. Reads, and writes nothing."""
    named = call.body_or_nothing(PreflightBody).agreement_ids
    if named is not None:
        ids = [AgreementId(one) for one in named]
        found = preflight_agreements(call.connection, ids, call.services)
        return ok(views.listed(views.preflight(one) for one in found))
    page = preflight_connection(
        call.connection, call.services, continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.preflight))
