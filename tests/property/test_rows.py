"""What holds for every plan on a PSA with pro-rata rows, over random years of one line."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.agreements import AddProrata, SetQuantity
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, PlanStatus
from shared.domain.proration import prorated
from tests.property.effort import tried
from tests.property.histories import History, histories
from tests.property.rows_psa import RowsWalk
from tests.property.simulated import PRICE

money = tried(300)
invariant = tried(100)


def check_billed_as_owed(history: History, *, negative: bool) -> RowsWalk:
    walk = RowsWalk(history, negative=negative).run()
    assert walk.differences() == {}
    return walk


@money
@given(histories(with_credits=False))
def test_with_negative_rows_the_customer_pays_the_running_maximum(history):
    assert check_billed_as_owed(history, negative=True).held == []


@money
@given(histories(with_credits=True))
def test_with_negative_rows_credits_leave_the_seats_in_force(history):
    assert check_billed_as_owed(history, negative=True).held == []


@money
@given(histories(with_credits=False))
def test_without_negative_rows_a_fall_waits_for_an_invoice_and_nothing_else_differs(history):
    check_billed_as_owed(history, negative=False)


@money
@given(histories(with_credits=False, rising=True))
def test_rises_alone_are_billed_from_their_day_on_any_instance(history):
    assert check_billed_as_owed(history, negative=False).held == []


@money
@given(histories(with_credits=True))
def test_credits_that_are_only_reported_make_up_for_what_is_billed_too_much(history):
    """All but days whose fall was waiting when a rise made it needless: ADR 25."""
    steps = tuple(replace(step, gap=max(1, step.gap)) for step in history.steps)
    walk = RowsWalk(
        replace(history, steps=steps), negative=False, credit_mode=CreditMode.REPORT
    ).run()

    found = walk.differences()
    assert found.keys() <= set(walk.held)
    assert all(paid > owed for paid, owed in found.values())


@money
@given(histories(overrides=True), st.booleans())
def test_an_override_start_is_billed_from_that_day(history, negative):
    check_billed_as_owed(replace(history, credits=False), negative=negative)


@money
@given(histories(adopts=True, with_credits=False), st.booleans())
def test_a_line_taken_over_is_billed_on_as_it_was(history, negative):
    check_billed_as_owed(history, negative=negative)


@money
@given(histories(ends=True, with_credits=False))
def test_nothing_is_billed_after_the_period_in_which_the_agreement_ends(history):
    check_billed_as_owed(history, negative=True)


@money
@given(histories(crashes=True), st.booleans())
def test_a_sync_that_stops_after_any_step_bills_the_same(history, negative):
    check_billed_as_owed(replace(history, credits=history.credits and negative), negative=negative)


@invariant
@given(histories(crashes=True), st.booleans())
def test_a_second_sync_on_the_same_snapshot_writes_and_keeps_nothing(history, negative):
    class Idempotent(RowsWalk):
        def after_sync(self, day: date, seats: int) -> None:
            again = plan(self.driver.request(day, seats))
            assert again.operations == ()
            assert again.status in {PlanStatus.IN_STEP, PlanStatus.WAITING, PlanStatus.BLOCKED}
            assert again.ledger in {None, self.driver.ledger and self.driver.ledger.ended()}
            assert again.before == again.after

    Idempotent(history, negative=negative).run()


@invariant
@given(histories(), st.booleans())
def test_unknown_seats_change_nothing(history, negative):
    class Unknown(RowsWalk):
        def after_sync(self, day: date, seats: int) -> None:
            found = plan(self.driver.request(day, None))
            assert (found.operations, found.ledger) == ((), None)

    Unknown(history, negative=negative).run()


@invariant
@given(histories(), st.booleans())
def test_the_quantity_is_never_written_while_rows_wait_and_no_row_is_negative_without_leave(
    history, negative
):
    """The adapter refuses both; here, that nothing else is written with a quantity before it."""
    walk = RowsWalk(history, negative=negative).run()

    for found in walk.driver.plans:
        kinds = [type(op) for op in found.operations]
        assert SetQuantity not in kinds[1:]
    for op in walk.psa.operations:
        if isinstance(op, AddProrata) and not negative:
            assert op.row + op.quantity >= 0


@invariant
@given(histories())
def test_the_preview_shows_the_cents_that_the_invoice_bills(history):
    walk = RowsWalk(history, negative=True).run()
    cycle = walk.psa.agreement().cycle
    assert cycle is not None

    for line in walk.psa.billed_lines:
        first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
        shown = prorated(cycle, first, last, PRICE, int(line["quantity"]))
        assert (shown.unit, shown.amount) == (Decimal(line["price"]), Decimal(line["amount"]))
