"""The invoice run: whole periods, each line by the quantity that it has on that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from local.simulators.common.records import Record
from local.simulators.connectwise.billing import CENT, Calendar
from local.simulators.syncro.state import MONTHS, PsaState, day, moment_of

NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class InvoiceRun:
    """What one run did. ``skipped`` says which schedules it left out, and why."""

    invoices: list[Record]
    skipped: list[Record]


def run_invoices(state: PsaState, through: date, number: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    Raises:
        KeyError: There is no such schedule.
    """
    with state.lock:
        run = InvoiceRun([], [])
        for one in sorted(state.schedules) if number is None else [number]:
            schedule = state.schedules[one]
            months = MONTHS.get(schedule["frequency"])
            if schedule.get("paused") or months is None:
                reason = "it is paused" if schedule.get("paused") else "its frequency is unknown"
                run.skipped.append({"schedule_id": one, "reason": reason})
                continue
            while day(schedule["next_run"]) <= through:
                run.invoices.append(_keep(state, schedule, months, through))
        return run


def find_invoices(
    state: PsaState,
    *,
    customer: int | None = None,
    schedule: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Record]:
    """Return invoices of a customer, of a schedule, or dated within these days."""
    with state.lock:
        return [
            invoice
            for invoice in state.invoices
            if customer in {None, invoice["customer_id"]}
            and schedule in {None, invoice["schedule_id"]}
            and (first is None or invoice["invoice_date"] >= first.isoformat())
            and (last is None or invoice["invoice_date"] <= last.isoformat())
        ]


def _keep(state: PsaState, schedule: Record, months: int, through: date) -> Record:
    calendar = Calendar(day(schedule.get("_anchor") or schedule["next_run"]), months)
    made = day(schedule["next_run"])
    index = calendar.index_at(made)
    lines = [_line(line) for line in state.lines_of(schedule["id"])]
    for line in state.lines_of(schedule["id"]):
        if line["one_time_charge"]:
            state.remove_line(schedule["id"], line["id"], who="invoicing")
    invoice: Record = {
        "invoice_id": len(state.invoices) + 1,
        "schedule_id": schedule["id"],
        "customer_id": schedule["customer_id"],
        "invoice_date": made.isoformat(),
        "run_through": through.isoformat(),
        "period": {"from": made.isoformat(), "to": str(calendar.period(index).last)},
        "lines": lines,
        "total": sum((line["amount"] for line in lines), NOTHING),
    }
    state.invoices.append(invoice)
    schedule["next_run"] = moment_of(calendar.period(index + 1).start)
    return invoice


def _line(line: Record) -> Record:
    price, quantity = Decimal(line["price_retail"]), Decimal(line["quantity"])
    return {
        "line_id": line["id"],
        "product_id": line["product_id"],
        "description": line["description"] or line["name"],
        "quantity": quantity,
        "price": price,
        "amount": (price * quantity).quantize(CENT, ROUND_HALF_UP),
    }
