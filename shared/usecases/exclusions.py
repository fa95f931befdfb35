"""Global exclusions: SKUs that no customer is billed for."""

from shared.domain.errors import StaleVersionError
from shared.domain.mappings import GlobalExclusion
from shared.ports import Services, Versioned


def save_exclusions(
    items: tuple[GlobalExclusion, ...], services: Services, *, if_match: str | None
) -> Versioned[tuple[GlobalExclusion, ...]]:
    """Replace the list.

    Raises:
        StaleVersionError: Somebody saved it first.
    """
    read = services.exclusions.get()
    if if_match is not None and if_match != read.version:
        raise StaleVersionError("somebody saved the exclusions first; look at them again")
    unique = {item.sku_id: item for item in items}
    return services.exclusions.save(
        read, tuple(sorted(unique.values(), key=lambda item: item.sku_id))
    )
