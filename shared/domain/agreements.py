"""What a PSA bills from: agreements, their lines, and the operations that change a line."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from shared.domain.ids import AgreementId, CompanyId, GroupId, LineId, ProductId, digest
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle

MARKER_PREFIX = "SEATSYNC-"


@dataclass(frozen=True, slots=True)
class Company:
    """Whom the PSA bills.

    Attributes:
        website: Its address or domain as somebody typed it; empty where the PSA tells none.
    """

    company_id: CompanyId
    name: str
    website: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What a line sells.

    Attributes:
        price, cost: Of one seat for one period, in the PSA's currency; ``None`` where it has none.
    """

    product_id: ProductId
    code: str
    name: str
    price: Decimal | None
    cost: Decimal | None
    active: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement's header, read at one moment.

    Attributes:
        active: Whether the PSA would bill it.
        starts, ends: First and last day; ``ends`` is ``None`` when it has no end.
        cycle: Its billing periods; ``None`` when Seatsync does not know the cycle's name.
        first_uninvoiced: First day of the first period without an invoice; ``None`` when it
            cannot be known.
        next_invoice: The date the PSA plans the next invoice for.
        prorates: Whether the PSA charges a part of a period for a part of its days.
        problem: Why nothing can be planned on it, for a person.
        read_at: When the header was read.
        parent_id: The agreement that it is a part of, where the PSA has such.
    """

    agreement_id: AgreementId
    company_id: CompanyId
    name: str
    type_name: str
    active: bool
    starts: date | None
    ends: date | None
    cycle: Cycle | None
    cycle_name: str
    first_uninvoiced: date | None
    next_invoice: date | None
    prorates: bool
    problem: str | None
    read_at: datetime
    parent_id: AgreementId | None = None


@dataclass(frozen=True, slots=True)
class QuantityStep:
    """From a day on, a line has so many seats, until the next step.

    Attributes:
        unposted: No invoice has seen it, though the step's period may be invoiced. Says nothing
            about the seats, and so is not compared.
    """

    starts: date
    quantity: int
    unposted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ProrataRow:
    """So many seats more (or fewer) from a day on, which no invoice has seen yet."""

    starts: date
    quantity: int


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """A line of an agreement, ours or not.

    Attributes:
        quantity: Seats today; ``None`` when the PSA holds something else than a whole number.
        starts, ends: First and last billed day; ``None`` when open.
        marker: The mark of the tool that made the line.
        less_included: Units that the PSA itself takes off before it bills.
        unit_price, unit_cost: Of one seat for one period.
        product_name: What the product is called on an invoice without a text of its own.
        steps: The quantities by day, the earliest first, no two neighbours alike, where the PSA
            keeps them so: past and future ones too, and none for a line that never had any.
            ``None`` where a line has one quantity for all days.
        waiting: Rows that the PSA adds to the quantity once it has invoiced them; ``quantity``
            counts them already.
        computed: The PSA counts the quantity by itself: it must not be written.
    """

    agreement_id: AgreementId
    line_id: LineId
    product_id: ProductId
    quantity: int | None
    starts: date | None
    ends: date | None
    marker: str | None
    description: str
    less_included: int
    unit_price: Decimal | None
    unit_cost: Decimal | None
    billable: Billable
    product_name: str = ""
    steps: tuple[QuantityStep, ...] | None = None
    waiting: tuple[ProrataRow, ...] = ()
    computed: bool = False

    def quantity_on(self, day: date) -> int | None:
        """Return the seats in force on the day; before the first step there are none."""
        if self.steps is None:
            return self.quantity
        known = [step.quantity for step in self.steps if step.starts <= day]
        return known[-1] if known else 0

    def billed_on(self, day: date) -> int | None:
        """Return the seats that are billed for the day; what begins later does not count yet."""
        if self.steps is not None or self.quantity is None:
            return self.quantity_on(day)
        return self.quantity - sum(row.quantity for row in self.waiting if row.starts > day)

    @property
    def never_bills(self) -> bool:
        """Whether it was cancelled before its first day."""
        return self.ends is not None and self.starts is not None and self.ends < self.starts

    def bills_after(self, day: date) -> bool:
        """Return whether the line still bills on the day or later."""
        return not self.never_bills and (self.ends is None or self.ends >= day)


class LineKind(StrEnum):
    """What a line of ours is for."""

    STANDING = "standing"
    DATED = "dated"


@dataclass(frozen=True, slots=True)
class CreateLine:
    """Add a line.

    Attributes:
        starts, ends: First and last billed day.
        unit_price: Price of one seat; ``None`` takes the product's.
        description: ``None`` takes the product's.
    """

    agreement_id: AgreementId
    marker: str
    kind: LineKind
    product_id: ProductId
    quantity: int
    starts: date
    ends: date | None
    unit_price: Decimal | None
    description: str | None
    billable: Billable


@dataclass(frozen=True, slots=True)
class SetQuantity:
    """Replace a line's quantity; ``before`` is what it was when this was planned."""

    agreement_id: AgreementId
    line_id: LineId
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class AdjustQuantity:
    """Let a line have ``after`` seats from a day on, and the PSA prorate.

    Carried out by a difference that nothing takes back, so only while the line really has
    ``before`` seats on that day.
    """

    agreement_id: AgreementId
    line_id: LineId
    before: int
    after: int
    effective: date


