"""Valid records for tests and demonstrations: say only what the story is about.

Dates are ``date``; money is text or ``Decimal``. Everything returned is plain data, so that it can
also be sent to a simulator in another process (``POST /_sim/seed``).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from local.simulators.common.records import Record
from local.simulators.syncro.state import moment_of


def a_customer(
    customer_id: int = 250, *, name: str = "Contoso Demo", disabled: bool = False
) -> Record:
    """A customer that is billed."""
    return {"id": customer_id, "business_name": name, "fullname": "", "disabled": disabled}


def a_product(
    product_id: int = 101,
    *,
    name: str = "M365 Business Premium",
    price: str | Decimal = "20.00",
    cost: str | Decimal = "15.00",
    disabled: bool = False,
) -> Record:
    """A product of the catalogue."""
    return {
        "id": product_id,
        "name": name,
        "description": name,
        "price_retail": Decimal(price),
        "price_cost": Decimal(cost),
        "disabled": disabled,
    }


def a_schedule(
    schedule_id: int = 7001,
    *,
    customer: int = 250,
    name: str = "Microsoft 365",
    frequency: str = "Monthly",
    next_run: date = date(2026, 4, 1),
    paused: bool = False,
) -> Record:
    """A recurring invoice; as it stands, monthly, next made on 1 April 2026."""
    return {
        "id": schedule_id,
        "customer_id": customer,
        "name": name,
        "frequency": frequency,
        "next_run": moment_of(next_run),
        "paused": paused,
        "_anchor": next_run.isoformat(),
    }


def a_line(
    line_id: int = 501,
    *,
    schedule: int = 7001,
    product: int | None = 101,
    quantity: int | str = 10,
    price: str | Decimal | None = None,
    description: str | None = None,
    one_time: bool = False,
) -> Record:
    """A line of a schedule."""
    record: Record = {
        "id": line_id,
        "schedule_id": schedule,
        "product_id": product,
        "quantity": Decimal(quantity),
        "one_time_charge": one_time,
    }
    if price is not None:
        record["price_retail"] = Decimal(price)
    if description is not None:
        record["description"] = description
    return record
