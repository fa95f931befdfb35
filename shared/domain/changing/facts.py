"""What every way to change a quantity works from, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    CreateLine,
    LineKind,
    Operation,
    standing_marker,
)
from shared.domain.charging import DatedCharge, SeatsOn
from shared.domain.ledger import InForce, Ledger
from shared.domain.mappings import LineGroup
from shared.domain.periods import DAY, Cycle
from shared.domain.plans import PlanStatus, Reason


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A line group on the day of its plan.

    Attributes:
        lines: All lines of the agreement.
        ledger: The group's; for an existing line with ``in_force`` as of today.
        credits_on: All mappings allow negative prorate.
        writes_credits: A credit is written, where one is due; else it is reported.
        price: Of a seat on a new line; ``None`` leaves it to the PSA.
        ending: The last day any row bills here, when none goes on after it.
        joins: Days after today on which rows join or leave.
        seats_on: Seats needed on today or a later day.
        text: The invoice text for a line with these changes; ``None`` leaves it to the PSA.
    """

    group: LineGroup
    agreement: Agreement
    cycle: Cycle
    first_uninvoiced: date
    today: date
    capabilities: Capabilities
    lines: tuple[AgreementLine, ...]
    ledger: Ledger
    credits_on: bool
    writes_credits: bool
    price: Decimal | None
    ending: date | None
    joins: tuple[date, ...]
    seats_on: SeatsOn
    text: Callable[[tuple[InForce, ...]], str | None]

    @property
    def counts_on(self) -> date:
        """The day whose seats decide what a line has now.

        Today; where lines have no dates, the first day of the period that is invoiced next. A
        number that a person set for some days before that is left until it has ended.
        """
        if self.capabilities.has_dates:
            return self.today
        override, first = self.ledger.override, self.first_uninvoiced
        if override is not None and self.today <= override.until < first - DAY:
            return self.today
        return max(self.today, first)

    def first_day(self, given: date | None) -> date:
        """Return the first billed day of a new line, where a line can have one.

        On an agreement that prorates, today; else the first day of the first period that starts
        today or later. Never before the agreement starts.

        Args:
            given: The day that a move or a person's start date names.
        """
        starts = given
        if starts is None and self.agreement.prorates:
            starts = self.today
        if starts is None:
            starts = self.cycle.first_starting(self.today).start
        return max(starts, self.agreement.starts or starts)

    def in_force_from(self, starts: date) -> tuple[InForce, ...]:
        """Return what a new line, or one that has not begun, needs from its first day on."""
        entries = [InForce(starts, self.seats_on(max(starts, self.today)))]
        for day in self.joins:
            if day > starts and self.seats_on(day) != entries[-1].seats:
                entries.append(InForce(day, self.seats_on(day)))
        return tuple(entries)

    @property
    def rests(self) -> bool:
        """Whether no seats have been needed since before this period, and none are known to be."""
        last = self.ledger.in_force[-1] if self.ledger.in_force else None
        return (
            last is not None
            and last.seats == 0
            and last.day < self.cycle.containing(self.today).start
            and self.seats_on(self.today) == 0
            and not self.joins
        )

    def standing_line(
        self, quantity: int, starts: date, ends: date | None, text: str | None
    ) -> CreateLine:
        """Return the operation that creates the group's line."""
        return CreateLine(
            agreement_id=self.agreement.agreement_id,
            marker=standing_marker(self.group.group_id, self.ledger.generation),
            kind=LineKind.STANDING,
            product_id=self.group.product_id,
            quantity=quantity,
            starts=starts,
            ends=ends,
            unit_price=self.price,
            description=text,
            billable=self.group.billable,
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """How a group gets its line.

    Attributes:
        starts: First billed day.
        quantity: Of the standing line, once all is written.
        ledger: Once all operations have landed.
        back_dated: Days before today that are charged.
    """

    starts: date
    quantity: int
    operations: tuple[Operation, ...]
    ledger: Ledger
    explanation: tuple[str, ...]
    credits_due: tuple[DatedCharge, ...] = ()
    back_dated: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What an existing line needs.

    Attributes:
        observed: Quantity of the line in the PSA, to compare with what was written.
        wanted: The quantity that it should have.
        operations: What is to be sent for quantity and end; none when the line is in step.
        ledger: Once they have landed. What all kinds keep alike is added by the planner.
        back_dated: Days before today that are charged.
        by_hand: Whether somebody set in the PSA what was to be written; ``None`` where the two
            quantities tell.
        waits: Why less is written than the seats need, without any mistake of a person.
    """

    observed: int
    wanted: int
    operations: tuple[Operation, ...]
    ledger: Ledger
    explanation: tuple[str, ...]
    credits_due: tuple[DatedCharge, ...] = ()
    back_dated: tuple[date, ...] = ()
    by_hand: bool | None = None
    waits: Reason | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing can be written now.

    Attributes:
        explanation: What goes before the reason in the plan's explanation.
    """

    status: PlanStatus
    reason: Reason
    explanation: tuple[str, ...] = ()


def set_by_hand(facts: GroupFacts, observed: int, wanted: int) -> bool:
    """Return whether somebody set in the PSA just what was to be written."""
    return observed not in {facts.ledger.last_written, None} and observed == wanted


def spelled(day: date) -> str:
    """Return the day as explanations name it: 17 March 2026."""
    return f"{day.day} {day:%B %Y}"
