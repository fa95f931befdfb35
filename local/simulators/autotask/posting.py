"""The approve-and-post run: which periods are due, and the invoices it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial

from local.simulators.autotask.billing import kept, posted_amount, units_on, whole
from local.simulators.autotask.state import RECURRING_SERVICE, Line, PsaState, day
from local.simulators.common.billing import Period
from local.simulators.common.invoicing import InvoiceRun, keep_invoice, run_over
from local.simulators.common.records import Record


def approve_and_post(state: PsaState, through: date, contract_id: int | None = None) -> InvoiceRun:
    """Post everything due up to ``through``, and return the new invoices.

    A period is due on its first day where the contract bills in advance, on its last where in
    arrears. An inactive contract bills like any other. What adjustments add to a period is posted
    with it; what they add to a period that is posted already comes with the next run.

    Raises:
        KeyError: There is no such contract.
    """
    return run_over(state, "contract", state.contracts, contract_id, partial(_post, state, through))


@dataclass(frozen=True, slots=True)
class _Posting:
    """One invoice in the making: of a period, or (without one) of what came late."""

    state: PsaState
    contract_id: int
    on: date
    through: date
    period: Period | None = None

    def keep(self, lines: list[Record]) -> Record:
        company_id = self.state.contracts[self.contract_id]["companyID"]
        return keep_invoice(
            self.state,
            {"contract_id": self.contract_id, "company_id": company_id},
            lines,
            on=self.on,
            through=self.through,
            period=self.period,
        )

    def whole_periods(self) -> Iterable[Record]:
        """Yield the lines for the units in force on the period's first day."""
        for line in self.state.lines_of(self.contract_id):
            units = units_on(line.changes, self.period.start) if self.period else 0
            if self.period and units:
                piece = whole(self.state.calendar(self.contract_id), self.period, units)
                charge = {
                    "from": str(piece.first),
                    "to": str(piece.last),
                    "units": units,
                    "fraction": str(piece.fraction),
                    "amount": kept(line.price, piece),
                }
                yield _line(self.state, line, charge)

    def pieces(self, through: date) -> Iterable[Record]:
        """Yield the lines for what adjustments add in posted periods, up to a first day."""
        posted = self.state.posted_of(self.contract_id)
        periods = self.state.calendar(self.contract_id)
        for line in self.state.lines_of(self.contract_id):
            for piece in (piece for made in line.adjustments for piece in made.pieces):
                first = day(piece["from"])
                known = periods.containing(first).start in posted
                if known and first <= through and not piece["posted"]:
                    piece["posted"] = self.on.isoformat()
                    yield _line(self.state, line, piece)


def _post(state: PsaState, through: date, number: int) -> list[Record]:
    if state.contracts[number].get("contractType") != RECURRING_SERVICE:
        return []
    arrears = state.billing.get(number) == "arrears"
    posted = state.posted_of(number)
    made: list[Record] = []
    for period in state.calendar(number).periods():
        last = min(period.last, day(state.contracts[number]["endDate"]))
        due = last if arrears else period.start
        if due > through:
            break
        if period.start not in posted:
            posted[period.start] = due
            posting = _Posting(state, number, due, through, period)
            made.append(posting.keep([*posting.whole_periods(), *posting.pieces(due)]))
    late = _Posting(state, number, through, through)
    lines = list(late.pieces(through))
    return [*made, late.keep(lines)] if lines else made


def _line(state: PsaState, line: Line, piece: Record) -> Record:
    product = state.products(line.kind)[line.record[line.kind.product]]
    return {
        "line_id": line.line_id,
        "kind": line.kind.name,
        "product_id": product["id"],
        "description": line.record.get("invoiceDescription") or product["name"],
        "units": piece["units"],
        "from": piece["from"],
        "to": piece["to"],
        "fraction": piece["fraction"],
        "price": line.price,
        "kept": piece["amount"],
        "amount": posted_amount(piece["amount"]),
    }
