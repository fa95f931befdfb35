"""``/alerts``: what a person should look at, and what somebody dismissed for some days."""

from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.alerts import DismissalBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import reasons
from functions.pages.forms import Form
from functions.pages.people import customer_names
from functions.pages.site import Visit, link, page, status_of
from shared.domain import ids
from shared.domain.alerts import AlertKind, AlertState
from shared.domain.errors import SeatsyncError
from shared.domain.ids import CustomerId
from shared.usecases.alerts import dismiss_alert, list_alerts, restore_alert

blueprint = func.Blueprint()

PER_PAGE = 25
USUAL_DAYS = 14
ALL = "all"


@page(blueprint, "GET", "alerts", role=Role.VIEWER)
def page_alerts(visit: Visit) -> func.HttpResponse:
    """List alerts: open ones, or those of another state, of a kind or of a customer."""
    state, kind = visit.query("state") or AlertState.OPEN.value, visit.query("kind") or ""
    known_state = AlertState(state) if state in set(AlertState) else None
    customer = visit.query("customer")
    found = list_alerts(
        visit.services,
        state=known_state,
        kind=AlertKind(kind) if kind in set(AlertKind) else None,
        customer_id=None if customer is None else CustomerId(ids.key(customer, "customer")),
        continuation=visit.query("continuation"),
        limit=PER_PAGE,
    )
    return visit.show(
        "alerts.html",
        alerts=[views.alert(one) for one in found.items],
        names=customer_names((one.alert.customer_id for one in found.items), visit.services),
        more=found.continuation
        and link(
            "alerts",
            state=state,
            kind=kind,
            customer=customer or "",
            continuation=found.continuation,
        ),
        state=state,
        kind=kind,
        customer=customer,
        query=link(state=visit.query("state") or "", kind=kind, customer=customer or "")[1:],
        states=(*(one.value for one in AlertState), ALL),
        kinds=tuple(AlertKind),
    )


@page(blueprint, "GET", "alerts/{alert_id}/dismiss", role=Role.EDITOR)
def page_alert_dismiss(visit: Visit) -> func.HttpResponse:
    """Ask for how many days and why an alert needs nobody."""
    return _ask(visit, Form((("days", str(USUAL_DAYS)),)), None)


@page(blueprint, "POST", "alerts/{alert_id}/dismiss", role=Role.EDITOR)
def page_alert_dismiss_save(visit: Visit) -> func.HttpResponse:
    """Dismiss an alert for some days."""
    form = visit.form
    document: dict[str, Any] = {"reason": form.get("reason"), "days": form.whole("days")}
    try:
        body = checked(document, DismissalBody)
        dismiss_alert(
            visit.key("alert_id"),
            visit.services,
            reason=body.reason,
            days=body.days,
            actor=visit.actor,
        )
    except SeatsyncError as error:
        return _ask(visit, form, error)
    days = "1 day" if body.days == 1 else f"{body.days} days"
    said = f"The alert is dismissed for {days}. It is back earlier when what it is about changes."
    return visit.go(_list_of(visit), said)


@page(blueprint, "POST", "alerts/{alert_id}/restore", role=Role.EDITOR)
def page_alert_restore(visit: Visit) -> func.HttpResponse:
    """Take a dismissal back."""
    restore_alert(visit.key("alert_id"), visit.services)
    return visit.go(_list_of(visit), "The dismissal was taken back: the alert is open again.")


def _list_of(visit: Visit) -> str:
    """Return the list that somebody came from: the form keeps its filter."""
    kept = {name: visit.form.get(name) for name in ("state", "kind", "customer")}
    return link("alerts", **kept)


def _ask(visit: Visit, form: Form, error: SeatsyncError | None) -> func.HttpResponse:
    alert = visit.services.alerts.get(visit.key("alert_id")).value
    return visit.show(
        "alert_dismiss.html",
        status=status_of(error),
        alert=alert,
        names=customer_names([alert.customer_id], visit.services),
        form=form,
        errors={} if error is None else reasons(error),
        kept={
            name: form.get(name) or visit.query(name) or ""
            for name in ("state", "kind", "customer")
        },
    )
