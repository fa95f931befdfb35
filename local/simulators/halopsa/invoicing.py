"""The invoice run: what is due, the invoices it leaves behind, and rows that become quantity.

A line with a quantity of its own bills it for the whole period. A pro-rata row bills from its day
up to the end of the period that is invoiced, each period by its days, and becomes part of the
quantity then: it is never billed again. A row of a later period waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from local.simulators.common.records import Record
from local.simulators.connectwise.billing import CENT, Calendar, Period
from local.simulators.halopsa.rules import waiting
from local.simulators.halopsa.state import PsaState, day, midnight

NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class InvoiceRun:
    """What one run did. ``skipped`` says which recurring invoices it left out, and why."""

    invoices: list[Record]
    skipped: list[Record]


def run_invoices(state: PsaState, through: date, number: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    Raises:
        KeyError: There is no such recurring invoice.
    """
    with state.lock:
        chosen = sorted(state.recurring_invoices) if number is None else [number]
        run = InvoiceRun([], [])
        for one in chosen:
            header = state.recurring_invoices[one]
            if header.get("disabled"):
                run.skipped.append({"recurring_invoice_id": one, "reason": "it is disabled"})
                continue
            try:
                run.invoices.extend(_invoice(state, header, through))
            except ValueError as reason:
                run.skipped.append({"recurring_invoice_id": one, "reason": str(reason)})
        return run


def find_invoices(
    state: PsaState,
    *,
    client: int | None = None,
    recurring_invoice: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Record]:
    """Return invoices of a client, of a recurring invoice, or dated within these days."""
    with state.lock:
        return [
            invoice
            for invoice in state.invoices
            if client in {None, invoice["client_id"]}
            and recurring_invoice in {None, invoice["recurring_invoice_id"]}
            and (first is None or invoice["invoice_date"] >= first.isoformat())
            and (last is None or invoice["invoice_date"] <= last.isoformat())
        ]


def prorated(price: Decimal, calendar: Calendar, first: date, last: date) -> Decimal:
    """Return the price of one seat for the days, to the cent; both ends count."""
    share = sum(
        (
            Fraction((min(last, one.last) - max(first, one.start)).days + 1, one.days)
            for one in calendar.periods_between(first, last)
        ),
        Fraction(0),
    )
    exact = Fraction(price) * share
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(CENT, ROUND_HALF_UP)


def _invoice(state: PsaState, header: Record, through: date) -> list[Record]:
    made: list[Record] = []
    calendar = state.calendar(header)
    while day(header["nextcreationdate"]) <= through:
        period = state.next_period(header)
        if header.get("enddate") and day(header["enddate"]) < period.start:
            break
        made.append(_keep(state, header, calendar, period, through))
        following = calendar.period(calendar.index_at(period.start) + 1)
        moved = following.start + (day(header["nextcreationdate"]) - period.start)
        if day(header["nextcreationdate"]) == period.last:
            moved = following.last
        header["nextcreationdate"] = midnight(moved)
        header["period_start_date"] = midnight(following.start)
        header["period_end_date"] = midnight(following.last)
    return made


def _keep(
    state: PsaState, header: Record, calendar: Calendar, period: Period, through: date
) -> Record:
    lines: list[Record] = []
    for line in state.lines_of(int(header["id"])):
        if _bills(line, period):
            lines.extend(_billed(state, line, calendar, period))
    invoice: Record = {
        "invoice_id": len(state.invoices) + 1,
        "recurring_invoice_id": header["id"],
        "client_id": header["client_id"],
        "invoice_date": header["nextcreationdate"][:10],
        "run_through": through.isoformat(),
        "period": {"from": str(period.start), "to": str(period.last)},
        "lines": lines,
        "total": sum((one["amount"] for one in lines), NOTHING),
    }
    state.invoices.append(invoice)
    return invoice


def _bills(line: Record, period: Period) -> bool:
    starts, ends = line.get("startdate"), line.get("enddate")
    if line.get("isinactive") or (starts and day(starts) > period.last):
        return False
    return not ends or day(ends) >= period.start


def _billed(state: PsaState, line: Record, calendar: Calendar, period: Period) -> list[Record]:
    price = Decimal(line.get("unit_price") or 0)
    quantity = Decimal(line.get("qty_order") or 0)
    billed = []
    if quantity:
        unit = price.quantize(CENT, ROUND_HALF_UP)
        billed.append(_line(line, quantity, period.start, period.last, unit))
    before = dict(line)
    for row in waiting(line):
        first = day(row["date"])
        if first > period.last:
            continue
        own = row.get("unitprice")
        unit = prorated(price if own is None else Decimal(own), calendar, first, period.last)
        billed.append(_line(line, Decimal(row["quantity"]), first, period.last, unit))
        row["isinvoiced"] = True
        line["qty_order"] = Decimal(line.get("qty_order") or 0) + row["quantity"]
    if line != before:
        number = int(line["id"])
        state.note("fold", "lines", number, before, line, who="invoicing", by="invoicing")
    return billed


def _line(line: Record, quantity: Decimal, first: date, last: date, unit: Decimal) -> Record:
    return {
        "line_id": line["id"],
        "item_id": line["_itemid"],
        "description": line.get("item_shortdescription") or "",
        "quantity": quantity,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "price": unit,
        "amount": (unit * quantity).quantize(CENT, ROUND_HALF_UP),
    }
