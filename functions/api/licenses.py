"""``/api/customers/{customer_id}/licenses``: the rows of a customer, split, merged, excluded."""

from typing import Literal

import azure.functions as func

from functions.api import shapes, views
from functions.auth import Role
from functions.bodies import Body, Nothing, example
from functions.contracts import flag
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, no_content, ok
from shared.domain.terms import TermLength
from shared.usecases.edit_mapping import exclude_row, include_row, merge_row, split_row
from shared.usecases.preview import license_rows
from shared.usecases.state_term import state_term, withdraw_term

blueprint = func.Blueprint()

ROWS = "api/customers/{customer_id}/licenses"


class ExclusionBody(Body):
    """What becomes of a line that the row owns."""

    model_config = example(line="end")

    line: Literal["end", "leave"] = "end"


class TermBody(Body):
    """How long a subscription is bought for, by the caller's word."""

    model_config = example(length="annual")

    length: Literal["monthly", "annual", "triennial"]


@endpoint(
    blueprint,
    "GET",
    ROWS,
    role=Role.VIEWER,
    gives=shapes.Licenses,
    query=(flag("refresh", "Ask Microsoft again first."),),
    outside=True,
)
def list_licenses(call: Call) -> func.HttpResponse:
    """Return the rows with what a sync would do to each now; ``?refresh=true`` reads them again."""
    found = license_rows(call.customer_id, call.services, refresh=call.flag("refresh"))
    return ok(views.licenses(found))


@endpoint(
    blueprint,
    "POST",
    f"{ROWS}/{{row_id}}/split",
    role=Role.EDITOR,
    takes=Nothing,
    optional=True,
    outside=True,
)
def split_license(call: Call) -> func.HttpResponse:
    """Show a licence's subscriptions as rows of their own."""
    call.body_or_nothing(Nothing)
    split_row(call.customer_id, call.row_id, call.services)
    return no_content()


@endpoint(
    blueprint,
    "POST",
    f"{ROWS}/{{row_id}}/merge",
    role=Role.EDITOR,
    takes=Nothing,
    optional=True,
    outside=True,
)
def merge_license(call: Call) -> func.HttpResponse:
    """Show a licence as one row again."""
    call.body_or_nothing(Nothing)
    merge_row(call.customer_id, call.row_id, call.services)
    return no_content()


@endpoint(
    blueprint,
    "POST",
    f"{ROWS}/{{row_id}}/exclude",
    role=Role.EDITOR,
    takes=ExclusionBody,
    optional=True,
    outside=True,
)
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


@endpoint(
    blueprint, "POST", f"{ROWS}/{{row_id}}/include", role=Role.EDITOR, takes=Nothing, optional=True
)
def include_license(call: Call) -> func.HttpResponse:
    """Take a row's exclusion away."""
    call.body_or_nothing(Nothing)
    include_row(call.customer_id, call.row_id, call.services)
    return no_content()


@endpoint(
    blueprint,
    "PUT",
    f"{ROWS}/{{row_id}}/term",
    role=Role.EDITOR,
    gives=shapes.Customer,
    tagged=True,
    matches=True,
    takes=TermBody,
    outside=True,
)
def state_subscription_term(call: Call) -> func.HttpResponse:
    """Say what a subscription's term is; it is kept with the customer, whose version is returned.

    ``If-Match`` is the customer's.
    """
    saved = state_term(
        call.customer_id,
        call.row_id,
        TermLength(call.body(TermBody).length),
        call.services,
        if_match=call.if_match,
        actor=call.actor,
    )
    return ok(views.customer(saved.value), etag=etag_of(saved.version))


@endpoint(blueprint, "DELETE", f"{ROWS}/{{row_id}}/term", role=Role.EDITOR, matches=True)
def remove_subscription_term(call: Call) -> func.HttpResponse:
    """Take back what was said of a subscription's term. ``If-Match`` is the customer's."""
    withdraw_term(call.customer_id, call.row_id, call.services, if_match=call.if_match)
    return no_content()
