"""The invoice run: which agreements are due, and the invoices it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from local.simulators.common.invoicing import InvoiceRun, NotInvoicedError, keep_invoice, run_over
from local.simulators.common.records import Record
from local.simulators.connectwise.billing import Addition, Billable, Billed, Terms, bill
from local.simulators.connectwise.calendars import day, terms_of
from local.simulators.connectwise.state import PsaState


def run_invoices(state: PsaState, through: date, agreement_id: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    An agreement whose next invoice date has come is invoiced for its first un-invoiced period, and
    its date moves one cycle; again and again, until the date lies after ``through``. A late
    invoice is one whose run comes later: until then nothing moves.

    Raises:
        KeyError: There is no such agreement.
    """
    return run_over(
        state, "agreement", state.agreements, agreement_id, partial(_invoice, state, through)
    )


def _invoice(state: PsaState, through: date, agreement_id: int) -> list[Record]:
    agreement = state.agreements[agreement_id]
    if agreement.get("agreementStatus") == "Inactive":
        raise NotInvoicedError("it is inactive")
    terms = terms_of(agreement)
    made: list[Record] = []
    while terms.next_invoice <= through:
        billed = bill(terms, [_read(state, one) for one in state.additions_of(agreement_id)])
        over = terms.ends is not None and terms.first_uninvoiced.start > terms.ends
        if over and all(one.charge is None for one in billed):
            break
        made.append(_keep(state, agreement, terms, billed, through))
        if over:
            # What came too late for the last period is billed once; the date has nowhere to go.
            break
        terms = terms.after_its_invoice()
        agreement = state.move_next_invoice(agreement_id, terms.next_invoice)
    return made


def _read(state: PsaState, record: Record) -> Addition:
    return Addition(
        addition_id=record["id"],
        price=Decimal(record["unitPrice"]),
        quantity=Decimal(record["quantity"]),
        less_included=Decimal(record.get("lessIncluded", 0)),
        effective=day(record["effectiveDate"]) or date.min,
        cancelled=day(record.get("cancelledDate")),
        billable=Billable(record["billCustomer"]),
        billed_through=state.billed_through.get(record["id"]),
    )


def _keep(
    state: PsaState,
    agreement: Mapping[str, Any],
    terms: Terms,
    billed: list[Billed],
    through: date,
) -> Record:
    lines = [_line(state, one) for one in billed if one.charge is not None]
    invoice = keep_invoice(
        state,
        {"agreement_id": agreement["id"], "company_id": agreement["company"]["id"]},
        lines,
        on=terms.next_invoice,
        through=through,
        period=terms.first_uninvoiced,
    )
    for one in billed:
        if one.billed_through is not None:
            state.billed_through[one.addition_id] = one.billed_through
    return invoice


def _line(state: PsaState, billed: Billed) -> Record:
    charge, addition = billed.charge, state.additions[billed.addition_id]
    assert charge is not None  # noqa: S101 - only charged additions become lines
    return {
        "addition_id": charge.addition_id,
        "product_id": addition["product"]["id"],
        "description": addition.get("invoiceDescription") or addition["description"],
        "serial_number": addition.get("serialNumber"),
        "quantity": charge.quantity,
        "from": charge.first.isoformat(),
        "to": charge.last.isoformat(),
        "fraction": str(charge.fraction),
        "unit": charge.unit,
        "amount": charge.amount,
    }
