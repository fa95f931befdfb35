"""Between HaloPSA's lines and ours, both ways. Pure.

A line's seats are its quantity and the pro-rata rows that no invoice has seen: after the next
invoice HaloPSA itself adds those to the quantity. So a change is either a row or a quantity, never
both, and the quantity is not written while rows wait.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from shared.adapters.http.payload import Payload
from shared.adapters.psa.halopsa.dates import day_or_none, midnight
from shared.domain.agreements import (
    AddProrata,
    AgreementLine,
    CreateLine,
    EndLine,
    LineKind,
    Operation,
    ProrataRow,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import RequestRefusedError
from shared.domain.ids import AgreementId, LineId, ProductId
from shared.domain.mappings import Billable

DESCRIPTION_LIMIT: Final = 255

Body = dict[str, Any]


def line(payload: Payload, agreement_id: AgreementId) -> AgreementLine:
    """Return a line of a recurring invoice.

    Raises:
        UnexpectedPayloadError: A field is not what the contract says.
    """
    rows = _waiting(payload)
    own = _whole(payload["qty_order"].decimal_or_none())
    whole_rows = [_whole(row["quantity"].decimal_or_none()) for row in rows]
    known = [seats for seats in whole_rows if seats is not None]
    quantity = None if own is None or len(known) < len(rows) else own + sum(known)
    item = payload["linked_item"]
    return AgreementLine(
        agreement_id=agreement_id,
        line_id=LineId(str(payload["id"].whole())),
        product_id=ProductId(str(payload["_itemid"].whole_or_none() or "")),
        quantity=quantity,
        starts=day_or_none(payload["startdate"]),
        ends=day_or_none(payload["enddate"]),
        marker=(payload["item_external_reference"].text_or_none() or "").strip() or None,
        description=payload["item_shortdescription"].text_or_none() or "",
        less_included=0,
        unit_price=payload["unit_price"].decimal_or_none(),
        unit_cost=payload["unit_cost"].decimal_or_none(),
        billable=Billable.DO_NOT_BILL
        if payload["isinactive"].flag_or_none()
        else Billable.BILLABLE,
        product_name="" if item.is_null else item["name"].text_or_none() or "",
        waiting=tuple(
            ProrataRow(row["date"].day(), seats)
            for row, seats in zip(rows, whole_rows, strict=True)
            if seats is not None
        ),
        computed=is_computed(payload),
    )


def is_computed(payload: Payload) -> bool:
    """Return whether HaloPSA counts the line's quantity by itself."""
    by_type = payload["recurring_invoice_quantity_type"].whole_or_none() or 0
    return by_type != 0 or bool(payload["_is_calculated_line"].flag_or_none())


def body(create: CreateLine, header: int, item: int) -> Body:
    """Return what creates the line: no seats of its own, and a row that brings them on a day.

    So the first period is charged for its part, and the row becomes the quantity.

    Raises:
        RequestRefusedError: HaloPSA has no such line.
    """
    if create.kind is LineKind.DATED:
        raise RequestRefusedError("HaloPSA has no lines for some days: a row of the line does it")
    if create.billable is not Billable.BILLABLE:
        raise RequestRefusedError("HaloPSA has no lines that are not billed")
    if create.quantity < 0:
        raise RequestRefusedError("a line of HaloPSA cannot begin with less than no seats")
    wanted: Body = {
        "ihid": header,
        "_itemid": item,
        "qty_order": 0,
        "startdate": midnight(create.starts),
        "item_external_reference": create.marker,
        "prorata_data": [_row(create.quantity, midnight(create.starts))],
    }
    if create.ends is not None:
        wanted["enddate"] = midnight(create.ends)
    if create.unit_price is not None:
        wanted["unit_price"] = create.unit_price
    if create.description is not None:
        wanted["item_shortdescription"] = create.description
    return wanted


