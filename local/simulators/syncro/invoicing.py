"""The invoice run: whole periods, each line by the quantity that it has on that day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial

from local.simulators.common.billing import Calendar, Period, line_amount
from local.simulators.common.invoicing import InvoiceRun, NotInvoicedError, keep_invoice, run_over
from local.simulators.common.records import Record
from local.simulators.syncro.state import MONTHS, PsaState, day, moment_of


def run_invoices(state: PsaState, through: date, number: int | None = None) -> InvoiceRun:
    """Invoice everything due up to ``through``, and return the new invoices.

    Raises:
        KeyError: There is no such schedule.
    """
    return run_over(state, "schedule", state.schedules, number, partial(_invoice, state, through))


def _invoice(state: PsaState, through: date, number: int) -> Iterator[Record]:
    schedule = state.schedules[number]
    if schedule.get("paused"):
        raise NotInvoicedError("it is paused")
    months = MONTHS.get(schedule["frequency"])
    if months is None:
        raise NotInvoicedError("its frequency is unknown")
    while day(schedule["next_run"]) <= through:
        yield _keep(state, schedule, months, through)


def _keep(state: PsaState, schedule: Record, months: int, through: date) -> Record:
    calendar = Calendar(day(schedule.get("_anchor") or schedule["next_run"]), months)
    made = day(schedule["next_run"])
    period = calendar.containing(made)
    lines = [_line(line) for line in state.lines_of(schedule["id"])]
    for line in state.lines_of(schedule["id"]):
        if line["one_time_charge"]:
            state.remove_line(schedule["id"], line["id"], who="invoicing")
    schedule["next_run"] = moment_of(calendar.after(period).start)
    return keep_invoice(
        state,
        {"schedule_id": schedule["id"], "customer_id": schedule["customer_id"]},
        lines,
        on=made,
        through=through,
        period=Period(made, period.last),
    )


def _line(line: Record) -> Record:
    price, quantity = Decimal(line["price_retail"]), Decimal(line["quantity"])
    return {
        "line_id": line["id"],
        "product_id": line["product_id"],
        "description": line["description"] or line["name"],
        "quantity": quantity,
        "price": price,
        "amount": line_amount(price, quantity),
    }
