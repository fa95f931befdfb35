"""What may be written: a contract's services, their adjustments, their texts. And units by date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from local.simulators.autotask.billing import ContractCalendar, Piece, kept, pieces, spans, units_on
from local.simulators.autotask.state import (
    ACTIVE,
    RECURRING_SERVICE,
    SERVICE,
    Adjustment,
    Kind,
    Line,
    PsaState,
    Who,
    day,
    moment,
)
from local.simulators.common import refusals
from local.simulators.common.billing import share
from local.simulators.common.records import Record

_WRITABLE = ("invoiceDescription", "internalCurrencyAdjustedPrice", "adjustedPrice")
_LONGEST_TEXT = 1000
_MOST_ROWS = 10_000  # of units of one line: enough for centuries


class RefusedError(refusals.RefusedError):
    """The API refuses; what is wrong with a record is answered by 500 and a list of reasons."""

    def __init__(self, *reasons: str, status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> None:
        super().__init__("; ".join(reasons), status)
        self.reasons = list(reasons)


def contract_of(state: PsaState, number: object) -> Record:
    """Return the contract that takes services.

    Raises:
        RefusedError: There is none with this id, or it is of another type.
    """
    contract = state.contracts.get(number) if isinstance(number, int) else None
    if contract is None:
        raise RefusedError("Reference value on field: contractID of type: Contract does not exist.")
    if contract.get("contractType") != RECURRING_SERVICE:
        raise RefusedError("The contract is not of the type Recurring Service.")
    return contract


def create_line(state: PsaState, kind: Kind, body: Mapping[str, Any], *, who: Who, by: str) -> Line:
    """Put a service or bundle on a contract, without any units.

    Raises:
        RefusedError: A field is missing or wrong, or the contract has it already.
    """
    _no_nulls(body)
    contract = contract_of(state, body.get("contractID"))
    product = _product(state, kind, body.get(kind.product))
    if any(
        line.record[kind.product] == product["id"] for line in state.lines_of(contract["id"], kind)
    ):
        raise RefusedError(f"The {kind.name} is already associated with the contract.")
    return _put_line(state, kind, contract, product, body, who=who, by=by)


def adjust(state: PsaState, kind: Kind, body: Mapping[str, Any], *, who: Who, by: str) -> int:
    """Make an adjustment, which nothing takes back, and return its id.

    Raises:
        RefusedError: It is wrong, or one that this site does not take.
    """
    _no_nulls(body)
    change, effective = body.get("unitChange"), body.get("effectiveDate")
    if not isinstance(change, int) or isinstance(change, bool) or change == 0:
        raise RefusedError("unitChange must be a whole number other than 0.")
    if not isinstance(effective, str):
        raise RefusedError("Missing Required Field: effectiveDate.")
    line, product = _adjusted(state, kind, body)
    number = line.contract_id if line else int(body["contractID"])
    first = _effective(state, number, effective)
    _takes(state, kind, line, first, change)
    if line is None:
        line = _put_line(state, kind, state.contracts[number], product, body, who=who, by=by)
    made = Adjustment(state.next_id(), first, change, hidden=state.switches.lag_reads)
    made.pieces = _pieces(state, line, made)
    before = units_on(line.changes, first)
    line.adjustments.append(made)
    state.note(
        "adjust",
        f"contract {kind.name}",
        line.line_id,
        {"units": before},
        {"units": before + change, "effectiveDate": first.isoformat(), "unitChange": change},
        who=who,
        by=by,
    )
    return made.adjustment_id


def patch_line(
    state: PsaState,
    kind: Kind,
    contract_id: int,
    body: Mapping[str, Any],
    *,
    who: Who,
    by: str,
) -> Line:
    """Change a line's text or adjusted price; all else is read-only.

    Raises:
        RefusedError: There is no such line, or a field cannot be changed.
    """
    _no_nulls(body)
    number = body.get("id")
    line = state.lines.get(number) if isinstance(number, int) else None
    if line is None or line.kind is not kind or line.contract_id != contract_id:
        raise RefusedError(f"The contract has no {kind.name} with the id {number}.")
    changed = {name: value for name, value in body.items() if line.record.get(name) != value}
    fixed = sorted(set(changed) - set(_WRITABLE))
    if fixed:
        raise RefusedError(*(f"The field {name} is read-only." for name in fixed))
    if len(str(changed.get("invoiceDescription", ""))) > _LONGEST_TEXT:
        raise RefusedError(f"invoiceDescription exceeds {_LONGEST_TEXT} characters.")
    before = dict(line.record)
    line.record = {**line.record, **changed}
    state.note("update", f"contract {kind.name}", line.line_id, before, line.record, who=who, by=by)
    return line


def unit_rows(state: PsaState, kind: Kind, contracts: frozenset[int] | None = None) -> list[Record]:
    """Return the units of all lines by date: a row for every period, cut by each adjustment.

    Args:
        contracts: Those whose lines are looked at; all without them.
    """
    rows: list[Record] = []
    for line in state.lines.values():
        if contracts is not None and line.contract_id not in contracts:
            continue
        if line.kind is kind and line.visible_changes and not line.hidden:
            rows.extend(_kept_rows(state, line))
    return rows


def let_time_pass(state: PsaState) -> None:
    """Count one read of units or lines: what was written a while ago begins to show."""
    for line in state.lines.values():
        line.hidden = max(0, line.hidden - 1)
        for one in line.adjustments:
            one.hidden = max(0, one.hidden - 1)


def _kept_rows(state: PsaState, line: Line) -> list[Record]:
    """Return the line's rows, worked out anew only if something they follow from has changed."""
    pieces_posted = {one["from"]: one["posted"] for made in line.adjustments for one in made.pieces}
    posted = state.posted_of(line.contract_id)
    calendar = state.calendar(line.contract_id)
    known = (calendar, line.visible_changes, line.record, pieces_posted, dict(posted))
    if line.rows[0] != known:
        line.rows = (known, _rows(line, calendar, posted, pieces_posted))
    return line.rows[1]


