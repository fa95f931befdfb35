"""Global exclusions: SKUs that no customer is billed for."""

from shared.domain.mappings import GlobalExclusion
from shared.ports import Services, Versioned
from shared.usecases.versions import check_version


def save_exclusions(
    items: tuple[GlobalExclusion, ...], services: Services, *, if_match: str | None
) -> Versioned[tuple[GlobalExclusion, ...]]:
    """Replace the list.

    Raises:
        StaleVersionError: Somebody saved it first.
    """
    read = services.exclusions.get()
    check_version(read.version, if_match, "the exclusions")
    unique = {item.sku_id: item for item in items}
    return services.exclusions.save(
        read, tuple(sorted(unique.values(), key=lambda item: item.sku_id))
    )