@dataclass(frozen=True, slots=True)
class AddProrata:
    """Let a line have more or fewer seats from a day on, by a row that the PSA prorates.

    The PSA adds the row to the line's quantity once an invoice has seen it, so the quantity is
    never written beside it. Relative, and so only while the line, its waiting rows included, has
    ``before`` seats.

    Attributes:
        row: Seats that the waiting row of that day has already; they are added up.
    """

    agreement_id: AgreementId
    line_id: LineId
    before: int
    quantity: int
    starts: date
    row: int = 0

    @property
    def after(self) -> int:
        """The line's seats with this row."""
        return self.before + self.quantity


@dataclass(frozen=True, slots=True)
class EndLine:
    """Let a line bill for the last time on ``last_day``; ``None`` opens it again."""

    agreement_id: AgreementId
    line_id: LineId
    last_day: date | None


@dataclass(frozen=True, slots=True)
class RemoveLine:
    """Take away a line: a dated one of ours that no invoice has seen, or, where lines have no last
    day, one that bills nothing any more.
    """

    agreement_id: AgreementId
    line_id: LineId


@dataclass(frozen=True, slots=True)
class SetDescription:
    """Replace a line's text on the invoice."""

    agreement_id: AgreementId
    line_id: LineId
    text: str


@dataclass(frozen=True, slots=True)
class SetPrice:
    """Replace the price of one seat."""

    agreement_id: AgreementId
    line_id: LineId
    before: Decimal | None
    after: Decimal


Operation = (
    CreateLine
    | SetQuantity
    | AdjustQuantity
    | AddProrata
    | EndLine
    | RemoveLine
    | SetDescription
    | SetPrice
)


class ChangeKind(StrEnum):
    """How a PSA changes a quantity on a date."""

    DATED_LINES = "dated_lines"
    """A difference is a line of its own, with a first and a last day."""
    DATED_ADJUSTMENTS = "dated_adjustments"
    """A line's quantity changes from a day on (``AdjustQuantity``)."""
    PRORATA_ROWS = "prorata_rows"
    """A difference is a row of the line, which the PSA adds to its quantity once invoiced."""
    PLAIN_QUANTITY = "plain_quantity"
    """A line has one quantity and no dates: a change counts from the next invoice on."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a PSA lets a gateway do.

    Attributes:
        change: How a quantity changes on a date.
        credits: A difference may be negative.
        description_limit: Longest text of a line on the invoice, in characters.
        can_reach_zero: A line's quantity may become 0.
        can_end: A line can be given a last day.
        prorates_itself: The PSA charges a dated change for its part of the period by itself.
        changes_invoiced: A change may begin in a period that is invoiced already.
        can_price: The price of a line can be changed.
        reads_lag: A read may go on showing for a while what was before a write.
        writes_whole_agreement: A write sends all lines of the agreement as they were read, so two
            writers at one agreement would take back each other's changes.
    """

    change: ChangeKind
    credits: bool
    description_limit: int
    can_reach_zero: bool = True
    can_end: bool = True
    prorates_itself: bool = False
    changes_invoiced: bool = True
    can_price: bool = True
    reads_lag: bool = False
    writes_whole_agreement: bool = False

    @property
    def dated_lines(self) -> bool:
        """Whether a difference can be a line of its own with a first and a last day."""
        return self.change is ChangeKind.DATED_LINES

    @property
    def has_dates(self) -> bool:
        """Whether a change can begin on a day; else it counts from the next invoice on."""
        return self.change is not ChangeKind.PLAIN_QUANTITY


