"""The mapping drawer: profile, agreement and options of a row, with what will be written."""

from http import HTTPStatus
from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.mappings import MappingBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customer import ROW, done, objects
from functions.pages.forms import Form
from functions.pages.site import Visit, page
from functions.responses import etag_of, if_match, jsonable, kind_of
from shared.domain.agreements import Agreement, SetDescription
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SeatsyncError,
    StaleVersionError,
)
from shared.domain.mappings import Usernames
from shared.domain.quantities import Grace
from shared.usecases.edit_mapping import (
    delete_mapping,
    exclude_row,
    include_row,
    preview_row,
    save_mapping,
)
from shared.usecases.preview import license_rows

blueprint = func.Blueprint()

MAPPING = f"{ROW}/mapping"
NEW: dict[str, Any] = {
    "profile_id": "",
    "agreement_id": "",
    "included": 0,
    "minimum": 0,
    "negative_prorate": False,
    "override_start": "",
    "description": {
        "overwrite": "",
        "usernames": "none",
        "show_users_as": "name",
        "term_and_end_date": False,
        "unassigned": False,
        "changes": False,
    },
    "grace": "only_without_active",
    "count_trials": False,
    "existing_line": "adopt",
    "on_drift": "hold",
}
CHOICES = {
    "usernames": [
        (Usernames.NONE, "No user names"),
        (Usernames.COMMA, "Separated by commas"),
        (Usernames.LIST, "As a list"),
        (Usernames.NUMBERED, "As a numbered list"),
    ],
    "show_users_as": [("name", "Names"), ("address", "Addresses (user principal names)")],
    "grace": [
        (Grace.ONLY_WITHOUT_ACTIVE, "Count only when nothing else is active"),
        (Grace.INCLUDE, "Count as active"),
        (Grace.EXCLUDE, "Do not count"),
    ],
    "existing_line": [
        ("adopt", "Take over the line of the product that the agreement has"),
        ("create", "Always make a new line"),
    ],
    "on_drift": [
        ("hold", "Hold, and ask a person"),
        ("enforce", "Write Microsoft’s number again"),
    ],
}


@page(blueprint, "GET", MAPPING, role=Role.VIEWER)
def page_customer_mapping(visit: Visit) -> func.HttpResponse:
    """Show how a row is billed, or offer how it may be."""
    return _drawer(visit, None, {})


@page(blueprint, "GET", f"{ROW}/quick", role=Role.EDITOR)
def page_customer_quick(visit: Visit) -> func.HttpResponse:
    """Offer profile and agreement alone, in the row."""
    return visit.show("quick_map.html", **_offered(visit, None))


@page(blueprint, "POST", f"{MAPPING}/preview", role=Role.VIEWER)
def page_customer_mapping_preview(visit: Visit) -> func.HttpResponse:
    """Show what a sync would write by what is in the form."""
    return visit.show("preview.html", **_previewed(visit, mapping_document(visit.form)))


@page(blueprint, "POST", MAPPING, role=Role.EDITOR)
def page_customer_mapping_save(visit: Visit) -> func.HttpResponse:
    """Save the mapping, exclude the row, or take its mapping away, as the form says."""
    form = visit.form
    try:
        said = _save(visit, form)
    except SeatsyncError as error:
        if not isinstance(error, InvalidInputError | StaleVersionError | ConflictError):
            raise
        return _drawer(visit, form, _reasons(error), status=kind_of(error).status)
    return done(visit, said, close=True, row=visit.row_id)


def mapping_document(form: Form) -> dict[str, Any]:
    """Return what the form holds as the API takes it."""
    return {
        "profile_id": form.get("profile_id"),
        "agreement_id": form.get("agreement_id"),
        "included": form.whole("included"),
        "minimum": form.whole("minimum"),
        "negative_prorate": form.ticked("negative_prorate"),
        "override_start": form.get("override_start") or None,
        "description": {
            "overwrite": form.get("overwrite") or None,
            "usernames": form.get("usernames") or "none",
            "show_users_as": form.get("show_users_as") or "name",
            "term_and_end_date": form.ticked("term_and_end_date"),
            "unassigned": form.ticked("unassigned"),
            "changes": form.ticked("changes"),
        },
        "grace": form.get("grace") or "only_without_active",
        "count_trials": form.ticked("count_trials"),
        "existing_line": form.get("existing_line") or "adopt",
        "on_drift": form.get("on_drift") or "hold",
    }


def _save(visit: Visit, form: Form) -> str:
    """Do what the form says, and return what happened."""
    what, leave = form.get("bill") or "map", form.get("line") == "leave"
    # A form that was made of no mapping must find none: the empty version matches nothing stored.
    version = if_match(form.get("etag")) or ""
    if what == "exclude":
        _check_unchanged(visit, version)
        exclude_row(
            visit.customer_id, visit.row_id, visit.services, leave_line=leave, actor=visit.actor
        )
        return "Excluded: it is never billed and raises no alert." + _fate(leave=leave)
    if what == "unmap":
        delete_mapping(
            visit.customer_id, visit.row_id, visit.services, if_match=version, leave_line=leave
        )
        return "The mapping is taken away." + _fate(leave=leave)
    draft = checked(_chosen(mapping_document(form)), MappingBody).to_draft()
    if form.ticked("excluded"):
        include_row(visit.customer_id, visit.row_id, visit.services)
    stored = visit.services.mappings.get(visit.customer_id, visit.row_id)
    if not version and stored is not None:
        raise StaleVersionError("somebody mapped this row first; look at it again")
    save_mapping(
        visit.customer_id,
        visit.row_id,
        draft,
        visit.services,
        if_match=version or None,
        actor=visit.actor,
    )
    return "Saved. The next cycle writes it; Sync Now writes it at once."


