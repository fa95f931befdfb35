"""``/customers/{customer_id}``: the licence table, and what is done to its rows."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import azure.functions as func

from functions.api import views
from functions.auth import Role
from functions.pages.customers import page_number
from functions.pages.site import Visit, link, page
from functions.responses import etag_of, if_match
from shared.domain.alerts import AlertKind
from shared.domain.errors import (
    AccessDeniedError,
    InvalidInputError,
    OperatorActionError,
    RetryableError,
)
from shared.domain.ids import RowId, sku_row
from shared.domain.terms import TermLength
from shared.usecases.alerts import open_alerts
from shared.usecases.coverage import coverage
from shared.usecases.customers import customer_history, neighbours
from shared.usecases.edit_mapping import include_row, merge_row, split_row
from shared.usecases.preview import CustomerView, RowView, license_rows
from shared.usecases.start_run import sync_now
from shared.usecases.state_term import state_term, withdraw_term
from shared.usecases.tenant_access import consent_link

blueprint = func.Blueprint()

ONE = "customers/{customer_id}"
ROW = f"{ONE}/licenses/{{row_id}}"
PER_PAGE = 25
TABLE = "licenses"
STATES = ("change", "held", "blocked", "waiting", "unmapped", "unknown", "in_step", "excluded")


@dataclass(frozen=True, slots=True)
class Names:
    """What ids of profiles and agreements are called, as far as it is known."""

    profiles: dict[str, str]
    agreements: dict[str, str]

    def profile(self, profile_id: str) -> str:
        """Return a billing profile's name."""
        return self.profiles.get(profile_id, profile_id)

    def agreement(self, agreement_id: str) -> str:
        """Return an agreement's name."""
        return self.agreements.get(agreement_id, agreement_id)


@page(blueprint, "GET", ONE, role=Role.VIEWER)
def page_customer(visit: Visit) -> func.HttpResponse:
    """Show a customer's licences with what a sync would do to each now."""
    if visit.for_part == TABLE:
        return table(visit)
    shown = _table(visit)
    asking = {one.customer_id for one in shown["asking"] if one.customer_id}
    around = neighbours(visit.customer_id, visit.services, asking)
    return visit.show("customer.html", **shown, tab="licenses", around=around)


@page(blueprint, "POST", f"{ONE}/refresh", role=Role.VIEWER)
def page_customer_refresh(visit: Visit) -> func.HttpResponse:
    """Ask Microsoft and the PSA again, and show what they say."""
    license_rows(visit.customer_id, visit.services, refresh=True)
    return done(visit, "Read again from Microsoft.")


@page(blueprint, "POST", f"{ONE}/sync", role=Role.EDITOR)
def page_customer_sync(visit: Visit) -> func.HttpResponse:
    """Sync Now for a customer."""
    return _syncing(visit, None)


@page(blueprint, "POST", f"{ROW}/sync", role=Role.EDITOR)
def page_customer_sync_row(visit: Visit) -> func.HttpResponse:
    """Sync Now for one row."""
    return _syncing(visit, visit.row_id)


@page(blueprint, "POST", f"{ROW}/split", role=Role.EDITOR)
def page_customer_split(visit: Visit) -> func.HttpResponse:
    """Show a licence's subscriptions as rows."""
    split_row(visit.customer_id, visit.row_id, visit.services)
    return done(
        visit,
        "Split. The subscriptions are billed as before until each is mapped by itself.",
    )


@page(blueprint, "GET", f"{ROW}/merge", role=Role.EDITOR)
def page_customer_merge(visit: Visit) -> func.HttpResponse:
    """Say what merging does before it is done."""
    view = license_rows(visit.customer_id, visit.services)
    mine = next((one for one in view.rows if one.row.row_id == visit.row_id), None)
    sku = None if mine is None else mine.row.sku_id
    rows = [one for one in view.rows if sku is not None and one.row.sku_id == sku]
    documents = views.licenses(view)["items"]
    shown = [one for one in objects(documents) if one["row_id"] in {x.row.row_id for x in rows}]
    licence = None if sku is None else visit.services.mappings.get(visit.customer_id, sku_row(sku))
    return visit.show(
        "customer_merge.html",
        customer=views.customer(view.customer),
        row_id=visit.row_id,
        rows=shown,
        names=names_in(visit, view),
        licence=None if licence is None else views.mapping(licence.value),
    )


@page(blueprint, "POST", f"{ROW}/merge", role=Role.EDITOR)
def page_customer_merge_save(visit: Visit) -> func.HttpResponse:
    """Show a licence as one row again."""
    merge_row(visit.customer_id, visit.row_id, visit.services)
    return done(visit, "Merged into one row.", close=True)


@page(blueprint, "POST", f"{ROW}/include", role=Role.EDITOR)
def page_customer_include(visit: Visit) -> func.HttpResponse:
    """Take a row's exclusion away."""
    include_row(visit.customer_id, visit.row_id, visit.services)
    return done(visit, "Included again. Map it to have it billed.", close=visit.in_drawer)


@page(blueprint, "POST", f"{ROW}/term", role=Role.EDITOR)
def page_customer_term(visit: Visit) -> func.HttpResponse:
    """Keep what a person says of a subscription's term, or forget it."""
    form = visit.form
    version = if_match(form.get("etag"))
    if form.get("length"):
        if form.get("length") not in set(TermLength):
            raise InvalidInputError({"length": "must be monthly, annual or triennial"})
        length = TermLength(form.get("length"))
        state_term(
            visit.customer_id,
            visit.row_id,
            length,
            visit.services,
            if_match=version,
            actor=visit.actor,
        )
        return done(visit, "The term is kept as you say.", close=visit.in_drawer)
    withdraw_term(visit.customer_id, visit.row_id, visit.services, if_match=version)
    return done(visit, "What was said of the term is forgotten.", close=visit.in_drawer)


