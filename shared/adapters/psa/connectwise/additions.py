"""Between ConnectWise's additions and our lines, both ways. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from shared.adapters.http.payload import Payload
from shared.adapters.psa.connectwise.dates import day_or_none, midnight
from shared.domain.agreements import (
    AgreementLine,
    CreateLine,
    EndLine,
    Operation,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import AgreementId, LineId, ProductId
from shared.domain.mappings import Billable

FIELDS: Final = (
    "id,product,quantity,lessIncluded,unitPrice,unitCost,billCustomer,effectiveDate,cancelledDate,"
    "serialNumber,invoiceDescription,description"
)
DESCRIPTION_LIMIT: Final = 6000

_BILL_CUSTOMER: Final[Mapping[Billable, str]] = {
    Billable.BILLABLE: "Billable",
    Billable.DO_NOT_BILL: "DoNotBill",
    Billable.NO_CHARGE: "NoCharge",
}
_BILLABLE: Final = {theirs: ours for ours, theirs in _BILL_CUSTOMER.items()}

Body = dict[str, Any]


def line(payload: Payload, agreement_id: AgreementId) -> AgreementLine:
    """Return an addition as a line; ``cancelledDate`` is its last billed day.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    quantity = payload["quantity"].decimal_or_none()
    included = payload["lessIncluded"].decimal_or_none() or Decimal(0)
    return AgreementLine(
        agreement_id=agreement_id,
        line_id=LineId(str(payload["id"].whole())),
        product_id=ProductId(str(payload["product"]["id"].whole())),
        quantity=_whole(quantity),
        starts=day_or_none(payload["effectiveDate"]),
        ends=day_or_none(payload["cancelledDate"]),
        marker=(payload["serialNumber"].text_or_none() or "").strip() or None,
        description=payload["invoiceDescription"].text_or_none() or "",
        # Any other number than 0 holds the line, so a part of a seat must not round to 0.
        less_included=int(included) or int(included != 0),
        unit_price=payload["unitPrice"].decimal_or_none(),
        unit_cost=payload["unitCost"].decimal_or_none(),
        billable=_billable(payload["billCustomer"]),
        product_name=payload["description"].text_or_none() or "",
    )


def body(create: CreateLine, product: int) -> Body:
    """Return what creates the line. A purchase flag would send it to purchasing when invoiced."""
    wanted: Body = {
        "product": {"id": product},
        "quantity": create.quantity,
        "billCustomer": _BILL_CUSTOMER[create.billable],
        "effectiveDate": midnight(create.starts),
        "serialNumber": create.marker,
        "purchaseItemFlag": False,
        "specialOrderFlag": False,
    }
    if create.ends is not None:
        wanted["cancelledDate"] = midnight(create.ends)
    if create.unit_price is not None:
        wanted["unitPrice"] = create.unit_price
    if create.description is not None:
        wanted["invoiceDescription"] = create.description
    return wanted


def patch(operation: SetQuantity | EndLine | SetDescription | SetPrice) -> list[Body]:
    """Return what changes the line, in ConnectWise's dialect: a path is a field's name.

    Values are absolute, so that sending them twice is the same as once.
    """
    if isinstance(operation, SetQuantity):
        return [_replace("quantity", operation.after)]
    if isinstance(operation, SetPrice):
        return [_replace("unitPrice", operation.after)]
    if isinstance(operation, SetDescription):
        return [_replace("invoiceDescription", operation.text)]
    if operation.last_day is None:
        return [{"op": "remove", "path": "cancelledDate"}]
    return [_replace("cancelledDate", midnight(operation.last_day))]


def differences(operation: Operation, saved: AgreementLine) -> tuple[str, ...]:
    """Return ConnectWise's names of the fields that it did not save as they were asked for."""
    return tuple(field for field, as_asked in _expected(operation) if not as_asked(saved))


Check = Callable[[AgreementLine], bool]


def _expected(operation: Operation) -> list[tuple[str, Check]]:
    match operation:
        case SetQuantity(after=after):
            return [("quantity", lambda saved: saved.quantity == after)]
        case EndLine(last_day=last_day):
            return [("cancelledDate", lambda saved: saved.ends == last_day)]
        case SetDescription(text=text):
            return [("invoiceDescription", _has_text(text))]
        case SetPrice(after=price):
            return [("unitPrice", lambda saved: saved.unit_price == price)]
        case CreateLine():
            return _expected_of_new(operation)
        case _:
            return []


def _expected_of_new(create: CreateLine) -> list[tuple[str, Check]]:
    checks: list[tuple[str, Check]] = [
        ("product", lambda saved: saved.product_id == create.product_id),
        ("quantity", lambda saved: saved.quantity == create.quantity),
        ("billCustomer", lambda saved: saved.billable is create.billable),
        ("effectiveDate", lambda saved: saved.starts == create.starts),
        ("cancelledDate", lambda saved: saved.ends == create.ends),
        ("serialNumber", lambda saved: saved.marker == create.marker),
    ]
    if create.unit_price is not None:
        checks.append(("unitPrice", lambda saved: saved.unit_price == create.unit_price))
    if create.description is not None:
        checks.append(("invoiceDescription", _has_text(create.description)))
    return checks


def _has_text(text: str) -> Check:
    # Line ends and blanks at the ends may come back in another form.
    return lambda saved: saved.description.split() == text.split()


def _replace(field: str, value: object) -> Body:
    return {"op": "replace", "path": field, "value": value}


def _whole(quantity: Decimal | None) -> int | None:
    if quantity is None or quantity != quantity.to_integral_value():
        return None
    return int(quantity)


def _billable(payload: Payload) -> Billable:
    # Null is lawful in the contract, though every new addition has to say it.
    theirs = payload.text_or_none() or "Billable"
    known = _BILLABLE.get(theirs)
    if known is None:
        names = ", ".join(_BILLABLE)
        raise UnexpectedPayloadError(f"{payload.where}: expected one of {names}")
    return known
