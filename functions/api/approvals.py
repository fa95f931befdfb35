"""``/api/approvals``: plans that wait for a person."""

from http import HTTPStatus
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.api.shapes import many
from functions.api.syncing import started
from functions.auth import Role
from functions.bodies import Body, Day, Key, Note, example
from functions.contracts import flag
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import no_content, ok
from shared.usecases.approve import Decided, approve, decide_many, keep_psa, reject

blueprint = func.Blueprint()

MOST_AT_ONCE = 200


class DecisionBody(Body):
    """Why somebody decided so."""

    model_config = example(note="confirmed by telephone")

    note: Note = ""


class KeepBody(Body):
    """Why what the PSA has may stand, and through which of its dates."""

    model_config = example(until="2026-12-31", note="ten are promised")

    note: Note = ""
    until: Day


class DecisionsBody(Body):
    """One decision about several held plans, and why."""

    model_config = example(decision="approve", approval_ids=["contoso.3f2c"], note="all checked")

    decision: Literal["approve", "reject"]
    approval_ids: Annotated[tuple[Key, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    note: Note = ""


@endpoint(
    blueprint,
    "GET",
    "api/approvals",
    role=Role.VIEWER,
    gives=many(shapes.Approval),
    query=(*PAGING, flag("all", "Decided ones too.")),
)
def list_approvals(call: Call) -> func.HttpResponse:
    """Return open approvals, or with ``?all=true`` decided ones too."""
    page = call.services.approvals.list(
        open_only=not call.flag("all"), continuation=call.continuation, limit=call.limit
    )
    return ok(views.paged(page, views.approval))


@endpoint(
    blueprint,
    "POST",
    "api/approvals/decide",
    role=Role.EDITOR,
    gives=many(Decided),
    takes=DecisionsBody,
)
def decide_several_plans(call: Call) -> func.HttpResponse:
    """Approve or reject several held plans; each tells by itself what became of it."""
    body = call.body(DecisionsBody)
    decide = approve if body.decision == "approve" else reject
    outcome = decide_many(
        body.approval_ids,
        lambda one: decide(one, call.services, note=body.note, actor=call.actor),
    )
    return ok(views.listed(views.decided(one) for one in outcome))


@endpoint(
    blueprint,
    "POST",
    "api/approvals/{approval_id}/approve",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=DecisionBody,
    optional=True,
)
def approve_plan(call: Call) -> func.HttpResponse:
    """Let a held plan be written, if it is still the same when it is."""
    note = call.body_or_nothing(DecisionBody).note
    return started(approve(call.key("approval_id"), call.services, note=note, actor=call.actor))


@endpoint(
    blueprint,
    "POST",
    "api/approvals/{approval_id}/keep-psa",
    role=Role.EDITOR,
    gives=shapes.Started,
    status=HTTPStatus.ACCEPTED,
    located=True,
    takes=KeepBody,
    outside=True,
)
def keep_what_the_psa_has(call: Call) -> func.HttpResponse:
    """Let what somebody set in the PSA stand until a day, in place of Microsoft's number."""
    body = call.body(KeepBody)
    run_id = keep_psa(
        call.key("approval_id"),
        call.services,
        until=body.until,
        note=body.note,
        actor=call.actor,
    )
    return started(run_id)


@endpoint(
    blueprint,
    "POST",
    "api/approvals/{approval_id}/reject",
    role=Role.EDITOR,
    takes=DecisionBody,
    optional=True,
)
def reject_plan(call: Call) -> func.HttpResponse:
    """Keep a held plan from being written."""
    note = call.body_or_nothing(DecisionBody).note
    reject(call.key("approval_id"), call.services, note=note, actor=call.actor)
    return no_content()
