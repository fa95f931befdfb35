"""Random years of a schedule without dates: what it bills, and what may never happen to it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given

from shared.domain import planning
from shared.domain.agreements import ChangeKind, SetQuantity
from shared.domain.changing import plain_quantity
from shared.domain.changing.facts import GroupFacts
from shared.domain.changing.kinds import KINDS
from shared.domain.planning import plan
from shared.domain.plans import PlanStatus
from tests.builders import E5_ROW
from tests.property.effort import tried
from tests.property.plain import PlainHistory, PlainStep, PlainWalk, plain_histories

COUNT = 120


@tried(COUNT)
@given(plain_histories())
def test_each_invoice_bills_what_the_last_sync_knew_to_be_needed(history):
    assert PlainWalk(history).run().differences() == {}


@tried(COUNT)
@given(plain_histories(starts=True))
def test_a_start_date_is_billed_from_the_first_period_that_begins_on_it_or_later(history):
    walk = PlainWalk(history).run()

    assert walk.differences() == {}
    assert not any(
        seats
        for start, seats in walk.psa.billed.items()
        if start + timedelta(days=history.late) < history.start
    )


@tried(COUNT)
@given(plain_histories(leaves=True))
def test_a_row_that_leaves_is_billed_through_its_last_day_and_its_line_goes(history):
    walk = PlainWalk(history).run()

    assert walk.differences() == {}


@tried(COUNT)
@given(plain_histories(adopts=True))
def test_a_line_taken_over_is_billed_on(history):
    assert PlainWalk(history).run().differences() == {}


@tried(COUNT)
@given(plain_histories(crashes=True, leaves=True))
def test_a_sync_that_stops_after_any_step_bills_the_same(history):
    assert PlainWalk(history).run().differences() == {}


class Watched(PlainWalk):
    """Looks at the engine after each sync."""

    def sync(self, day, step):
        super().sync(day, step)
        self.look(day, step.seats)

    def look(self, day, seats):
        raise NotImplementedError


@tried(COUNT)
@given(plain_histories(starts=True, leaves=True))
def test_a_second_sync_writes_and_keeps_nothing(history):
    class Idempotent(Watched):
        def look(self, day, seats):
            found = plan(self.driver.request(day, seats))
            assert found.operations == ()
            assert found.status in {PlanStatus.IN_STEP, PlanStatus.WAITING}

    Idempotent(history).run()


@tried(COUNT)
@given(plain_histories(leaves=True))
def test_unknown_writes_nothing(history):
    class Unknown(Watched):
        def look(self, day, seats):
            if history.last_day is not None and history.last_day < day:
                return  # what has left is not asked for
            found = plan(self.driver.request(day, {E5_ROW: None}))
            assert (found.status, found.operations) == (PlanStatus.UNKNOWN, ())

    Unknown(history).run()


@tried(COUNT)
@given(plain_histories(starts=True, leaves=True))
def test_there_is_never_more_than_one_line_and_none_that_nobody_needs(history):
    walk = PlainWalk(history).run()

    left = history.last_day is not None and history.last_day < walk.psa.run_day
    emptied = not history.steps[-1].seats
    assert len(walk.psa.lines) <= 1
    if left or emptied:
        assert all(not line.quantity for line in walk.psa.lines.values())


@tried(COUNT)
@given(plain_histories())
def test_a_hand_edit_is_held_and_never_overwritten(history):
    walk = PlainWalk(history).run()
    last = walk.oracle.seen
    for line in tuple(walk.psa.lines.values()):
        walk.psa.lines[line.line_id] = replace(line, quantity=(line.quantity or 0) + 50)
        found = plan(walk.driver.request(last, history.steps[-1].seats))
        assert found.status is PlanStatus.HELD


# Planted faults ----------------------------------------------------------------------------------

SOME = PlainHistory(
    anchor=date(2026, 1, 31),
    months=1,
    late=0,
    syncs_first=True,
    opening=3,
    steps=(PlainStep(0, 5), PlainStep(8, 9), PlainStep(9, 0), PlainStep(20, 4), PlainStep(30, 2)),
)
HISTORIES = (
    SOME,
    replace(SOME, months=3, start_after=40),
    replace(SOME, leaves_after=50),
    replace(SOME, adopts=3, leaves_after=70),
    replace(SOME, start_after=30, syncs_first=False),
)


def check_the_fixed_histories() -> None:
    for history in HISTORIES:
        walk = PlainWalk(history).run()
        assert walk.differences() == {}
        if history.leaves_after is not None:
            assert walk.psa.lines == {}


def planted(monkeypatch, **functions) -> None:
    kind = replace(KINDS[ChangeKind.PLAIN_QUANTITY], **functions)
    monkeypatch.setattr(planning, "KINDS", {**KINDS, ChangeKind.PLAIN_QUANTITY: kind})


def only_rises(monkeypatch):
    def changed(facts, line, observed):
        found = plain_quantity.changed(facts, line, observed)
        rises = [op for op in found.operations if isinstance(op, SetQuantity) and op.after]
        return replace(found, operations=tuple(rises))

    planted(monkeypatch, changed=changed)


def todays_seats(monkeypatch):
    monkeypatch.setattr(GroupFacts, "counts_on", property(lambda facts: facts.today))


def what_is_left_stays(monkeypatch):
    monkeypatch.setattr(plain_quantity, "_is_done", lambda facts: False)


def one_too_many(monkeypatch):
    def opened(facts, given):
        found = plain_quantity.opened(facts, given)
        [create] = found.operations
        return replace(found, operations=(replace(create, quantity=create.quantity + 1),))

    planted(monkeypatch, opened=opened)


def the_sum_of_both(monkeypatch):
    def changed(facts, line, observed):
        found = plain_quantity.changed(facts, line, observed)
        twice = [
            replace(op, after=op.before + op.after) if isinstance(op, SetQuantity) else op
            for op in found.operations
        ]
        return replace(found, operations=tuple(twice))

    planted(monkeypatch, changed=changed)


def test_the_fixed_histories_are_billed_as_owed():
    check_the_fixed_histories()


@pytest.mark.parametrize(
    "plant", [only_rises, todays_seats, what_is_left_stays, one_too_many, the_sum_of_both]
)
def test_a_planted_fault_is_caught(plant, monkeypatch):
    plant(monkeypatch)

    with pytest.raises(AssertionError):
        check_the_fixed_histories()
