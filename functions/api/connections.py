"""``/api/connections``: Microsoft and the PSAs, as the settings name them."""

from http import HTTPStatus
from typing import Annotated

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Day, Key, Name, Note, Nothing, example
from functions.contracts import Query
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import accepted, jsonable, ok, path
from shared.domain.errors import InvalidInputError
from shared.domain.ids import AgreementId
from shared.usecases.connections import list_connections, try_connection
from shared.usecases.foreign_lines import Selection, end_foreign_lines, preview_foreign_lines
from shared.usecases.preflight import preflight_agreements, preflight_connection
from shared.usecases.tenant_access import tenant_accesses

blueprint = func.Blueprint()

MOST_AGREEMENTS = 100
SHORTEST_PREFIX = 3
LONGEST_COUNT = 7  # digits

Agreements = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MOST_AGREEMENTS)]


class PreflightBody(Body):
    """Which agreements to look at; all mapped ones, a page of companies at a time, when absent."""

    model_config = example(agreement_ids=["7001"])

    agreement_ids: Agreements | None = None


class ForeignLinesBody(Body):
    """Which lines of another tool to end, and when.

    ``marker_prefix`` is what that tool's marks begin with, letter by letter. All mapped agreements
    are looked at when none are named.
    """

    model_config = example(marker_prefix="OTHERTOOL-", last_day="2026-11-30")

    marker_prefix: Annotated[Name, Field(min_length=SHORTEST_PREFIX)]
    last_day: Day
    agreement_ids: Agreements | None = None

    def to_selection(self) -> Selection:
        """Return what the use case takes."""
        named = self.agreement_ids
        ids = None if named is None else tuple(AgreementId(one) for one in named)
        return Selection(self.marker_prefix, self.last_day, ids)


class EndForeignLinesBody(ForeignLinesBody):
    """What a preview was asked for, the fingerprint it answered, and why the lines are to end."""

    model_config = example(
        marker_prefix="OTHERTOOL-",
        last_day="2026-11-30",
        fingerprint="3f1c0a7be2d94f5a8a61c7d2e0b94f13",
        note="The other tool is switched off at the end of November",
    )

    fingerprint: Key
    note: Annotated[Note, Field(min_length=1)]


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
    "GET",
    "api/connections/{connection}/tenants",
    role=Role.VIEWER,
    gives=shapes.TenantAccesses,
    query=(*PAGING, Query("q", "Part of the name, or a whole id or domain.")),
    outside=True,
)
def list_tenants_of_a_connection(call: Call) -> func.HttpResponse:
    """Return tenants, those that cannot be read first, each with the link for its admin."""
    after, limit = call.continuation or "0", call.limit
    if not (after.isascii() and after.isdigit() and len(after) < LONGEST_COUNT):
        raise InvalidInputError({"continuation": "is not one that a list of ours gave"})
    text, first = call.query("q") or "", int(after)
    found = tenant_accesses(call.connection, call.services, text=text, first=first, limit=limit)
    more = str(first + limit) if first + limit < found.total else None
    items = views.listed((jsonable(one) for one in found.items), more)
    return ok({**items, "total": found.total, "problem": found.problem})


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
    """Say what stands in the way of billing on agreements; the PSA is only read."""
    named = call.body_or_nothing(PreflightBody).agreement_ids
    if named is not None:
        ids = [AgreementId(one) for one in named]
        found = preflight_agreements(call.connection, ids, call.services)
        return ok(views.listed(views.preflight(one) for one in found))
    page = preflight_connection(
        call.connection, call.services, continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.preflight))


@endpoint(
    blueprint,
    "POST",
    "api/connections/{connection}/foreign-lines/preview",
    role=Role.ADMIN,
    gives=shapes.ForeignLines,
    takes=ForeignLinesBody,
    outside=True,
)
def preview_ending_foreign_lines(call: Call) -> func.HttpResponse:
    """Show which lines of another tool would end, and what both would bill. Writes nothing."""
    selection = call.body(ForeignLinesBody).to_selection()
    return ok(views.foreign(preview_foreign_lines(call.connection, selection, call.services)))


@endpoint(
    blueprint,
    "POST",
    "api/connections/{connection}/foreign-lines/end",
    role=Role.ADMIN,
    gives=shapes.EndingForeignLines,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=EndForeignLinesBody,
    outside=True,
)
def end_lines_of_another_tool(call: Call) -> func.HttpResponse:
    """End the lines that a preview showed; refused when it would show something else by now."""
    body = call.body(EndForeignLinesBody)
    run_id, shown = end_foreign_lines(
        call.connection,
        body.to_selection(),
        body.fingerprint,
        call.services,
        note=body.note,
        actor=call.actor,
    )
    items = views.foreign(shown)["items"]
    return accepted({"run_id": run_id, "items": items}, path("runs", run_id))
