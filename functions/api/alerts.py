"""``/api/alerts``: what a person should look at."""

from typing import Annotated

import azure.functions as func
from pydantic import Field, StrictInt, StringConstraints

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Note, Nothing, example
from functions.contracts import Query, flag, one_of
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import ok
from shared.domain import ids
from shared.domain.alerts import AlertKind, AlertState
from shared.domain.errors import InvalidInputError
from shared.domain.ids import CustomerId
from shared.usecases import alerts

blueprint = func.Blueprint()

ALL = "all"

Reason = Annotated[Note, StringConstraints(min_length=1)]


class DismissalBody(Body):
    """Why an alert asks for nobody, and for how many days."""

    model_config = example(reason="the customer keeps them for trainees", days=14)

    reason: Reason
    days: Annotated[StrictInt, Field(ge=1, le=3650)]


@endpoint(
    blueprint,
    "GET",
    "api/alerts",
    role=Role.VIEWER,
    gives=many(shapes.Alert),
    query=(
        *PAGING,
        Query("state", "Those in this state; open ones by default.", one_of(*AlertState, ALL)),
        Query("kind", "Those of one kind.", one_of(*AlertKind)),
        Query("customer_id", "Those of one customer."),
        flag("all", "The same as state=all."),
    ),
)
def list_alerts(call: Call) -> func.HttpResponse:
    """Return open alerts, or those in ``?state=``, of one ``?kind=`` and ``?customer_id=``."""
    customer = call.query("customer_id")
    page = alerts.list_alerts(
        call.services,
        state=_state(call),
        kind=_kind(call),
        customer_id=None if customer is None else CustomerId(ids.key(customer, "customer_id")),
        continuation=call.continuation,
        limit=call.limit,
    )
    return ok(views.paged(page, views.alert))


@endpoint(
    blueprint,
    "POST",
    "api/alerts/{alert_id}/dismiss",
    role=Role.EDITOR,
    gives=shapes.Alert,
    takes=DismissalBody,
)
def dismiss_alert(call: Call) -> func.HttpResponse:
    """Let an alert ask for nobody for some days.

    It is back after them if its cause still stands, and earlier when what it is about changes.
    """
    body = call.body(DismissalBody)
    found = alerts.dismiss_alert(
        call.key("alert_id"),
        call.services,
        reason=body.reason,
        days=body.days,
        actor=call.actor,
    )
    return ok(views.alert(found))


@endpoint(
    blueprint,
    "POST",
    "api/alerts/{alert_id}/restore",
    role=Role.EDITOR,
    gives=shapes.Alert,
    takes=Nothing,
    optional=True,
)
def restore_alert(call: Call) -> func.HttpResponse:
    """Take a dismissal back."""
    call.body_or_nothing(Nothing)
    return ok(views.alert(alerts.restore_alert(call.key("alert_id"), call.services)))


def _state(call: Call) -> AlertState | None:
    everything = call.flag("all")
    text = call.query("state") or (ALL if everything else AlertState.OPEN.value)
    if text == ALL:
        return None
    known = [one.value for one in AlertState]
    if text not in known:
        raise InvalidInputError({"state": f"must be {', '.join(known)} or {ALL}"})
    return AlertState(text)


def _kind(call: Call) -> AlertKind | None:
    text = call.query("kind")
    if text is None:
        return None
    known = [one.value for one in AlertKind]
    if text not in known:
        raise InvalidInputError({"kind": f"must be one of {', '.join(known)}"})
    return AlertKind(text)
