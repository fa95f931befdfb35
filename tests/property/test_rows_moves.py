"""A row that moves from one line with pro-rata rows to another is billed on one or the other."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.charging import last_settled_day
from shared.domain.ids import ProductId
from shared.domain.periods import Cycle
from tests.builders import a_group, a_mapping
from tests.property.effort import tried
from tests.property.histories import History, Step, histories
from tests.property.rows_psa import (
    DAY,
    RowsOracle,
    RowsPsa,
    a_rows_psa,
    add_share,
    rows_capabilities,
)
from tests.property.simulated import Driver

OLD, NEW = 101, 102


@dataclass
class RowsMove:
    """A year in which the row's new mapping is saved after some syncs, on an instance that takes
    negative rows.

    Attributes:
        last: The last day on the old line, once that is known.
    """

    history: History
    at: int
    last: date | None = None
    compared_through: date = date.min
    psa: RowsPsa = field(init=False)
    drivers: dict[int, Driver] = field(init=False)
    oracles: dict[int, RowsOracle] = field(init=False)
    syncs: int = 0

    def __post_init__(self) -> None:
        h = self.history
        self.psa = a_rows_psa(h.anchor, h.months, timing=h.timing, negative=True)
        self.drivers = {
            item: Driver(
                self.psa,  # type: ignore[arg-type] # another PSA with the same few methods
                (a_mapping(),) if item == OLD else (),
                group=a_group(product_id=ProductId(str(item))),
                capabilities=rows_capabilities(negative=True),
            )
            for item in (OLD, NEW)
        }
        self.oracles = {item: RowsOracle(h.calendar, credits_on=False) for item in (OLD, NEW)}
        for oracle in self.oracles.values():
            oracle.first_uninvoiced = self.psa.first_uninvoiced

    def run(self) -> "RowsMove":
        syncs = self.history.syncs()
        day, end = self.history.anchor, max(syncs)
        while day <= end:
            self._invoices(day)
            for step in syncs.get(day, []):
                self._sync(day, step)
            day += DAY
        calendar = self.history.calendar
        self.compared_through = calendar.period(calendar.index_at(end) - 2).last
        return self

    def billed_and_owed(self, item: int) -> list[tuple[Fraction, Fraction]]:
        calendar, zero = self.history.calendar, Fraction(0)
        billed: dict[date, Fraction] = {}
        for line in self.psa.billed_lines:
            if line["item_id"] == item:
                first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
                add_share(billed, calendar, first, last, int(line["quantity"]))
        owed = {
            start: share
            for start, share in self.oracles[item].shares().items()
            if item == NEW or self.last is None or start <= self.last
        }
        return [
            (billed.get(start, zero), owed.get(start, zero))
            for start in {*billed, *owed}
            if start <= self.compared_through
        ]

    def left_open(self) -> bool:
        """Whether the old line still has no last day although all its days are invoiced."""
        old = [line for line in self.psa.lines.values() if line.product_id == str(OLD)]
        over = self.last is not None and self.last <= self.compared_through
        return over and any(line.ends is None for line in old)

    def _invoices(self, day: date) -> None:
        while self.psa.next_invoice + timedelta(days=self.history.timing.late_days) <= day:
            index = self.psa.invoice()
            for oracle in self.oracles.values():
                oracle.invoice(day, index, over=0)

    def _sync(self, day: date, step: Step) -> None:
        self._write(day, step.seats)
        if self.last is None or day <= self.last:
            self.oracles[OLD].sync(day, step.seats)
        self.syncs += 1
        if self.syncs == self.at:
            self._move(day)
            self._write(day, step.seats)
        if self.last is not None:
            new = self.oracles[NEW]
            if new.current is None:
                new.starts = max(day, self.last + DAY)
            new.sync(day, step.seats)

    def _write(self, day: date, seats: int) -> None:
        for driver in self.drivers.values():
            if driver.mappings:
                driver.sync(day, seats)

    def _move(self, day: date) -> None:
        first = self.psa.agreement().first_uninvoiced
        assert first is not None
        self.last = last_settled_day(Cycle(self.history.anchor, self.history.months), day, first)
        old = self.drivers[OLD]
        old.mappings = (replace(old.mappings[0], effective_to=self.last),)
        self.drivers[NEW].mappings = (a_mapping(effective_from=self.last + DAY),)


@tried(200)
@given(histories(with_credits=False), st.data())
def test_a_row_that_moves_is_billed_on_one_line_or_the_other(history, data):
    steps = tuple(replace(step, gap=max(1, step.gap)) for step in history.steps)
    at = data.draw(st.integers(1, len(steps)))
    walk = RowsMove(replace(history, steps=steps, invoices="before"), at).run()

    assert all(billed == owed for billed, owed in walk.billed_and_owed(NEW))
    assert all(billed == owed for billed, owed in walk.billed_and_owed(OLD))
    assert not walk.left_open()