@page(blueprint, "GET", f"{ONE}/history", role=Role.VIEWER)
def page_customer_history(visit: Visit) -> func.HttpResponse:
    """Show what was written for a customer, newest first."""
    customer = visit.services.customers.get(visit.customer_id).value
    row = visit.query("row_id")
    found = customer_history(
        visit.customer_id,
        None if row is None else RowId(row),
        visit.services,
        continuation=visit.query("continuation"),
        limit=PER_PAGE,
    )
    more = found.continuation
    return visit.show(
        "customer_history.html",
        customer=views.customer(customer),
        changes=[views.change(one) for one in found.items],
        row_id=row,
        more=None
        if more is None
        else link("customers", visit.customer_id, "history", row_id=row or "", continuation=more),
        tab="history",
    )


@page(blueprint, "GET", f"{ONE}/coverage", role=Role.VIEWER)
def page_customer_coverage(visit: Visit) -> func.HttpResponse:
    """Show whether each user of the tenant is billed once."""
    customer = visit.services.customers.get(visit.customer_id).value
    return visit.show(
        "customer_coverage.html",
        customer=views.customer(customer),
        coverage=views.coverage(coverage(visit.customer_id, visit.services)),
        tab="coverage",
    )


def done(visit: Visit, said: str, *, close: bool = False, row: str = "") -> func.HttpResponse:
    """Return the table as it is now with what happened, or lead to the page that shows both."""
    if not visit.for_part:
        fragment = f"#row-{row}" if row else ""
        return visit.go(link("customers", visit.customer_id) + fragment, said)
    return table(visit, said=said, close=close)


def table(visit: Visit, *, said: str = "", close: bool = False) -> func.HttpResponse:
    """Return the licence table, to be put in the place of the old one."""
    return visit.show(
        "licenses.html",
        into=TABLE,
        event="seatsync:saved" if close else "",
        **{**_table(visit), "note": said},
    )


def names_in(visit: Visit, view: CustomerView) -> Names:
    """Return the names of profiles, and of the agreements that the rows' plans have read."""
    profiles = {str(one.value.profile_id): one.value.name for one in visit.services.profiles.all()}
    agreements = {
        str(shown.preview.agreement.agreement_id): shown.preview.agreement.name
        for shown in view.rows
        if shown.preview is not None and shown.preview.agreement is not None
    }
    return Names(profiles, agreements)


def _table(visit: Visit) -> dict[str, Any]:
    """What the table's template shows: the rows that are wanted, a page of them."""
    read = visit.services.customers.get(visit.customer_id)
    asking = open_alerts(visit.services)
    text, state = (visit.query("q") or "").strip(), visit.query("state") or ""
    number = page_number(visit)
    shown: dict[str, Any] = {
        "customer": views.customer(read.value),
        "etag": etag_of(read.version),
        "text": text,
        "state": state,
        "states": STATES,
        "number": number,
        "suffix": link(q=text, state=state, page=str(number) if number > 1 else "")[1:],
        "address": lambda n: link("customers", visit.customer_id, q=text, state=state, page=str(n)),
        "note": "",
        "asking": asking,
        "alerts": [
            # What is held is told as an approval.
            one
            for one in asking
            if one.customer_id == visit.customer_id and one.kind is not AlertKind.HELD
        ],
        "approvals": [
            views.approval(one) for one in visit.services.approvals.open_of(visit.customer_id)
        ],
        "consent_link": None,
    }
    try:
        view = license_rows(visit.customer_id, visit.services)
    except (RetryableError, OperatorActionError) as error:
        problem = error.in_full if isinstance(error, AccessDeniedError) else str(error)
        empty: dict[str, Any] = {
            "read_at": None,
            "problem": problem,
            "stale": False,
            "not_in_tenant": [],
        }
        return {
            **shown,
            "licenses": empty,
            "consent_link": consent_link(read.value, visit.services),
            "rows": [],
            "total": 0,
            "all": 0,
            "pages": 0,
            "names": Names({}, {}),
        }
    wanted = [one for one in view.rows if _fits(one, text.casefold(), state)]
    first = (number - 1) * PER_PAGE
    document = views.licenses(replace(view, rows=tuple(wanted[first : first + PER_PAGE])))
    return {
        **shown,
        "licenses": document,
        "consent_link": consent_link(read.value, visit.services) if view.problem else None,
        "rows": objects(document["items"]),
        "total": len(wanted),
        "all": len(view.rows),
        "pages": -(-len(wanted) // PER_PAGE),
        "names": names_in(visit, view),
    }


def _fits(shown: RowView, text: str, state: str) -> bool:
    words = f"{shown.row.name} {shown.row.sku_part_number}".casefold()
    return text in words and state in {"", shown.state}


def objects(items: object) -> list[dict[str, Any]]:
    """The items of a view, which are objects."""
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _syncing(visit: Visit, row_id: RowId | None) -> func.HttpResponse:
    run_id = sync_now(visit.customer_id, row_id, visit.services, requested_by=visit.actor)
    if not visit.for_part:
        return visit.go(link("runs", run_id), "Sync Now has begun.")
    return visit.show(
        "progress.html",
        status=HTTPStatus.OK,
        run_id=run_id,
        run=None,
        items=[],
        customer_id=visit.customer_id,
        names=Names({}, {}),
    )
