"""A PSA in memory whose lines have one quantity and no dates, as Syncro's, and what it may bill.

The oracle is written from the rule alone: an invoice bills, for the whole of its period, the seats
that the last sync before it knew to be needed on the period's first day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from hypothesis import strategies as st

from local.simulators.common.billing import Calendar
from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    CreateLine,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.ids import LineId
from shared.domain.periods import Cycle
from tests.builders import LINE, a_line, a_mapping, an_agreement
from tests.property.simulated import PRICE, CrashError, Driver

DAY = timedelta(days=1)
PLAIN = Capabilities(
    ChangeKind.PLAIN_QUANTITY,
    credits=False,
    description_limit=1000,
    can_end=False,
    changes_invoiced=False,
)


@dataclass
class PlainPsa:
    """One schedule.

    Attributes:
        next_run: Index of the period that is invoiced next.
        billed: Seats that each invoice billed, by the first day of its period.
    """

    calendar: Calendar
    next_run: int = 0
    lines: dict[LineId, AgreementLine] = field(default_factory=dict)
    billed: dict[date, int] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    made: int = 0

    @property
    def run_day(self) -> date:
        return self.calendar.period(self.next_run).start

    def agreement(self) -> Agreement:
        """The header, read as the Syncro adapter reads it: anchored on the next run."""
        return an_agreement(
            starts=None,
            ends=None,
            cycle=Cycle(self.run_day, self.calendar.months),
            first_uninvoiced=self.run_day,
            next_invoice=self.run_day,
            prorates=False,
        )

    def execute(self, operation: Operation) -> AgreementLine | None:
        self.operations.append(operation)
        if isinstance(operation, CreateLine):
            assert operation.ends is None, "a line without dates cannot end"
            self.made += 1
            line = a_line(
                LineId(str(900 + self.made)),
                quantity=operation.quantity,
                starts=None,
                marker=operation.marker,
                product_id=operation.product_id,
                unit_price=PRICE,
            )
        elif isinstance(operation, RemoveLine):
            return self.lines.pop(operation.line_id, None)
        else:
            line = self.lines[operation.line_id]
            if isinstance(operation, SetQuantity):
                line = replace(line, quantity=operation.after)
            elif isinstance(operation, SetDescription):
                line = replace(line, description=operation.text)
            else:
                assert isinstance(operation, SetPrice)
                line = replace(line, unit_price=operation.after)
        self.lines[line.line_id] = line
        return line

    def invoice(self) -> date:
        """Run the next invoice, and return the first day of its period."""
        start = self.run_day
        self.billed[start] = sum(line.quantity or 0 for line in self.lines.values())
        self.next_run += 1
        return start


@dataclass(frozen=True)
class PlainStep:
    """A sync, some days after the one before, and before which operation it stops."""

    gap: int
    seats: int
    crash: int | None = None


@dataclass(frozen=True)
class PlainHistory:
    """What happens to one schedule.

    Attributes:
        late: Days by which invoices come after their day.
        syncs_first: Whether the syncs of a day come before its invoice.
        start_after, leaves_after: Days after the first sync's day to the override start, and to
            the last day that the row bills.
        adopts: Seats of a line that somebody made.
    """

    anchor: date
    months: int
    late: int
    syncs_first: bool
    opening: int
    steps: tuple[PlainStep, ...]
    start_after: int | None = None
    leaves_after: int | None = None
    adopts: int | None = None

    @property
    def first_day(self) -> date:
        return self.anchor + timedelta(days=self.opening)

    @property
    def start(self) -> date | None:
        return self._later(self.start_after)

    @property
    def last_day(self) -> date | None:
        return self._later(self.leaves_after)

    def _later(self, days: int | None) -> date | None:
        return None if days is None else self.first_day + timedelta(days=days)


@st.composite
def plain_histories(
    draw: st.DrawFn,
    *,
    crashes: bool = False,
    starts: bool = False,
    leaves: bool = False,
    adopts: bool = False,
) -> PlainHistory:
    months = draw(st.sampled_from((1, 1, 3, 12)))
    crash = st.one_of(st.none(), st.integers(0, 2)) if crashes else st.none()
    steps = st.builds(PlainStep, st.integers(0, 20 * months), st.integers(0, 9), crash)
    return PlainHistory(
        anchor=date(draw(st.integers(2023, 2027)), draw(st.integers(1, 12)), 1)
        + timedelta(days=draw(st.integers(0, 30))),
        months=months,
        late=draw(st.sampled_from((0, 0, 3))),
        syncs_first=draw(st.booleans()),
        opening=draw(st.integers(0, 20 * months)),
        steps=tuple(draw(st.lists(steps, min_size=1, max_size=8))),
        start_after=draw(st.integers(-20, 60 * months)) if starts else None,
        leaves_after=draw(st.integers(0, 60 * months)) if leaves else None,
        adopts=draw(st.integers(1, 9)) if adopts else None,
    )


@dataclass
class PlainOracle:
    """Hears the syncs and the invoices, in order.

    Attributes:
        seats: What the last sync saw; ``None`` before the first.
        seen: The day of that sync.
    """

    start: date | None
    last_day: date | None
    seats: int | None = None
    seen: date | None = None
    opening: int = 0
    owed: dict[date, int] = field(default_factory=dict)

    def sync(self, day: date, seats: int) -> None:
        self.seats, self.seen = seats, day

    def invoice(self, start: date) -> None:
        self.owed[start] = self._needed(start)

    def _needed(self, start: date) -> int:
        if self.seats is None or self.seen is None:
            return self.opening
        # A late invoice bills what was needed when it was last looked at.
        day = max(start, self.seen)
        begun = self.start is None or self.start <= day
        left = self.last_day is not None and self.last_day < day
        return self.seats if begun and not left else 0


@dataclass
class PlainWalk:
    """A history as it is lived by the engine and heard by the oracle."""

    history: PlainHistory
    psa: PlainPsa = field(init=False)
    driver: Driver = field(init=False)
    oracle: PlainOracle = field(init=False)

    def __post_init__(self) -> None:
        h = self.history
        self.psa = PlainPsa(Calendar(h.anchor, h.months))
        mapping = a_mapping(override_start=h.start, effective_to=h.last_day)
        self.driver = Driver(self.psa, (mapping,), capabilities=PLAIN)
        self.oracle = PlainOracle(h.start, h.last_day, opening=h.adopts or 0)
        if h.adopts is not None:
            self.psa.lines[LINE] = a_line(quantity=h.adopts, starts=None)
        while self.psa.run_day + timedelta(days=h.late) < h.first_day:
            self._invoice()

    def run(self) -> "PlainWalk":
        for day, steps in self._days():
            if not self.history.syncs_first:
                self._invoices_of(day)
            for step in steps:
                self.sync(day, step)
            self._invoices_of(day)
        return self

    def differences(self) -> dict[date, tuple[int, int]]:
        """Periods that were billed otherwise than owed: (billed, owed)."""
        return {
            start: (billed, self.oracle.owed[start])
            for start, billed in self.psa.billed.items()
            if billed != self.oracle.owed[start]
        }

    def sync(self, day: date, step: PlainStep) -> None:
        writes = self.driver.writes
        try:
            self.driver.sync(day, step.seats, crash_before=step.crash)
        except CrashError:
            if self.driver.intent is not None and self.driver.writes == writes:
                return  # nothing landed: the change is not seen before the next sync
        self.oracle.sync(day, step.seats)

    def _days(self) -> Iterator[tuple[date, list[PlainStep]]]:
        """Every day with a step or an invoice, and daily syncs for two periods after the last."""
        syncs: dict[date, list[PlainStep]] = {}
        day = self.history.first_day
        for number, step in enumerate(self.history.steps):
            day += timedelta(days=step.gap if number else 0)
            syncs.setdefault(day, []).append(step)
        last = self.history.steps[-1]
        end = day + timedelta(days=65 * self.history.months)
        quiet = day + DAY
        while quiet <= end:
            syncs[quiet] = [PlainStep(0, last.seats)]
            quiet += 7 * DAY
        day = self.history.first_day
        while day <= end:
            yield day, syncs.get(day, [])
            day += DAY

    def _invoices_of(self, day: date) -> None:
        while self.psa.run_day + timedelta(days=self.history.late) <= day:
            self._invoice()

    def _invoice(self) -> None:
        self.oracle.invoice(self.psa.invoice())
