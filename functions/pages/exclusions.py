"""``/exclusions``: licences that no customer is billed for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import azure.functions as func

from functions.api.exclusions import ExclusionBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import reasons
from functions.pages.forms import Form
from functions.pages.site import Visit, link, page, status_of
from functions.responses import etag_of, if_match
from shared.domain.errors import InvalidInputError, OwnedLinesError, SeatsyncError
from shared.domain.ids import SkuId
from shared.domain.mappings import GlobalExclusion
from shared.usecases.books import global_exclusions
from shared.usecases.exclusions import OwnedLine, save_exclusions

blueprint = func.Blueprint()

ROUTE = "exclusions"
_SKU_IN_BRACKETS = re.compile(r"\(([0-9a-f-]{36})\)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """An exclusion with the licence's name."""

    sku_id: SkuId
    name: str
    reason: str


@page(blueprint, "GET", ROUTE, role=Role.VIEWER)
def page_exclusions(visit: Visit) -> func.HttpResponse:
    """List the licences that nobody is billed for, and offer to add one."""
    return _shown(visit, Form(()), None)


@page(blueprint, "POST", ROUTE, role=Role.ADMIN)
def page_exclusions_add(visit: Visit) -> func.HttpResponse:
    """Exclude a licence for everybody; where lines bill it, ask first what becomes of them."""
    form = visit.form
    try:
        wanted = checked(_document(form), ExclusionBody)
        sku_id = SkuId(wanted.sku_id)
        kept = [one for one in global_exclusions(visit.services).value if one.sku_id != sku_id]
        save_exclusions(
            (*kept, GlobalExclusion(sku_id, wanted.reason)),
            {} if wanted.line is None else {sku_id: wanted.line == "leave"},
            visit.services,
            if_match=if_match(form.get("etag")),
        )
    except OwnedLinesError as error:
        return _ask(visit, form, error)
    except SeatsyncError as error:
        return _shown(visit, form, error)
    return visit.go(link(ROUTE), f"{_name(visit, sku_id)} is billed to nobody from now on.")


@page(blueprint, "POST", f"{ROUTE}/{{sku_id}}/remove", role=Role.ADMIN)
def page_exclusions_remove(visit: Visit) -> func.HttpResponse:
    """Let a licence be billed again."""
    sku_id = visit.key("sku_id").lower()
    kept = tuple(one for one in global_exclusions(visit.services).value if one.sku_id != sku_id)
    try:
        save_exclusions(kept, {}, visit.services, if_match=if_match(visit.form.get("etag")))
    except SeatsyncError as error:
        return _shown(visit, Form(()), error)
    return visit.go(
        link(ROUTE),
        f"{_name(visit, SkuId(sku_id))} can be billed again: customers that have it are reported "
        "until it is mapped or excluded for them.",
    )


def _document(form: Form) -> dict[str, str | None]:
    text = form.get("sku_id")
    found = _SKU_IN_BRACKETS.search(text)
    return {
        "sku_id": (found[1] if found else text).lower(),
        "reason": form.get("reason"),
        "line": form.get("line") or None,
    }


def _shown(visit: Visit, form: Form, error: SeatsyncError | None) -> func.HttpResponse:
    read = global_exclusions(visit.services)
    excluded = {one.sku_id for one in read.value}
    names = visit.services.sku_names
    return visit.show(
        "exclusions.html",
        status=status_of(error),
        exclusions=_named(visit, read.value),
        offered=sorted((name, sku_id) for sku_id, name in names.items() if sku_id not in excluded)
        if visit.may("admin")
        else [],
        seeded=not read.version,
        etag=etag_of(read.version),
        form=form,
        errors={} if error is None else reasons(error),
        typed=error is not None and not isinstance(error, InvalidInputError),
    )


def _ask(visit: Visit, form: Form, error: OwnedLinesError) -> func.HttpResponse:
    lines = [one for one in error.lines if isinstance(one, OwnedLine)]
    sku_id = lines[0].sku_id
    return visit.show(
        "exclusions_lines.html",
        status=status_of(error),
        name=_name(visit, sku_id),
        sku_id=sku_id,
        reason=form.get("reason"),
        etag=form.get("etag"),
        lines=lines,
    )


def _named(visit: Visit, found: Iterable[GlobalExclusion]) -> list[Shown]:
    shown = [Shown(one.sku_id, _name(visit, one.sku_id), one.reason) for one in found]
    return sorted(shown, key=lambda one: one.name.casefold())


def _name(visit: Visit, sku_id: SkuId) -> str:
    return visit.services.sku_names.get(sku_id, sku_id)
