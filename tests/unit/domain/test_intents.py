from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    CreateLine,
    EndLine,
    LineKind,
    ProrataRow,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    standing_marker,
)
from shared.domain.history import Change
from shared.domain.ids import LineId, RunId
from shared.domain.intents import (
    Intent,
    abandoned,
    doubt,
    has_landed,
    left_of,
    recovery,
    with_standing_line,
)
from shared.domain.ledger import Charged, Ledger
from shared.domain.mappings import Billable
from tests.builders import AGREEMENT, CUSTOMER, GROUP, LINE, PRODUCT, a_line

APRIL = date(2026, 4, 1)
MAY = date(2026, 5, 1)
MARCH = date(2026, 3, 1)
MARCH_17, MARCH_31 = date(2026, 3, 17), date(2026, 3, 31)
DATED = LineId("777")

A_RISE = SetQuantity(AGREEMENT, LINE, 10, 12)
A_DATED_LINE = CreateLine(
    agreement_id=AGREEMENT,
    marker="SEATSYNC-dated",
    kind=LineKind.DATED,
    product_id=PRODUCT,
    quantity=2,
    starts=MARCH_17,
    ends=MARCH_31,
    unit_price=None,
    description=None,
    billable=Billable.BILLABLE,
)
BEFORE = Ledger(
    CUSTOMER,
    GROUP,
    line_id=LINE,
    last_written=10,
    line_starts=date(2026, 1, 1),
    charged=(Charged(MARCH, 10, 10),),
    first_uninvoiced=APRIL,
)
AFTER = Ledger(
    CUSTOMER,
    GROUP,
    line_id=LINE,
    last_written=12,
    line_starts=date(2026, 1, 1),
    charged=(Charged(MARCH, 12, 10),),
    first_uninvoiced=APRIL,
    last_change="change-1",
)
DATED_LINE = a_line(DATED, quantity=2, starts=MARCH_17, ends=MARCH_31, marker="SEATSYNC-dated")


def an_intent(*operations) -> Intent:
    change = Change(
        change_id="change-1",
        customer_id=CUSTOMER,
        group_id=GROUP,
        rows=(),
        license_name="",
        agreement_id="7001",
        at=datetime(2026, 3, 17, tzinfo=UTC),
        actor="timer",
        run_id=RunId("run-1"),
        before=10,
        after=12,
        why=(),
        operations=(),
        result="written",
    )
    return Intent(change, operations, AFTER, APRIL, datetime(2026, 3, 17, tzinfo=UTC))


RISE = an_intent(A_DATED_LINE, A_RISE)


def test_an_intent_of_which_nothing_landed_is_forgotten():
    found = recovery(RISE, BEFORE, (a_line(),), APRIL)

    assert (found.remaining, found.ledger) == ((), None)


def test_an_intent_that_is_in_the_ledger_is_done():
    found = recovery(RISE, AFTER, (a_line(),), MAY)

    assert (found.remaining, found.ledger) == ((), AFTER)


def test_an_intent_that_was_opened_after_another_change_is_forgotten_whatever_the_lines_show():
    overtaken = replace(RISE, follows="change-of-before")
    later = replace(BEFORE, last_change="another-change")

    found = recovery(overtaken, later, (a_line(), DATED_LINE), APRIL)

    assert (found.remaining, found.ledger) == ((), None)


@pytest.mark.parametrize(("follows", "last"), [("", None), ("change-0", "change-0"), (None, "x")])
def test_an_intent_that_nobody_overtook_is_finished(follows, last):
    found = recovery(
        replace(RISE, follows=follows),
        replace(BEFORE, last_change=last),
        (a_line(), DATED_LINE),
        APRIL,
    )

    assert found.remaining == (A_RISE,)


def test_an_adoption_is_finished_without_a_write():
    assert recovery(an_intent(), BEFORE, (a_line(),), APRIL).ledger == AFTER