def _check_unchanged(visit: Visit, version: str) -> None:
    stored = visit.services.mappings.get(visit.customer_id, visit.row_id)
    if (stored.version if stored else "") != version:
        raise StaleVersionError("somebody saved this mapping first; look at it again")


def _chosen(document: dict[str, Any]) -> dict[str, Any]:
    """The document, if profile and agreement are chosen: that is what people forget."""
    missing = {
        name: f"choose {what}"
        for name, what in (("profile_id", "a billing profile"), ("agreement_id", "an agreement"))
        if not document[name]
    }
    if missing:
        raise InvalidInputError(missing)
    return document


def _fate(*, leave: bool) -> str:
    return " A line of ours stays as it is." if leave else " A line of ours ends with its period."


def _reasons(error: SeatsyncError) -> dict[str, str]:
    if isinstance(error, InvalidInputError):
        return error.errors
    return {"stale" if isinstance(error, StaleVersionError) else "form": str(error)}


def _offered(visit: Visit, form: Form | None) -> dict[str, Any]:
    """The row, what can be chosen for it, and what is or was chosen."""
    view = license_rows(visit.customer_id, visit.services)
    document = views.licenses(view)
    row = next((x for x in objects(document["items"]) if x["row_id"] == visit.row_id), None)
    if row is None:
        raise NotFoundError(f"the customer has no row {visit.row_id}")
    read = visit.services.customers.get(visit.customer_id)
    excluded = {
        one.row_id: jsonable(one) for one in visit.services.mappings.exclusions(visit.customer_id)
    }
    problem = ""
    agreements: tuple[Agreement, ...] = ()
    try:
        gateway = visit.services.connections.psa(view.customer.psa).gateway
        agreements = gateway.list_agreements(view.customer.company_id)
    except SeatsyncError as error:
        problem = f"The agreements cannot be listed: {error}"
    profiles = [
        views.profile(one)
        for one in visit.services.profiles.all()
        if one.value.psa == view.customer.psa
    ]
    stored = row["mapping"]
    values = {**NEW, **(stored or {})}
    if stored is None and row["proposal"] is not None:
        values |= {name: row["proposal"][name] for name in ("profile_id", "agreement_id")}
    if stored is None and len(agreements) == 1 and not values["agreement_id"]:
        values["agreement_id"] = agreements[0].agreement_id
    if form is not None:
        values = mapping_document(form)
    return {
        "customer": views.customer(read.value),
        "customer_etag": etag_of(read.version),
        "row": row,
        "values": values,
        "stored": stored,
        "etag": stored["etag"] if stored else "",
        "bill": form.get("bill") or "map" if form else _now(visit.row_id in excluded),
        "line": (form.get("line") or "end") if form else "end",
        "exclusion": excluded.get(visit.row_id),
        "excluded_globally": row["state"] == "excluded" and visit.row_id not in excluded,
        "profiles": profiles,
        "agreements": [views.agreement(one) for one in agreements],
        "problem": problem,
        "choices": CHOICES,
    }


def _now(is_excluded: bool) -> str:  # noqa: FBT001 - what is so, not a switch
    return "exclude" if is_excluded else "map"


def _drawer(
    visit: Visit, form: Form | None, errors: dict[str, str], status: HTTPStatus = HTTPStatus.OK
) -> func.HttpResponse:
    offered = _offered(visit, form)
    shown = _previewed(visit, offered["values"])
    return visit.show("mapping.html", status=status, errors=errors, **offered, **shown)


def _previewed(visit: Visit, document: dict[str, Any]) -> dict[str, Any]:
    """What saving the document and syncing would write; or what is missing for that."""
    found: dict[str, Any] = {"previews": [], "wrong": {}, "texts": {}}
    if not document["profile_id"] or not document["agreement_id"]:
        return found
    wanted = {name: document[name] for name in NEW}
    wanted["override_start"] = wanted["override_start"] or None
    wanted["description"] = {
        **wanted["description"],
        "overwrite": wanted["description"]["overwrite"] or None,
    }
    try:
        draft = checked(wanted, MappingBody).to_draft()
        previews = preview_row(
            visit.customer_id, visit.row_id, draft, visit.services, actor=visit.actor
        )
    except InvalidInputError as error:
        return {**found, "wrong": error.errors}
    except SeatsyncError as error:
        return {**found, "wrong": {"form": str(error)}}
    texts = {
        one.group_id: next(
            (
                text
                for operation in (() if one.plan is None else one.plan.operations)
                if (
                    text := operation.text
                    if isinstance(operation, SetDescription)
                    else getattr(operation, "description", None)
                )
            ),
            None,
        )
        for one in previews
    }
    return {"previews": [views.preview(one) for one in previews], "wrong": {}, "texts": texts}
