"""A PSA in memory that invoices as ConnectWise does, and a sync that drives the real engine.

The invoices come from the ConnectWise simulator's own arithmetic, which shares no code with the
engine: what it bills is the judge of what the engine wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from local.simulators.common.billing import Calendar
from local.simulators.connectwise import billing
from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    CreateLine,
    EndLine,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.history import Change
from shared.domain.ids import LineId, RowId, RunId
from shared.domain.intents import Intent, recovery, with_standing_line
from shared.domain.ledger import Ledger
from shared.domain.mappings import LineGroup, Mapping
from shared.domain.periods import Cycle
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, Member, Plan, PlanRequest, PlanStatus
from shared.domain.quantities import BilledQuantity
from tests.builders import CUSTOMER, E5_ROW, a_group, a_line, a_mapping, an_agreement

PRICE = Decimal("20.00")
GROUP = a_group()
MAPPING = a_mapping()
ALL = Capabilities(ChangeKind.DATED_LINES, credits=True, description_limit=6000)
DAY = timedelta(days=1)


class CrashError(Exception):
    """The worker stopped here."""


@dataclass(frozen=True)
class Timing:
    """When an agreement is invoiced.

    Attributes:
        name: For the test's output.
        ahead: The invoice bills the period after the one it is dated in (``Future``).
        at_end: The invoice is dated on its period's last day, else on its first.
        late_days: The invoice run comes so many days after that date.
    """

    name: str
    ahead: bool = False
    at_end: bool = False
    late_days: int = 0


MONTH_AHEAD = Timing("a month ahead", ahead=True)
ADVANCE = Timing("in advance")
ADVANCE_LATE = Timing("in advance, 3 days late", late_days=3)
ARREARS = Timing("in arrears", at_end=True)
ARREARS_LATE = Timing("in arrears, 5 days late", at_end=True, late_days=5)
TIMINGS = (MONTH_AHEAD, ADVANCE, ADVANCE_LATE, ARREARS, ARREARS_LATE)


class PsaInMemory(Protocol):
    """One agreement of any kind of PSA."""

    lines: dict[LineId, AgreementLine]

    def agreement(self) -> Agreement:
        """The header, read as that PSA's adapter reads it."""

    def execute(self, operation: Operation) -> AgreementLine | None:
        """Carry out one operation; the answer is the line as it is then."""


@dataclass
class SimulatedPsa:
    """One agreement with its lines and what was invoiced."""

    terms: billing.Terms
    lines: dict[LineId, AgreementLine] = field(default_factory=dict)
    billed_through: dict[LineId, date] = field(default_factory=dict)
    charges: list[billing.Charge] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    invoices: list[date] = field(default_factory=list)
    made: int = 0

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.terms.calendar.anchor, self.terms.calendar.months)

    def agreement(self) -> Agreement:
        """The header, read as the ConnectWise adapter reads it."""
        period = self.cycle.containing(self.terms.next_invoice)
        if self.terms.invoices_ahead:
            period = self.cycle.after(period)
        return an_agreement(
            starts=self.terms.starts,
            ends=self.terms.ends,
            cycle=self.cycle,
            first_uninvoiced=period.start,
            next_invoice=self.terms.next_invoice,
            prorates=self.terms.prorates,
        )

    def execute(self, operation: Operation) -> AgreementLine | None:
        """Carry out one operation; the answer is the line as it is then."""
        self.operations.append(operation)
        if isinstance(operation, CreateLine):
            self.made += 1
            line = a_line(
                LineId(str(900 + self.made)),
                quantity=operation.quantity,
                starts=operation.starts,
                ends=operation.ends,
                marker=operation.marker,
                product_id=operation.product_id,
                unit_price=PRICE,
            )
        else:
            line = self.lines[operation.line_id]
            if isinstance(operation, SetQuantity):
                line = replace(line, quantity=operation.after)
            elif isinstance(operation, EndLine):
                line = replace(line, ends=operation.last_day)
            elif isinstance(operation, RemoveLine):
                assert line.line_id not in self.billed_through, "removes a line that is invoiced"
                assert line.starts is not None
                line = replace(line, ends=line.starts - DAY)
            elif isinstance(operation, SetDescription):
                line = replace(line, description=operation.text)
            elif isinstance(operation, SetPrice):
                line = replace(line, unit_price=operation.after)
        self.lines[line.line_id] = line
        return line

    def invoice(self) -> int:
        """Run the next invoice, and return the index of its period."""
        bill = self.terms.first_uninvoiced
        self.invoices.append(bill.start)
        for billed in billing.bill(self.terms, [self._addition(x) for x in self.lines.values()]):
            line_id = LineId(str(billed.addition_id))
            if billed.charge is not None:
                self.charges.append(billed.charge)
            if billed.billed_through is not None:
                self.billed_through[line_id] = billed.billed_through
        self.terms = self.terms.after_its_invoice()
        return self.terms.calendar.index_at(bill.start)

    def billed(self) -> dict[date, Fraction]:
        """Seats times the share of the period they were billed for, by period start."""
        found: dict[date, Fraction] = {}
        for charge in self.charges:
            for period in self.terms.calendar.periods_between(charge.first, charge.last):
                days = (min(period.last, charge.last) - max(period.start, charge.first)).days + 1
                share = int(charge.quantity) * Fraction(days, period.days)
                found[period.start] = found.get(period.start, Fraction(0)) + share
        return found

    def standing(self) -> list[AgreementLine]:
        """Lines without an end."""
        return [line for line in self.lines.values() if line.ends is None]

    def dated(self) -> list[tuple[int, date, date]]:
        """Lines with an end that bill some day: seats, first day, last day."""
        return sorted(
            (line.quantity, line.starts, line.ends)
            for line in self.lines.values()
            if line.ends is not None and not line.never_bills
        )

    def _addition(self, line: AgreementLine) -> billing.Addition:
        return billing.Addition(
            addition_id=int(line.line_id),
            price=PRICE,
            quantity=Decimal(line.quantity or 0),
            less_included=Decimal(line.less_included),
            effective=line.starts or date.min,
            cancelled=line.ends,
            billable=billing.Billable.YES,
            billed_through=self.billed_through.get(line.line_id),
        )