def with_row(line: AgreementLine, add: AddProrata) -> AgreementLine:
    """Return the line with the row: seats that it has, and that wait for an invoice."""
    others = tuple(row for row in line.waiting if row.starts != add.starts)
    seats = add.quantity + sum(row.quantity for row in line.waiting if row.starts == add.starts)
    mine = (ProrataRow(add.starts, seats),) if seats else ()
    return replace(line, quantity=add.after, waiting=(*others, *mine))


def with_step(line: AgreementLine, change: AdjustQuantity) -> AgreementLine:
    """Return the line with the change: a step of its day, which no invoice has seen."""
    known = line.steps
    if known is None:
        known = (QuantityStep(line.starts or date.min, line.quantity or 0),)
    earlier = tuple(step for step in known if step.starts < change.effective)
    step = QuantityStep(change.effective, change.after, unposted=True)
    return replace(line, quantity=change.after, steps=(*earlier, step))


def standing_marker(group_id: GroupId, generation: int) -> str:
    """Return the mark of a group's standing line; a later line of the group has a new one."""
    suffix = "" if generation == 1 else f".{generation}"
    return f"{MARKER_PREFIX}{group_id}{suffix}"


def standing_generation(marker: str | None, group_id: GroupId) -> int | None:
    """Return which of the group's standing lines a mark names; ``None`` when it names none."""
    first = standing_marker(group_id, 1)
    if marker == first:
        return 1
    if marker is None or not marker.startswith(f"{first}."):
        return None
    serial = marker.removeprefix(f"{first}.")
    return int(serial) if serial.isascii() and serial.isdigit() else None


def is_dated_of(marker: str | None, group_id: GroupId) -> bool:
    """Return whether a mark is one of the group's dated lines."""
    return marker is not None and marker.startswith(_dated_prefix(group_id))


def dated_marker(
    group_id: GroupId, decided_on: date, starts: date, ends: date, serial: int = 1
) -> str:
    """Return the mark of a dated line: at most 50 characters, told apart by its dates.

    Args:
        serial: Counts lines of the same dates, when an invoice came between two changes of a day.
    """
    suffix = "" if serial == 1 else f".{serial}"
    return f"{decided_prefix(group_id, decided_on)}{starts:%y%m%d}-{ends:%y%m%d}{suffix}"


def decided_prefix(group_id: GroupId, decided_on: date) -> str:
    """Return what the marks of all dated lines begin with that a group got on one day."""
    return f"{_dated_prefix(group_id)}{decided_on:%Y%m%d}-"


def _dated_prefix(group_id: GroupId) -> str:
    return f"{MARKER_PREFIX}{digest(group_id, length=12)}-"


def marks(group_id: GroupId, line: AgreementLine) -> bool:
    """Return whether the line carries a mark of the group, of its standing or its dated lines."""
    standing = f"{MARKER_PREFIX}{group_id}"
    dated = f"{MARKER_PREFIX}{digest(group_id, length=12)}-"
    marker = line.marker or ""
    return marker == standing or marker.startswith((f"{standing}.", dated))


def is_ours(line: AgreementLine) -> bool:
    """Return whether a Seatsync made the line."""
    return line.marker is not None and line.marker.startswith(MARKER_PREFIX)


def is_of(line: AgreementLine, group_id: GroupId) -> bool:
    """Return whether the line's marker is one of this group's, standing or dated."""
    standing = standing_marker(group_id, 1)
    dated = f"{MARKER_PREFIX}{digest(group_id, length=12)}-"
    marker = line.marker or ""
    return marker == standing or marker.startswith((f"{standing}.", dated))


def in_words(operation: Operation) -> str:
    """Return what the operation does, for history, approvals and previews."""
    match operation:
        case CreateLine(kind=LineKind.DATED):
            return f"line of {operation.quantity} from {operation.starts} to {operation.ends}"
        case CreateLine():
            return f"new line of {operation.quantity} from {operation.starts}"
        case SetQuantity() | AdjustQuantity():
            since = f" from {operation.effective}" if isinstance(operation, AdjustQuantity) else ""
            return f"line {operation.line_id}: {operation.before} to {operation.after}{since}"
        case AddProrata():
            return f"line {operation.line_id}: {operation.quantity:+} from {operation.starts}"
        case EndLine(last_day=last):
            return f"line {operation.line_id} {'goes on' if last is None else f'ends on {last}'}"
        case RemoveLine():
            return f"line {operation.line_id} is taken back"
        case SetDescription():
            return f"line {operation.line_id}: new invoice text"
        case SetPrice():
            return f"line {operation.line_id}: price {operation.before} to {operation.after}"
