"""``/customers``: whom the MSP bills, and the tenants that can be added."""

import re
from collections.abc import Callable
from typing import TypeVar

import azure.functions as func

from functions.api import views
from functions.api.customers import CustomerBody, FilterBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.forms import Form
from functions.pages.site import Visit, link, page
from functions.responses import etag_of, if_match
from shared.domain.customers import CustomerState
from shared.domain.errors import InvalidInputError, SeatsyncError
from shared.domain.ids import ConnectionName
from shared.usecases.alerts import alerts_by_customer
from shared.usecases.customers import (
    BulkDraft,
    Candidate,
    CustomerChanges,
    CustomerDraft,
    FilterChange,
    add_customer,
    add_customers,
    candidates,
    change_customer,
    delete_customer,
    list_customers,
    search_customers,
)

blueprint = func.Blueprint()

T = TypeVar("T")

PER_PAGE = 25
MOST_CANDIDATES = 200
STATES = ("active", "paused", "deleted")
ASKING = "asking"
"""In place of a state: those of which something asks for a person."""
FILTER_FIELDS = ("department", "office", "city", "state")
_ID_IN_BRACKETS = re.compile(r"\(([^()]+)\)\s*$")


@page(blueprint, "GET", "customers", role=Role.VIEWER)
def page_customers(visit: Visit) -> func.HttpResponse:
    """List customers by name: page after page, or those that a search finds."""
    text, state = visit.query("q") or "", visit.query("state") or ""
    wanted = CustomerState(state) if state in STATES else None
    number, total, pages, more = page_number(visit), None, 1, None
    asking = alerts_by_customer(visit.services)
    if text or state == ASKING:
        found = search_customers(
            visit.services,
            text=text,
            state=wanted,
            first=(number - 1) * PER_PAGE,
            limit=PER_PAGE,
            among=asking if state == ASKING else None,
        )
        shown, total, pages = found.customers, found.total, -(-found.total // PER_PAGE)
    else:
        listed = list_customers(
            visit.services, continuation=visit.query("after"), limit=PER_PAGE, state=wanted
        )
        shown = listed.items
        if listed.continuation is not None:
            more = link("customers", state=state, after=listed.continuation)
    return visit.show(
        "customers_table.html" if visit.for_part == "customers" else "customers.html",
        customers=[views.customer(one) for one in shown],
        asking=asking,
        total=total,
        text=text,
        state=state,
        number=number,
        pages=pages,
        address=lambda n: link("customers", q=text, state=state, page=str(n)),
        first=None if visit.query("after") is None else link("customers", state=state),
        more=more,
    )


# Sorts before page_customer…, whose route would take the word for an id.
@page(blueprint, "GET", "customers/add", role=Role.EDITOR)
def page_add_customers(visit: Visit) -> func.HttpResponse:
    """Offer the tenants that are no customers yet, each with the company that fits best."""
    return _offer(visit, psa=visit.query("psa"), filled=Form(()), refused={})


@page(blueprint, "POST", "customers/add", role=Role.EDITOR)
def page_add_customers_save(visit: Visit) -> func.HttpResponse:
    """Add the ticked tenants; what cannot be added stays, with the reason."""
    form = visit.form
    drafts = []
    refused: dict[str, str] = {}
    for key in form.all("add"):
        microsoft, _, tenant_id = key.partition("~")
        company = id_in(form.get(f"company-{key}"))
        if not company:
            refused[key] = "choose the company"
            continue
        document = {
            "name": form.get(f"name-{key}"),
            "microsoft": microsoft,
            "tenant_id": tenant_id,
            "psa": form.get("psa"),
            "company_id": company,
        }
        try:
            drafts.append(checked(document, CustomerBody).to_draft())
        except InvalidInputError as error:
            refused[key] = str(error)
    shared = set(form.all("share"))
    wanted = [BulkDraft(one, share_company=_key(one) in shared) for one in drafts]
    outcomes = add_customers(wanted, visit.services, actor=visit.actor)
    for draft, one in zip(drafts, outcomes, strict=True):
        if one.problem is not None:
            refused[_key(draft)] = str(one.problem)
    added = len(form.all("add")) - len(refused)
    if refused or not added:
        return _offer(visit, psa=form.get("psa") or None, filled=form, refused=refused, added=added)
    said = f"{added} customers added." if added > 1 else "1 customer added."
    return visit.go(link("customers"), f"{said} Now map their licences.")


@page(blueprint, "GET", "customers/new", role=Role.EDITOR)
def page_add_one_customer(visit: Visit) -> func.HttpResponse:
    """Offer a form for one customer, also one that shares a tenant."""
    return _new(visit, Form(()), {})


@page(blueprint, "POST", "customers/new", role=Role.EDITOR)
def page_add_one_customer_save(visit: Visit) -> func.HttpResponse:
    """Add one customer."""
    form = visit.form
    document = {name: form.get(name) for name in ("name", "microsoft", "psa")}
    for name in ("tenant_id", "company_id"):
        document[name] = id_in(form.get(name))
    try:
        draft = checked({**document, "filter": filter_in(form)}, CustomerBody).to_draft()
        added = add_customer(draft, visit.services, actor=visit.actor)
    except (InvalidInputError, SeatsyncError) as error:
        return _new(visit, form, reasons(error))
    return visit.go(link("customers", added.value.customer_id), f"{added.value.name} was added.")


@page(blueprint, "GET", "customers/{customer_id}/edit", role=Role.EDITOR)
def page_edit_customer(visit: Visit) -> func.HttpResponse:
    """Show what can be changed of a customer, and what deleting it means."""
    return _edit(visit, None, {})


@page(blueprint, "POST", "customers/{customer_id}/edit", role=Role.EDITOR)
def page_edit_customer_save(visit: Visit) -> func.HttpResponse:
    """Rename a customer, or say which users are its own."""
    form = visit.form
    try:
        wanted = checked(filter_in(form), FilterBody).to_domain()
        saved = change_customer(
            visit.customer_id,
            visit.services,
            if_match=if_match(form.get("etag")),
            changes=CustomerChanges(
                name=_name(form),
                filter=FilterChange(wanted),
                accept_overlap=form.ticked("accept_overlap"),
            ),
        )
    except SeatsyncError as error:
        return _edit(visit, form, reasons(error))
    return visit.go(link("customers", visit.customer_id), f"{saved.value.name} was saved.")


@page(blueprint, "POST", "customers/{customer_id}/pause", role=Role.EDITOR)
def page_pause_customer(visit: Visit) -> func.HttpResponse:
    """Stop syncing a customer for now."""
    return _set_state(visit, CustomerState.PAUSED, "is paused: nothing is read or written for it")


@page(blueprint, "POST", "customers/{customer_id}/resume", role=Role.EDITOR)
def page_resume_customer(visit: Visit) -> func.HttpResponse:
    """Sync a paused customer again."""
    return _set_state(visit, CustomerState.ACTIVE, "is synced again from the next cycle on")


@page(blueprint, "GET", "customers/{customer_id}/delete", role=Role.EDITOR)
def page_delete_customer(visit: Visit) -> func.HttpResponse:
    """Say what deleting a customer means before it is done."""
    read = visit.services.customers.get(visit.customer_id)
    mapped = [
        one.value.row_id
        for one in visit.services.mappings.of_customer(visit.customer_id)
        if one.value.effective_to is None
    ]
    return visit.show(
        "customer_delete.html",
        customer=views.customer(read.value),
        etag=etag_of(read.version),
        mapped=len(mapped),
    )


@page(blueprint, "POST", "customers/{customer_id}/delete", role=Role.EDITOR)
def page_delete_customer_save(visit: Visit) -> func.HttpResponse:
    """Delete a customer."""
    name = visit.services.customers.get(visit.customer_id).value.name
    version = if_match(visit.form.get("etag"))
    delete_customer(visit.customer_id, visit.services, if_match=version)
    return visit.go(
        link("customers"), f"{name} was deleted. Its lines in the PSA stay as they are."
    )


def page_number(visit: Visit) -> int:
    """Return which page of a table is wanted, from 1."""
    text = visit.query("page") or "1"
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1  # noqa: PLR2004 - far beyond any page


def id_in(text: str) -> str:
    """Return the id in a choice such as ``Contoso (250)``; text without brackets is the id."""
    found = _ID_IN_BRACKETS.search(text)
    return (found[1] if found else text).strip()


def filter_in(form: Form) -> dict[str, list[str]]:
    """Return a user filter as the API takes it: values are separated by semicolons."""
    return {
        name: [one.strip() for one in form.get(f"filter_{name}").split(";") if one.strip()]
        for name in FILTER_FIELDS
    }


def reasons(error: Exception) -> dict[str, str]:
    """Return why something was refused, by field; what is of no field is under ``form``."""
    return error.errors if isinstance(error, InvalidInputError) else {"form": str(error)}


def _name(form: Form) -> str:
    name = form.get("name")
    if not name:
        raise InvalidInputError({"name": "must not be empty"})
    return name


def _set_state(visit: Visit, state: CustomerState, what: str) -> func.HttpResponse:
    saved = change_customer(
        visit.customer_id,
        visit.services,
        if_match=if_match(visit.form.get("etag")),
        changes=CustomerChanges(state=state),
    )
    return visit.go(link("customers", visit.customer_id), f"{saved.value.name} {what}.")


def _offer(
    visit: Visit, *, psa: str | None, filled: Form, refused: dict[str, str], added: int = 0
) -> func.HttpResponse:
    names = visit.services.connections.psa_names()
    chosen = ConnectionName(psa) if psa else (names[0] if names else None)
    offered: tuple[Candidate, ...] = ()
    companies = []
    problem = ""
    try:
        if chosen is None:
            problem = "The settings name no PSA connection yet."
        else:
            offered = candidates(visit.services, chosen)
            companies = list(visit.services.connections.psa(chosen).gateway.list_companies())
    except SeatsyncError as error:
        problem = str(error)
    text = (visit.query("q") or "").casefold()
    wanted = [one for one in offered if text in one.tenant.name.casefold()]
    return visit.show(
        "customers_add.html",
        candidates=[views.candidate(one) for one in wanted[:MOST_CANDIDATES]],
        total=len(wanted),
        companies=companies,
        psas=names,
        psa=chosen,
        filled=filled,
        refused=refused,
        added=added,
        problem=problem,
        text=visit.query("q") or "",
    )


def _new(visit: Visit, form: Form, errors: dict[str, str]) -> func.HttpResponse:
    connections = visit.services.connections
    return visit.show(
        "customer_new.html",
        form=form,
        errors=errors,
        microsofts=connections.microsoft_names(),
        psas=connections.psa_names(),
        tenants=_offered(
            connections.microsoft_names(), lambda name: connections.microsoft(name).list_tenants()
        ),
        companies=_offered(
            connections.psa_names(), lambda name: connections.psa(name).gateway.list_companies()
        ),
        fields=FILTER_FIELDS,
    )


def _offered(
    names: tuple[ConnectionName, ...], listed: Callable[[ConnectionName], tuple[T, ...]]
) -> tuple[T, ...]:
    """What can be chosen, where it is clear of which connection; without it, ids are typed."""
    try:
        return listed(names[0]) if len(names) == 1 else ()
    except SeatsyncError:
        return ()


def _edit(visit: Visit, form: Form | None, errors: dict[str, str]) -> func.HttpResponse:
    read = visit.services.customers.get(visit.customer_id)
    return visit.show(
        "customer_edit.html",
        customer=views.customer(read.value),
        etag=etag_of(read.version),
        form=form,
        errors=errors,
        fields=FILTER_FIELDS,
    )


def _key(draft: CustomerDraft) -> str:
    return f"{draft.microsoft}~{draft.tenant_id}"
