"""Billing profiles: which PSA product a row bills as."""

from dataclasses import replace

from shared.domain.errors import ConflictError, InvalidInputError, StaleVersionError
from shared.domain.ids import ProfileId
from shared.domain.mappings import BillingProfile, PriceKind
from shared.ports import Services, Versioned


def add_profile(draft: BillingProfile, services: Services) -> Versioned[BillingProfile]:
    """Add a billing profile; its id is given here.

    Raises:
        InvalidInputError: Its connection, product or price cannot be used.
    """
    _check(draft, services)
    return services.profiles.add(replace(draft, profile_id=ProfileId(services.ids.new())))


def save_profile(
    draft: BillingProfile, services: Services, *, if_match: str | None
) -> Versioned[BillingProfile]:
    """Replace a billing profile.

    Raises:
        NotFoundError: There is none with this id.
        StaleVersionError: Somebody saved it first.
        InvalidInputError: Its connection, product or price cannot be used.
        ConflictError: Rows are mapped to it and it would move their lines: use a new profile.
    """
    read = _read(draft.profile_id, services, if_match)
    _check(draft, services)
    old = read.value
    moves = (old.psa, old.product_id, old.price, old.billable) != (
        draft.psa,
        draft.product_id,
        draft.price,
        draft.billable,
    )
    if moves and _users(old.profile_id, services):
        raise ConflictError(
            "rows are mapped to this billing profile, and another product, price or billable kind "
            "would move their lines; add a new profile and map the rows to it"
        )
    return services.profiles.save(read, draft)


def delete_profile(profile_id: ProfileId, services: Services, *, if_match: str | None) -> None:
    """Remove a billing profile that no row is mapped to.

    Raises:
        NotFoundError: There is none with this id.
        StaleVersionError: Somebody saved it first.
        ConflictError: Rows are mapped to it.
    """
    read = _read(profile_id, services, if_match)
    if _users(profile_id, services):
        raise ConflictError("rows are mapped to this billing profile; map them to another first")
    services.profiles.delete(read)


def _read(
    profile_id: ProfileId, services: Services, if_match: str | None
) -> Versioned[BillingProfile]:
    read = services.profiles.get(profile_id)
    if if_match is not None and read.version != if_match:
        raise StaleVersionError("somebody saved this billing profile first; look at it again")
    return read


def _users(profile_id: ProfileId, services: Services) -> bool:
    return any(
        mapping.value.profile_id == profile_id
        for customer in services.customers.all()
        for mapping in services.mappings.of_customer(customer.customer_id)
    )


def _check(draft: BillingProfile, services: Services) -> None:
    errors: dict[str, str] = {}
    if draft.psa not in services.connections.psa_names():
        errors["psa"] = "there is no such PSA connection"
    else:
        products = services.connections.psa(draft.psa).gateway.list_products()
        product = next((p for p in products if p.product_id == draft.product_id), None)
        if product is None:
            errors["product_id"] = "the PSA has no such product"
        elif not product.active:
            errors["product_id"] = f"product {product.code} is inactive in the PSA"
    if (draft.price.kind is PriceKind.PSA) != (draft.price.amount is None):
        errors["price.amount"] = "is given for a fixed or percent price, and only then"
    elif draft.price.kind is PriceKind.FIXED and (draft.price.amount or 0) < 0:
        errors["price.amount"] = "must not be negative"
    if errors:
        raise InvalidInputError(errors)
