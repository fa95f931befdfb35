"""``/customers/{customer_id}/custom-licenses``: rows that count people or other rows."""

from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.custom_licenses import CustomLicenseBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import reasons
from functions.pages.forms import Form
from functions.pages.site import Visit, link, page
from functions.responses import etag_of, if_match
from shared.domain.errors import InvalidInputError, SeatsyncError
from shared.usecases.custom_licenses import (
    add_custom_license,
    change_custom_license,
    delete_custom_license,
    get_custom_license,
    list_custom_licenses,
)
from shared.usecases.preview import license_rows

blueprint = func.Blueprint()

ROUTE = "customers/{customer_id}/custom-licenses"
KINDS = (
    ("entra_users", "Users of the tenant"),
    ("group_members", "Members of a group"),
    ("copy", "The sum of other licences"),
)


@page(blueprint, "GET", ROUTE, role=Role.VIEWER)
def page_customs(visit: Visit) -> func.HttpResponse:
    """List a customer's custom licences, and offer to make one."""
    return _list(visit, Form(()), {})


@page(blueprint, "POST", ROUTE, role=Role.EDITOR)
def page_customs_add(visit: Visit) -> func.HttpResponse:
    """Make a custom licence."""
    form = visit.form
    try:
        draft = checked(_document(form), CustomLicenseBody).to_draft()
        added = add_custom_license(visit.customer_id, draft, visit.services, actor=visit.actor)
    except SeatsyncError as error:
        return _list(visit, form, reasons(error))
    address = link("customers", visit.customer_id) + f"#row-{added.value.row_id}"
    return visit.go(address, f"{added.value.name} was made. Map it to have it billed.")


@page(blueprint, "GET", f"{ROUTE}/{{license_id}}", role=Role.EDITOR)
def page_customs_one(visit: Visit) -> func.HttpResponse:
    """Show a custom licence to change it, and what deleting it means."""
    return _one(visit, None, {})


@page(blueprint, "POST", f"{ROUTE}/{{license_id}}", role=Role.EDITOR)
def page_customs_one_save(visit: Visit) -> func.HttpResponse:
    """Change or delete a custom licence."""
    form = visit.form
    version = if_match(form.get("etag"))
    back = link("customers", visit.customer_id, "custom-licenses")
    try:
        if form.get("what") == "delete":
            line = form.get("line")
            delete_custom_license(
                visit.customer_id,
                visit.license_id,
                visit.services,
                if_match=version,
                leave_line=None if line not in {"end", "leave"} else line == "leave",
            )
            return visit.go(back, "The custom licence was deleted.")
        saved = change_custom_license(
            visit.customer_id,
            visit.license_id,
            checked(_document(form), CustomLicenseBody).to_draft(),
            visit.services,
            if_match=version,
            actor=visit.actor,
        )
    except SeatsyncError as error:
        return _one(visit, form, reasons(error))
    return visit.go(back, f"{saved.value.name} was saved.")


def _document(form: Form) -> dict[str, Any]:
    """Return what the form holds as the API takes it."""
    kind = form.get("kind")
    source: dict[str, Any] = {"kind": kind}
    if kind == "entra_users":
        source |= {
            "licensed_only": form.ticked("licensed_only"),
            "domain": form.get("domain").removeprefix("@") or None,
            "enabled_only": form.ticked("enabled_only"),
        }
    elif kind == "group_members":
        source |= {
            "group_id": form.get("group_id"),
            "include_disabled": form.ticked("include_disabled"),
            "nested": form.ticked("nested"),
        }
    else:
        source["row_ids"] = list(form.all("row_ids"))
    return {"name": form.get("name"), "source": source}


def _list(visit: Visit, form: Form, errors: dict[str, str]) -> func.HttpResponse:
    customer = visit.services.customers.get(visit.customer_id).value
    found = list_custom_licenses(visit.customer_id, visit.services)
    return visit.show(
        "customs.html",
        customer=views.customer(customer),
        customs=[views.custom_license(one.value) for one in found],
        rows=_rows(visit),
        values=_document(form) if form.fields else {"name": "", "source": {"kind": "entra_users"}},
        kinds=KINDS,
        errors=errors,
        tab="custom-licenses",
    )


def _one(visit: Visit, form: Form | None, errors: dict[str, str]) -> func.HttpResponse:
    customer = visit.services.customers.get(visit.customer_id).value
    read = get_custom_license(visit.customer_id, visit.license_id, visit.services)
    mapped = visit.services.mappings.get(visit.customer_id, read.value.row_id)
    shown = views.custom_license(read.value)
    return visit.show(
        "custom.html",
        customer=views.customer(customer),
        custom=shown,
        rows=[one for one in _rows(visit) if one["row_id"] != read.value.row_id],
        values=shown if form is None or form.get("what") == "delete" else _document(form),
        kinds=KINDS,
        mapped=mapped is not None,
        etag=etag_of(read.version),
        errors=errors,
    )


def _rows(visit: Visit) -> list[dict[str, str]]:
    """The rows that a copy can add up; none when the tenant cannot be read."""
    try:
        view = license_rows(visit.customer_id, visit.services)
    except InvalidInputError:
        raise
    except SeatsyncError:
        return []
    return [{"row_id": one.row.row_id, "name": one.row.name} for one in view.rows]
