"""Microsoft's seats, what the rules make of them, and what the PSA bills: line by line, with money.

An entry is a line group, or a row that nobody mapped. Rows that share one PSA line are one entry,
so that no seat and no amount is counted twice.

Source:
    docs/adr/0026-reconciliation-of-what-was-last-seen.md
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    ChangeKind,
    CreateLine,
    EndLine,
    Product,
    RemoveLine,
    SetQuantity,
    standing_marker,
)
from shared.domain.forecast import lines_after
from shared.domain.ids import ConnectionName, CustomerId, GroupId, RowId
from shared.domain.ledger import Ledger
from shared.domain.mappings import Billable
from shared.domain.money import prorated_price, rounded
from shared.domain.plans import Member, Plan, PlanStatus

_QUANTITY = (CreateLine, SetQuantity, AdjustQuantity, AddProrata, RemoveLine, EndLine)
_WHOLE = Fraction(1)
NOTHING = Decimal("0.00")
MOST_STEPS = 30
LONGEST_STEP = 500


class LineState(StrEnum):
    """How a line stands."""

    IN_STEP = "in_step"
    UNDER_BILLED = "under_billed"
    OVER_BILLED = "over_billed"
    WAITING = "waiting"
    """What the rules want is known to be written with a later period, or beside the line."""
    UNMAPPED = "unmapped"
    HELD = "held"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReconciledLine:
    """One line as it was last seen.

    Attributes:
        group_id: ``None`` for a row without a mapping.
        active, consumed: Seats at Microsoft; ``None`` when unknown.
        planned: Seats that the rules bill.
        billed: Seats that the standing line bills today in the PSA; 0 when there is none.
        billable: Whether the PSA bills what is on the line.
        unit_price, unit_cost: Of one seat for a period, in the PSA's currency, as the PSA has them.
        months: Length of a period.
        checked_at: When it was looked at.
    """

    customer_id: CustomerId
    customer_name: str
    psa: ConnectionName
    group_id: GroupId | None
    rows: tuple[RowId, ...]
    name: str
    state: LineState
    checked_at: datetime
    reasons: tuple[str, ...] = ()
    active: int | None = None
    consumed: int | None = None
    planned: int | None = None
    explanation: tuple[str, ...] = ()
    agreement_id: str | None = None
    agreement_name: str = ""
    line_id: str | None = None
    product_name: str = ""
    billed: int | None = None
    billable: bool = True
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    months: int | None = None

    @property
    def key(self) -> str:
        """The entry's name among the customer's."""
        return self.group_id or self.rows[0]

    @property
    def difference(self) -> int | None:
        """Seats by which the PSA bills more than the rules want; negative when fewer."""
        if self.billed is None or self.planned is None:
            return None
        return self.billed - self.planned

    @property
    def amount(self) -> Decimal | None:
        """What the line bills for a period."""
        return self._money(self.billed)

    @property
    def difference_amount(self) -> Decimal | None:
        """What the difference comes to for a period."""
        return self._money(self.difference)

    @property
    def cost(self) -> Decimal | None:
        """What the billed seats cost the MSP for a period, where the PSA knows it."""
        if self.billed is None or self.unit_cost is None:
            return None
        return prorated_price(self.unit_cost, _WHOLE) * self.billed

    @property
    def margin(self) -> Decimal | None:
        """What is left of the amount."""
        amount, cost = self.amount, self.cost
        return None if amount is None or cost is None else amount - cost

    def a_month(self, amount: Decimal | None) -> Decimal | None:
        """Return an amount for a period as one for a month, rounded once."""
        if amount is None or self.months is None:
            return None
        return rounded(Fraction(amount) * Fraction(1, self.months))

    def _money(self, seats: int | None) -> Decimal | None:
        if seats == 0 or (seats is not None and not self.billable):
            return NOTHING
        if seats is None or self.unit_price is None:
            return None
        return prorated_price(self.unit_price, _WHOLE) * seats


@dataclass(frozen=True, slots=True)
class Looked:
    """A line group with all that was read for its plan.

    Attributes:
        ledger: From before the plan.
        today: As the PSA counts days.
        product: The group's, where it was read; a new line takes price and cost from it.
    """

    members: tuple[Member, ...]
    agreement: Agreement
    lines: tuple[AgreementLine, ...]
    ledger: Ledger
    plan: Plan
    today: date
    product: Product | None = None

    def written(self, kind: ChangeKind) -> "Looked":
        """Return the group as it is once its plan has been written to such a PSA."""
        price = None if self.product is None else self.product.price
        after = lines_after(self.lines, self.plan.operations, price, kind)
        if self.product is not None:
            known = {line.line_id for line in self.lines}
            cost = self.product.cost
            after = tuple(x if x.line_id in known else replace(x, unit_cost=cost) for x in after)
        done = replace(self.plan, status=PlanStatus.IN_STEP, operations=(), reasons=())
        return replace(self, lines=after, plan=done, ledger=self.plan.ledger or self.ledger)

    @property
    def line(self) -> AgreementLine | None:
        """The standing line, as it is or as it would be taken over."""
        kept = self.plan.ledger or self.ledger
        for ledger in (self.ledger, kept):
            found = next((x for x in self.lines if x.line_id == ledger.line_id), None)
            if found is not None:
                return found
        marker = standing_marker(self.plan.group.group_id, kept.generation)
        marked = (x for x in self.lines if x.marker == marker and not x.never_bills)
        return next(marked, None)

    @property
    def planned(self) -> int | None:
        """Seats that the rules bill: the plan's, else what the rows say where all are known."""
        if self.plan.needed is not None:
            return self.plan.needed
        seats = [m.billed.seats for m in self.members if m.mapping.effective_to is None]
        known = [one for one in seats if one is not None]
        return sum(known) if known and len(known) == len(seats) else None

    @property
    def billed(self) -> int | None:
        """Seats that the PSA bills today; unknown where it bills through lines that are not ours.

        A change that was written for a later day is not billed yet.
        """
        line = self.line
        if line is not None:
            return line.billed_on(self.today)
        return None if self.plan.status in {PlanStatus.HELD, PlanStatus.BLOCKED} else 0


