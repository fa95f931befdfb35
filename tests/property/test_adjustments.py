"""What Autotask's invoices bill is what is owed, to the day, over random years of one contract."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.agreements import Capabilities
from shared.domain.ids import LineId
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, PlanStatus
from tests.builders import OTHER_PRODUCT, a_line
from tests.property.adjusted import AUTOTASK, POSTED_TOO, AdjustedWalk
from tests.property.effort import tried
from tests.property.histories import History, Step, histories
from tests.property.oracle import Oracle

DAY = timedelta(days=1)
money = tried(300)
invariant = tried(100)
both_sites = pytest.mark.parametrize(
    "site", [AUTOTASK, POSTED_TOO], ids=["posted periods are closed", "posted periods change"]
)


def check_billed_as_owed(history: History, site: Capabilities) -> AdjustedWalk:
    walk = AdjustedWalk(history, site).run()
    assert walk.differences() == {}
    return walk


# Money -------------------------------------------------------------------------------------------


@both_sites
@money
@given(history=histories())
def test_each_day_is_billed_with_the_seats_that_the_rules_say(history, site):
    check_billed_as_owed(history, site)


@both_sites
@money
@given(history=histories(adopts=True))
def test_a_line_taken_over_is_billed_on_as_it_was(history, site):
    check_billed_as_owed(history, site)


@both_sites
@money
@given(history=histories(overrides=True))
def test_an_override_start_in_the_past_or_future_is_billed_from_that_day(history, site):
    check_billed_as_owed(history, site)


@both_sites
@money
@given(history=histories(crashes=True))
def test_a_sync_that_stops_after_any_step_bills_the_same(history, site):
    check_billed_as_owed(history, site)


class Ideal(AdjustedWalk):
    """Beside Autotask's own rules: what is owed by the rules of all PSAs together.

    Periods settle when they begin, as if nothing were ever invoiced before. There is no sync on a
    period's last day: what it writes for the next one would be that one's first change.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.common = Oracle(self.history.calendar, credits_on=self.history.credits)

    def sync(self, day: date, step: Step) -> None:
        if day != self.psa.calendar.containing(day).last:
            super().sync(day, step)
            self.common.sync(day, step.seats)

    def unequal(self) -> dict[date, tuple[Fraction, Fraction]]:
        billed, owed = self.psa.billed(), self.common.shares()
        last = self.psa.calendar.containing(self.last - 62 * DAY).start
        return {
            start: (billed.get(start, Fraction(0)), owed.get(start, Fraction(0)))
            for start in {*billed, *owed}
            if start < min(last, self.psa.first_unposted)
            and billed.get(start, Fraction(0)) != owed.get(start, Fraction(0))
        }


def once_a_day(history: History) -> History:
    """The history without second changes of a day, which Autotask cannot undo or add to."""
    steps = tuple(replace(step, gap=max(1, step.gap)) for step in history.steps)
    return replace(history, steps=steps)


@money
@given(history=histories())
def test_with_one_change_a_day_and_open_periods_it_is_what_every_psa_bills(history):
    walk = Ideal(once_a_day(history), POSTED_TOO).run()

    assert walk.unequal() == {}


# What holds for every plan ------------------------------------------------------------------------


class Watched(AdjustedWalk):
    """A walk that calls ``after_sync`` once each sync is finished."""

    def sync(self, day: date, step: Step) -> None:
        super().sync(day, step)
        if step.crash is None:
            self.after_sync(day, step.seats)

    def after_sync(self, day: date, seats: int) -> None:
        """Look at what is there now."""


@both_sites
@invariant
@given(history=histories(crashes=True))
def test_a_second_plan_is_in_step_and_keeps_nothing(history, site):
    class Idempotent(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            again = plan(self.driver.request(day, seats))
            assert (again.operations, again.ledger) == ((), None)
            assert again.status is not PlanStatus.CHANGE
            assert again.before == again.after

    Idempotent(history, site).run()


@both_sites
@invariant
@given(history=histories())
def test_a_quiet_day_writes_and_keeps_nothing(history, site):
    class Quiet(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            tomorrow, first = day + DAY, self.psa.first_unposted
            starts = self.driver.ledger.line_starts if self.driver.ledger else None
            begins = self.psa.calendar.containing(tomorrow).start == tomorrow
            if not begins and tomorrow < (starts or tomorrow) + DAY and first != tomorrow + DAY:
                found = plan(self.driver.request(tomorrow, seats))
                assert (found.operations, found.ledger) == ((), None)

    Quiet(history, site).run()


@both_sites
@invariant
@given(history=histories())
def test_what_a_preview_shows_is_what_is_sent(history, site):
    class Previewed(AdjustedWalk):
        def sync(self, day: date, step: Step) -> None:
            preview = plan(self.driver.request(day, step.seats))
            sent = len(self.psa.operations)
            super().sync(day, step)
            operations = tuple(self.psa.operations[sent:])
            assert operations == (preview.operations if preview.status is PlanStatus.CHANGE else ())

    Previewed(history, site).run()


@both_sites
@invariant
@given(history=histories())
def test_unknown_seats_write_nothing(history, site):
    class Unknown(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            for later in (day, day + DAY, day + 40 * DAY):
                found = plan(self.driver.request(later, None))
                assert (found.status, found.operations, found.ledger) == (
                    PlanStatus.UNKNOWN,
                    (),
                    None,
                )

    Unknown(history, site).run()


@both_sites
@invariant
@given(history=histories(), seats=st.integers(1, 60))
def test_lines_of_others_are_never_touched(history, site, seats):
    walk = AdjustedWalk(history, site)
    theirs = a_line(LineId("100"), quantity=seats, product_id=OTHER_PRODUCT, marker="OTHER-1")
    walk.psa.begin_with(theirs, seats)
    before = walk.psa.lines[theirs.line_id]

    walk.run()

    assert walk.psa.lines[theirs.line_id] == before
    assert theirs.line_id not in {getattr(op, "line_id", None) for op in walk.psa.operations}


@both_sites
@invariant
@given(history=histories(with_credits=True))
def test_a_credit_that_is_only_reported_is_billed_as_without_credits(history, site):
    reported = AdjustedWalk(history, site)
    reported.driver.credit_mode = CreditMode.REPORT

    reported.run()

    without = AdjustedWalk(replace(history, credits=False), site).run()
    assert reported.psa.billed() == without.psa.billed()
    assert all(credit.seats < 0 for one in reported.driver.plans for credit in one.credits_due)


@invariant
@given(history=histories())
def test_where_no_line_can_have_0_seats_none_gets_them(history):
    walk = AdjustedWalk(history, replace(AUTOTASK, can_reach_zero=False)).run()

    steps = [step for line in walk.psa.lines.values() for step in line.steps or ()]
    assert all(step.quantity > 0 for step in steps)