def _rows(
    line: Line,
    periods: ContractCalendar,
    posted: Mapping[date, date],
    pieces_posted: Mapping[str, str | None],
) -> list[Record]:
    rows: list[Record] = []
    for number, span in enumerate(spans(periods, line.visible_changes)):
        period = periods.containing(span.first)
        piece = Piece(span.first, span.last, span.units, share(period, span.first, span.last))
        on = posted.get(period.start)
        first = span.first.isoformat()
        if first in pieces_posted and span.first > period.start:
            text = pieces_posted[first]
            on = None if text is None else day(text)
        row: Record = {
            "id": line.line_id * _MOST_ROWS + number,
            "contractID": line.contract_id,
            line.kind.line: line.line_id,
            line.kind.product: line.record[line.kind.product],
            "startDate": moment(span.first),
            "endDate": moment(span.last),
            "units": span.units,
            "price": kept(line.price, piece),
            "cost": kept(line.record.get("unitCost") or line.price * 0, piece),
            "approveAndPostDate": moment(on),
        }
        rows.append(row)
    return rows


def _adjusted(state: PsaState, kind: Kind, body: Mapping[str, Any]) -> tuple[Line | None, Record]:
    """Return the line that an adjustment names, or the product that it puts on the contract."""
    if body.get(kind.line):
        line = state.lines.get(body[kind.line])
        if line is None or line.kind is not kind:
            raise RefusedError(f"Reference value on field: {kind.line} does not exist.")
        if body.get("contractID") not in {None, 0, line.contract_id}:
            raise RefusedError(f"{kind.line} does not belong to the contract.")
        return line, state.products(kind)[line.record[kind.product]]
    contract = contract_of(state, body.get("contractID"))
    product = _product(state, kind, body.get(kind.product))
    own = state.lines_of(contract["id"], kind)
    return next((one for one in own if one.record[kind.product] == product["id"]), None), product


def _effective(state: PsaState, contract_id: int, text: str) -> date:
    contract = contract_of(state, contract_id)
    try:
        first = day(text)
    except ValueError:
        raise RefusedError("effectiveDate is not a date.") from None
    if contract.get("status") != ACTIVE:
        raise RefusedError("The contract is inactive.")
    if not day(contract["startDate"]) <= first <= day(contract["endDate"]):
        raise RefusedError("effectiveDate must be within the contract's start and end dates.")
    period = state.calendar(contract_id).containing(first)
    posted = state.posted_of(contract_id)
    if not state.switches.adjust_posted_periods and any(one >= period.start for one in posted):
        raise RefusedError("effectiveDate lies in a period that has been approved and posted.")
    return first


def _takes(state: PsaState, kind: Kind, line: Line | None, first: date, change: int) -> None:
    changes = line.changes if line else []
    # Seeded units stand for what the contract began with, not for an adjustment.
    made = [one for one in line.adjustments if one.adjustment_id > 0] if line else []
    if any(one.effective == first for one in made) and not state.switches.same_date_twice:
        raise RefusedError(f"Attempt to insert duplicate data into contract_{kind.name}_period.")
    days = [first, *(one.effective for one in changes if one.effective > first)]
    lowest = min(units_on(changes, one) + change for one in days)
    if lowest < 0:
        raise RefusedError("The number of units cannot be negative.")
    if lowest == 0 and not state.switches.units_to_zero:
        raise RefusedError("The number of units cannot be 0.")


def _pieces(state: PsaState, line: Line, made: Adjustment) -> list[Record]:
    periods = state.calendar(line.contract_id)
    return [
        {
            "from": piece.first.isoformat(),
            "to": piece.last.isoformat(),
            "units": piece.units,
            "fraction": str(piece.fraction),
            "amount": kept(line.price, piece),
            "posted": None,
        }
        for piece in pieces(periods, made.change, state.posted_of(line.contract_id))
    ]


def _put_line(
    state: PsaState,
    kind: Kind,
    contract: Record,
    product: Record,
    body: Mapping[str, Any],
    *,
    who: Who,
    by: str,
) -> Line:
    record: Record = {
        "id": state.next_id(),
        "contractID": contract["id"],
        kind.product: product["id"],
        "unitPrice": body.get("unitPrice", product.get("unitPrice")),
        "invoiceDescription": body.get("invoiceDescription", product.get("invoiceDescription")),
    }
    if kind is SERVICE:
        record["unitCost"] = body.get("unitCost", product.get("unitCost"))
    if "internalDescription" in body and state.switches.keeps_internal_description:
        record["internalDescription"] = body["internalDescription"]
    if len(record["invoiceDescription"] or "") > _LONGEST_TEXT:
        raise RefusedError(f"invoiceDescription exceeds {_LONGEST_TEXT} characters.")
    line = Line(kind, record, hidden=state.switches.lag_reads)
    state.lines[line.line_id] = line
    state.note("create", f"contract {kind.name}", line.line_id, None, record, who=who, by=by)
    return line


def _product(state: PsaState, kind: Kind, number: object) -> Record:
    product = state.products(kind).get(number) if isinstance(number, int) else None
    if product is None:
        raise RefusedError(f"Reference value on field: {kind.product} does not exist.")
    if not product.get("isActive"):
        raise RefusedError(f"The {kind.name} is inactive.")
    return product


def _no_nulls(body: Mapping[str, Any]) -> None:
    nulls = sorted(name for name, value in body.items() if value is None)
    if nulls:
        raise RefusedError(*(f"Value cannot be null: {name}." for name in nulls))
