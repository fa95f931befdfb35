"""The sample as a story for any PSA: its companies, catalogue, agreements and lines."""

from collections.abc import Iterator
from datetime import date

from local.sample.agreements import Kind, add_months, terms
from local.sample.customers import CUSTOMERS, SampleCustomer
from local.sample.skus import SKUS
from local.sites.site import Agreement, Company, Line, Product, Story

FIRST_COMPANY = 301
FIRST_AGREEMENT = 7001
FIRST_PRODUCT = 101
FIRST_LINE = 501
OTHER_TOOLS_MARK = "OTHERTOOL-4711"
OTHER_TOOLS_SEATS = 3
"""What the other tool has planned on top, or has put on a line of its own."""

_KINDS = list(Kind)
_SOLD = [sku.part_number for sku in SKUS.values() if sku.price is not None]


def company_id(customer: SampleCustomer) -> int:
    """Return the customer's company."""
    return FIRST_COMPANY + CUSTOMERS.index(customer)


def agreement_number(customer: SampleCustomer, kind: Kind) -> int:
    """Return the customer's agreement of this kind."""
    return FIRST_AGREEMENT + CUSTOMERS.index(customer) * len(_KINDS) + _KINDS.index(kind)


def product_id(part_number: str) -> int:
    """Return the product that a SKU is billed as."""
    return FIRST_PRODUCT + _SOLD.index(part_number)


def story(psa: str, today: date) -> Story:
    """Return what a PSA holds before Seatsync comes."""
    return Story(
        companies=[Company(company_id(one), one.name) for one in CUSTOMERS],
        products=[
            Product(product_id(sku.part_number), sku.name, sku.price)
            for sku in SKUS.values()
            if sku.price is not None
        ],
        agreements=[
            Agreement(
                agreement_number(customer, kind),
                company_id(customer),
                terms(kind, today),
                kind.value,
            )
            for customer in CUSTOMERS
            for kind in customer.kinds()
        ],
        lines=list(existing_lines(psa, today)),
    )


def existing_lines(psa: str, today: date) -> Iterator[Line]:
    """Yield the lines that the agreements have already.

    Another tool gives itself away by what the PSA has: a mark, units that change on a day ahead
    (Autotask), or a second line of the same product (Syncro).
    """
    seen: set[tuple[int, int]] = set()
    for customer in CUSTOMERS:
        for license_ in customer.licenses:
            billing = license_.billing
            if billing is None or billing.line is None:
                continue
            agreement = agreement_number(customer, billing.agreement)
            product = product_id(billing.product or license_.part_number)
            if (agreement, product) in seen:
                continue
            number = FIRST_LINE + len(seen)
            seen.add((agreement, product))
            starts, other = terms(billing.agreement, today).starts, billing.other_tool
            later = (add_months(today.replace(day=1), 2), billing.line + OTHER_TOOLS_SEATS)
            yield Line(
                number,
                agreement,
                product,
                billing.line,
                starts,
                mark=OTHER_TOOLS_MARK if other else None,
                later=later if other and psa == "autotask" else None,
            )
            if other and psa == "syncro":
                yield Line(number + 500, agreement, product, OTHER_TOOLS_SEATS, starts)