def state_of(plan: Plan, difference: int | None) -> LineState:
    """Return how a planned line stands."""
    told = {
        PlanStatus.HELD: LineState.HELD,
        PlanStatus.BLOCKED: LineState.BLOCKED,
        PlanStatus.WAITING: LineState.WAITING,
        PlanStatus.UNKNOWN: LineState.UNKNOWN,
    }
    if plan.status in told:
        return told[plan.status]
    if difference is None:
        return LineState.UNKNOWN
    if difference == 0:
        return LineState.IN_STEP
    if not any(isinstance(operation, _QUANTITY) for operation in plan.operations):
        return LineState.WAITING
    return LineState.UNDER_BILLED if difference < 0 else LineState.OVER_BILLED


def total_seats(seats: Iterable[int | None]) -> int | None:
    """Return the seats together; one that is unknown makes them unknown."""
    given = list(seats)
    known = [one for one in given if one is not None]
    return sum(known) if known and len(known) == len(given) else None


def short(steps: Iterable[str]) -> tuple[str, ...]:
    """Return steps of an explanation, so many and so long that many lines fit a page."""
    return tuple(step[:LONGEST_STEP] for step in list(steps)[:MOST_STEPS])


def is_billed(line: AgreementLine | None) -> bool:
    """Return whether the PSA puts money on an invoice for the line."""
    return line is None or line.billable is Billable.BILLABLE


# Totals ------------------------------------------------------------------------------------------


@dataclass
class StateTotal:
    """The lines of one state.

    Attributes:
        seats: Seats by which they differ, together, where known.
        amount: What that comes to in a month, where known.
        unknown: Lines of which the amount is not known; it is not zero.
    """

    lines: int = 0
    seats: int = 0
    amount: Decimal = NOTHING
    unknown: int = 0


@dataclass
class Totals:
    """Lines of one PSA connection together, in its currency, for a month.

    Attributes:
        amount: Billed, where known; ``amount_unknown`` lines are not in it.
        cost, margin: Where the PSA knows both; ``margin_unknown`` lines are in neither.
        oldest: When the line that was looked at longest ago was.
    """

    psa: ConnectionName
    lines: int = 0
    amount: Decimal = NOTHING
    amount_unknown: int = 0
    cost: Decimal = NOTHING
    margin: Decimal = NOTHING
    margin_unknown: int = 0
    oldest: datetime | None = None
    states: dict[LineState, StateTotal] = field(
        default_factory=lambda: {state: StateTotal() for state in LineState}
    )

    def add(self, line: ReconciledLine) -> None:
        """Count a line."""
        self.lines += 1
        if self.oldest is None or line.checked_at < self.oldest:
            self.oldest = line.checked_at
        amount = line.a_month(line.amount)
        if amount is None:
            self.amount_unknown += 1
        else:
            self.amount += amount
        cost = line.a_month(line.cost)
        if cost is None or amount is None:
            self.margin_unknown += 1
        else:
            self.cost += cost
            # Of the rounded amounts: what is shown side by side adds up to the cent.
            self.margin += amount - cost
        state = self.states[line.state]
        state.lines += 1
        state.seats += line.difference or 0
        difference = line.a_month(line.difference_amount)
        if difference is None:
            state.unknown += 1
        else:
            state.amount += difference


def totals_of(lines: Iterable[ReconciledLine]) -> tuple[Totals, ...]:
    """Return the totals of each PSA connection, by name; currencies are never mixed."""
    found: dict[ConnectionName, Totals] = {}
    for line in lines:
        found.setdefault(line.psa, Totals(line.psa)).add(line)
    return tuple(found[name] for name in sorted(found))
