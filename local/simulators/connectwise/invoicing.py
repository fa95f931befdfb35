"""The invoice run: which agreements are due, and the invoices it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from local.simulators.common.records import Record
from local.simulators.connectwise.billing import Addition, Billable, Billed, Terms, bill
from local.simulators.connectwise.calendars import NotInvoicedError, day, terms_of
from local.simulators.connectwise.state import PsaState


@dataclass(frozen=True, slots=True)
class InvoiceRun:
    """What one run did. ``skipped`` says which agreements it left out, and why."""

    invoices: list[Record]
    skipped: list[Record]


def run_invoices(state: PsaState, through: date, agreement_id: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    An agreement whose next invoice date has come is invoiced for its first un-invoiced period, and
    its date moves one cycle; again and again, until the date lies after ``through``. A late
    invoice is one whose run comes later: until then nothing moves.

    Raises:
        KeyError: There is no such agreement.
    """
    with state.lock:
        chosen = sorted(state.agreements) if agreement_id is None else [agreement_id]
        run = InvoiceRun([], [])
        for number in chosen:
            try:
                run.invoices.extend(_invoice(state, number, through))
            except NotInvoicedError as reason:
                run.skipped.append({"agreement_id": number, "reason": str(reason)})
        return run


def find_invoices(
    state: PsaState,
    *,
    company: int | None = None,
    agreement: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Record]:
    """Return the invoices of a company, of an agreement, or dated within these days."""
    with state.lock:
        return [
            invoice
            for invoice in state.invoices
            if company in {None, invoice["company_id"]}
            and agreement in {None, invoice["agreement_id"]}
            and (first is None or invoice["invoice_date"] >= first.isoformat())
            and (last is None or invoice["invoice_date"] <= last.isoformat())
        ]


def _invoice(state: PsaState, agreement_id: int, through: date) -> list[Record]:
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
    invoice: Record = {
        "invoice_id": len(state.invoices) + 1,
        "agreement_id": agreement["id"],
        "company_id": agreement["company"]["id"],
        "invoice_date": terms.next_invoice.isoformat(),
        "run_through": through.isoformat(),
        "period": {
            "from": terms.first_uninvoiced.start.isoformat(),
            "to": terms.first_uninvoiced.last.isoformat(),
        },
        "lines": lines,
        "total": sum((line["amount"] for line in lines), Decimal("0.00")),
    }
    state.invoices.append(invoice)
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