def test_what_did_not_land_is_sent():
    found = recovery(RISE, BEFORE, (a_line(), DATED_LINE), APRIL)

    assert (found.remaining, found.ledger) == ((A_RISE,), AFTER)


def test_after_an_invoice_the_standing_quantity_is_left_to_the_next_plan():
    found = recovery(RISE, BEFORE, (a_line(), DATED_LINE), MAY)

    assert found.remaining == ()
    assert found.ledger is not None
    assert (found.ledger.last_written, found.ledger.first_uninvoiced) == (10, APRIL)
    assert found.ledger.charged == AFTER.charged


def test_after_an_invoice_a_dated_line_is_still_sent():
    found = recovery(RISE, BEFORE, (a_line(quantity=12),), MAY)

    assert (found.remaining, found.ledger) == ((A_DATED_LINE,), AFTER)


def test_an_operation_on_a_line_that_is_gone_is_left_out():
    found = recovery(RISE, BEFORE, (DATED_LINE,), APRIL)

    assert found.remaining == ()
    assert found.ledger is not None
    assert found.ledger.last_written == 10


def test_a_dated_line_that_is_never_sent_is_not_charged():
    assert abandoned((A_DATED_LINE,), RISE, BEFORE).charged == (Charged(MARCH, 10, 10),)


@pytest.mark.parametrize(
    ("operation", "charged"),
    [(SetQuantity(AGREEMENT, DATED, 2, 5), 9), (RemoveLine(AGREEMENT, DATED), 14)],
    ids=["not raised from 2 to 5", "not removed"],
)
def test_a_dated_line_that_was_invoiced_before_it_could_be_edited_is_charged_as_it_is(
    operation, charged
):
    left = abandoned((operation,), an_intent(operation), BEFORE, (a_line(), DATED_LINE))

    assert left.charged == (Charged(MARCH, charged, 10),)


def test_an_end_and_a_text_that_were_never_sent_are_not_remembered():
    intent = an_intent()
    left = abandoned(
        (EndLine(AGREEMENT, LINE, MARCH_31), SetDescription(AGREEMENT, LINE, "seats")),
        intent,
        BEFORE,
    )

    assert (left.line_ends, left.description) == (None, None)


@pytest.mark.parametrize(
    ("operation", "line", "landed"),
    [
        (A_RISE, a_line(quantity=12), True),
        (A_RISE, a_line(quantity=10), False),
        (A_DATED_LINE, DATED_LINE, True),
        (A_DATED_LINE, a_line(), False),
        (
            A_DATED_LINE,
            a_line(DATED, starts=MARCH_17, ends=date(2026, 3, 16), marker="SEATSYNC-dated"),
            False,
        ),
        (RemoveLine(AGREEMENT, DATED), a_line(), True),
        (RemoveLine(AGREEMENT, DATED), DATED_LINE, False),
        (RemoveLine(AGREEMENT, LINE), a_line(starts=APRIL, ends=MARCH_31), True),
        (EndLine(AGREEMENT, LINE, MARCH_31), a_line(ends=MARCH_31), True),
        (EndLine(AGREEMENT, LINE, None), a_line(ends=MARCH_31), False),
        (SetDescription(AGREEMENT, LINE, "seats"), a_line(description="seats"), True),
        (SetPrice(AGREEMENT, LINE, None, Decimal(5)), a_line(unit_price=Decimal("5.00")), True),
        (SetQuantity(AGREEMENT, DATED, 1, 2), a_line(), False),
    ],
)
def test_the_lines_tell_what_has_landed(operation, line, landed):
    assert has_landed(operation, (line,)) is landed


def test_a_standing_line_whose_answer_was_lost_is_found_by_its_mark():
    waiting = Ledger(CUSTOMER, GROUP, line_starts=MARCH)
    ours = a_line(LineId("901"), marker=standing_marker(GROUP, 1))

    assert with_standing_line(waiting, (a_line(), ours)).line_id == "901"
    assert with_standing_line(waiting, (a_line(),)).line_id is None
    assert with_standing_line(Ledger(CUSTOMER, GROUP), (ours,)).line_id is None
    assert with_standing_line(BEFORE, (ours,)).line_id == LINE


