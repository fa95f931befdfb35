"""``/approvals``: plans that wait for a person, and the decision."""

from collections.abc import Callable

import azure.functions as func

from functions.api import views
from functions.api.approvals import DecisionBody, KeepBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.people import customer_names
from functions.pages.site import Visit, link, page
from shared.domain.approvals import Approval
from shared.domain.errors import InvalidInputError, NotFoundError
from shared.domain.ids import CustomerId, RunId
from shared.usecases.approve import approve, decide_many, keep_psa, reject
from shared.usecases.preview import preview_customer

blueprint = func.Blueprint()

PER_PAGE = 50
SAID = {
    "approve": "approved: they are being written now",
    "reject": "rejected: exactly these plans are not asked about again",
    "keep": "kept as the PSA has them",
}


@page(blueprint, "GET", "approvals", role=Role.VIEWER)
def page_approvals(visit: Visit) -> func.HttpResponse:
    """List what waits for a decision: of one customer, or also what was decided."""
    return _shown(visit, {})


@page(blueprint, "POST", "approvals", role=Role.EDITOR)
def page_approvals_decide(visit: Visit) -> func.HttpResponse:
    """Approve, reject or keep one or many; what cannot be decided stays, with the reason."""
    form = visit.form
    decision, _, only = form.get("decision").partition(" ")
    chosen = (only,) if only else form.all("approval_id")
    if decision not in SAID:
        raise InvalidInputError({"decision": "must be approve, reject or keep"})
    if not chosen:
        return _shown(visit, {"form": "Tick what you want to decide."})
    outcome = decide_many(chosen, _decider(visit, decision))
    refused = {one.approval_id: one.refused for one in outcome if one.refused}
    decided = len(outcome) - len(refused)
    if refused:
        return _shown(visit, refused, decided=decided)
    said = f"{decided} {SAID[decision]}." if decided > 1 else f"1 {SAID[decision]}."
    here = link("approvals", customer=visit.query("customer") or "")
    return visit.go(here, said.replace("1 approved: they are", "1 approved: it is"))


@page(blueprint, "GET", "approvals/{approval_id}/money", role=Role.VIEWER)
def page_approvals_money(visit: Visit) -> func.HttpResponse:
    """Show what the plan puts on the next invoice, as far as it is still the same plan."""
    approval = visit.services.approvals.get(visit.key("approval_id")).value
    found = preview_customer(approval.customer_id, visit.services)
    mine = next((one for one in found if one.group_id == approval.group_id), None)
    if mine is None:
        raise NotFoundError("the line is not planned any more; the next sync takes this away")
    template = "approval_money.html" if visit.for_part else "approval_money_page.html"
    return visit.show(template, approval=views.approval(approval), preview=views.preview(mine))


def _decider(visit: Visit, decision: str) -> Callable[[str], RunId | None]:
    form, services, actor = visit.form, visit.services, visit.actor
    if decision == "keep":
        body = checked({"until": form.get("until"), "note": form.get("note")}, KeepBody)
        return lambda one: keep_psa(one, services, until=body.until, note=body.note, actor=actor)
    note = checked({"note": form.get("note")}, DecisionBody).note
    if decision == "approve":
        return lambda one: approve(one, services, note=note, actor=actor)
    return lambda one: reject(one, services, note=note, actor=actor)


def _shown(visit: Visit, refused: dict[str, str], *, decided: int = 0) -> func.HttpResponse:
    customer = visit.query("customer")
    everything = visit.query("all") == "true"
    more = None
    if customer:
        found: tuple[Approval, ...] = visit.services.approvals.open_of(CustomerId(customer))
    else:
        listed = visit.services.approvals.list(
            open_only=not everything, continuation=visit.query("continuation"), limit=PER_PAGE
        )
        found, more = listed.items, listed.continuation
    return visit.show(
        "approvals.html",
        approvals=[views.approval(one) for one in found],
        names=customer_names([one.customer_id for one in found], visit.services),
        refused=refused,
        decided=decided,
        note=visit.form.get("note") if refused else "",
        customer=customer,
        everything=everything,
        more=None
        if more is None
        else link("approvals", all="true" if everything else "", continuation=more),
    )
