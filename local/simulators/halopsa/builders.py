"""Valid records for tests and demonstrations: say only what the story is about.

Dates are ``date``; money is text or ``Decimal``. Everything returned is plain data, so that it can
also be sent to a simulator in another process (``POST /_sim/seed``).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from local.simulators.common.records import Record
from local.simulators.halopsa.state import midnight


def a_client(
    client_id: int = 250, *, name: str = "Contoso Demo", active: bool = True, website: str = ""
) -> Record:
    """A client that is billed."""
    return {
        "id": client_id,
        "name": name,
        "inactive": not active,
        "toplevel_id": 1,
        "website": website or None,
    }


def an_item(
    item_id: int = 101,
    *,
    name: str = "M365 Business Premium",
    code: str = "",
    price: str | Decimal = "20.00",
    cost: str | Decimal = "15.00",
    active: bool = True,
) -> Record:
    """An item that is sold again and again."""
    return {
        "id": item_id,
        "name": name,
        "internalreference": code or f"ITEM{item_id}",
        "isrecurringitem": True,
        "recurringprice": Decimal(price),
        "recurringcost": Decimal(cost),
        "_inactive": not active,
    }


def a_contract(contract_id: int = 301, *, client: int = 250, ref: str = "Microsoft 365") -> Record:
    """A contract; what is billed stands on its recurring invoice."""
    return {"id": contract_id, "client_id": client, "ref": ref, "active": True}


def a_recurring_invoice(
    header_id: int = -94,
    *,
    client: int = 250,
    reference: str = "Microsoft 365",
    starts: date = date(2026, 1, 1),
    ends: date | None = None,
    period: str = "Monthly",
    first_uninvoiced: date = date(2026, 4, 1),
    next_creation: date | None = None,
    disabled: bool = False,
) -> Record:
    """A recurring invoice; as it stands, monthly, in advance, invoiced up to March 2026.

    Args:
        next_creation: When the next invoice is made; None: on the first day that it bills.
    """
    record: Record = {
        "id": header_id,
        "client_id": client,
        "reference": reference,
        "startdate": midnight(starts),
        "periodname": period,
        "period_start_date": midnight(first_uninvoiced),
        "nextcreationdate": midnight(next_creation or first_uninvoiced),
        "disabled": disabled,
    }
    if ends is not None:
        record["enddate"] = midnight(ends)
    return record


def a_line(
    line_id: int = 501,
    *,
    recurring_invoice: int = -94,
    item: int = 101,
    quantity: int | str = 10,
    starts: date | None = date(2026, 1, 1),
    ends: date | None = None,
    price: str | Decimal | None = None,
    text: str | None = None,
    reference: str | None = None,
    quantity_type: int = 0,
    inactive: bool = False,
    rows: tuple[Record, ...] = (),
) -> Record:
    """A line of a recurring invoice.

    Args:
        quantity_type: 0: written by hand; anything else: calculated.
    """
    record: Record = {
        "id": line_id,
        "ihid": recurring_invoice,
        "_itemid": item,
        "qty_order": Decimal(quantity),
        "recurring_invoice_quantity_type": quantity_type,
        "isinactive": inactive,
        "prorata_data": [dict(row) for row in rows],
    }
    optional = {
        "startdate": None if starts is None else midnight(starts),
        "enddate": None if ends is None else midnight(ends),
        "unit_price": None if price is None else Decimal(price),
        "item_shortdescription": text,
        "item_external_reference": reference,
    }
    return {**record, **{name: value for name, value in optional.items() if value is not None}}


def a_row(starts: date, quantity: int, *, invoiced: bool = False) -> Record:
    """A pro-rata row of a line."""
    return {"date": midnight(starts), "quantity": quantity, "isinvoiced": invoiced}
