"""Random years of one agreement, and the walk through one of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from local.simulators.common.billing import Calendar
from tests.builders import LINE, a_line, a_mapping
from tests.property.oracle import Oracle
from tests.property.simulated import TIMINGS, CrashError, Driver, SimulatedPsa, Timing, a_psa

DAY = timedelta(days=1)
LONGEST_GAP = {1: 24, 3: 60, 12: 200}
BEFORE, BETWEEN, AFTER = "before", "between", "after"


@dataclass(frozen=True)
class Step:
    """A sync, some days after the one before; 0 is a second one on the same day.

    Attributes:
        crash: Before which operation the sync stops; ``None`` lets it finish.
    """

    gap: int
    seats: int
    crash: int | None = None


@dataclass(frozen=True)
class History:
    """What happens to one agreement.

    Attributes:
        invoices: Whether the invoices of a day come before, between or after its syncs.
        opening: Days after the anchor on which the first sync happens.
        ends_after: Days after the anchor to the agreement's last day, if it ends.
        override_after: Days after the anchor to the override start, if there is one.
        adopts: Seats of a line that somebody made when the agreement began, if there is one.
    """

    anchor: date
    months: int
    timing: Timing
    invoices: str
    opening: int
    steps: tuple[Step, ...]
    credits: bool = False
    prorates: bool = True
    ends_after: int | None = None
    override_after: int | None = None
    adopts: int | None = None

    @property
    def ends(self) -> date | None:
        return None if self.ends_after is None else self._after(self.ends_after)

    @property
    def override_start(self) -> date | None:
        return None if self.override_after is None else self._after(self.override_after)

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.anchor, self.months)

    @property
    def only_rises(self) -> bool:
        seats = [step.seats for step in self.steps]
        return seats == sorted(seats)

    def _after(self, days: int) -> date:
        return self.anchor + timedelta(days=days)

    def syncs(self) -> dict[date, list[Step]]:
        """The steps by day, and quiet ones at period starts once the last has happened."""
        day = self.anchor + timedelta(days=self.opening)
        found: dict[date, list[Step]] = {}
        for number, step in enumerate(self.steps):
            day += timedelta(days=step.gap if number else 0)
            found.setdefault(day, []).append(step)
        if self.ends is not None:
            seen = [found[when][-1].seats for when in sorted(found) if when <= self.ends]
            found.setdefault(self.ends, [Step(0, seen[-1])])
        last = self.steps[-1]
        index = self.calendar.index_at(day)
        for number in range(1, 5):
            period = self.calendar.period(index + number)
            for quiet in (period.start, period.start + 4 * DAY, period.last):
                found.setdefault(quiet, []).append(Step(0, last.seats))
        return found


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    with_credits: bool | None = None,
    prorates: bool = True,
    crashes: bool = False,
    rising: bool = False,
    overrides: bool = False,
    adopts: bool = False,
    ends: bool = False,
    months: tuple[int, ...] = (1, 1, 3, 12),
) -> History:
    length = draw(st.sampled_from(months))
    gaps = st.one_of(st.integers(0, 3), st.integers(0, LONGEST_GAP[length]))
    crash = st.one_of(st.none(), st.integers(0, 3)) if crashes else st.none()
    steps = st.builds(Step, gaps, st.integers(0, 9), crash)
    opening = draw(st.integers(1 if adopts else 0, LONGEST_GAP[length]))
    drawn = draw(st.lists(steps, min_size=1, max_size=10))
    if overrides:
        # A line that an override starts in the past does not change again on its first day.
        drawn = [replace(step, gap=max(1, step.gap)) for step in drawn]
    if rising:
        seats = sorted(step.seats for step in drawn)
        drawn = [replace(step, seats=n) for step, n in zip(drawn, seats, strict=True)]
    return History(
        anchor=date(draw(st.integers(2023, 2027)), draw(st.integers(1, 12)), 1)
        + timedelta(days=draw(st.integers(0, 30))),
        months=length,
        # Once an agreement has ended nothing is written to it: a late invoice in arrears would
        # bill its last period at the quantity of the one before.
        timing=draw(st.sampled_from(TIMINGS[:-1] if ends else TIMINGS)),
        invoices=draw(st.sampled_from((BEFORE, BETWEEN, AFTER))),
        opening=opening,
        steps=tuple(drawn),
        credits=draw(st.booleans()) if with_credits is None else with_credits,
        prorates=prorates,
        ends_after=opening + draw(st.integers(0, 4 * LONGEST_GAP[length])) if ends else None,
        override_after=draw(st.integers(0, opening + LONGEST_GAP[length])) if overrides else None,
        adopts=draw(st.integers(1, 9)) if adopts else None,
    )


@dataclass
class Walk:
    """A history as it is lived by the engine and heard by the oracle.

    Attributes:
        compared_through: Last day of the periods whose dated lines are all invoiced.
    """

    history: History
    psa: SimulatedPsa = field(init=False)
    driver: Driver = field(init=False)
    oracle: Oracle = field(init=False)
    compared_through: date = date.min
    _takes_back: bool = False
    _synced_on: date = date.min

    def __post_init__(self) -> None:
        h = self.history
        first = h.anchor + timedelta(days=h.opening)
        self.psa = a_psa(h.anchor, h.months, h.timing, prorates=h.prorates, ends=h.ends)
        mapping = a_mapping(override_start=h.override_start)
        self.driver = Driver(self.psa, (mapping,), credits=h.credits)
        self.oracle = Oracle(
            h.calendar,
            credits_on=h.credits,
            prorates=h.prorates,
            starts=h.override_start,
            ends=h.ends,
        )
        if h.adopts is not None:
            self.psa.lines[LINE] = a_line(quantity=h.adopts, starts=h.anchor)
        self.oracle.first_uninvoiced = h.calendar.index_at(self.psa.terms.first_uninvoiced.start)
        if h.adopts is not None:
            self.oracle.sync(h.anchor, h.adopts)
        for day in self._days({}, first - DAY):
            while self._due_on(day):
                self._invoice(day)

    def run(self) -> "Walk":
        syncs = self.history.syncs()
        last = max(syncs)
        for day in self._days(syncs, last):
            steps = syncs.get(day, [])
            middle = {BEFORE: 0, BETWEEN: 1, AFTER: len(steps)}[self.history.invoices]
            for step in steps[:middle]:
                self._sync(day, step)
            while self._due_on(day):
                self._invoice(day)
            for step in steps[middle:]:
                self._sync(day, step)
        self.compared_through = self.history.calendar.period(
            self.history.calendar.index_at(last) - 2
        ).last
        return self

    def differences(self) -> dict[date, tuple[Fraction, Fraction]]:
        """Periods where the invoices differ from what is owed: (billed, owed)."""
        billed, owed = self.psa.billed(), self.oracle.shares()
        zero = Fraction(0)
        return {
            start: (billed.get(start, zero), owed.get(start, zero))
            for start in sorted({*billed, *owed})
            if start <= self.compared_through and billed.get(start, zero) != owed.get(start, zero)
        }

    def _days(self, syncs: dict[date, list[Step]], last: date) -> Iterator[date]:
        day = min(syncs, default=self.history.anchor)
        while day <= last:
            if day in syncs or self._due_on(day):
                yield day
            day += DAY

    def _due_on(self, day: date) -> bool:
        late = timedelta(days=self.history.timing.late_days)
        return self.psa.terms.next_invoice + late <= day

    def _invoice(self, day: date) -> None:
        if self._takes_back or not self.history.only_rises:
            # An invoice before an interrupted fall is finished bills what it sees, and without
            # credits nothing takes that back. Interrupted rises are charged all the same.
            self.driver.recover()
        if any(f"-{day:%Y%m%d}-" in (line.marker or "") for line in self.psa.lines.values()):
            self.oracle.kept_apart_on = day
        self.oracle.invoice(day, self.psa.invoice())

    def _sync(self, day: date, step: Step) -> None:
        self.driver.recover()
        writes = self.driver.writes
        self._takes_back, self._synced_on = self._synced_on == day, day
        try:
            self.driver.sync(day, step.seats, crash_before=step.crash)
        except CrashError:
            pending = () if self.driver.intent is None else self.driver.intent.operations
            if pending and self.driver.writes == writes:
                return  # nothing landed: the change is not seen before the next sync
        if (self.history.override_start or day) > day or (self.history.ends or day) < day:
            return
        self.oracle.sync(day, step.seats)
