"""Valid records for tests and demonstrations: say only what the story is about.

    state = PsaState().seed(
        companies=[a_company()], types=[a_type()], products=[a_product()],
        agreements=[an_agreement()], additions=[an_addition(quantity=10)],
    )

Dates are ``date``; money is text or ``Decimal``. Everything returned is plain data, so that it can
also be sent to a simulator in another process (``POST /_sim/seed``).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from local.simulators.common.records import Record
from local.simulators.connectwise.state import BILLED_THROUGH, CYCLES, Member

_NOT_SAID = date.min


def a_company(
    company_id: int = 250,
    *,
    name: str = "Contoso Demo",
    identifier: str | None = None,
    deleted: bool = False,
    types: tuple[str, ...] = ("Customer",),
    website: str | None = None,
) -> Record:
    """A company that is billed."""
    return {
        "id": company_id,
        "identifier": identifier or f"Company{company_id}",
        "name": name,
        "status": {"id": 1, "name": "Active"},
        "types": [{"id": number, "name": kind} for number, kind in enumerate(types, start=1)],
        "website": website,
        "deletedFlag": deleted,
    }


def a_type(type_id: int = 20, *, name: str = "Managed Services") -> Record:
    """An agreement type."""
    return {
        "id": type_id,
        "name": name,
        "employeeCompRate": "Actual",
        "employeeCompNotExceed": "Billing",
        "invoicingCycle": "CalendarYear",
        "billTime": "Billable",
        "billExpenses": "Billable",
        "billProducts": "Billable",
        "inactiveFlag": False,
        "prorateFlag": True,
    }


def a_product(
    product_id: int = 101,
    *,
    identifier: str | None = None,
    description: str = "M365 Business Premium",
    price: str | Decimal = "20.00",
    cost: str | Decimal = "15.00",
    product_class: str = "Agreement",
    inactive: bool = False,
) -> Record:
    """A catalog item that can be put on an agreement."""
    return {
        "id": product_id,
        "identifier": identifier or f"PRODUCT-{product_id}",
        "description": description,
        "customerDescription": description,
        "subcategory": {"id": 1, "name": "Cloud"},
        "type": {"id": 1, "name": "Licence"},
        "productClass": product_class,
        "unitOfMeasure": {"id": 1, "name": "Each"},
        "price": Decimal(price),
        "cost": Decimal(cost),
        "taxableFlag": True,
        "inactiveFlag": inactive,
        "recurringFlag": True,
    }


def an_agreement(
    agreement_id: int = 7001,
    *,
    company: int = 250,
    agreement_type: int = 20,
    name: str = "Microsoft 365",
    starts: date = date(2026, 1, 1),
    ends: date | None = None,
    bill_starts: date | None = None,
    cycle: str = "Monthly",
    period_type: str | None = "Current",
    next_invoice: date | None = date(2026, 4, 1),
    prorates: bool = True,
    status: str = "Active",
    cancelled: date | None = None,
    parent: int | None = None,
) -> Record:
    """An agreement; as it stands, one invoiced monthly in advance, next on 1 April 2026.

    In arrears: ``next_invoice`` at the end of its period. A month ahead: ``period_type="Future"``.
    """
    known = {known["name"]: known["id"] for known in CYCLES}
    return {
        "id": agreement_id,
        "name": name,
        "type": {"id": agreement_type},
        "company": {"id": company},
        "contact": {"id": 1, "name": "Pat Example"},
        "parentAgreement": None if parent is None else {"id": parent, "name": "Parent"},
        "startDate": _at(starts),
        "endDate": _at(ends),
        "noEndingDateFlag": ends is None,
        "cancelledFlag": cancelled is not None,
        "dateCancelled": _at(cancelled),
        "agreementStatus": status if cancelled is None else "Cancelled",
        "billingCycle": {"id": known.get(cycle, 99), "name": cycle},
        "billStartDate": _at(bill_starts or starts),
        "periodType": period_type,
        "nextInvoiceDate": _at(next_invoice),
        "invoicingCycle": "CalendarYear",
        "prorateFlag": prorates,
        "invoiceProratedAdditionsFlag": False,
        "billAmount": Decimal(0),
    }


def an_addition(
    addition_id: int = 501,
    *,
    agreement: int = 7001,
    product: int = 101,
    quantity: int | str = 10,
    effective: date = date(2026, 1, 1),
    cancelled: date | None = None,
    price: str | Decimal | None = None,
    less_included: int = 0,
    bill_customer: str = "Billable",
    serial_number: str | None = None,
    invoice_description: str | None = None,
    billed_through: date | None = _NOT_SAID,
) -> Record:
    """A line of an agreement, billed so far for every period that is invoiced.

    Args:
        cancelled: The last billed day.
        billed_through: Another last day billed so far; None for a line never billed.
    """
    record: dict[str, Any] = {
        "id": addition_id,
        "agreementId": agreement,
        "product": {"id": product},
        "quantity": Decimal(quantity),
        "lessIncluded": Decimal(less_included),
        "billCustomer": bill_customer,
        "effectiveDate": _at(effective),
        "cancelledDate": _at(cancelled),
        "taxableFlag": True,
        "serialNumber": serial_number,
        "invoiceDescription": invoice_description,
        "purchaseItemFlag": False,
        "specialOrderFlag": False,
    }
    if price is not None:
        record["unitPrice"] = Decimal(price)
    if billed_through != _NOT_SAID:
        record[BILLED_THROUGH] = billed_through and billed_through.isoformat()
    return record


def a_member(
    name: str = "readonly",
    *,
    public_key: str | None = None,
    private_key: str | None = None,
    denied: tuple[str, ...] = (),
) -> Member:
    """An API member with keys of its own; ``denied`` names the rights that its role lacks."""
    return Member(
        name,
        public_key or f"{name}-public",
        private_key or f"{name}-private",
        frozenset(denied),
    )


def _at(day: date | None) -> str | None:
    return None if day is None else f"{day.isoformat()}T00:00:00Z"
