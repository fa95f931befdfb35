"""``/connections``: Microsoft, the PSAs and who is told: whether they work, what is in the way."""

from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.connections import EndForeignLinesBody, ForeignLinesBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import page_number, reasons
from functions.pages.forms import Form
from functions.pages.people import customer_names
from functions.pages.site import Visit, link, page, status_of
from shared.domain.alerts import AlertKind
from shared.domain.errors import SeatsyncError
from shared.usecases.alerts import list_alerts
from shared.usecases.connections import list_connections, try_connection
from shared.usecases.foreign_lines import ForeignPreview, end_foreign_lines, preview_foreign_lines
from shared.usecases.preflight import preflight_connection
from shared.usecases.tenant_access import tenant_accesses

blueprint = func.Blueprint()

ROUTE = "connections"
MOST_TENANTS = 200
LOCKED_OUT = (AlertKind.SIGN_IN_BROKEN, AlertKind.TENANT_UNREADABLE)
"""The first is told once for a connection, or for a tenant whose admin has to let the app in."""
PER_PAGE = 20
TENANTS_PER_PAGE = 25


@page(blueprint, "GET", ROUTE, role=Role.VIEWER)
def page_connections(visit: Visit) -> func.HttpResponse:
    """List the connections, and the tenants that let nobody in, with what mends it."""
    unread = [
        list_alerts(visit.services, kind=kind, limit=MOST_TENANTS).items for kind in LOCKED_OUT
    ]
    alerts = [one.alert for found in unread for one in found]
    return visit.show(
        "connections.html",
        connections=list_connections(visit.services),
        alerts=alerts,
        names=customer_names((one.customer_id for one in alerts), visit.services),
        more=any(len(found) == MOST_TENANTS for found in unread),
    )


@page(blueprint, "POST", f"{ROUTE}/{{connection}}/test", role=Role.ADMIN)
def page_connection_test(visit: Visit) -> func.HttpResponse:
    """Read a little through a connection, and say how it went."""
    found = try_connection(visit.connection, visit.services)
    return visit.show("connection_test.html", name=visit.connection, tests=found)


@page(blueprint, "GET", f"{ROUTE}/{{connection}}/tenants", role=Role.VIEWER)
def page_connection_tenants(visit: Visit) -> func.HttpResponse:
    """List a connection's tenants with the link by which each one's admin lets the app in."""
    text, number = visit.query("q") or "", page_number(visit)
    found = tenant_accesses(
        visit.connection,
        visit.services,
        text=text,
        first=(number - 1) * TENANTS_PER_PAGE,
        limit=TENANTS_PER_PAGE,
    )
    return visit.show(
        "tenants.html",
        name=visit.connection,
        found=found,
        text=text,
        number=number,
        pages=-(-found.total // TENANTS_PER_PAGE),
        address=lambda n: link(ROUTE, visit.connection, "tenants", q=text, page=str(n)),
    )


@page(blueprint, "GET", f"{ROUTE}/{{connection}}/preflight", role=Role.EDITOR)
def page_connection_preflight(visit: Visit) -> func.HttpResponse:
    """Say what stands in the way of billing on the mapped agreements; the PSA is only read."""
    found = preflight_connection(
        visit.connection,
        visit.services,
        continuation=visit.query("continuation"),
        limit=PER_PAGE,
    )
    concerned = (customer for one in found.items for customer in one.customer_ids)
    more = found.continuation
    return visit.show(
        "preflight.html",
        name=visit.connection,
        reports=[views.preflight(one) for one in found.items],
        names=customer_names(concerned, visit.services),
        more=more and link(ROUTE, visit.connection, "preflight", continuation=more),
    )


@page(blueprint, "GET", f"{ROUTE}/{{connection}}/foreign-lines", role=Role.ADMIN)
def page_connection_foreign(visit: Visit) -> func.HttpResponse:
    """Ask which lines of another tool shall end, and when."""
    return _foreign(visit, Form(()), None, None)


@page(blueprint, "POST", f"{ROUTE}/{{connection}}/foreign-lines", role=Role.ADMIN)
def page_connection_foreign_save(visit: Visit) -> func.HttpResponse:
    """Show which lines would end; or end exactly those that were shown."""
    form = visit.form
    shown: ForeignPreview | None = None
    try:
        selection = checked(_selection(form), ForeignLinesBody).to_selection()
        if form.get("what") != "end":
            shown = preview_foreign_lines(visit.connection, selection, visit.services)
            return _foreign(visit, form, shown, None)
        given = {name: form.get(name) for name in ("fingerprint", "note")}
        body = checked({**_selection(form), **given}, EndForeignLinesBody)
        run_id, _ = end_foreign_lines(
            visit.connection,
            selection,
            body.fingerprint,
            visit.services,
            note=body.note,
            actor=visit.actor,
        )
    except SeatsyncError as error:
        return _foreign(visit, form, None, error)
    return visit.go(link("runs", run_id), "The lines are being ended now.")


def _selection(form: Form) -> dict[str, Any]:
    """Return what the form holds as the API takes it."""
    named = [one.strip() for one in form.get("agreement_ids").split(";") if one.strip()]
    return {
        "marker_prefix": form.get("marker_prefix"),
        "last_day": form.get("last_day"),
        "agreement_ids": named or None,
    }


def _foreign(
    visit: Visit, form: Form, shown: ForeignPreview | None, error: SeatsyncError | None
) -> func.HttpResponse:
    visit.services.connections.psa(visit.connection)
    lines = () if shown is None else shown.lines
    return visit.show(
        "foreign_lines.html",
        status=status_of(error),
        name=visit.connection,
        form=form,
        preview=None if shown is None else views.foreign(shown),
        names=customer_names((one.customer_id for one in lines), visit.services),
        errors={} if error is None else reasons(error),
    )
