"""The invoice run: what is due, the invoices it leaves behind, and rows that become quantity.

A line with a quantity of its own bills it for the whole period. A pro-rata row bills from its day
up to the end of the period that is invoiced, each period by its days, and becomes part of the
quantity then: it is never billed again. A row of a later period waits.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial

from local.simulators.common.billing import Calendar, Period, line_amount, rounded, share
from local.simulators.common.invoicing import InvoiceRun, NotInvoicedError, keep_invoice, run_over
from local.simulators.common.records import Record
from local.simulators.halopsa.rules import waiting
from local.simulators.halopsa.state import PsaState, day, midnight


def run_invoices(state: PsaState, through: date, number: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    Raises:
        KeyError: There is no such recurring invoice.
    """
    return run_over(
        state,
        "recurring_invoice",
        state.recurring_invoices,
        number,
        partial(_invoice, state, through),
    )


def prorated(price: Decimal, calendar: Calendar, first: date, last: date) -> Decimal:
    """Return the price of one seat for the days, to the cent; both ends count."""
    shares = (share(one, first, last) for one in calendar.periods_between(first, last))
    return rounded(Fraction(price) * sum(shares, Fraction(0)))


def _invoice(state: PsaState, through: date, number: int) -> list[Record]:
    header = state.recurring_invoices[number]
    if header.get("disabled"):
        raise NotInvoicedError("it is disabled")
    made: list[Record] = []
    calendar = state.calendar(header)
    while day(header["nextcreationdate"]) <= through:
        period = state.next_period(header)
        if header.get("enddate") and day(header["enddate"]) < period.start:
            break
        made.append(_keep(state, header, calendar, period, through))
        following = calendar.after(period)
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
    return keep_invoice(
        state,
        {"recurring_invoice_id": header["id"], "client_id": header["client_id"]},
        lines,
        on=day(header["nextcreationdate"]),
        through=through,
        period=period,
    )


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
        unit = rounded(Fraction(price))
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
        "amount": line_amount(unit, quantity),
    }