# Quantities by day -----------------------------------------------------------------------------


def by_day(*steps: tuple[date, int], marker: str | None = None):
    kept = tuple(QuantityStep(day, seats) for day, seats in steps)
    return replace(a_line(marker=marker), steps=kept)


@pytest.mark.parametrize(
    ("steps", "landed"),
    [
        ([(MARCH, 10)], False),
        ([(MARCH, 10), (APRIL, 12)], True),
        ([(MARCH, 10), (APRIL, 12), (MAY, 15)], True),
        ([(MARCH, 12), (APRIL, 10)], False),
        ([], False),
    ],
)
def test_an_adjustment_has_landed_when_its_day_shows_it(steps, landed):
    operation = AdjustQuantity(AGREEMENT, LINE, 10, 12, APRIL)

    assert has_landed(operation, (by_day(*steps),)) is landed
    assert not has_landed(operation, ())


def test_a_line_that_gets_its_quantity_second_has_landed_with_it():
    create = replace(A_DATED_LINE, starts=APRIL, quantity=2)

    assert not has_landed(create, (by_day(marker=create.marker),))
    assert not has_landed(create, (by_day((APRIL, 1), marker=create.marker),))
    assert has_landed(create, (by_day((APRIL, 2), marker=create.marker),))


def test_an_adjustment_that_was_not_sent_leaves_the_old_quantity():
    left = AdjustQuantity(AGREEMENT, LINE, 10, 12, APRIL)

    assert abandoned((left,), an_intent(left), BEFORE).last_written == 10


# Differences, which count twice when they are sent twice ------------------------------------------

UP = AdjustQuantity(AGREEMENT, LINE, 10, 12, MARCH_17)
DOWN = AdjustQuantity(AGREEMENT, LINE, 12, 7, APRIL)
ROW = AddProrata(AGREEMENT, LINE, 10, 2, MARCH_17)


def stepped(*steps: tuple[date, int]):
    return replace(a_line(), steps=tuple(QuantityStep(*step) for step in steps))


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (stepped((MARCH, 10)), (UP, DOWN)),
        (stepped((MARCH, 10), (MARCH_17, 12)), (DOWN,)),
        (stepped((MARCH, 10), (MARCH_17, 12), (APRIL, 7)), ()),
    ],
    ids=["none", "the first", "both"],
)
def test_of_several_differences_those_are_left_that_the_days_do_not_show(line, left):
    assert left_of((UP, DOWN), (line,)) == left
    assert doubt((UP, DOWN), (line,)) is None


@pytest.mark.parametrize(
    "lines",
    [
        (stepped((MARCH, 10), (MARCH_17, 11)),),
        (stepped((MARCH, 10), (APRIL, 7)),),
        (),
    ],
    ids=["another number", "the second without the first", "no line"],
)
def test_what_no_difference_explains_is_for_a_person(lines):
    why = doubt((UP, DOWN), lines)

    assert why is not None
    assert "Set it to 10 or 7" in why


def test_a_difference_that_another_takes_back_leaves_nobody_who_knows():
    back = AdjustQuantity(AGREEMENT, LINE, 12, 10, MARCH_17)

    assert doubt((UP, back), (stepped((MARCH, 10)),)) is not None


@pytest.mark.parametrize(("quantity", "left"), [(10, (ROW,)), (12, ())])
def test_a_row_is_told_by_the_quantity_with_all_waiting_rows(quantity, left):
    line = replace(a_line(quantity=quantity), waiting=(ProrataRow(MARCH_17, 1),))

    assert left_of((ROW,), (line,)) == left
    assert doubt((ROW,), (line,)) is None


def test_of_several_differences_left_the_line_has_what_it_had_before_the_first():
    kept = abandoned((UP, DOWN), an_intent(UP, DOWN), BEFORE)

    assert (kept.last_written, kept.charged) == (10, BEFORE.charged)
