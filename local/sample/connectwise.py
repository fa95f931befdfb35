"""The sample as a state of the ConnectWise simulator."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from local.sample.agreements import Kind, terms
from local.sample.customers import CUSTOMERS, SampleCustomer
from local.sample.skus import SKUS
from local.simulators.connectwise.builders import (
    a_company,
    a_product,
    a_type,
    an_addition,
    an_agreement,
)
from local.simulators.connectwise.state import PsaState, Record

FIRST_COMPANY = 301
FIRST_AGREEMENT = 7001
FIRST_PRODUCT = 101
FIRST_LINE = 501
OTHER_TOOLS_MARK = "OTHERTOOL-4711"

_KINDS = list(Kind)
_SOLD = [sku.part_number for sku in SKUS.values() if sku.price is not None]


@dataclass(frozen=True, slots=True)
class ExistingLine:
    """A line that is on an agreement before Seatsync comes."""

    agreement_id: int
    product_id: int
    quantity: int
    starts: date
    other_tool: bool


def company_id(customer: SampleCustomer) -> int:
    """Return the customer's company."""
    return FIRST_COMPANY + CUSTOMERS.index(customer)


def agreement_id(customer: SampleCustomer, kind: Kind) -> int:
    """Return the customer's agreement of this kind."""
    return FIRST_AGREEMENT + CUSTOMERS.index(customer) * len(_KINDS) + _KINDS.index(kind)


def product_id(part_number: str) -> int:
    """Return the product that a SKU is billed as."""
    return FIRST_PRODUCT + _SOLD.index(part_number)


def existing_lines(today: date) -> Iterator[ExistingLine]:
    """Yield the lines that the agreements have already."""
    seen = set()
    for customer in CUSTOMERS:
        for license_ in customer.licenses:
            billing = license_.billing
            if billing is None or billing.line is None:
                continue
            agreement = agreement_id(customer, billing.agreement)
            product = product_id(billing.product or license_.part_number)
            if (agreement, product) not in seen:
                seen.add((agreement, product))
                starts = terms(billing.agreement, today).starts
                yield ExistingLine(agreement, product, billing.line, starts, billing.other_tool)


def connectwise_state(today: date) -> Record:
    """Return companies, catalogue, agreements and lines, as the simulator's state takes them."""
    state = PsaState().seed(
        companies=[
            a_company(
                company_id(customer),
                name=customer.name,
                identifier=customer.name.replace(" ", ""),
            )
            for customer in CUSTOMERS
        ],
        types=[a_type(name="Microsoft 365")],
        products=[
            a_product(
                product_id(sku.part_number),
                identifier=f"MS-{product_id(sku.part_number)}",
                description=sku.name,
                price=sku.price,
                cost="0.00",
            )
            for sku in SKUS.values()
            if sku.price is not None
        ],
        agreements=[
            _agreement(customer, kind, today) for customer in CUSTOMERS for kind in customer.kinds()
        ],
        additions=[
            an_addition(
                FIRST_LINE + number,
                agreement=line.agreement_id,
                product=line.product_id,
                quantity=line.quantity,
                effective=line.starts,
                serial_number=OTHER_TOOLS_MARK if line.other_tool else None,
            )
            for number, line in enumerate(existing_lines(today))
        ],
    )
    return state.dump()


def _agreement(customer: SampleCustomer, kind: Kind, today: date) -> Record:
    own = terms(kind, today)
    return an_agreement(
        agreement_id(customer, kind),
        company=company_id(customer),
        name=kind.value,
        starts=own.starts,
        ends=own.ends,
        cycle="Annual" if own.annual else "Monthly",
        next_invoice=own.next_invoice,
        prorates=own.prorates,
    )
