"""What a line group costs on its next invoice, as a preview and the reconciliation show it.

The PSA prices what it bills; nothing here is ever sent to it. What a PSA makes of its lines
depends on how a quantity changes there: one function for each kind of change says it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    ChangeKind,
    CreateLine,
    EndLine,
    Operation,
    ProrataRow,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    decided_prefix,
    standing_generation,
    standing_marker,
    with_row,
    with_step,
)
from shared.domain.ids import GroupId, LineId
from shared.domain.ledger import Ledger
from shared.domain.mappings import Billable
from shared.domain.money import prorated_price, rounded
from shared.domain.periods import DAY, Cycle, Period
from shared.domain.proration import fraction

_DAY_DIGITS = 8
_WHOLE = Fraction(1)
_KEPT_PLACES = 4


@dataclass(frozen=True, slots=True)
class ForecastItem:
    """A line of the next invoice.

    Attributes:
        first, last: Billed days, both included.
        share: Periods that are billed.
        unit: Price of one seat for them, rounded half up to the cent; ``None`` without a price.
        amount: What the PSA bills: ``unit`` times the quantity, where the PSA does not round later.
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
    lines: Iterable[AgreementLine],
    operations: Iterable[Operation],
    price: Decimal | None,
    kind: ChangeKind,
) -> tuple[AgreementLine, ...]:
    """Return the lines as they would be once the operations have landed.

    Args:
        price: Of one seat on a new line that is not given one.
        kind: How the PSA changes a quantity, and so what a new line is made of.
    """
    by_id = {line.line_id: line for line in lines}
    for number, operation in enumerate(operations):
        if isinstance(operation, CreateLine):
            created = _created(operation, LineId(f"new-{number}"), price, kind)
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
    *,
    kind: ChangeKind,
) -> Forecast | None:
    """Return what the group's lines add to the agreement's next invoice.

    Assumes that the invoice is made when it is due.

    Returns:
        ``None`` when the agreement's periods are not known.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    cycle, first = agreement.cycle, agreement.first_uninvoiced
    if cycle is None or first is None:
        return None
    bill = _Bill(agreement, cycle, cycle.containing(first), group_id, ledger, today)
    if kind is ChangeKind.DATED_LINES:
        return bill.forecast(_dated_lines(bill, lines))
    items: list[ForecastItem] = []
    for line in lines:
        if line.line_id != ledger.line_id and standing_generation(line.marker, group_id) is None:
            continue
        match kind:
            case ChangeKind.DATED_ADJUSTMENTS:
                items.extend(_adjusted(bill, line))
            case ChangeKind.PRORATA_ROWS:
                items.extend(_with_rows(bill, line))
            case ChangeKind.PLAIN_QUANTITY:
                items.extend(_whole(bill, line))
    return bill.forecast(items)


@dataclass(frozen=True, slots=True)
class _Bill:
    """The next invoice of an agreement, for one group.

    Attributes:
        period: The first that is not invoiced.
    """

    agreement: Agreement
    cycle: Cycle
    period: Period
    group_id: GroupId
    ledger: Ledger
    today: date

    def forecast(self, items: Iterable[ForecastItem]) -> Forecast:
        return Forecast(self.period.start, self.period.last_day, tuple(items))

    def until(self, line: AgreementLine, last: date) -> date:
        """Return the day, or an earlier one on which the line or its agreement ends."""
        return min(day for day in (line.ends, self.agreement.ends, last) if day is not None)


# Dated lines (ConnectWise) --------------------------------------------------------------------


def _dated_lines(bill: _Bill, lines: Iterable[AgreementLine]) -> Iterator[ForecastItem]:
    """Yield a charge for each line: the standing one for the period, a dated one for its days.

    A dated line that was decided since the last invoice is not invoiced yet. The price of a seat
    is rounded for its days, and then multiplied.

    Source:
        docs/adr/0003-dates-periods-and-money.md
    """
    agreement, ledger, first = bill.agreement, bill.ledger, bill.agreement.first_uninvoiced
    since = _last_invoiced(bill)
    mark = standing_marker(bill.group_id, ledger.generation)
    for line in lines:
        begins = line.starts or bill.period.start
        if line.line_id == ledger.line_id or line.marker == mark:
            unbilled = ledger.started_under == first or ledger.line_id is None
            begins = begins if unbilled else max(begins, bill.period.start)
        elif not _decided_since(line, bill.group_id, since):
            continue
        ends = bill.until(line, bill.period.last_day)
        if ends >= begins and line.quantity:
            share = (
                fraction(bill.cycle, begins, ends)
                if agreement.prorates
                else Fraction(len(bill.cycle.between(begins, ends)))
            )
            yield _item(line, line.quantity, begins, ends, share)


# Dated adjustments (Autotask) -----------------------------------------------------------------


def _adjusted(bill: _Bill, line: AgreementLine) -> Iterator[ForecastItem]:
    """Yield the units of the period's first day for the period, and each change for its days.

    A change inside the period is a charge of its own, once the period has begun: an invoice in
    advance is made on its first day. One in a period that is posted already is charged as the
    difference, for the rest of that period and for each whole one that was posted since. What
    landed on the first day of a posted period shows as posted with it, and is not counted.

    A charge is its price times its share times its units, kept with four decimals and posted with
    two.

    Source:
        docs/adr/0022-changes-that-nothing-takes-back.md
    """
    first = bill.period.start
    yield from _charged(bill, line, line.quantity_on(first) or 0, bill.period, first)
    steps = line.steps or ()
    # A line that does not say since when it is has had its first units before what was read.
    before = steps[0].quantity if steps and line.starts is None else 0
    for step in steps:
        change, before = step.quantity - before, step.quantity
        if step.starts < first and step.unposted:
            for period in bill.cycle.between(step.starts, first - DAY):
                yield from _charged(bill, line, change, period, max(step.starts, period.start))
        elif first < step.starts <= bill.period.last_day and first < bill.today:
            yield from _charged(bill, line, change, bill.period, step.starts)


def _charged(
    bill: _Bill, line: AgreementLine, units: int, period: Period, first: date
) -> Iterator[ForecastItem]:
    last = bill.until(line, period.last_day)
    if not units or last < first:
        return
    share = fraction(bill.cycle, first, last)
    item = _item(line, units, first, last, share)
    if item.amount is not None and line.unit_price is not None and _bills(line):
        kept = rounded(Fraction(line.unit_price) * share * units, places=_KEPT_PLACES)
        item = replace(item, amount=rounded(kept))
    yield item


# Pro-rata rows (HaloPSA) ----------------------------------------------------------------------


def _with_rows(bill: _Bill, line: AgreementLine) -> Iterator[ForecastItem]:
    """Yield the line's own quantity for the period, and each waiting row from its day on.

    A line is billed if it has any day of the period, and then whole; a row up to the period's end.
    A row of a later period waits. The price of a seat is rounded for its days, then multiplied.

    Source:
        docs/adr/0025-pro-rata-rows.md
    """
    first, last = bill.period.start, bill.period.last_day
    if bill.until(line, last) < first or (line.starts or first) > last:
        return
    own = (line.quantity or 0) - sum(row.quantity for row in line.waiting)
    if own:
        yield _item(line, own, first, last, _WHOLE)
    for row in sorted(line.waiting, key=lambda one: one.starts):
        if row.quantity and row.starts <= last:
            share = fraction(bill.cycle, row.starts, last)
            yield _item(line, row.quantity, row.starts, last, share)


# Plain quantity (Syncro) ----------------------------------------------------------------------


def _whole(bill: _Bill, line: AgreementLine) -> Iterator[ForecastItem]:
    """Yield the line's quantity for the whole period, whatever day it was changed on.

    The price is multiplied, and then rounded.

    Source:
        docs/adr/0018-one-planner-four-ways-to-change.md
    """
    if line.quantity:
        item = _item(line, line.quantity, bill.period.start, bill.period.last_day, _WHOLE)
        if line.unit_price is not None and _bills(line):
            item = replace(item, amount=rounded(line.unit_price * line.quantity))
        yield item


# Parts ----------------------------------------------------------------------------------------


def _item(
    line: AgreementLine, quantity: int, first: date, last: date, share: Fraction
) -> ForecastItem:
    """The charge as most PSAs make it: the price of a seat rounded, and then multiplied."""
    unit = None if line.unit_price is None else prorated_price(line.unit_price, share)
    if not _bills(line):
        unit = Decimal("0.00")
    amount = None if unit is None else unit * quantity
    return ForecastItem(quantity, first, last, share, unit, amount)


def _bills(line: AgreementLine) -> bool:
    return line.billable is Billable.BILLABLE


def _last_invoiced(bill: _Bill) -> date:
    """The day from which on what was decided is not invoiced.

    The last invoice came a period before the planned one; at a period's end it had that day's too.
    """
    planned = bill.agreement.next_invoice
    if planned is None:
        return min(bill.period.start, bill.cycle.containing(bill.today).start)
    period = bill.cycle.containing(planned)
    if planned == period.last_day:
        return period.start
    before = bill.cycle.before(period)
    return min(before.start + (planned - period.start), before.last_day)


def _decided_since(line: AgreementLine, group_id: GroupId, since: date) -> bool:
    marker = line.marker or ""
    prefix = decided_prefix(group_id, since)
    start = len(prefix) - _DAY_DIGITS - 1
    decided = marker[start : start + _DAY_DIGITS]
    return marker[:start] == prefix[:start] and decided >= f"{since:%Y%m%d}"


def _created(
    operation: CreateLine, line_id: LineId, price: Decimal | None, kind: ChangeKind
) -> AgreementLine:
    starts, quantity = operation.starts, operation.quantity
    by_day, by_rows = ChangeKind.DATED_ADJUSTMENTS, ChangeKind.PRORATA_ROWS
    return AgreementLine(
        agreement_id=operation.agreement_id,
        line_id=line_id,
        product_id=operation.product_id,
        quantity=quantity,
        starts=starts,
        ends=operation.ends,
        marker=operation.marker,
        description=operation.description or "",
        less_included=0,
        unit_price=price if operation.unit_price is None else operation.unit_price,
        unit_cost=None,
        billable=operation.billable,
        steps=(QuantityStep(starts, quantity, unposted=True),) if kind is by_day else None,
        waiting=(ProrataRow(starts, quantity),) if kind is by_rows else (),
    )


def _changed(
    line: AgreementLine,
    operation: SetQuantity | AdjustQuantity | AddProrata | EndLine | SetDescription | SetPrice,
) -> AgreementLine:
    match operation:
        case SetQuantity():
            return replace(line, quantity=operation.after)
        case AdjustQuantity():
            return with_step(line, operation)
        case AddProrata():
            return with_row(line, operation)
        case EndLine():
            return replace(line, ends=operation.last_day)
        case SetDescription():
            return replace(line, description=operation.text)
        case SetPrice():
            return replace(line, unit_price=operation.after)
