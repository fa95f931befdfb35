"""A contract in memory that bills as Autotask does, an oracle of its rules, and a walk of both.

The invoices come from the Autotask simulator's own arithmetic, which shares no code with the
engine. The oracle says what each day costs, day by day, from the rules alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from local.simulators.autotask import billing
from local.simulators.common.billing import Period
from shared.domain.agreements import (
    AdjustQuantity,
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    CreateLine,
    Operation,
    QuantityStep,
    SetDescription,
)
from shared.domain.ids import LineId
from shared.domain.periods import Cycle
from tests.builders import LINE, a_line, a_mapping, an_agreement
from tests.property.histories import AFTER, BEFORE, BETWEEN, History, Step
from tests.property.simulated import PRICE, CrashError, Driver, Timing

DAY = timedelta(days=1)
FAR = timedelta(days=60 * 366)
AUTOTASK = Capabilities(
    ChangeKind.DATED_ADJUSTMENTS,
    credits=True,
    description_limit=1000,
    can_end=False,
    prorates_itself=True,
    changes_invoiced=False,
    can_price=False,
)
POSTED_TOO = replace(AUTOTASK, changes_invoiced=True)


@dataclass
class Contract:
    """One contract with its lines, their adjustments, and what was posted.

    Attributes:
        posted: First days of the periods that are posted.
        given: What a line had before anybody adjusted it.
        changes: Every adjustment, by line.
        amounts: What was billed: first day, last day, seats, share of the period.
    """

    calendar: billing.ContractCalendar
    changes_posted: bool = False
    lines: dict[LineId, AgreementLine] = field(default_factory=dict)
    given: dict[LineId, billing.Change] = field(default_factory=dict)
    changes: dict[LineId, list[billing.Change]] = field(default_factory=dict)
    posted: set[date] = field(default_factory=set)
    amounts: list[billing.Piece] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    _open: list[billing.Piece] = field(default_factory=list)

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.calendar.anchor, self.calendar.months)

    @property
    def first_unposted(self) -> date:
        if not self.posted:
            return self.calendar.anchor
        return self.calendar.containing(max(self.posted)).last + DAY

    def agreement(self) -> Agreement:
        """The header, as the adapter reads it."""
        return an_agreement(
            starts=self.calendar.anchor,
            cycle=self.cycle,
            first_uninvoiced=self.first_unposted,
            next_invoice=None,
        )

    def begin_with(self, line: AgreementLine, seats: int) -> None:
        """Let a line be there with these seats since the contract began."""
        self.lines[line.line_id] = line
        self.given[line.line_id] = billing.Change(self.calendar.anchor, seats)
        self._show(line.line_id)

    def by_hand(self, line_id: LineId, effective: date, units: int) -> None:
        """Let somebody adjust a line."""
        self._adjust(line_id, effective, units)

    def execute(self, operation: Operation) -> AgreementLine | None:
        """Carry out one operation as the gateway does, and refuse what Autotask refuses."""
        self.operations.append(operation)
        if isinstance(operation, CreateLine):
            assert operation.ends is None
            assert not any(x.product_id == operation.product_id for x in self.lines.values())
            line = a_line(
                LineId(str(900 + len(self.lines))),
                quantity=0,
                starts=operation.starts,
                marker=operation.marker,
                product_id=operation.product_id,
                unit_price=PRICE,
            )
            self.lines[line.line_id] = line
            self._adjust(line.line_id, operation.starts, operation.quantity)
        elif isinstance(operation, AdjustQuantity):
            units = self.units_on(operation.line_id, operation.effective)
            assert units == operation.before
            later = [c for c in self._all(operation.line_id) if c.effective > operation.effective]
            assert later == [], "would move a change that is planned already"
            change = operation.after - operation.before
            self._adjust(operation.line_id, operation.effective, change)
            line = self.lines[operation.line_id]
        else:
            assert isinstance(operation, SetDescription)
            line = replace(self.lines[operation.line_id], description=operation.text)
            self.lines[operation.line_id] = line
        return self.lines[line.line_id]

    def units_on(self, line_id: LineId, day: date) -> int:
        return billing.units_on(self._all(line_id), day)

    def invoice(self) -> None:
        """Approve and post the next period."""
        period = self.calendar.containing(self.first_unposted)
        for line_id in self.lines:
            units = self.units_on(line_id, period.start)
            if units:
                self.amounts.append(billing.whole(self.calendar, period, units))
        self.posted.add(period.start)
        billed = [p for p in self._open if self._period_of(p.first).start in self.posted]
        self.amounts.extend(billed)
        self._open = [piece for piece in self._open if piece not in billed]

    def billed(self) -> dict[date, Fraction]:
        """Seats times the share of the period they were billed for, by period start."""
        found: dict[date, Fraction] = {}
        for piece in self.amounts:
            start = self._period_of(piece.first).start
            found[start] = found.get(start, Fraction(0)) + piece.fraction * piece.units
        return {start: share for start, share in found.items() if share}

    def _adjust(self, line_id: LineId, effective: date, units: int) -> None:
        made = self.changes.setdefault(line_id, [])
        assert units != 0
        assert effective not in {one.effective for one in made}, "a second change of one day"
        assert self.changes_posted or effective >= self.first_unposted, "in a posted period"
        change = billing.Change(effective, units)
        self._open.extend(billing.pieces(self.calendar, change, self.posted))
        made.append(change)
        assert min(self.units_on(line_id, one.effective) for one in made) >= 0
        self._show(line_id)

    def _show(self, line_id: LineId) -> None:
        """The line as a read shows it; ``quantity`` is not looked at beside the steps."""
        days = sorted({one.effective for one in self._all(line_id)})
        steps: list[QuantityStep] = []
        for day in days:
            units = self.units_on(line_id, day)
            if not steps or steps[-1].quantity != units:
                steps.append(QuantityStep(day, units))
        self.lines[line_id] = replace(
            self.lines[line_id], quantity=steps[-1].quantity, steps=tuple(steps)
        )

    def _all(self, line_id: LineId) -> list[billing.Change]:
        given = [self.given[line_id]] if line_id in self.given else []
        return [*given, *self.changes.get(line_id, [])]

    def _period_of(self, day: date) -> Period:
        return self.calendar.containing(day)


@dataclass
class DayOracle:
    """What each day costs, from the rules of Autotask and of credits.

    A period begins with the seats in force on its first day. From then on a customer pays, each
    day, the most seats that were in force since (credits off), or the seats in force (credits on).
    Beside that:

    - No day of a posted period changes, unless the site lets it: what was seen by then counts from
      the first day that is not posted, and is written at once.
    - A change is never taken back, and of one day only one is taken: the next one of that day
      counts from the day after the last change.
    - Where posted periods change, the seats of a period's last day are written for the next one,
      if that one is not posted.

    Attributes:
        starts: First billed day, where a person named one.
        paid: The seats that are paid from each day on.
        needed: The seats that were needed from each day on, as of its end.
    """

    calendar: billing.ContractCalendar
    credits_on: bool
    changes_posted: bool
    starts: date | None = None
    paid: dict[date, int] = field(default_factory=dict)
    needed: dict[date, int] = field(default_factory=dict)
    _heard: date = date.min

    def begin_with(self, seats: int) -> None:
        """A line with these seats was there when the contract began."""
        self.paid = {self.calendar.anchor: seats}
        self.needed = {self.calendar.anchor: seats}

    def sync(self, day: date, seats: int, first_unposted: date) -> None:
        """So many seats are needed from this day on."""
        free_from = date.min if self.changes_posted else first_unposted
        if not self.paid:
            if seats:
                begins = self.starts or day
                self.needed[begins] = seats
                self.paid[max(begins, free_from)] = seats
                self._heard = day
            return
        if self._heard > date.min:
            for start in self._starts_between(self._heard, day - DAY):
                if start >= free_from and start > max(self.paid):
                    self._pay(start, self._at(self.needed, start))
        self.needed[day] = seats
        self._heard = day
        if free_from <= day:
            self._today(day, seats)
        tomorrow_begins = first_unposted == day + DAY
        if first_unposted > day and (not self.changes_posted or tomorrow_begins):
            self._ahead(first_unposted, seats)

    def _today(self, day: date, seats: int) -> None:
        latest = max(self.paid)
        when = max(day, latest + DAY)
        period = self.calendar.containing(day)
        if when > period.last or self.paid[latest] == seats:
            return  # beyond it that period's own first day will say
        if not self.credits_on and when > period.start and seats < self.paid[latest]:
            before = [day - n * DAY for n in range(1, (day - period.start).days + 1)]
            owed = [max(self._at(self.needed, x), self._at(self.paid, x)) for x in before]
            seats = max(seats, min(max(owed, default=0), self.paid[latest]))
        self._pay(when, seats)

    def _ahead(self, first_unposted: date, seats: int) -> None:
        self._pay(max(first_unposted, max(self.paid) + DAY), seats)

    def _pay(self, day: date, seats: int) -> None:
        if self.paid[max(self.paid)] != seats:
            assert day > max(self.paid)
            self.paid[day] = seats

    def _starts_between(self, after: date, last: date) -> list[date]:
        start, found = self.calendar.containing(after).last + DAY, []
        while start <= last:
            found.append(start)
            start = self.calendar.containing(start).last + DAY
        return found

    def _at(self, known: dict[date, int], day: date) -> int:
        days = [one for one in known if one <= day]
        return known[max(days)] if days else 0

    def shares(self, through: date) -> dict[date, Fraction]:
        """Seats times days, as a share of each period, by period start."""
        found: dict[date, Fraction] = {}
        if not self.paid:
            return found
        day, period, seats = min(self.paid), None, 0
        while day <= through:
            seats = self.paid.get(day, seats)
            if period is None or day > period.last:
                period = self.calendar.containing(day)
            share = Fraction(seats, period.days)
            found[period.start] = found.get(period.start, Fraction(0)) + share
            day += DAY
        return {start: share for start, share in found.items() if share}


@dataclass
class AdjustedWalk:
    """A history of a contract, as the engine lives it and the oracle hears it."""

    history: History
    capabilities: Capabilities = AUTOTASK
    psa: Contract = field(init=False)
    driver: Driver = field(init=False)
    oracle: DayOracle = field(init=False)
    last: date = date.min
    _due: date = date.min

    def __post_init__(self) -> None:
        h = self.history
        calendar = billing.ContractCalendar(h.anchor, h.months, h.anchor + FAR)
        changes_posted = self.capabilities.changes_invoiced
        self.psa = Contract(calendar, changes_posted)
        mapping = a_mapping(override_start=h.override_start)
        self.driver = Driver(
            self.psa,  # type: ignore[arg-type]  # has what a driver calls
            (mapping,),
            credits=h.credits,
            capabilities=self.capabilities,
        )
        self.oracle = DayOracle(calendar, h.credits, changes_posted, h.override_start)
        if h.adopts is not None:
            self.psa.begin_with(a_line(LINE, quantity=h.adopts, starts=h.anchor), h.adopts)
            self.oracle.begin_with(h.adopts)
        for day in self._days(h.anchor, h.anchor + (h.opening - 1) * DAY):
            self._post(day)

    def run(self) -> "AdjustedWalk":
        syncs = self.history.syncs()
        self.last = max(syncs)
        for day in self._days(min(syncs), self.last):
            steps = syncs.get(day, [])
            middle = {BEFORE: 0, BETWEEN: 1, AFTER: len(steps)}[self.history.invoices]
            for step in steps[:middle]:
                self.sync(day, step)
            self._post(day)
            for step in steps[middle:]:
                self.sync(day, step)
        return self

    def sync(self, day: date, step: Step) -> None:
        self.driver.recover()
        writes = self.driver.writes
        try:
            self.driver.sync(day, step.seats, crash_before=step.crash)
        except CrashError:
            pending = () if self.driver.intent is None else self.driver.intent.operations
            if pending and self.driver.writes == writes:
                return  # nothing landed: the change is not seen before the next sync
        if (self.history.override_start or day) <= day:
            self.oracle.sync(day, step.seats, self.psa.first_unposted)

    def differences(self) -> dict[date, tuple[Fraction, Fraction]]:
        """Posted periods where the invoices differ from what is owed: (billed, owed)."""
        billed, owed = self.psa.billed(), self.oracle.shares(self.psa.first_unposted - DAY)
        zero = Fraction(0)
        return {
            start: (billed.get(start, zero), owed.get(start, zero))
            for start in sorted({*billed, *owed})
            if billed.get(start, zero) != owed.get(start, zero)
        }

    def _days(self, first: date, last: date) -> Iterator[date]:
        day = first
        while day <= last:
            yield day
            day += DAY

    def _post(self, day: date) -> None:
        while self._due <= day:
            if self._due > date.min:
                self.driver.recover()
                self.psa.invoice()
            self._due = _next_due(self.history.timing, self.psa)


def _next_due(timing: Timing, psa: Contract) -> date:
    period = psa.calendar.containing(psa.first_unposted)
    on = period.last if timing.at_end else period.start
    if timing.ahead:
        on = psa.cycle.containing(period.start - DAY).start
    return on + timing.late_days * DAY
