"""The invoice run of every PSA: who is gone through, what is left out, what an invoice looks like.

Which agreement is due, what it bills and how it moves on is each PSA's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from local.simulators.common.billing import Period
from local.simulators.common.records import PsaRecords, Record


class NotInvoicedError(ValueError):
    """The invoice run leaves this agreement out; the message says why."""


@dataclass(frozen=True, slots=True)
class InvoiceRun:
    """What one run did. ``skipped`` says which agreements it left out, and why."""

    invoices: list[Record]
    skipped: list[Record]


def run_over(
    state: PsaRecords,
    called: str,
    agreements: Collection[int],
    only: int | None,
    invoice: Callable[[int], Iterable[Record]],
) -> InvoiceRun:
    """Invoice one agreement after the other, and return the new invoices.

    Args:
        called: What the PSA calls an agreement, such as ``contract``.
        agreements: The numbers of all.
        only: The number of the one to invoice; all when None.
        invoice: Invoices all that is due of an agreement; raises ``NotInvoicedError`` where the
            run is to leave it out.
    """
    run = InvoiceRun([], [])
    with state.lock:
        for number in sorted(agreements) if only is None else [only]:
            try:
                run.invoices.extend(invoice(number))
            except NotInvoicedError as reason:
                run.skipped.append({f"{called}_id": number, "reason": str(reason)})
    return run


def keep_invoice(
    state: PsaRecords,
    owners: Record,
    lines: list[Record],
    *,
    on: date,
    through: date,
    period: Period | None,
) -> Record:
    """Add an invoice to the site's, and return it.

    Args:
        owners: Whose it is, such as ``{"contract_id": 7001, "company_id": 250}``.
        on: Its date.
        through: How far the run goes that makes it.
        period: What it bills; None where it bills only what came late.
    """
    invoice: Record = {
        "invoice_id": len(state.invoices) + 1,
        **owners,
        "invoice_date": on.isoformat(),
        "run_through": through.isoformat(),
        "period": period and {"from": str(period.start), "to": str(period.last)},
        "lines": lines,
        "total": sum((line["amount"] for line in lines), Decimal("0.00")),
    }
    state.invoices.append(invoice)
    return invoice


def find_invoices(
    state: PsaRecords,
    *,
    first: date | None = None,
    last: date | None = None,
    **owners: int | None,
) -> list[Record]:
    """Return the invoices dated within these days, of these owners, such as ``company=250``."""
    with state.lock:
        return [
            invoice
            for invoice in state.invoices
            if all(number in {None, invoice[f"{name}_id"]} for name, number in owners.items())
            and (first is None or invoice["invoice_date"] >= first.isoformat())
            and (last is None or invoice["invoice_date"] <= last.isoformat())
        ]
