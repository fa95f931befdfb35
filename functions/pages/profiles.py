"""``/billing-profiles``: which PSA product a licence bills as, and at which price."""

from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.profiles import MOST_AT_ONCE, ProfileBody
from functions.auth import Role
from functions.bodies import checked
from functions.pages.customers import id_in, reasons
from functions.pages.forms import Form
from functions.pages.site import Visit, link, page, status_of
from functions.responses import etag_of, if_match
from shared.domain.agreements import Product
from shared.domain.errors import InvalidInputError, SeatsyncError
from shared.domain.ids import ConnectionName
from shared.domain.mappings import Billable, PriceKind
from shared.usecases.profiles import add_profile, add_profiles, delete_profile, save_profile

blueprint = func.Blueprint()

ROUTE = "billing-profiles"
MOST_PRODUCTS = 200
ENDINGS = ("Monthly", "Annual", "3 years")
"""Names say how long a seat is bought for: the same product is sold by the month and the year."""
PRICES = (
    (PriceKind.PSA.value, "What the PSA says"),
    (PriceKind.FIXED.value, "A fixed price"),
    (PriceKind.PERCENT.value, "Percent on the PSA’s price"),
)
BILLABLE = (
    (Billable.BILLABLE.value, "Billable"),
    (Billable.DO_NOT_BILL.value, "Do not bill"),
    (Billable.NO_CHARGE.value, "No charge"),
)


@page(blueprint, "GET", ROUTE, role=Role.VIEWER)
def page_profiles(visit: Visit) -> func.HttpResponse:
    """List billing profiles, with the products that they bill."""
    text = visit.query("q") or ""
    names, problem = _product_names(visit)
    every = [views.profile(one) for one in visit.services.profiles.all()]
    found = [one for one in every if _is_called(one, names, text.strip().casefold())]
    return visit.show(
        "profiles.html",
        profiles=found,
        all=len(every),
        text=text,
        names=names,
        problem=problem,
        prices=dict(PRICES),
        billable=dict(BILLABLE),
    )


# Sorts before page_profile…, whose route would take the word for an id.
@page(blueprint, "GET", f"{ROUTE}/add", role=Role.EDITOR)
def page_add_profiles(visit: Visit) -> func.HttpResponse:
    """Offer the PSA's products, each with a name for its billing profile."""
    return _offer(visit, Form(()), {})


@page(blueprint, "POST", f"{ROUTE}/add", role=Role.EDITOR)
def page_add_profiles_save(visit: Visit) -> func.HttpResponse:
    """Add a billing profile for each ticked product: all, or none when one cannot be used."""
    form = visit.form
    chosen = form.all("add")[:MOST_AT_ONCE]
    if not chosen:
        return _offer(visit, form, {"form": "Tick the products that you want to bill."})
    try:
        drafts = [checked(_of_product(form, key), ProfileBody).to_domain() for key in chosen]
        added = add_profiles(drafts, visit.services)
    except SeatsyncError as error:
        return _offer(visit, form, _by_product(reasons(error), chosen))
    said = "1 billing profile was" if len(added) == 1 else f"{len(added)} billing profiles were"
    return visit.go(link(ROUTE), f"{said} added. Map licences to them on the customers’ pages.")


@page(blueprint, "GET", f"{ROUTE}/new", role=Role.EDITOR)
def page_add_one_profile(visit: Visit) -> func.HttpResponse:
    """Offer a form for one billing profile."""
    return _edit(visit, {"price": {}, "psa": visit.query("psa") or ""}, None)


@page(blueprint, "POST", f"{ROUTE}/new", role=Role.EDITOR)
def page_add_one_profile_save(visit: Visit) -> func.HttpResponse:
    """Add one billing profile."""
    document = _document(visit.form)
    try:
        added = add_profile(checked(document, ProfileBody).to_domain(), visit.services)
    except SeatsyncError as error:
        return _edit(visit, document, error)
    return visit.go(link(ROUTE), f"{added.value.name} was added.")


@page(blueprint, "GET", f"{ROUTE}/{{profile_id}}/edit", role=Role.EDITOR)
def page_profile_edit(visit: Visit) -> func.HttpResponse:
    """Show a billing profile to change it, and what deleting it means."""
    read = visit.services.profiles.get(visit.profile_id)
    return _edit(visit, views.profile(read), None)


@page(blueprint, "POST", f"{ROUTE}/{{profile_id}}/edit", role=Role.EDITOR)
def page_profile_edit_save(visit: Visit) -> func.HttpResponse:
    """Change a billing profile."""
    form = visit.form
    document = _document(form)
    try:
        draft = checked(document, ProfileBody).to_domain(visit.profile_id)
        saved = save_profile(draft, visit.services, if_match=if_match(form.get("etag")))
    except SeatsyncError as error:
        return _edit(visit, document, error)
    return visit.go(link(ROUTE), f"{saved.value.name} was saved.")


