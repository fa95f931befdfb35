"""A PSA connection's customers by company, and the agreements that they bill on."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from shared.domain.customers import Customer, CustomerState
from shared.domain.ids import AgreementId, CompanyId, ConnectionName
from shared.ports import Services
from shared.usecases.books import Book


def customers_by_company(
    name: ConnectionName, services: Services
) -> dict[CompanyId, list[Customer]]:
    """Return the customers that are not deleted, in one query; companies and customers by id."""
    customers = [
        one
        for one in services.customers.all()
        if one.psa == name and one.state is not CustomerState.DELETED
    ]
    found: dict[CompanyId, list[Customer]] = defaultdict(list)
    for customer in sorted(customers, key=lambda one: (one.company_id, one.customer_id)):
        found[customer.company_id].append(customer)
    return dict(found)


def mapped_agreements(books: Iterable[Book], today: date) -> list[AgreementId]:
    """Return the agreements that rows bill on today or later, by id."""
    groups = (group for book in books for group, _ in book.groups(today).values())
    return sorted({group.agreement_id for group in groups})