def a_psa(
    anchor: date,
    months: int = 1,
    timing: Timing = ADVANCE,
    *,
    first_day: date | None = None,
    prorates: bool = True,
    ends: date | None = None,
) -> SimulatedPsa:
    """Return an agreement invoiced as its timing says on the morning of ``first_day``."""
    today = first_day or anchor
    calendar = Calendar(anchor, months)
    period = calendar.period(calendar.index_at(today))
    terms = billing.Terms(
        calendar=calendar,
        next_invoice=period.last if timing.at_end else period.start,
        invoices_ahead=timing.ahead,
        prorates=prorates,
        starts=anchor,
        ends=ends,
    )
    return SimulatedPsa(terms)


@dataclass
class Driver:
    """One line group's sync: recover, plan, remember, write, save.

    Attributes:
        credits: Whether the mappings allow negative prorate.
        writes, saves: Operations sent and ledgers saved so far.
    """

    psa: PsaInMemory
    mappings: tuple[Mapping, ...] = (MAPPING,)
    group: LineGroup = GROUP
    credits: bool = False
    credit_mode: CreditMode = CreditMode.WRITE
    capabilities: Capabilities = ALL
    owned_elsewhere: frozenset[LineId] = frozenset()
    ledger: Ledger | None = None
    intent: Intent | None = None
    plans: list[Plan] = field(default_factory=list)
    writes: int = 0
    saves: int = 0

    def request(self, today: date, seats: "dict[RowId, int | None] | int | None") -> PlanRequest:
        counts = seats if isinstance(seats, dict) else {E5_ROW: seats}
        members = tuple(
            Member(
                m.row_id,
                str(m.row_id),
                replace(m, negative_prorate=self.credits),
                BilledQuantity(counts[m.row_id], ("so many",)),
            )
            for m in self.mappings
            if m.effective_to is None or m.effective_to >= today or self._has_line()
        )
        return PlanRequest(
            group=self.group,
            members=members,
            agreement=self.psa.agreement(),
            lines=tuple(self.psa.lines.values()),
            ledger=self.ledger or Ledger(CUSTOMER, self.group.group_id),
            today=today,
            capabilities=self.capabilities,
            credit_mode=self.credit_mode,
            product=None,
            owned_elsewhere=self.owned_elsewhere,
        )

    def sync(
        self,
        today: date,
        seats: "dict[RowId, int | None] | int | None",
        *,
        crash_before: int | None = None,
    ) -> Plan:
        """Run one sync.

        Args:
            crash_before: Stop before this operation (0 is the first), or before the ledger is
                saved when there are fewer. What was sent has landed, as with a lost answer.

        Raises:
            CrashError: The sync stopped there.
        """
        self.recover()
        planned = plan(self.request(today, seats))
        self.plans.append(planned)
        if planned.ledger is None:
            assert not planned.operations or planned.status is PlanStatus.HELD
            return planned
        if planned.remembers:
            self._save(planned.ledger)
            return planned
        if planned.status is not PlanStatus.CHANGE:
            return planned
        change_id = f"change-{len(self.plans)}"
        self.intent = Intent(
            change=_change(change_id, planned, today),
            operations=planned.operations,
            ledger=replace(
                planned.ledger,
                last_change=change_id,
                written_at=datetime.combine(today, time(9), UTC),
            ),
            first_uninvoiced=self.psa.agreement().first_uninvoiced or today,
            created_at=datetime.combine(today, time(9), UTC),
        )
        self._send(planned.operations, crash_before)
        self._finish(self.intent.ledger)
        return planned

    def recover(self) -> None:
        """Finish or forget what an earlier sync began."""
        if self.intent is None:
            return
        found = recovery(
            self.intent,
            self.ledger or Ledger(CUSTOMER, self.group.group_id),
            tuple(self.psa.lines.values()),
            self.psa.agreement().first_uninvoiced,
        )
        if found.ledger is None:
            self.intent = None
            return
        self._send(found.remaining, None)
        self._finish(replace(found.ledger, last_change=self.intent.change.change_id))

    def _send(self, operations: Iterable[Operation], crash_before: int | None) -> None:
        for place, operation in enumerate(operations):
            if crash_before == place:
                raise CrashError
            self.psa.execute(operation)
            self.writes += 1
        if crash_before is not None:
            raise CrashError

    def _finish(self, ledger: Ledger) -> None:
        self._save(with_standing_line(ledger, self.psa.lines.values()))
        self.intent = None

    def _save(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.saves += 1

    def _has_line(self) -> bool:
        return self.ledger is not None and self.ledger.line_id is not None


def _change(change_id: str, planned: Plan, today: date) -> Change:
    return Change(
        change_id=change_id,
        customer_id=CUSTOMER,
        group_id=planned.group.group_id,
        rows=(),
        license_name="",
        agreement_id=str(planned.group.agreement_id),
        at=datetime.combine(today, time(9), UTC),
        actor="timer",
        run_id=RunId("run-1"),
        before=planned.before,
        after=planned.after,
        why=planned.explanation,
        operations=(),
        result="written",
    )