@page(blueprint, "POST", f"{ROUTE}/{{profile_id}}/delete", role=Role.EDITOR)
def page_profile_delete(visit: Visit) -> func.HttpResponse:
    """Delete a billing profile that nothing is mapped to."""
    read = visit.services.profiles.get(visit.profile_id)
    version = if_match(visit.form.get("etag"))
    try:
        delete_profile(visit.profile_id, visit.services, if_match=version)
    except SeatsyncError as error:
        return _edit(visit, views.profile(read), error)
    return visit.go(link(ROUTE), f"{read.value.name} was deleted. Nothing in the PSA changed.")


def _document(form: Form) -> dict[str, Any]:
    """Return what the form holds as the API takes it."""
    kinds = [one.strip() for one in form.get("agreement_types").split(";")]
    return {
        "name": form.get("name"),
        "psa": form.get("psa"),
        "product_id": id_in(form.get("product_id")),
        "agreement_types": [one for one in kinds if one],
        "price": {"kind": form.get("price"), "amount": form.get("amount") or None},
        "billable": form.get("billable"),
    }


def _of_product(form: Form, product_id: str) -> dict[str, Any]:
    return {
        "name": form.get(f"name-{product_id}"),
        "psa": form.get("psa"),
        "product_id": product_id,
    }


def _by_product(errors: dict[str, str], chosen: tuple[str, ...]) -> dict[str, str]:
    """Name the reasons by product instead of by place."""
    named: dict[str, str] = {}
    for field, reason in errors.items():
        place, _, rest = field.partition(".")
        known = bool(rest) and place.isdigit() and int(place) < len(chosen)
        named[chosen[int(place)] if known else field] = reason
    return named


def _offer(visit: Visit, form: Form, errors: dict[str, str]) -> func.HttpResponse:
    psas = visit.services.connections.psa_names()
    wanted = form.get("psa") or visit.query("psa")
    psa = ConnectionName(wanted) if wanted else (psas[0] if psas else None)
    ending = visit.query("ending")
    ending = ending if ending in ENDINGS else ENDINGS[0]
    text = visit.query("q") or ""
    products: tuple[Product, ...] = ()
    problem = "" if psa else "The settings name no PSA connection yet."
    try:
        if psa is not None:
            products = tuple(visit.services.connections.psa(psa).gateway.list_products())
    except SeatsyncError as error:
        problem = str(error)
    billed = {one.value.product_id for one in visit.services.profiles.all() if one.value.psa == psa}
    chosen = form.all("add")
    found = [one for one in products if one.active and _fits(one, text)]
    found.sort(key=lambda one: one.product_id not in chosen)
    return visit.show(
        "profiles_add.html",
        products=found[: max(MOST_PRODUCTS, len(chosen))],
        total=len(found),
        suggested=lambda name: suggested_name(name, ending),
        billed=billed,
        psas=psas,
        psa=psa,
        endings=ENDINGS,
        ending=ending,
        text=text,
        form=form,
        errors=errors,
        problem=problem,
    )


def suggested_name(product: str, ending: str) -> str:
    """Return a name for a profile: the product and how long a seat is bought for."""
    name = product.strip()
    return name if name.casefold().endswith(ending.casefold()) else f"{name} - {ending}"


def _fits(product: Product, text: str) -> bool:
    wanted = text.strip().casefold()
    return wanted in product.name.casefold() or wanted in product.code.casefold()


def _edit(visit: Visit, values: dict[str, Any], error: SeatsyncError | None) -> func.HttpResponse:
    """Show the form of one profile, with what was typed and what is stored now."""
    profile_id = visit.profile_id if "profile_id" in visit.request.route_params else None
    read = None if profile_id is None else visit.services.profiles.get(profile_id)
    products, problem = [], ""
    try:
        for name in visit.services.connections.psa_names():
            listed = visit.services.connections.psa(name).gateway.list_products()
            products += [(name, one) for one in listed if one.active]
    except SeatsyncError as unread:
        problem = str(unread)
    return visit.show(
        "profile.html",
        status=status_of(error),
        stored=None if read is None else views.profile(read),
        etag=None if read is None else etag_of(read.version),
        values=values,
        products=products,
        problem=problem,
        psas=visit.services.connections.psa_names(),
        prices=PRICES,
        billable=BILLABLE,
        errors={} if error is None else reasons(error),
        typed=error is not None and not isinstance(error, InvalidInputError),
    )


def _is_called(profile: dict[str, Any], names: dict[tuple[str, str], str], text: str) -> bool:
    product = names.get((profile["psa"], profile["product_id"]), "")
    return text in f"{profile['name']} {product} {profile['product_id']}".casefold()


def _product_names(visit: Visit) -> tuple[dict[tuple[str, str], str], str]:
    """Return what the PSAs call the products; a PSA that does not answer takes nothing away."""
    names: dict[tuple[str, str], str] = {}
    problem = ""
    for psa in visit.services.connections.psa_names():
        try:
            listed = visit.services.connections.psa(psa).gateway.list_products()
        except SeatsyncError as error:
            problem = f"The products of {psa} could not be read: {error}"
        else:
            names |= {(psa, one.product_id): one.name for one in listed}
    return names, problem
