"""Faults seen in other tools, planted one by one: at least one check must catch each.

A patch replaces one function of the engine. The checks are those of the vectors and properties, on
histories that are fixed here.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from shared.domain import charging, guards, intents, planning, proration
from shared.domain.agreements import ChangeKind, CreateLine, SetQuantity
from shared.domain.changing import dated_lines, levels, prorata_rows
from shared.domain.changing.kinds import Kind
from shared.domain.errors import RequestRefusedError
from shared.domain.ledger import Charged
from shared.domain.periods import Cycle, Period
from shared.domain.planning import plan
from shared.domain.plans import PlanStatus, ReasonKind
from shared.domain.quantities import BilledQuantity
from shared.usecases import books
from tests.builders import a_line
from tests.property import simulated, test_invariants
from tests.property.histories import AFTER, BEFORE, LONGEST_GAP, History, Step, Walk
from tests.property.rows_psa import RowsWalk
from tests.property.simulated import ADVANCE, ARREARS, MONTH_AHEAD, TIMINGS, Driver, a_psa
from tests.unit.domain import (
    test_billing_decisions,
    test_periods,
    test_prorata_planning,
    test_proration,
    test_quantities,
)
from tests.unit.domain.vectors import DECISIONS, PRORATION

Check = Callable[[], None]


def some_histories(**changes) -> list[History]:
    """Forty years, the same each time."""
    random = Random(20260317)
    found = []
    for _ in range(40):
        months = random.choice((1, 1, 3))
        gaps = [random.randint(0, LONGEST_GAP[months]) for _ in range(random.randint(3, 8))]
        found.append(
            History(
                anchor=date(2026, 1, 1) + timedelta(days=random.randint(0, 60)),
                months=months,
                timing=random.choice(TIMINGS),
                invoices=random.choice((BEFORE, AFTER)),
                opening=random.randint(0, 20),
                steps=tuple(Step(gap, random.randint(0, 9)) for gap in gaps),
                credits=random.random() < 0.5,
            )
        )
    return [replace(history, **changes) for history in found]


def billed_as_owed(**changes) -> None:
    for history in some_histories(**changes):
        assert Walk(history).run().differences() == {}


def every(test: Callable[..., None], section: str, source=DECISIONS) -> Check:
    """The test on each case of a section of the vectors."""

    def check() -> None:
        for case in source[section]:
            test(case=case)

    return check


def interrupted() -> None:
    for history in some_histories():
        for step in range(3):
            test_invariants.check_interrupted(history, 1, step, times=2)


def rows_add_up() -> None:
    for seats in ([3, 4], [5, 0, 7], [1]):
        test_invariants.check_group_sum(seats, Random(1))


def undone() -> None:
    for timing in TIMINGS:
        for credits_on in (False, True):
            test_invariants.check_same_day_undo(
                timing, 11, 10, 15, credits_on=credits_on, young=False
            )


def unknown_writes_nothing() -> None:
    driver = test_invariants.a_settled_driver(8)
    found = plan(driver.request(date(2026, 3, 17), None))
    assert (found.status, found.operations) == (PlanStatus.UNKNOWN, ())


def several_lines_hold() -> None:
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    for number in ("501", "502"):
        psa.lines[simulated.LineId(number)] = a_line(simulated.LineId(number))
    psa.invoice()
    found = plan(Driver(psa).request(date(2026, 3, 17), 12))
    assert [reason.kind for reason in found.reasons] == [ReasonKind.SEVERAL_LINES]


def thresholds_hold() -> None:
    for seats, other in ((3, 0), (10, 4), (40, 29), (20, 41), (100, 201)):
        for timing in (ADVANCE, ARREARS, MONTH_AHEAD):
            test_invariants.check_thresholds(seats, other, timing)


def zero_is_reached() -> None:
    for history in some_histories():
        emptied = replace(history, steps=(*history.steps, Step(5, 0)))
        walk = Walk(emptied).run()
        assert all(line.quantity == 0 for line in walk.psa.standing())


def rows_billed_as_owed(*, negative: bool, crash: int | None = None, **changes) -> None:
    for history in some_histories(**changes):
        shaken = replace(history, steps=tuple(replace(step, crash=crash) for step in history.steps))
        try:
            walk = RowsWalk(shaken, negative=negative).run()
        except RequestRefusedError as error:
            raise AssertionError("the adapter refuses what was planned") from error
        assert walk.differences() == {}


def counted_lines_are_left_alone() -> None:
    test_prorata_planning.test_a_line_that_the_psa_counts_is_not_written_to()


CHECKS: dict[str, Check] = {
    "quantity vectors": every(test_quantities.test_the_quantity_rule, "quantity"),
    "period vectors": every(test_periods.test_a_period_holds_its_day, "periods"),
    "time zone vectors": every(test_periods.test_today_is_the_calendar_date_of_the_psa, "timezone"),
    "span vectors": every(
        test_proration.test_a_part_of_a_period_costs_its_days, "spans", PRORATION
    ),
    "dated line vectors": every(
        test_billing_decisions.test_a_change_of_an_invoiced_period, "proration"
    ),
    "plans over time": every(test_billing_decisions.test_a_plan_over_time, "write_plan"),
    "transfer vectors": every(
        test_billing_decisions.test_a_transfer_between_rows_of_one_line_is_the_running_maximum_of_the_sum,
        "transfer",
    ),
    "write decisions": every(test_billing_decisions.test_a_write_decision, "write_decision"),
    "the day oracle": billed_as_owed,
    "the day oracle, no proration": lambda: billed_as_owed(prorates=False),
    "interrupted syncs": interrupted,
    "rows add up": rows_add_up,
    "same-day undo": undone,
    "unknown writes nothing": unknown_writes_nothing,
    "several lines hold": several_lines_hold,
    "thresholds hold": thresholds_hold,
    "zero is reached": zero_is_reached,
    "rows": lambda: rows_billed_as_owed(negative=True),
    "rows, none negative": lambda: rows_billed_as_owed(negative=False, credits=False),
    "rows, interrupted": lambda: rows_billed_as_owed(negative=True, crash=1, credits=False),
    "lines that the PSA counts": counted_lines_are_left_alone,
}


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_passes_on_the_engine_as_it_is(name):
    CHECKS[name]()


# The faults --------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {}


def fault(name: str, caught_by: str):
    def register(plant):
        FAULTS[name] = (plant, caught_by)
        return plant

    return register


@fault("the last row wins instead of the sum", "rows add up")
def last_wins(patch):
    def seats_on(self, day):
        known = [
            m.billed.seats or 0
            for m in self.request.members
            if m.mapping.bills_on(day) and self._started(m, day)
        ]
        return known[-1] if known else 0

    patch.setattr(planning._Planner, "_seats_on", seats_on)


@fault("the last row wins instead of the sum, seen in a transfer", "transfer vectors")
def last_wins_in_a_transfer(patch):
    last_wins(patch)


@fault("one high-water mark for several periods", "the day oracle")
def one_mark(patch):
    def charged_for(entries: tuple[Charged, ...], start: date) -> Charged | None:
        if not entries:
            return None
        return Charged(start, max(e.seats for e in entries), entries[0].standing)

    patch.setattr(charging, "charged_for", charged_for)


@fault("a high-water mark that forgets the lines of today", "dated line vectors")
def no_mark(patch):
    patch.setattr(charging, "charged_for", lambda entries, start: None)


@fault("a count of zero is never written", "zero is reached")
def above_zero_only(patch):
    real = planning._Planner._plan

    def planned(self):
        found = real(self)
        return replace(found, operations=(), ledger=None) if found.needed == 0 else found

    patch.setattr(planning._Planner, "_plan", planned)


@fault("a failed read counts as zero", "unknown writes nothing")
def empty_on_error(patch):
    real = planning._Planner.__init__

    def init(self, request):
        known = tuple(
            replace(m, billed=BilledQuantity(m.billed.seats or 0, ())) for m in request.members
        )
        real(self, replace(request, members=known))

    patch.setattr(planning._Planner, "__init__", init)


@fault("today is the date in UTC", "time zone vectors")
def utc_date(patch):
    patch.setattr(test_periods, "local_date", lambda now, psa: now.astimezone(UTC).date())
    assert books.local_date is not test_periods.local_date


@fault("the effective day is not billed", "dated line vectors")
def exclusive_effective_day(patch):
    real = charging._piece

    def piece(calendar, period, starts, seats):
        return real(calendar, period, starts + timedelta(days=1), seats)

    patch.setattr(charging, "_piece", piece)


@fault("the effective day is not billed, in money", "the day oracle")
def exclusive_effective_day_in_money(patch):
    exclusive_effective_day(patch)


@fault("a month has thirty days", "span vectors")
def thirty_days(patch):
    def fraction(cycle: Cycle, first: date, last: date) -> Fraction:
        return Fraction((last - first).days + 1, 30 * cycle.months)

    patch.setattr(proration, "fraction", fraction)


@fault("one divisor for a span over two periods", "span vectors")
def first_period_divides(patch):
    def fraction(cycle: Cycle, first: date, last: date) -> Fraction:
        return Fraction((last - first).days + 1, cycle.containing(first).days)

    patch.setattr(proration, "fraction", fraction)


@fault("cents are cut off", "span vectors")
def cut_off(patch):
    def prorated_price(price: Decimal, share: Fraction) -> Decimal:
        return Decimal(int(Fraction(price) * share * 100)).scaleb(-2)

    patch.setattr(proration, "prorated_price", prorated_price)


@fault("in arrears the standing line follows at once", "plans over time")
def main_is_q(patch):
    patch.setattr(
        dated_lines,
        "standing_quantity",
        lambda ledger, calendar, seats_on, **_: seats_on(calendar.today),
    )


@fault("in arrears the standing line follows at once, in money", "the day oracle")
def main_is_q_in_money(patch):
    main_is_q(patch)


@fault("dated lines although the agreement does not prorate", "the day oracle, no proration")
def prorates_always(patch):
    real = dated_lines.calendar_of
    patch.setattr(dated_lines, "calendar_of", lambda facts: replace(real(facts), dated_lines=True))


@fault("an interrupted write is sent again without a look", "interrupted syncs")
def replay(patch):
    def recovery(intent, ledger, lines, first_uninvoiced):
        return intents.Recovery(intent.operations, intent.ledger)

    patch.setattr(simulated, "recovery", recovery)


@fault("an interrupted write is forgotten", "interrupted syncs")
def forgotten(patch):
    def recovery(intent, ledger, lines, first_uninvoiced):
        return intents.Recovery((), intent.ledger)

    patch.setattr(simulated, "recovery", recovery)


@fault("minimum before included", "quantity vectors")
def minimum_first(patch):
    def billed_quantity(active, *, included, minimum):
        seats = max(0, max(minimum, active.seats) - included)
        return BilledQuantity(seats, ())

    patch.setattr(test_quantities, "billed_quantity", billed_quantity)


@fault("the first of several lines is taken", "several lines hold")
def first_of_several(patch):
    real = planning._Planner._fitting_lines
    patch.setattr(planning._Planner, "_fitting_lines", lambda self, starts: real(self, starts)[:1])


@fault("a hand edit is overwritten", "write decisions")
def overwrites(patch):
    real = planning._Planner.__init__
    patch.setattr(
        planning._Planner,
        "__init__",
        lambda self, request: real(self, replace(request, override=True)),
    )


@fault("today's lines are not merged", "same-day undo")
def no_merging(patch):
    patch.setattr(dated_lines, "_are_editable", lambda facts: False)
    patch.setattr(charging, "_same_day", lambda ledger, calendar: False)


@fault("periods step on from a clamped day", "period vectors")
def clamped_anchor(patch):
    real = Cycle.containing

    def containing(self: Cycle, day: date) -> Period:
        return real(replace(self, anchor=self.anchor.replace(day=min(self.anchor.day, 28))), day)

    patch.setattr(Cycle, "containing", containing)


@fault("several invoices between two syncs are taken for right", "the day oracle")
def no_catching_up(patch):
    patch.setattr(charging, "_missing", lambda ledger, calendar, standing: {})


@fault("a line's first days are taken for invoiced", "the day oracle")
def no_first_days(patch):
    patch.setattr(charging, "has_unbilled_start", lambda ledger, first: False)


@fault("no guard looks at the size", "thresholds hold")
def no_guard(patch):
    patch.setattr(guards, "_size", lambda plan, settings: [])
    patch.setattr(test_invariants, "guarded", guards.guarded)


@fault("a silent fall in arrears passes", "thresholds hold")
def silent_fall(patch):
    real = guards.guarded

    def guarded(found, settings, agreement, today):
        return real(found, settings, agreement, today) if found.operations else found

    patch.setattr(test_invariants, "guarded", guarded)


# Faults of rows ----------------------------------------------------------------------------------


@fault("a quantity is written for a row's seats too", "rows, none negative")
def row_and_quantity(patch):
    real = prorata_rows._Writes._row

    def row(self, step, short):
        before = self.after
        left = real(self, step, short)
        both = SetQuantity(self.line.agreement_id, self.line.line_id, before, self.after)
        self.operations.append(both)
        return left

    patch.setattr(prorata_rows._Writes, "_row", row)


@fault("waiting rows do not keep the quantity from being written", "rows, none negative")
def rows_are_forgotten(patch):
    real = prorata_rows._Writes.__init__

    def init(self, facts, line, observed):
        real(self, facts, line, observed)
        self.rows = {}

    patch.setattr(prorata_rows._Writes, "__init__", init)


@fault("a row takes seats away without leave", "rows, none negative")
def negative_anyway(patch):
    real = prorata_rows._Writes.__init__

    def init(self, facts, line, observed):
        able = replace(facts.capabilities, credits=True)
        real(self, replace(facts, capabilities=able), line, observed)

    patch.setattr(prorata_rows._Writes, "__init__", init)


@fault("waiting rows count from the first day on", "rows")
def rows_from_the_first_day(patch):
    patch.setattr(levels._Levels, "_on", lambda self, day: self.quantity)


@fault("a row begins the day after", "rows")
def row_a_day_late(patch):
    real = prorata_rows._Writes._row

    def row(self, step, short):
        return real(self, replace(step, day=step.day + timedelta(days=1)), short)

    patch.setattr(prorata_rows._Writes, "_row", row)


@fault("a fall in a period that has begun lowers all of it", "rows")
def fall_at_once(patch):
    patch.setattr(
        levels,
        "last_settled_day",
        lambda cycle, today, first: min(first, cycle.containing(today).start) - timedelta(days=1),
    )


@fault("rows without a high-water mark", "rows")
def rows_without_a_mark(patch):
    patch.setattr(levels, "charged_for", lambda entries, start: None)


@fault("one high-water mark for several periods with rows", "rows")
def one_mark_for_rows(patch):
    def charged_for(entries: tuple[Charged, ...], start: date) -> Charged | None:
        if not entries:
            return None
        highest = max(entry.seats for entry in entries)
        return Charged(start, highest, highest)

    patch.setattr(levels, "charged_for", charged_for)


@fault("seats that were billed too much are charged again", "rows, none negative")
def billed_twice(patch):
    real = levels._Levels._just_invoiced

    def just_invoiced(self, period, known):
        opening, billed = real(self, period, known)
        return replace(opening, seats=min(opening.seats, self._in_force(period.start))), billed

    patch.setattr(levels._Levels, "_just_invoiced", just_invoiced)


@fault("an interrupted row is sent again without a look", "rows, interrupted")
def rows_replayed(patch):
    replay(patch)


@fault("an interrupted row is forgotten", "rows, interrupted")
def rows_forgotten(patch):
    forgotten(patch)


@fault("a line that the PSA counts is written to", "lines that the PSA counts")
def counted_is_written(patch):
    real = prorata_rows.changed

    def changed(facts, line, observed):
        return real(facts, replace(line, computed=False), observed)

    kinds_ = {**planning.KINDS, ChangeKind.PRORATA_ROWS: Kind(prorata_rows.opened, changed)}
    patch.setattr(planning, "KINDS", kinds_)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name, monkeypatch):
    plant, caught_by = FAULTS[name]
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        CHECKS[caught_by]()


def test_each_operation_of_a_line_names_the_day_it_starts():
    """The check of the undo would pass on an engine that writes nothing at all: it writes."""
    driver = test_invariants.a_settled_driver(10)
    driver.sync(date(2026, 3, 17), 15)
    created = [op for op in driver.psa.operations if isinstance(op, CreateLine)]
    assert [(op.starts, op.ends) for op in created] == [(date(2026, 3, 17), date(2026, 3, 31))]
