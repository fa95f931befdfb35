"""``/reconciliation``: Microsoft, the rules and the PSA side by side, with money."""

from dataclasses import dataclass
from datetime import date

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.pages.site import Visit, link, page
from functions.responses import path
from shared.domain import ids
from shared.domain.ids import ConnectionName, CustomerId
from shared.domain.reconciliation import LineState
from shared.domain.trends import Trend
from shared.ports import ReconciliationFilter
from shared.usecases.reconcile import all_totals, reconciliation_page
from shared.usecases.record_trend import total_trend

blueprint = func.Blueprint()

ROUTE = "reconciliation"
PER_PAGE = 25
DAYS = 90


@dataclass(frozen=True, slots=True)
class Seats:
    """All customers' active seats on a day."""

    day: date
    seats: int


@page(blueprint, "GET", ROUTE, role=Role.VIEWER)
def page_reconciliation(visit: Visit) -> func.HttpResponse:
    """Show each line as it was last seen, those that differ marked, and seats over time."""
    where, now = _where(visit), visit.services.clock.now()
    continuation = visit.query("continuation")
    found = reconciliation_page(where, visit.services, continuation=continuation, limit=PER_PAGE)
    given = _given(where)
    trend = seats_by_day(total_trend(visit.services, days=DAYS)) if not where.narrows else []
    return visit.show(
        "reconciliation.html",
        lines=[views.reconciled(one, now) for one in found.items],
        trend=trend,
        states=tuple(LineState),
        state=given.get("state", ""),
        customer=where.customer_id,
        psas=visit.services.connections.psa_names(),
        psa=given.get("connection", ""),
        totals=link(ROUTE, "totals", **given),
        csv=_file(given, "csv"),
        xlsx=_file(given, "xlsx"),
        more=found.continuation and link(ROUTE, **given, continuation=found.continuation),
    )


@page(blueprint, "GET", f"{ROUTE}/totals", role=Role.VIEWER)
def page_reconciliation_totals(visit: Visit) -> func.HttpResponse:
    """Add all lines up, by PSA connection; it takes longer the more lines there are."""
    found = all_totals(_where(visit), visit.services)
    template = "reconciliation_totals.html" if visit.for_part else "reconciliation_totals_page.html"
    return visit.show(template, found=found, states=tuple(LineState))


def seats_by_day(trend: Trend) -> list[Seats]:
    """Return all licences' active seats together, of the days of which something is known."""
    return [
        Seats(day, sum(known))
        for number, day in enumerate(trend.days)
        if (known := [x for one in trend.series if (x := one.active[number]) is not None])
    ]


def _where(visit: Visit) -> ReconciliationFilter:
    customer, psa, state = visit.query("customer"), visit.query("connection"), visit.query("state")
    return ReconciliationFilter(
        customer_id=None if customer is None else CustomerId(ids.key(customer, "customer")),
        psa=None if psa is None else ConnectionName(ids.key(psa, "connection")),
        state=LineState(state) if state in set(LineState) else None,
    )


def _given(where: ReconciliationFilter) -> dict[str, str]:
    """Return the filter as the query says it."""
    given = {"customer": where.customer_id, "connection": where.psa, "state": where.state}
    return {name: str(value) for name, value in given.items() if value is not None}


def _file(given: dict[str, str], form: str) -> str:
    return path(ROUTE) + link("", **given, format=form).removeprefix("/")
