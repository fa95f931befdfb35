"""What a line group costs on its next invoice, as a preview and the reconciliation show it.

The PSA prices what it bills; nothing here is ever sent to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    CreateLine,
    EndLine,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    decided_prefix,
    standing_marker,
    with_row,
)
from shared.domain.ids import GroupId, LineId
from shared.domain.ledger import Ledger
from shared.domain.mappings import Billable
from shared.domain.money import prorated_price
from shared.domain.periods import Period
from shared.domain.proration import fraction

_DAY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class ForecastItem:
    """A line of the next invoice.

    Attributes:
        first, last: Billed days, both included.
        share: Periods that are billed.
        unit: Price of one seat for them, rounded half up to the cent; ``None`` without a price.
        amount: ``unit`` times the quantity.
    """

    quantity: int
    first: date
    last: date
    share: Fraction
    unit: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The group's part of the agreement's next invoice.

    Attributes:
        total: ``None`` when a price is not known.
    """

    period_start: date
    period_end: date
    items: tuple[ForecastItem, ...]

    @property
    def total(self) -> Decimal | None:
        """The items' amounts together."""
        amounts = [item.amount for item in self.items]
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal("0.00")) if len(known) == len(amounts) else None


def lines_after(
    lines: Iterable[AgreementLine], operations: Iterable[Operation], price: Decimal | None
) -> tuple[AgreementLine, ...]:
    """Return the lines as they would be once the operations have landed.

    Args:
        price: Of one seat on a new line that is not given one.
    """
    by_id = {line.line_id: line for line in lines}
    for number, operation in enumerate(operations):
        if isinstance(operation, CreateLine):
            created = _created(operation, LineId(f"new-{number}"), price)
            by_id[created.line_id] = created
        elif isinstance(operation, RemoveLine):
            by_id.pop(operation.line_id, None)
        elif operation.line_id in by_id:
            by_id[operation.line_id] = _changed(by_id[operation.line_id], operation)
    return tuple(by_id.values())


def next_invoice(
    agreement: Agreement,
    lines: Iterable[AgreementLine],
    group_id: GroupId,
    ledger: Ledger,
    today: date,
) -> Forecast | None:
    """Return what the group's lines add to the agreement's next invoice.

    Assumes that the invoice is made when it is due: what was decided in the current period has
    not been invoiced yet.

    Returns:
        ``None`` when the agreement's periods are not known.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    cycle, first = agreement.cycle, agreement.first_uninvoiced
    if cycle is None or first is None:
        return None
    period = cycle.containing(first)
    since = min(first, cycle.containing(today).start)
    marks = {standing_marker(group_id, ledger.generation)}
    items = []
    for line in lines:
        if (line.line_id == ledger.line_id or line.marker in marks) and line.waiting:
            items.extend(_with_rows(agreement, line, period))
            continue
        if line.line_id == ledger.line_id or line.marker in marks:
            unbilled = ledger.started_under == first or ledger.line_id is None
            begins = line.starts or period.start
            begins = begins if unbilled else max(begins, period.start)
        elif _decided_since(line, group_id, since):
            begins = line.starts or period.start
        else:
            continue
        ends = min(d for d in (line.ends, agreement.ends, period.last_day) if d is not None)
        item = _item(agreement, line, begins, ends)
        if item is not None:
            items.append(item)
    return Forecast(period.start, period.last_day, tuple(items))


def _with_rows(agreement: Agreement, line: AgreementLine, period: Period) -> list[ForecastItem]:
    """The line's own quantity for the period, and each waiting row from its day on."""
    last = min(d for d in (line.ends, agreement.ends, period.last_day) if d is not None)
    own = (line.quantity or 0) - sum(row.quantity for row in line.waiting)
    rows = sorted(line.waiting, key=lambda one: one.starts)
    parts = [(period.start, own), *((row.starts, row.quantity) for row in rows)]
    found = (_item(agreement, replace(line, quantity=seats), first, last) for first, seats in parts)
    return [item for item in found if item is not None]


def _item(
    agreement: Agreement, line: AgreementLine, first: date, last: date
) -> ForecastItem | None:
    if agreement.cycle is None or last < first or not line.quantity:
        return None
    if agreement.prorates:
        share = fraction(agreement.cycle, first, last)
    else:
        share = Fraction(len(agreement.cycle.between(first, last)))
    unit = None if line.unit_price is None else prorated_price(line.unit_price, share)
    if line.billable is not Billable.BILLABLE:
        unit = Decimal("0.00")
    amount = None if unit is None else unit * line.quantity
    return ForecastItem(line.quantity, first, last, share, unit, amount)


def _decided_since(line: AgreementLine, group_id: GroupId, since: date) -> bool:
    marker = line.marker or ""
    prefix = decided_prefix(group_id, since)
    start = len(prefix) - _DAY_DIGITS - 1
    decided = marker[start : start + _DAY_DIGITS]
    return marker[:start] == prefix[:start] and decided >= f"{since:%Y%m%d}"


def _created(operation: CreateLine, line_id: LineId, price: Decimal | None) -> AgreementLine:
    return AgreementLine(
        agreement_id=operation.agreement_id,
        line_id=line_id,
        product_id=operation.product_id,
        quantity=operation.quantity,
        starts=operation.starts,
        ends=operation.ends,
        marker=operation.marker,
        description=operation.description or "",
        less_included=0,
        unit_price=price if operation.unit_price is None else operation.unit_price,
        unit_cost=None,
        billable=operation.billable,
    )


def _changed(
    line: AgreementLine,
    operation: SetQuantity | AdjustQuantity | AddProrata | EndLine | SetDescription | SetPrice,
) -> AgreementLine:
    match operation:
        case SetQuantity() | AdjustQuantity():
            return replace(line, quantity=operation.after)
        case AddProrata():
            return with_row(line, operation)
        case EndLine():
            return replace(line, ends=operation.last_day)
        case SetDescription():
            return replace(line, description=operation.text)
        case SetPrice():
            return replace(line, unit_price=operation.after)
