"""A PSA with pro-rata rows, what a customer owes on it, and a walk through a year of both.

The lines live in the HaloPSA simulator, whose rules and invoices share no code with the engine, and
are read and written through the adapter's own translations, refusals included.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from local.simulators.common.billing import Calendar
from local.simulators.halopsa import builders
from local.simulators.halopsa.invoicing import run_invoices
from local.simulators.halopsa.rules import written
from local.simulators.halopsa.state import PsaState
from local.simulators.halopsa.state import day as as_day
from shared.adapters.http.payload import Payload
from shared.adapters.psa.halopsa import invoices
from shared.adapters.psa.halopsa import lines as translation
from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    CreateLine,
    Operation,
    RemoveLine,
)
from shared.domain.ids import AgreementId, LineId
from shared.domain.plans import CreditMode
from tests.builders import a_mapping
from tests.property.histories import AFTER, BEFORE, BETWEEN, History, Step
from tests.property.simulated import CrashError, Driver, Timing

DAY = timedelta(days=1)
HEADER = 7001
AGREEMENT = AgreementId(str(HEADER))
NAMES = {1: "Monthly", 3: "Quarterly", 12: "Yearly"}


def rows_capabilities(*, negative: bool) -> Capabilities:
    """What a HaloPSA can do."""
    return Capabilities(ChangeKind.PRORATA_ROWS, credits=negative, description_limit=255)


@dataclass
class RowsPsa:
    """One recurring invoice of the simulated HaloPSA."""

    calendar: Calendar
    state: PsaState
    negative: bool
    operations: list[Operation] = field(default_factory=list)
    billed_lines: list[dict] = field(default_factory=list)

    @property
    def lines(self) -> dict[LineId, AgreementLine]:
        found = (translation.line(Payload(x), AGREEMENT) for x in self.state.lines_of(HEADER))
        return {line.line_id: line for line in found}

    @property
    def next_invoice(self) -> date:
        return as_day(self._header["nextcreationdate"])

    @property
    def first_uninvoiced(self) -> int:
        return self.calendar.index_at(as_day(self._header["period_start_date"]))

    def agreement(self) -> Agreement:
        return invoices.agreement(Payload(self._header), datetime(2026, 1, 1, tzinfo=UTC))

    def execute(self, operation: Operation) -> AgreementLine | None:
        """Carry out one operation as the gateway does; the answer is the line as it is then."""
        self.operations.append(operation)
        self.state.audit.clear()
        if isinstance(operation, CreateLine):
            body = translation.body(operation, HEADER, int(operation.product_id))
            made = written(self.state, "api", "us", "post_lines", [body])[0]
            return self.lines[LineId(str(made["id"]))]
        assert not isinstance(operation, RemoveLine)
        raw = self.state.lines[int(operation.line_id)]
        current = self.lines[operation.line_id]
        changed = translation.changed(raw, current, operation, negative=self.negative)
        assert changed is not None, "writes what is so already"
        written(self.state, "api", "us", "update_lines", [changed])
        return self.lines[operation.line_id]

    def level(self, day: date) -> int:
        """What the lines bill on a day that is not invoiced."""
        return sum(
            (line.quantity or 0) - sum(row.quantity for row in line.waiting if row.starts > day)
            for line in self.lines.values()
        )

    def rows_wait(self) -> bool:
        return any(row.quantity for line in self.lines.values() for row in line.waiting)

    def invoice(self) -> int:
        """Run the next invoice, and return the index of its period."""
        index = self.first_uninvoiced
        run = run_invoices(self.state, self.next_invoice, HEADER)
        assert len(run.invoices) == 1
        self.billed_lines.extend(run.invoices[0]["lines"])
        self.state.invoices.clear()
        self.state.audit.clear()
        return index

    def billed(self) -> dict[date, Fraction]:
        """Seats times the share of the period they were billed for, by period start."""
        found: dict[date, Fraction] = {}
        for line in self.billed_lines:
            first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
            add_share(found, self.calendar, first, last, int(line["quantity"]))
        return found

    @property
    def _header(self) -> dict:
        return self.state.recurring_invoices[HEADER]


def add_share(
    found: dict[date, Fraction], calendar: Calendar, first: date, last: date, seats: int
) -> None:
    """Add seats for some days, as a share of each period."""
    for period in calendar.periods_between(first, last):
        days = (min(period.last, last) - max(period.start, first)).days + 1
        found[period.start] = found.get(period.start, Fraction(0)) + seats * Fraction(
            days, period.days
        )


def a_rows_psa(
    anchor: date,
    months: int = 1,
    *,
    timing: Timing,
    first_day: date | None = None,
    ends: date | None = None,
    negative: bool = False,
) -> RowsPsa:
    """Return a recurring invoice that is invoiced as its timing says on that morning."""
    calendar = Calendar(anchor, months)
    period = calendar.period(calendar.index_at(first_day or anchor))
    following = calendar.period(calendar.index_at(period.start) + 1)
    state = PsaState()
    state.switches.negative_prorata = negative
    state.seed(
        clients=[builders.a_client()],
        items=[builders.an_item(101), builders.an_item(102)],
        recurring_invoices=[
            builders.a_recurring_invoice(
                HEADER,
                starts=anchor,
                ends=ends,
                period=NAMES[months],
                first_uninvoiced=following.start if timing.ahead else period.start,
                next_creation=period.last if timing.at_end else period.start,
            )
        ],
    )
    return RowsPsa(calendar, state, negative)


@dataclass
class RowsOracle:
    """What a customer owes, day by day: written from the rule, without a look at the engine.

    A period is settled when it is invoiced, or when its first day has passed. From then on each
    day costs the most seats that were in force since (credits off), or the seats in force. Changes
    of a day count as one. Where an invoice billed more, because the seats could not be taken away
    before it, its period costs at least that: nothing gives it back without a credit.

    Attributes:
        ends: The agreement's last day; what is heard once that is invoiced is billed by nobody.
        leaves: The last day on the line, the last one of a period. An invoice from after it can
            still bill what comes before.
    """

    calendar: Calendar
    credits_on: bool
    starts: date | None = None
    ends: date | None = None
    leaves: date | None = None
    current: int | None = None
    first_uninvoiced: int = 0
    periods: dict[int, dict[date, int]] = field(default_factory=dict)
    _heard: date = date.min
    _morning: tuple[int | None, date | None, dict[int, dict[date, int]]] | None = None

    def sync(self, day: date, seats: int) -> None:
        """The group needs so many seats from this day on."""
        if self._morning is not None and self._heard == day:
            self.current, self.starts, self.periods = self._morning
        else:
            self._settle_begun(day - DAY)
        kept = {index: dict(levels) for index, levels in self.periods.items()}
        self._morning, self._heard = (self.current, self.starts, kept), day
        if self.current is None and not seats:
            return
        if self.ends and self.calendar.period(self.first_uninvoiced).start > self.ends:
            return  # no invoice comes any more that could bill it
        self.current = seats
        self.starts = self.starts or day
        self._settle_begun(day)
        for index, levels in self.periods.items():
            period = self.calendar.period(index)
            if period.last >= day:
                first = max(day, period.start, self.starts)
                highest = levels[max(levels)]
                levels[first] = seats if self.credits_on else max(highest, seats)

    def due(self, index: int) -> int:
        """Seats that the period is owed on its first day, as far as it is known."""
        levels = self.periods.get(index)
        return (self.current or 0) if levels is None else levels[min(levels)]

    def invoice(self, day: date, index: int, *, over: int) -> None:
        """The invoice of the period was made on this day, with so many seats too many."""
        if self._heard != day:
            self._settle_begun(day - DAY)
        self._heard, self._morning = day, None
        self.first_uninvoiced = index + 1
        if self.current is None or self.starts is None:
            return
        for billed in range(self.calendar.index_at(self.starts), index + 1):
            if billed not in self.periods:
                self._settle(billed)
        if over and not self.credits_on:
            levels = self.periods[index]
            least = levels[min(levels)] + over
            self.periods[index] = {first: max(x, least) for first, x in levels.items()}

    def shares(self) -> dict[date, Fraction]:
        """Seats times days, as a share of each period, by period start."""
        found: dict[date, Fraction] = {}
        for index, levels in sorted(self.periods.items()):
            period = self.calendar.period(index)
            over = [day for day in (self.ends, self.leaves) if day is not None]
            if over and period.start > min(over):
                continue
            total, level, day = 0, 0, period.start
            while day <= period.last:
                level = levels.get(day, level)
                total += level
                day += DAY
            found[period.start] = Fraction(total, period.days)
        return found

    def _settle_begun(self, day: date) -> None:
        if self.current is None or self.starts is None or self.starts > day:
            return
        last = max(self.calendar.index_at(day), self.first_uninvoiced - 1)
        for index in range(self.calendar.index_at(self.starts), last + 1):
            if index not in self.periods:
                self._settle(index)

    def _settle(self, index: int) -> None:
        assert self.current is not None
        assert self.starts is not None
        self.periods[index] = {max(self.calendar.period(index).start, self.starts): self.current}


@dataclass
class RowsWalk:
    """A history as it is lived by the engine and heard by the oracle.

    Attributes:
        negative: The instance takes rows that take seats away.
        credit_mode: With ``REPORT`` credits are kept in ``credits``, by period start.
        held: Invoices that billed more than was due, as the last plan before them had said.
        invoiced_before: Periods that a line to take over was billed for before the walk begins.
    """

    history: History
    negative: bool
    credit_mode: CreditMode = CreditMode.WRITE
    psa: RowsPsa = field(init=False)
    driver: Driver = field(init=False)
    oracle: RowsOracle = field(init=False)
    compared_through: date = date.min
    credits: dict[date, Fraction] = field(default_factory=dict)
    held: list[date] = field(default_factory=list)
    invoiced_before: list[date] = field(default_factory=list)
    _seen_since_invoice: bool = True
    _plans_before: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        h = self.history
        first = h.anchor + timedelta(days=h.opening)
        self.psa = a_rows_psa(
            h.anchor, h.months, timing=h.timing, ends=h.ends, negative=self.negative
        )
        self.driver = Driver(
            self.psa,  # type: ignore[arg-type] # another PSA with the same few methods
            (a_mapping(override_start=h.override_start),),
            credits=h.credits,
            credit_mode=self.credit_mode,
            capabilities=rows_capabilities(negative=self.negative),
        )
        self.oracle = RowsOracle(
            h.calendar, credits_on=h.credits, starts=h.override_start, ends=h.ends
        )
        self.oracle.first_uninvoiced = self.psa.first_uninvoiced
        if h.adopts is not None:
            line = builders.a_line(
                501, recurring_invoice=HEADER, quantity=h.adopts, starts=h.anchor
            )
            self.psa.state.seed(lines=[line])
            self.oracle.sync(h.anchor, h.adopts)
            ahead = range(self.oracle.first_uninvoiced)
            self.invoiced_before = [h.calendar.period(index).start for index in ahead]
        day = h.anchor
        while day < first:
            self._invoices(day)
            day += DAY

    def run(self) -> "RowsWalk":
        syncs = self.history.syncs()
        day, last = min(syncs), max(syncs)
        while day <= last:
            steps = syncs.get(day, [])
            middle = {BEFORE: 0, BETWEEN: 1, AFTER: len(steps)}[self.history.invoices]
            for step in steps[:middle]:
                self._sync(day, step)
            self._invoices(day)
            for step in steps[middle:]:
                self._sync(day, step)
            day += DAY
        calendar = self.history.calendar
        self.compared_through = calendar.period(calendar.index_at(last) - 2).last
        return self

    def differences(self) -> dict[date, tuple[Fraction, Fraction]]:
        """Periods where invoices and reported credits differ from what is owed: (billed, owed)."""
        billed, owed, zero = self.psa.billed(), self.oracle.shares(), Fraction(0)
        for start in self.invoiced_before:
            billed[start] = billed.get(start, zero) + (self.history.adopts or 0)
        return {
            start: (billed.get(start, zero) + self.credits.get(start, zero), owed.get(start, zero))
            for start in sorted({*billed, *owed})
            if start <= self.compared_through
            and billed.get(start, zero) + self.credits.get(start, zero) != owed.get(start, zero)
        }

    def after_sync(self, day: date, seats: int) -> None:
        """Look at what is there once a sync is finished."""

    def _invoices(self, day: date) -> None:
        late = timedelta(days=self.history.timing.late_days)
        while self.psa.next_invoice + late <= day and not self._has_ended():
            self.driver.recover()
            index = self.psa.first_uninvoiced
            self.oracle._settle_begun(day if self.oracle._heard == day else day - DAY)
            over = max(0, self.psa.level(self._start(index)) - self.oracle.due(index))
            if over:
                self._check_over(index)
            self.psa.invoice()
            self.oracle.invoice(day, index, over=over)
            self._seen_since_invoice = False
            self._plans_before = (self._plans_before[1], len(self.driver.plans))

    def _has_ended(self) -> bool:
        following = self.history.calendar.period(self.psa.first_uninvoiced)
        return self.history.ends is not None and self.history.ends < following.start

    def _check_over(self, index: int) -> None:
        """More than is due is billed only if a plan had said so, or nobody looked in time.

        A plan before the last invoice counts: a rise that needed less of a row then took its place.
        """
        plans = self.driver.plans[self._plans_before[0] :]
        told = any("wait for the next invoice" in said for p in plans for said in p.explanation)
        assert not self.negative
        assert told or not self._seen_since_invoice
        self.held.append(self.history.calendar.period(index).start)

    def _start(self, index: int) -> date:
        start = self.history.calendar.period(index).start
        return max(start, self.oracle.starts or start)

    def _sync(self, day: date, step: Step) -> None:
        self.driver.recover()
        writes = self.driver.writes
        try:
            planned = self.driver.sync(day, step.seats, crash_before=step.crash)
        except CrashError:
            pending = () if self.driver.intent is None else self.driver.intent.operations
            if pending and self.driver.writes == writes:
                return  # nothing landed: the change is not seen before the next sync
        else:
            for credit in planned.credits_due:
                add_share(
                    self.credits, self.history.calendar, credit.starts, credit.ends, credit.seats
                )
        self._seen_since_invoice = True
        if (self.history.override_start or day) <= day <= (self.history.ends or day):
            self.oracle.sync(day, step.seats)
        if step.crash is None:
            self.after_sync(day, step.seats)
