"""``/runs``: cycles and Sync Nows, live, item by item."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.runs import UndoBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import reasons
from functions.pages.forms import Form
from functions.pages.people import customer_names
from functions.pages.site import Visit, link, page
from shared.domain.errors import SeatsyncError
from shared.domain.ids import CustomerId
from shared.domain.runs import ItemState, RunItem, RunReason
from shared.ports import Page
from shared.usecases.runs import get_run, list_items, list_runs
from shared.usecases.start_run import retry_failed, start_cycle
from shared.usecases.undo_run import remark_of, undo_run

blueprint = func.Blueprint()

PER_PAGE = 25
ITEMS = 50
SHOWN_IN_PROGRESS = 10
STATES = ("failed", "held", "blocked", "changed", "unchanged", "queued")
KEEP_FOR = timedelta(days=30)
"""How long the seats of before an undo hold, unless the person says otherwise."""


@page(blueprint, "GET", "runs", role=Role.VIEWER)
def page_runs(visit: Visit) -> func.HttpResponse:
    """List runs, newest first."""
    found = list_runs(visit.services, continuation=visit.query("continuation"), limit=PER_PAGE)
    more = found.continuation
    return visit.show(
        "runs.html",
        runs=[views.run(one) for one in found.items],
        more=None if more is None else link("runs", continuation=more),
    )


@page(blueprint, "POST", "runs", role=Role.EDITOR)
def page_runs_start(visit: Visit) -> func.HttpResponse:
    """Queue all active customers now."""
    run_id = start_cycle(visit.services, requested_by=visit.actor, reason=RunReason.REQUESTED)
    return visit.go(link("runs", run_id), "All active customers are being synced.")


@page(blueprint, "GET", "runs/{run_id}", role=Role.VIEWER)
def page_run(visit: Visit) -> func.HttpResponse:
    """Show a run and its items; it looks again by itself while the run goes on."""
    template = "run_live.html" if visit.for_part == "live" else "run.html"
    return visit.show(template, **_run(visit))


@page(blueprint, "GET", "runs/{run_id}/progress", role=Role.VIEWER)
def page_run_progress(visit: Visit) -> func.HttpResponse:
    """Show how far a Sync Now is, for the customer's page."""
    run = get_run(visit.run_id, visit.services)
    found = list_items(
        visit.run_id, visit.services, state=None, continuation=None, limit=SHOWN_IN_PROGRESS
    )
    return visit.show(
        "progress.html",
        run_id=visit.run_id,
        run=views.run(run),
        items=[views.run_item(one) for one in found.items if one.group_id is not None],
        failed=[one.detail for one in found.items if one.state is ItemState.FAILED],
        customer_id=visit.query("customer") or "",
    )


@page(blueprint, "POST", "runs/{run_id}/retry-failed", role=Role.EDITOR)
def page_run_retry(visit: Visit) -> func.HttpResponse:
    """Queue the customers of a run's failed items again."""
    run_id = retry_failed(visit.run_id, visit.services, requested_by=visit.actor)
    return visit.go(link("runs", run_id), "The failed items are tried again in this run.")


@page(blueprint, "GET", "runs/{run_id}/undo", role=Role.EDITOR)
def page_run_undo(visit: Visit) -> func.HttpResponse:
    """Say what undoing a run does before it is done."""
    return _undo(visit, Form(()), {})


@page(blueprint, "POST", "runs/{run_id}/undo", role=Role.EDITOR)
def page_run_undo_save(visit: Visit) -> func.HttpResponse:
    """Take back what a run wrote, where no invoice has counted it yet."""
    form = visit.form
    try:
        body = checked({"until": form.get("until"), "note": form.get("note")}, UndoBody)
        undoing, outcome = undo_run(
            visit.run_id, visit.services, until=body.until, note=body.note, actor=visit.actor
        )
    except SeatsyncError as error:
        return _undo(visit, form, reasons(error))
    refused = [one for one in outcome if one.refused]
    said = f"{len(outcome) - len(refused)} lines are being set back."
    if refused:
        said += f" {len(refused)} are not: {'; '.join(dict.fromkeys(x.refused for x in refused))}."
    for remark in _remarks(one.remark for one in outcome):
        said += f" Mind that {remark}."
    return visit.go(link("runs", undoing), said)


def _run(visit: Visit) -> dict[str, Any]:
    state = visit.query("state") or ""
    run = get_run(visit.run_id, visit.services)
    found = list_items(
        visit.run_id,
        visit.services,
        state=state if state in STATES else None,
        continuation=visit.query("continuation"),
        limit=ITEMS,
    )
    lines = _without_reads(found)
    more = found.continuation
    return {
        "run": views.run(run),
        "items": [views.run_item(one) for one in lines.items],
        "names": customer_names([one.customer_id for one in lines.items], visit.services),
        "state": state,
        "states": STATES,
        "more": None
        if more is None
        else link("runs", visit.run_id, state=state, continuation=more),
    }


def _without_reads(found: Page[RunItem]) -> Page[RunItem]:
    """What a person asks for: lines, and customers that wait or could not be read."""
    return replace(found, items=tuple(x for x in found.items if x.state is not ItemState.READ))


def _remarks(found: Iterable[str]) -> list[str]:
    return sorted({remark for remark in found if remark})


def _undo(visit: Visit, form: Form, errors: dict[str, str]) -> func.HttpResponse:
    run = get_run(visit.run_id, visit.services)
    found = list_items(
        visit.run_id, visit.services, state=ItemState.CHANGED, continuation=None, limit=ITEMS
    )
    customers: list[CustomerId | None] = [one.customer_id for one in found.items]
    return visit.show(
        "run_undo.html",
        run=views.run(run),
        items=[views.run_item(one) for one in found.items],
        names=customer_names(customers, visit.services),
        remarks=_remarks(remark_of(one.customer_id, visit.services) for one in found.items),
        until=form.get("until") or (visit.services.clock.now() + KEEP_FOR).date().isoformat(),
        note=form.get("note"),
        errors=errors,
    )
