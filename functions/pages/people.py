"""Names for the ids that alerts, approvals and runs carry."""

from collections.abc import Iterable

from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Services


def customer_names(
    customer_ids: Iterable[CustomerId | None], services: Services
) -> dict[CustomerId, str]:
    """Return the name of each customer; one that is not there is called by its id."""
    wanted = {one for one in customer_ids if one is not None}
    if len(wanted) == 1:
        return {one: _name(one, services) for one in wanted}
    known = {c.customer_id: c.name for c in services.customers.all()} if wanted else {}
    return {one: known.get(one, one) for one in wanted}


def _name(customer_id: CustomerId, services: Services) -> str:
    try:
        return services.customers.get(customer_id).value.name
    except NotFoundError:
        return customer_id
