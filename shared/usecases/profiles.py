"""Billing profiles: which PSA product a row bills as."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from shared.domain.agreements import Product
from shared.domain.errors import ConflictError, InvalidInputError
from shared.domain.ids import ConnectionName, ProductId, ProfileId
from shared.domain.mappings import BillingProfile, PriceKind
from shared.ports import Services, Versioned
from shared.usecases.versions import check_version

Catalogues = dict[ConnectionName, dict[ProductId, Product]]


def add_profile(draft: BillingProfile, services: Services) -> Versioned[BillingProfile]:
    """Add a billing profile; its id is given here.

    Raises:
        InvalidInputError: Its connection, product or price cannot be used.
    """
    _check(draft, services)
    return _add(draft, services)


def add_profiles(
    drafts: Sequence[BillingProfile], services: Services
) -> tuple[Versioned[BillingProfile], ...]:
    """Add several billing profiles; all are checked before the first is stored.

    Raises:
        InvalidInputError: Names every one that cannot be used by its place, from 0.
    """
    catalogues = _catalogues({draft.psa for draft in drafts}, services)
    errors = {
        f"{place}.{field}": reason
        for place, draft in enumerate(drafts)
        for field, reason in _problems(draft, catalogues).items()
    }
    if errors:
        raise InvalidInputError(errors)
    return tuple(_add(draft, services) for draft in drafts)


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
    if moves_lines(old, draft) and _users(old.profile_id, services):
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


def moves_lines(old: BillingProfile, new: BillingProfile) -> bool:
    """Return whether rows that are mapped to it would bill through other lines."""
    return (old.psa, old.product_id, old.price, old.billable) != (
        new.psa,
        new.product_id,
        new.price,
        new.billable,
    )


def price_problem(profile: BillingProfile) -> str:
    """Return why the amount of its price cannot be used; empty when it can."""
    if (profile.price.kind is PriceKind.PSA) != (profile.price.amount is None):
        return "is given for a fixed or percent price, and only then"
    if profile.price.kind is PriceKind.FIXED and (profile.price.amount or 0) < 0:
        return "must not be negative"
    return ""


def _read(
    profile_id: ProfileId, services: Services, if_match: str | None
) -> Versioned[BillingProfile]:
    read = services.profiles.get(profile_id)
    check_version(read.version, if_match, "this billing profile")
    return read


def _add(draft: BillingProfile, services: Services) -> Versioned[BillingProfile]:
    return services.profiles.add(replace(draft, profile_id=ProfileId(services.ids.new())))


def _users(profile_id: ProfileId, services: Services) -> bool:
    return any(
        mapping.value.profile_id == profile_id
        for customer in services.customers.all()
        for mapping in services.mappings.of_customer(customer.customer_id)
    )


def _check(draft: BillingProfile, services: Services) -> None:
    errors = _problems(draft, _catalogues({draft.psa}, services))
    if errors:
        raise InvalidInputError(errors)


def _catalogues(names: Iterable[ConnectionName], services: Services) -> Catalogues:
    """Read each PSA's products once; a name that the settings lack is left out."""
    known = set(services.connections.psa_names())
    return {
        name: {p.product_id: p for p in services.connections.psa(name).gateway.list_products()}
        for name in sorted(known.intersection(names))
    }


def _problems(draft: BillingProfile, catalogues: Catalogues) -> dict[str, str]:
    errors: dict[str, str] = {}
    if draft.psa not in catalogues:
        errors["psa"] = "there is no such PSA connection"
    else:
        product = catalogues[draft.psa].get(draft.product_id)
        if product is None:
            errors["product_id"] = "the PSA has no such product"
        elif not product.active:
            errors["product_id"] = f"product {product.code} is inactive in the PSA"
    amount = price_problem(draft)
    if amount:
        errors["price.amount"] = amount
    return errors
