"""Plans: what goes into one, and what comes out."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    Operation,
    Product,
    SetDescription,
)
from shared.domain.charging import DatedCharge
from shared.domain.descriptions import LineText
from shared.domain.ids import LineId, RowId, digest
from shared.domain.ledger import Ledger
from shared.domain.mappings import LineGroup, Mapping
from shared.domain.quantities import BilledQuantity


class CreditMode(StrEnum):
    """What a connection does with credits that mappings allow."""

    WRITE = "write"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the group with the quantity it bills now."""

    row_id: RowId
    name: str
    mapping: Mapping
    billed: BilledQuantity


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Everything a plan depends on.

    Attributes:
        members: Rows that bill through this group today or later. Rows that left are given too
            while the ledger has a line: it may have to be ended yet, or be invoiced.
        lines: All lines of the agreement.
        today: The PSA's calendar date.
        product: The group's product, where it was read.
        owned_elsewhere: Lines that other groups own; they cannot be adopted.
        text: What the invoice text is made of; ``None`` leaves it alone.
        price: The price to have, for a profile that sets one; ``None`` leaves it alone.
        override: A person's answer to a hold on drift: write what Microsoft says.
        overlap: Why nothing of the customer may be billed before a person decides whose users are
            whose.
    """

    group: LineGroup
    members: tuple[Member, ...]
    agreement: Agreement
    lines: tuple[AgreementLine, ...]
    ledger: Ledger
    today: date
    capabilities: Capabilities
    credit_mode: CreditMode
    product: Product | None
    owned_elsewhere: frozenset[LineId]
    text: LineText | None = None
    price: Decimal | None = None
    override: bool = False
    overlap: str | None = None


class PlanStatus(StrEnum):
    """What a plan says."""

    IN_STEP = "in_step"
    CHANGE = "change"
    HELD = "held"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    WAITING = "waiting"


class ReasonKind(StrEnum):
    """Why a plan is held, blocked or waits."""

    OVERLAP = "overlap"
    AGREEMENT = "agreement"
    PRODUCT = "product"
    UNKNOWN_QUANTITY = "unknown_quantity"
    OVERRIDE_START = "override_start"
    DRIFT = "drift"
    REMOVED_BY_HAND = "removed_by_hand"
    CANNOT_END = "cannot_end"
    FOUND_AGAIN = "found_again"
    LESS_INCLUDED = "less_included"
    NOT_WHOLE = "not_whole"
    DUPLICATE_MARKER = "duplicate_marker"
    SEVERAL_LINES = "several_lines"
    OTHER_TOOL = "other_tool"
    FALL = "fall"
    RISE = "rise"
    TO_ZERO = "to_zero"
    BACK_DATED = "back_dated"
    PRICE = "price"
    FREEZE = "freeze"
    RUN_STOPPED = "run_stopped"
    STALE = "stale"
    COMPUTED = "computed"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why nothing is written, in words that say what to do."""

    kind: ReasonKind
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for a line group.

    Attributes:
        operations: In the order they are sent: dated lines first, then the standing line. With a
            hold, what an approval would send; empty when no approval can help.
        needed: Seats that the rows need today, together; ``None`` when unknown.
        previous: Seats that were in force before.
        before, after: Quantity of the standing line now, and once all is written.
        explanation: How the quantity and the operations came about, in order.
        ledger: The ledger once all operations have landed; ``None`` when nothing is to be kept.
        credits_due: Credits that are reported and not written.
        first_write: Nothing was written for this group before.
        confirmed: A person saved one of the mappings after the last write, having seen a preview.
        back_dated: Days before today that the plan charges.
    """

    group: LineGroup
    status: PlanStatus
    operations: tuple[Operation, ...]
    reasons: tuple[Reason, ...]
    needed: int | None
    previous: int | None
    before: int | None
    after: int | None
    explanation: tuple[str, ...]
    ledger: Ledger | None
    credits_due: tuple[DatedCharge, ...] = ()
    first_write: bool = False
    confirmed: bool = False
    back_dated: tuple[date, ...] = ()

    @property
    def adopts(self) -> bool:
        """Whether the ledger takes over what the PSA has without a write."""
        return self.status is PlanStatus.CHANGE and not self.operations and self.ledger is not None

    @property
    def remembers(self) -> bool:
        """Whether the ledger is kept although nothing is written."""
        quiet = self.status in {PlanStatus.IN_STEP, PlanStatus.WAITING}
        return quiet and self.ledger is not None

    def held(self, reasons: tuple[Reason, ...]) -> "Plan":
        """Return the plan, waiting for a person."""
        return replace(self, status=PlanStatus.HELD, reasons=self.reasons + reasons)

    def stopped(self, why: str) -> "Plan":
        """Return the plan, waiting because its run was stopped."""
        return self.held((Reason(ReasonKind.RUN_STOPPED, why),))

    def fingerprint(self, today: date) -> str:
        """Return a name for what would be written, equal on another day if only the day moved.

        An approval given today for what was held yesterday is still for the same thing: the same
        lines, from the day it is written. Invoice texts are left out: no guard is about them, and
        a change list names the day.
        """
        billed = [op for op in self.operations if not isinstance(op, SetDescription)]
        text = json.dumps(
            [
                self.group.group_id,
                self.before,
                self.needed,
                [_jsonable(op, today) for op in billed],
            ],
            sort_keys=True,
        )
        return digest(text, length=32)


def _jsonable(operation: Operation, today: date) -> dict[str, str | int | None]:
    fields: dict[str, str | int | None] = {"operation": type(operation).__name__}
    for name, value in asdict(operation).items():
        if name in {"marker", "description"}:
            continue  # may name the day; everything else of a marker stands in the other fields
        if value == today and isinstance(value, date):
            fields[name] = "today"
        else:
            fields[name] = value if isinstance(value, int) or value is None else str(value)
    return fields
