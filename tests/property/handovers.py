"""Rows that move from one line to another, and perhaps back."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import strategies as st

from local.simulators.connectwise import billing
from shared.domain.charging import last_settled_day
from shared.domain.ids import ProductId, RowId
from shared.domain.mappings import Mapping
from tests.builders import a_group, a_mapping
from tests.property.histories import BETWEEN, LONGEST_GAP, History, Step, histories
from tests.property.oracle import DAY, Oracle
from tests.property.simulated import Driver, SimulatedPsa, a_psa

MOVING, STAYING, WAITING = RowId("custom-moving"), RowId("custom-staying"), RowId("custom-waiting")
OTHER_PRODUCT = ProductId("102")


@dataclass(frozen=True)
class Move:
    """A year in which a row moves after some syncs.

    Attributes:
        history: Its seats are those of the moving row.
        at: Number of the sync after which the row's new mapping is saved.
        back: Number of the sync after which it is moved back, once it has moved.
        staying, waiting: Whether the old and the new line have a row of their own.
    """

    history: History
    at: int
    back: int | None
    staying: bool
    waiting: bool


@st.composite
def moves(draw: st.DrawFn) -> Move:
    history = draw(histories(months=(1, 1, 3)))
    steps = tuple(replace(step, gap=max(1, step.gap)) for step in history.steps)
    at = draw(st.integers(1, len(steps)))
    return Move(
        replace(history, steps=steps, invoices=history.invoices.replace(BETWEEN, "before")),
        at=at,
        back=draw(st.none() | st.integers(at + 1, at + 6)),
        staying=draw(st.booleans()),
        waiting=draw(st.booleans()),
    )


@dataclass
class Side:
    """One line group, its oracles one after the other, and which of its rows bill when."""

    driver: Driver
    psa: SimulatedPsa
    credits_on: bool
    oracles: list[Oracle] = field(default_factory=list)

    @property
    def oracle(self) -> Oracle:
        return self.oracles[-1]

    def sync(self, day: date, seats: dict[RowId, int]) -> None:
        self.driver.sync(day, dict(seats))
        if self.oracle.ends is not None and self.oracle.ends < day:
            self.begin()
        later = {
            first: self._needed(first, seats)
            for mapping in self.driver.mappings
            for first in (mapping.effective_from, (mapping.effective_to or day) + DAY)
            if first is not None and first > day
        }
        self.oracle.ends = self._ending(day)
        self.oracle.sync(day, self._needed(day, seats), later)

    def begin(self) -> None:
        """Listen for the next line of the group."""
        calendar = self.psa.terms.calendar
        fresh = Oracle(calendar, credits_on=self.credits_on)
        fresh.first_uninvoiced = calendar.index_at(self.psa.terms.first_uninvoiced.start)
        self.oracles.append(fresh)

    def shares(self) -> dict[date, Fraction]:
        found: dict[date, Fraction] = {}
        for oracle in self.oracles:
            for start, share in oracle.shares().items():
                found[start] = found.get(start, Fraction(0)) + share
        return found

    def _needed(self, day: date, seats: dict[RowId, int]) -> int:
        return sum(seats[m.row_id] for m in self.driver.mappings if m.bills_on(day))

    def _ending(self, day: date) -> date | None:
        ends = [m.effective_to for m in self.driver.mappings if (m.effective_to or day) >= day]
        if not ends or None in ends:
            return None
        return max(end for end in ends if end is not None)


@dataclass
class MoveWalk:
    """A move as the engine lives it and the oracles hear it."""

    move: Move
    compared_through: date = date.min
    active: list[tuple[date, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        h = self.move.history
        self.psa = a_psa(h.anchor, h.months, h.timing)
        first = h.anchor + timedelta(days=h.opening)
        mine = [a_mapping(MOVING)] + ([a_mapping(STAYING)] if self.move.staying else [])
        self.old = self._side(tuple(mine), Driver(self.psa, credits=h.credits))
        self.new = self._side(
            (a_mapping(WAITING),) if self.move.waiting else (),
            Driver(self.psa, group=a_group(product_id=OTHER_PRODUCT), credits=h.credits),
        )
        for side in (self.old, self.new):
            side.begin()
        self._invoices_of(h.anchor, first - DAY)

    def run(self) -> "MoveWalk":
        h = self.move.history
        syncs = h.syncs()
        number, day, last = 0, min(syncs), max(syncs)
        while day <= last:
            if h.invoices == "before":
                self._invoices_of(day, day)
            for step in syncs.get(day, []):
                self._sync(day, step)
                number += 1
                if number == self.move.at:
                    self._move(day, self.old, self.new)
                    self._sync(day, step)
                elif number == self.move.back:
                    self._move(day, self.new, self.old)
                    self._sync(day, step)
            if h.invoices != "before":
                self._invoices_of(day, day)
            day += DAY
        calendar = h.calendar
        self.compared_through = calendar.period(calendar.index_at(last) - 2).last
        return self

    def differences(self) -> dict[tuple[str, date], tuple[Fraction, Fraction]]:
        """Per line group and period: what differs from what is owed (billed, owed)."""
        zero = Fraction(0)
        found = {}
        for name, side in (("old", self.old), ("new", self.new)):
            owed, billed = side.shares(), self._billed(side)
            for start in {*owed, *billed}:
                pair = (billed.get(start, zero), owed.get(start, zero))
                if start <= self.compared_through and pair[0] != pair[1]:
                    found[name, start] = pair
        return found

    def doubled(self) -> list[date]:
        """Days on which standing lines of both groups are open for the moving row alone.

        A row that comes back before its old line's last period is invoiced opens that line again,
        at 0 for the periods between.
        """
        old, new = (
            [x for x in self.psa.lines.values() if self._is_standing(x, side)]
            for side in (self.old, self.new)
        )
        return [
            max(a.starts, b.starts)
            for a in old
            for b in new
            if not (self.move.staying or self.move.waiting or self.move.back)
            and a.starts is not None
            and b.starts is not None
            and max(a.starts, b.starts) <= min(a.ends or date.max, b.ends or date.max)
        ]

    def _is_standing(self, line, side: Side) -> bool:
        mark = f"SEATSYNC-{side.driver.group.group_id}"
        return (line.marker or "").startswith(mark) and not line.never_bills

    def _billed(self, side: Side) -> dict[date, Fraction]:
        mine = {
            int(x.line_id)
            for x in self.psa.lines.values()
            if x.product_id == side.driver.group.product_id
        }
        only = replace(self.psa, charges=[c for c in self.psa.charges if c.addition_id in mine])
        return only.billed()

    def _side(self, mappings: tuple[Mapping, ...], driver: Driver) -> Side:
        driver.mappings = mappings
        return Side(driver, self.psa, self.move.history.credits)

    def _invoices_of(self, first: date, last: date) -> None:
        late = timedelta(days=self.move.history.timing.late_days)
        while self.psa.terms.next_invoice + late <= last:
            day = max(first, self.psa.terms.next_invoice + late)
            index = self.psa.invoice()
            for side in (self.old, self.new):
                side.oracle.invoice(day, index)

    def _sync(self, day: date, step: Step) -> None:
        seats = {
            MOVING: step.seats,
            STAYING: (step.seats * 7 + 3) % 5,
            WAITING: (step.seats * 5 + 1) % 4,
        }
        for side in (self.old, self.new):
            side.sync(day, seats)

    def _move(self, day: date, left: Side, joined: Side) -> None:
        agreement = self.psa.agreement()
        assert agreement.first_uninvoiced is not None
        last = last_settled_day(self.psa.cycle, day, agreement.first_uninvoiced)
        current = next(
            (
                m
                for m in left.driver.mappings
                if m.row_id == MOVING and m.effective_to is None and m.bills_on(day)
            ),
            None,
        )
        if current is None:
            return  # it has not arrived yet: nothing to move back
        ended = tuple(
            replace(m, effective_to=last) if m is current else m for m in left.driver.mappings
        )
        left.driver.mappings = ended
        joined.driver.mappings = (
            *joined.driver.mappings,
            replace(current, effective_from=last + DAY, effective_to=None),
        )


__all__ = ["LONGEST_GAP", "Move", "MoveWalk", "billing", "moves"]
