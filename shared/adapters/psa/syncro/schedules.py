"""Between Syncro's schedules and our agreements and lines, both ways. Pure.

A line has one quantity and no dates. It has no field for a mark either, so ours is the last line of
its text: customers see it as a reference.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from shared.adapters.http.payload import Payload
from shared.domain.agreements import (
    MARKER_PREFIX,
    Agreement,
    AgreementLine,
    CreateLine,
    LineKind,
    Operation,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import RequestRefusedError, UnexpectedPayloadError
from shared.domain.ids import AgreementId, CompanyId, LineId, ProductId
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle

MONTHS: Final[Mapping[str, int]] = {
    "monthly": 1,
    "quarterly": 3,
    "annually": 12,
    "annual": 12,
    "yearly": 12,
}
"""Months of a frequency by its name in lower case; others are not known."""
TYPE_NAME: Final = "Recurring invoice"
DESCRIPTION_LIMIT: Final = 1000

_REFERENCE: Final = re.compile(rf"\n?Ref\. ({re.escape(MARKER_PREFIX)}\S+)\s*\Z")

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")

Body = dict[str, Any]


def agreement(payload: Payload, read_at: datetime) -> Agreement:
    """Return a schedule's header: it bills a whole period on the day of its next run.

    Raises:
        UnexpectedPayloadError: A field other than the next run is not what the contract says.
    """
    number = payload["id"].whole()
    problem = None
    next_run: date | None = None
    try:
        next_run = payload["next_run"].day_or_none()
    except UnexpectedPayloadError:
        problem = "the schedule's next run cannot be read; correct it"
    frequency = payload["frequency"].text_or_none() or ""
    months = MONTHS.get(frequency.strip().lower())
    known = next_run is not None and months is not None
    return Agreement(
        agreement_id=AgreementId(str(number)),
        company_id=CompanyId(str(payload["customer_id"].whole())),
        name=payload["name"].text_or_none() or f"{TYPE_NAME} {number}",
        type_name=TYPE_NAME,
        active=not payload["paused"].flag_or_none(),
        starts=None,
        ends=None,
        cycle=Cycle(next_run, months) if next_run is not None and months is not None else None,
        cycle_name=frequency,
        first_uninvoiced=next_run if known else None,
        next_invoice=next_run,
        prorates=False,
        problem=problem,
        read_at=read_at,
    )


def line(payload: Payload, agreement_id: AgreementId) -> AgreementLine:
    """Return a line of a schedule.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    text, marker = _parted(payload["description"].text_or_none() or "")
    product = payload["product_id"].whole_or_none()
    return AgreementLine(
        agreement_id=agreement_id,
        line_id=LineId(str(payload["id"].whole())),
        product_id=ProductId("" if product is None else str(product)),
        quantity=_whole(_number(payload["quantity"])),
        starts=None,
        ends=None,
        marker=marker,
        description=text,
        less_included=0,
        unit_price=_money(payload, "price_retail", "retail_cents"),
        unit_cost=_money(payload, "price_cost", "cost_cents"),
        billable=Billable.BILLABLE,
        product_name=payload["name"].text_or_none() or "",
    )


def body(create: CreateLine, product: int, name: str, text: str) -> Body:
    """Return what creates the line.

    Args:
        name, text: Of the product; the text is for a line that brings none.

    Raises:
        RequestRefusedError: Syncro has no such line.
    """
    if create.kind is LineKind.DATED or create.ends is not None:
        raise RequestRefusedError("Syncro has no lines for some days")
    if create.billable is not Billable.BILLABLE:
        raise RequestRefusedError("Syncro has no lines that are not billed")
    wanted: Body = {
        "product_id": product,
        "name": name,
        "quantity": create.quantity,
        "description": _joined(
            text if create.description is None else create.description, create.marker
        ),
        "one_time_charge": False,
    }
    if create.unit_price is not None:
        wanted["price_retail"] = create.unit_price
    return wanted


def changes(operation: Operation, marker: str | None) -> Body:
    """Return the fields that change; values are absolute.

    Args:
        marker: What the line's text ends with, and must end with again.

    Raises:
        RequestRefusedError: Syncro has no such change.
    """
    match operation:
        case SetQuantity(after=after):
            return {"quantity": after}
        case SetPrice(after=price):
            return {"price_retail": price}
        case SetDescription(text=text):
            return {"description": text if marker is None else _joined(text, marker)}
        case _:
            raise RequestRefusedError(
                "Syncro has no dates: a line has one quantity, and counts until it is removed"
            )


def differences(operation: Operation, saved: AgreementLine) -> tuple[str, ...]:
    """Return Syncro's names of the fields that it did not save as they were asked for."""
    checks: list[tuple[str, bool]] = []
    match operation:
        case SetQuantity(after=after):
            checks = [("quantity", saved.quantity == after)]
        case SetPrice(after=amount):
            checks = [("price_retail", saved.unit_price == amount)]
        case SetDescription(text=text):
            checks = [("description", saved.description.split() == text.split())]
        case CreateLine(unit_price=price, description=words):
            checks = [
                ("product_id", saved.product_id == operation.product_id),
                ("quantity", saved.quantity == operation.quantity),
                ("description", saved.marker == operation.marker),
                ("description", words is None or saved.description.split() == words.split()),
                ("price_retail", price is None or saved.unit_price == price),
            ]
        case _:
            pass
    return tuple(dict.fromkeys(field for field, as_asked in checks if not as_asked))


def _joined(text: str, marker: str) -> str:
    return f"{text}\nRef. {marker}" if text else f"Ref. {marker}"


def _parted(text: str) -> tuple[str, str | None]:
    found = _REFERENCE.search(text.replace("\r\n", "\n"))
    if found is None:
        return text, None
    return text.replace("\r\n", "\n")[: found.start()], found[1]


def _number(payload: Payload) -> Decimal | None:
    """Return a number that may come as text."""
    if payload.is_null:
        return None
    if not isinstance(payload.value, str):
        return payload.decimal()
    found = payload.value.strip()
    if not _NUMBER.fullmatch(found):
        raise UnexpectedPayloadError(f"{payload.where}: expected a number")
    return Payload(Decimal(found), payload.where).decimal()


def _money(payload: Payload, field: str, cents: str) -> Decimal | None:
    amount = _number(payload[field])
    if amount is not None:
        return amount
    whole = payload[cents].whole_or_none()
    return None if whole is None else Decimal(whole) / 100


def _whole(quantity: Decimal | None) -> int | None:
    if quantity is None or quantity != quantity.to_integral_value():
        return None
    return int(quantity)
