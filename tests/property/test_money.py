"""What the invoices bill is what is owed, to the day, over random years of one agreement.

Each compares the invoices of the ConnectWise simulator's own arithmetic with the oracle, period by
period, as exact fractions of seats.
"""

from fractions import Fraction

from hypothesis import given

from shared.domain.proration import prorated
from tests.property.effort import tried
from tests.property.handovers import Move, MoveWalk, moves
from tests.property.histories import History, Walk, histories
from tests.property.simulated import PRICE

money = tried(500)


def check_billed_as_owed(history: History) -> Walk:
    walk = Walk(history).run()
    assert walk.differences() == {}
    return walk


@money
@given(histories(with_credits=False))
def test_without_credits_the_customer_pays_the_running_maximum(history):
    check_billed_as_owed(history)


@money
@given(histories(with_credits=True))
def test_with_credits_the_customer_pays_the_seats_in_force(history):
    check_billed_as_owed(history)


@money
@given(histories(prorates=False))
def test_an_agreement_that_does_not_prorate_pays_whole_periods(history):
    check_billed_as_owed(history)


@money
@given(histories(overrides=True))
def test_an_override_start_in_the_past_or_future_is_billed_from_that_day(history):
    check_billed_as_owed(history)


@money
@given(histories(adopts=True))
def test_a_line_taken_over_is_billed_on_as_it_was(history):
    check_billed_as_owed(history)


@money
@given(histories(ends=True))
def test_nothing_is_billed_after_the_agreement_ends(history):
    check_billed_as_owed(history)


@money
@given(histories(crashes=True))
def test_a_sync_that_stops_after_any_step_bills_the_same(history):
    check_billed_as_owed(history)


@money
@given(histories(crashes=True, rising=True))
def test_a_rise_is_charged_even_if_an_invoice_falls_into_an_interrupted_sync(history):
    check_billed_as_owed(history)


@money
@given(moves())
def test_a_row_that_moves_is_billed_on_one_line_or_the_other(move: Move):
    walk = MoveWalk(move).run()

    assert walk.differences() == {}
    assert walk.doubled() == []


@money
@given(histories())
def test_the_preview_shows_the_cents_that_the_invoice_bills(history):
    walk = Walk(history).run()

    for charge in walk.psa.charges:
        shown = prorated(walk.psa.cycle, charge.first, charge.last, PRICE, int(charge.quantity))
        assert (shown.fraction, shown.unit, shown.amount) == (
            charge.fraction,
            charge.unit,
            charge.amount,
        )


@money
@given(histories(with_credits=False))
def test_rounding_moves_at_most_half_a_cent_a_seat_and_line(history):
    walk = check_billed_as_owed(history)

    for charge in walk.psa.charges:
        exact = Fraction(PRICE) * charge.fraction * int(charge.quantity)
        assert abs(Fraction(charge.amount) - exact) <= Fraction(int(charge.quantity), 200)
