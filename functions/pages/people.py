"""Names for the ids that alerts, approvals and runs carry."""

from collections.abc import Iterable

from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Services


def customer_names(
    customer_ids: Iterable[CustomerId | None], services: Services
) -> dict[CustomerId, str]:
    """Return the name of each customer; ask only for those that a page shows."""
    return {
        customer_id: _name(customer_id, services)
        for customer_id in sorted({one for one in customer_ids if one is not None})
    }


def _name(customer_id: CustomerId, services: Services) -> str:
    try:
        return services.customers.get(customer_id).value.name
    except NotFoundError:
        return customer_id