def changed(
    raw: Mapping[str, Any], current: AgreementLine, operation: Operation, *, negative: bool
) -> Body | None:
    """Return the whole line as it is to be written; ``None`` when it is so already.

    Args:
        raw: The line as it was read a moment ago.
        negative: Whether the instance takes pro-rata rows that take seats away.

    Raises:
        RequestRefusedError: The line is not what the operation was planned for.
    """
    if current.computed:
        raise RequestRefusedError(f"HaloPSA calculates the quantity of line {current.line_id}")
    if not differences(operation, current):
        return None
    if isinstance(operation, SetQuantity | AddProrata) and current.quantity != operation.before:
        raise RequestRefusedError(
            f"line {current.line_id} has {current.quantity} seats now, not {operation.before}"
        )
    match operation:
        case SetQuantity(after=after):
            if current.waiting:
                raise RequestRefusedError(
                    f"line {current.line_id} has pro-rata rows that wait for an invoice"
                )
            return {**raw, "qty_order": after}
        case AddProrata():
            return {**raw, "prorata_data": _with_row(raw, operation, negative=negative)}
        case EndLine(last_day=last_day):
            return {**raw, "enddate": None if last_day is None else midnight(last_day)}
        case SetDescription(text=text):
            return {**raw, "item_shortdescription": text}
        case SetPrice(after=price):
            return {**raw, "unit_price": price}
        case _:
            raise RequestRefusedError("HaloPSA has no such change of a line")


def differences(operation: Operation, saved: AgreementLine) -> tuple[str, ...]:
    """Return HaloPSA's names of the fields that are not as they were asked for."""
    checks: list[tuple[str, bool]]
    match operation:
        case SetQuantity(after=after):
            checks = [("qty_order", saved.quantity == after)]
        case AddProrata():
            checks = [("prorata_data", saved.quantity == operation.after)]
        case EndLine(last_day=last_day):
            checks = [("enddate", saved.ends == last_day)]
        case SetDescription(text=text):
            checks = [("item_shortdescription", _same(saved.description, text))]
        case SetPrice(after=price):
            checks = [("unit_price", saved.unit_price == price)]
        case CreateLine():
            own_price, own_text = operation.unit_price, operation.description
            checks = [
                ("_itemid", saved.product_id == operation.product_id),
                ("prorata_data", saved.quantity == operation.quantity),
                ("startdate", saved.starts == operation.starts),
                ("enddate", saved.ends == operation.ends),
                ("unit_price", own_price is None or saved.unit_price == own_price),
                ("item_shortdescription", own_text is None or _same(saved.description, own_text)),
            ]
        case _:
            # What this cannot do is never "done already".
            checks = [("", False)]
    return tuple(field for field, as_asked in checks if not as_asked)


def to_send(raw: Mapping[str, Any]) -> Body:
    """Return a line to be sent beside the one that changes: whole, as an omitted one is lost.

    What HaloPSA calculates is left out, so that a newer number is not overwritten.
    """
    if is_computed(Payload(raw)):
        return {name: value for name, value in raw.items() if name != "qty_order"}
    return dict(raw)


def _waiting(payload: Payload) -> tuple[Payload, ...]:
    """The rows that no invoice has seen; one that was taken back to no seats changes nothing."""
    if payload["prorata_data"].is_null:
        return ()
    rows = payload["prorata_data"].items()
    return tuple(
        row
        for row in rows
        if not row["isinvoiced"].flag_or_none() and row["quantity"].decimal_or_none() != 0
    )


def _with_row(raw: Mapping[str, Any], operation: AddProrata, *, negative: bool) -> list[Body]:
    """Return the rows with one more, or with more seats on the waiting one of that day.

    Rows keep their ids: without one, HaloPSA would take it for another row.
    """
    rows = [dict(row) for row in raw.get("prorata_data") or []]
    seats: Decimal | int = operation.quantity
    own = None
    for row in rows:
        told = Payload(row)
        if not told["isinvoiced"].flag_or_none() and told["date"].date() == operation.starts:
            own = row
            seats = told["quantity"].decimal() + operation.quantity
            break
    if seats < 0 and not negative:
        raise RequestRefusedError("this HaloPSA takes no negative pro rata (NEGATIVE_PRORATA)")
    if own is not None:
        own["quantity"] = seats
        return rows
    return [*rows, _row(operation.quantity, midnight(operation.starts))]


def _row(quantity: int, day: str) -> Body:
    return {"date": day, "quantity": quantity}


def _same(saved: str, text: str) -> bool:
    # Line ends and blanks at the ends may come back in another form.
    return saved.split() == text.split()


def _whole(quantity: Decimal | None) -> int | None:
    if quantity is None or quantity != quantity.to_integral_value():
        return None
    return int(quantity)
