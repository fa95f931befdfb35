"""The worked examples of ADR 25, on the simulated HaloPSA: monthly from the 1st, 10 seats."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from local.simulators.halopsa import builders
from local.simulators.halopsa.state import midnight
from shared.domain.agreements import (
    AddProrata,
    CreateLine,
    EndLine,
    Operation,
    ProrataRow,
    SetQuantity,
)
from shared.domain.forecast import lines_after, next_invoice
from shared.domain.guards import GuardSettings, guarded
from shared.domain.intents import Intent, abandoned, doubt, left_of, recovery
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, PlanStatus, ReasonKind
from tests.builders import AGREEMENT, LINE, NOW, a_change, a_line, a_mapping
from tests.property.rows_psa import HEADER, a_rows_psa, rows_capabilities
from tests.property.simulated import ADVANCE, ARREARS, MONTH_AHEAD, Driver

HALO_LINE = 501


def march(day: int) -> date:
    return date(2026, 3, day)


def april(day: int) -> date:
    return date(2026, 4, day)


def a_driver(timing=ADVANCE, *, seats: int | None = 10, negative=False, **options) -> Driver:
    """A driver on a recurring invoice as on 1 March, with an old line of so many seats."""
    psa = a_rows_psa(date(2026, 1, 1), timing=timing, first_day=march(1), negative=negative)
    if seats is not None:
        line = builders.a_line(HALO_LINE, recurring_invoice=HEADER, quantity=seats)
        psa.state.seed(lines=[line])
    if timing is not ARREARS:
        psa.invoice()
    driver = Driver(psa, capabilities=rows_capabilities(negative=negative), **options)
    if seats is not None:
        driver.sync(march(1), seats)
    return driver


def written(driver: Driver) -> list[tuple[object, ...]]:
    """What was sent: ("row", seats, day) or ("quantity", seats)."""
    return [short(operation) for operation in driver.psa.operations]


def short(operation: Operation) -> tuple[object, ...]:
    if isinstance(operation, AddProrata):
        return ("row", operation.quantity, operation.starts)
    if isinstance(operation, CreateLine):
        return ("new", operation.quantity, operation.starts)
    assert isinstance(operation, SetQuantity)
    return ("quantity", operation.after)


def waits(driver: Driver, day: date, seats: int) -> bool:
    planned = driver.sync(day, seats)
    assert planned.operations == ()
    return planned.status is PlanStatus.WAITING and planned.reasons[0].kind is ReasonKind.INVOICE


@pytest.mark.parametrize("timing", [ADVANCE, ARREARS])
def test_a_rise_is_one_row_from_its_day_whether_the_period_is_invoiced_or_not(timing):
    driver = a_driver(timing)

    planned = driver.sync(march(17), 12)

    assert written(driver) == [("row", 2, march(17))]
    assert (planned.before, planned.after) == (10, 12)
    assert "row of +2 from 17 March 2026, prorated by the PSA" in planned.explanation


def test_the_invoice_folds_the_row_and_nothing_is_written_for_it():
    driver = a_driver()
    driver.sync(march(17), 12)

    driver.psa.invoice()
    planned = driver.sync(april(2), 12)

    assert (planned.status, planned.operations) == (PlanStatus.IN_STEP, ())
    assert [(x["quantity"], x["from"], x["to"]) for x in driver.psa.billed_lines[1:]] == [
        (10, "2026-04-01", "2026-04-30"),
        (2, "2026-03-17", "2026-04-30"),
    ]


def test_a_fall_in_an_invoiced_period_lowers_the_quantity_of_the_next():
    driver = a_driver()

    driver.sync(march(17), 8)

    assert written(driver) == [("quantity", 8)]
    assert driver.psa.billed()[march(1)] == 10


def test_a_fall_before_the_invoice_waits_for_it():
    driver = a_driver(ARREARS)

    waited = waits(driver, march(17), 8)
    driver.psa.invoice()
    driver.sync(april(1), 8)

    assert waited
    assert written(driver) == [("quantity", 8)]
    assert driver.psa.billed()[march(1)] == 10


def test_a_rise_and_a_fall_in_one_period_wait_until_the_invoice_has_folded_the_row():
    """The expected difference: April is billed 12 although 11 are needed since 25 March."""
    driver = a_driver()
    driver.sync(march(17), 12)

    waited = waits(driver, march(25), 11)
    driver.psa.invoice()
    driver.sync(april(2), 11)

    assert waited
    assert written(driver) == [("row", 2, march(17)), ("quantity", 11)]
    assert driver.psa.billed()[april(1)] == 12


def test_the_same_with_negative_rows_bills_what_is_needed():
    driver = a_driver(negative=True)
    driver.sync(march(17), 12)

    driver.sync(march(25), 11)
    driver.psa.invoice()

    assert written(driver) == [("row", 2, march(17)), ("row", -1, april(1))]
    assert driver.psa.billed()[april(1)] == 11


def test_what_was_billed_too_much_for_want_of_a_way_pays_for_a_later_rise():
    driver = a_driver()
    driver.sync(march(17), 12)
    driver.sync(march(25), 11)
    driver.psa.invoice()
    driver.sync(april(2), 11)

    driver.sync(april(10), 12)
    driver.psa.invoice()

    assert driver.psa.billed()[april(1)] == 12
    assert driver.psa.billed()[date(2026, 5, 1)] == 12


def test_seats_that_come_back_within_a_paid_period_cost_nothing_before_the_next():
    driver = a_driver()
    driver.sync(march(6), 5)

    driver.sync(march(11), 15)

    assert written(driver) == [
        ("quantity", 5),
        ("quantity", 10),
        ("row", 5, march(11)),
    ]


def test_credits_are_negative_rows_from_the_day_of_the_fall():
    driver = a_driver(negative=True, credits=True)
    driver.sync(march(6), 5)

    driver.sync(march(11), 15)

    assert written(driver) == [("row", -5, march(6)), ("row", 10, march(11))]


def test_credits_that_the_instance_does_not_take_are_reported():
    driver = a_driver(credits=True, credit_mode=CreditMode.REPORT)

    planned = driver.sync(march(17), 8)

    (credit,) = planned.credits_due
    assert (credit.seats, credit.starts, credit.ends) == (-2, march(17), march(31))
    assert written(driver) == [("quantity", 8)]


def test_up_and_back_on_one_day_leaves_no_row():
    driver = a_driver()
    driver.sync(march(17), 15)

    driver.sync(march(17), 10)

    assert not driver.psa.rows_wait()
    assert driver.sync(march(18), 10).status is PlanStatus.IN_STEP


def test_each_invoiced_period_has_its_own_high_water_mark():
    # A month ahead: April was invoiced with 12, May with 10; on 16 April 13 are needed.
    driver = a_driver(MONTH_AHEAD, seats=12)
    driver.sync(march(20), 10)
    driver.psa.invoice()

    driver.sync(april(16), 13)
    driver.psa.invoice()

    assert written(driver)[-2:] == [("row", 1, april(16)), ("row", 2, date(2026, 5, 1))]
    billed = driver.psa.billed()
    assert billed[date(2026, 5, 1)] == 13
    assert billed[date(2026, 6, 1)] == 13


def test_a_new_line_in_the_middle_of_a_period_has_one_row_which_grows_on_its_day():
    driver = a_driver(seats=None)
    driver.sync(march(20), 10)

    driver.sync(march(20), 12)
    driver.psa.invoice()

    assert written(driver) == [("new", 10, march(20)), ("row", 2, march(20))]
    (line,) = driver.psa.billed_lines
    assert (line["quantity"], line["from"], line["to"]) == (12, "2026-03-20", "2026-04-30")


def test_two_invoices_without_a_sync_between_them_bill_the_rows_all_the_same():
    driver = a_driver(ARREARS)
    driver.sync(march(17), 12)
    driver.psa.invoice()
    driver.psa.invoice()

    planned = driver.sync(date(2026, 5, 2), 12)

    assert planned.status is PlanStatus.IN_STEP
    assert driver.psa.billed()[april(1)] == 12


def test_an_agreement_that_does_not_prorate_changes_on_period_starts_only():
    driver = a_driver(ARREARS)
    request = driver.request(march(17), 12)
    flat = replace(request, agreement=replace(request.agreement, prorates=False))

    (row,) = plan(flat).operations

    assert short(row) == ("row", 2, april(1))


def test_a_line_that_the_psa_counts_is_not_written_to():
    driver = a_driver()
    driver.psa.state.lines[HALO_LINE]["recurring_invoice_quantity_type"] = 3

    planned = plan(driver.request(march(17), 12))

    assert (planned.status, planned.operations) == (PlanStatus.BLOCKED, ())
    assert planned.reasons[0].kind is ReasonKind.COMPUTED
    assert "counts the quantity of line 501" in planned.reasons[0].text


def test_a_hand_edit_is_drift_and_rows_that_a_person_adds_count():
    driver = a_driver()
    driver.psa.state.lines[HALO_LINE]["prorata_data"] = [
        {"id": 7, "isinvoiced": False} | builders.a_row(march(16), 3)
    ]

    planned = driver.sync(march(17), 12)

    assert (planned.status, planned.before) == (PlanStatus.HELD, 13)
    assert [reason.kind for reason in planned.reasons] == [ReasonKind.DRIFT]


def test_what_a_person_has_set_already_is_adopted_and_what_is_invoiced_stays():
    driver = a_driver()
    driver.psa.state.lines[HALO_LINE]["qty_order"] = Decimal(12)

    driver.sync(march(17), 12)
    driver.sync(march(18), 12)

    assert written(driver) == []


def test_a_hand_edit_of_a_period_without_an_invoice_is_never_taken_for_right():
    """12 from the 1st is more than 12 from the 17th, whatever the quantity says."""
    driver = a_driver(ARREARS)
    driver.psa.state.lines[HALO_LINE]["qty_order"] = Decimal(12)

    held = plan(driver.request(march(17), 12))
    enforced = plan(replace(driver.request(march(17), 12), override=True))

    assert held.status is PlanStatus.HELD
    assert [short(op) for op in enforced.operations] == [("quantity", 10), ("row", 2, march(17))]
    assert (enforced.before, enforced.after) == (12, 12)


def test_a_line_with_waiting_rows_is_taken_over_as_it_is():
    driver = a_driver(seats=None)
    rows = (builders.a_row(march(16), 2),)
    line = builders.a_line(HALO_LINE, recurring_invoice=HEADER, quantity=10, rows=rows)
    driver.psa.state.seed(lines=[line])

    first = driver.sync(march(17), 12)
    second = driver.sync(march(18), 12)

    assert first.adopts
    assert (second.status, written(driver)) == (PlanStatus.IN_STEP, [])


def test_an_override_start_in_the_past_is_the_day_of_the_first_row():
    mapping = a_mapping(override_start=march(10))
    driver = a_driver(seats=None, mappings=(mapping,))

    planned = driver.sync(march(17), 10)

    assert written(driver) == [("new", 10, march(10))]
    assert planned.back_dated == (march(10),)


def test_a_fall_that_waits_is_held_by_its_size_like_one_that_is_written():
    driver = a_driver(ARREARS, seats=40)
    request = driver.request(march(17), 20)

    found = guarded(
        replace(plan(request), confirmed=False), GuardSettings(), request.agreement, march(17)
    )

    assert found.status is PlanStatus.HELD
    assert ReasonKind.FALL in {reason.kind for reason in found.reasons}


def test_the_forecast_shows_the_quantity_and_each_row():
    driver = a_driver()
    request = driver.request(march(17), 12)
    found = plan(request)
    assert found.ledger is not None

    kind = request.capabilities.change
    lines = lines_after(request.lines, found.operations, None, kind)
    forecast = next_invoice(
        request.agreement, lines, request.group.group_id, found.ledger, march(17), kind=kind
    )

    assert forecast is not None
    assert [(item.quantity, item.first, item.amount) for item in forecast.items] == [
        (10, april(1), Decimal("200.00")),
        (2, march(17), Decimal("59.36")),
    ]


def test_a_line_that_lies_ahead_in_an_invoiced_period_may_still_become_less():
    """A move was saved before March's invoice was made ahead, and its line is written after."""
    mapping = a_mapping(effective_from=april(1))
    driver = a_driver(MONTH_AHEAD, seats=None, mappings=(mapping,))
    driver.sync(march(20), 10)

    driver.sync(march(21), 4)
    driver.psa.invoice()

    assert written(driver) == [("new", 10, april(1)), ("row", -6, april(1))]
    (line,) = driver.psa.billed_lines
    assert (line["quantity"], line["from"]) == (4, "2026-04-01")


# Interruptions -----------------------------------------------------------------------------------

DOWN = SetQuantity(AGREEMENT, LINE, 10, 7)
UP = AddProrata(AGREEMENT, LINE, 7, 3, march(17))


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (a_line(quantity=10), (DOWN, UP)),
        (a_line(quantity=7), (UP,)),
        (replace(a_line(quantity=10), waiting=(ProrataRow(march(17), 3),)), ()),
    ],
)
def test_rows_that_add_up_to_nothing_tell_how_far_a_plan_came(line, left):
    assert left_of((DOWN, UP), (line,)) == left
    assert doubt((DOWN, UP), (line,)) is None


def test_once_an_invoice_may_have_folded_them_only_a_person_can_tell():
    assert doubt((DOWN, UP), (a_line(quantity=10),), folded=True) is not None


def test_a_row_is_still_sent_after_an_invoice_because_its_day_stays_right():
    driver = a_driver(MONTH_AHEAD, seats=12)
    driver.sync(march(20), 10)
    driver.psa.invoice()
    found = plan(driver.request(april(16), 13))
    assert found.ledger is not None
    intent = Intent(a_change(), found.operations, found.ledger, date(2026, 6, 1), NOW)
    driver.psa.execute(found.operations[0])

    rest = recovery(intent, driver.ledger, tuple(driver.psa.lines.values()), date(2026, 7, 1))

    assert rest.remaining == found.operations[1:]


def test_a_refused_row_is_taken_off_what_was_charged():
    driver = a_driver(MONTH_AHEAD, seats=12)
    driver.sync(march(20), 10)
    driver.psa.invoice()
    found = plan(driver.request(april(16), 13))
    assert found.ledger is not None
    first, second = found.operations
    intent = Intent(a_change(), found.operations, found.ledger, date(2026, 6, 1), NOW)
    driver.psa.execute(first)

    driver.ledger = abandoned((second,), intent, driver.ledger)
    again = plan(driver.request(april(16), 13))

    assert again.operations == (second,)


# A row that leaves while an invoice is still to come for its last days ----------------------------


def moved(driver: Driver, last: date) -> None:
    """Let the row bill here up to a day."""
    driver.mappings = (replace(driver.mappings[0], effective_to=last),)


def billed(driver: Driver) -> dict[date, Fraction]:
    driver.psa.billed_lines.clear()
    driver.psa.invoice()
    return driver.psa.billed()


def test_a_line_that_its_row_leaves_goes_on_until_its_rows_are_billed():
    """10 seats, March invoiced, 12 from the 17th; on the 20th the row moves away with April."""
    driver = a_driver(negative=True)
    driver.sync(march(17), 12)
    moved(driver, march(31))

    planned = driver.sync(march(20), 12)
    quiet = driver.sync(march(21), 12)
    invoice = billed(driver)
    driver.sync(april(2), 12)

    assert [short(operation) for operation in planned.operations] == [("row", -12, april(1))]
    assert "an invoice is to bill its last days" in " ".join(planned.explanation)
    assert quiet.operations == ()
    # Two seats for 15 days of March, and nothing for April.
    assert {day: share for day, share in invoice.items() if share} == {
        march(1): 2 * Fraction(15, 31)
    }
    (line,) = driver.psa.lines.values()
    assert (line.quantity, line.waiting, line.ends) == (0, (), march(31))


def test_seats_that_come_after_the_end_was_written_open_the_line_again():
    driver = a_driver(negative=True)
    moved(driver, march(31))
    driver.sync(march(10), 10)
    (ended,) = driver.psa.lines.values()

    driver.sync(march(17), 12)
    invoice = billed(driver)

    assert ended.ends == march(31)
    assert {day: share for day, share in invoice.items() if share} == {
        march(1): 2 * Fraction(15, 31)
    }


@pytest.mark.parametrize("why", ["no negative rows", "nothing waits", "the agreement ends too"])
def test_other_lines_end_with_their_row(why):
    driver = a_driver(negative=why != "no negative rows")
    if why == "the agreement ends too":
        driver.psa.state.recurring_invoices[HEADER]["enddate"] = midnight(march(31))
    if why != "nothing waits":
        driver.sync(march(16), 12)
    moved(driver, march(31))

    planned = driver.sync(march(20), 10 if why == "nothing waits" else 12)

    (end,) = planned.operations
    assert isinstance(end, EndLine)
    assert end.last_day == march(31)
    told = "not billed" in " ".join(planned.explanation)
    assert told is (why != "nothing waits")


def test_a_line_that_missed_an_invoice_with_a_quantity_is_left_ended():
    """Opened again, its quantity would be billed for no day that it stands for."""
    driver = a_driver(negative=True)
    moved(driver, march(31))
    driver.sync(march(10), 10)
    row = builders.a_row(march(17), 2) | {"id": 77}
    driver.psa.state.lines[HALO_LINE]["prorata_data"] = [row]  # somebody's, by hand
    driver.psa.invoice()

    planned = driver.sync(april(2), 10)

    assert planned.operations == ()


def test_a_new_line_that_missed_an_invoice_takes_its_later_days_away():
    """Made on 20 March with the last day 31 March; April's invoice came before anybody looked."""
    driver = a_driver(seats=None, negative=True)
    moved(driver, march(31))
    driver.sync(march(20), 4)
    driver.psa.invoice()

    driver.sync(april(2), 4)
    invoice = billed(driver)  # of May

    assert {day: share for day, share in invoice.items() if share} == {
        march(1): 4 * Fraction(12, 31)
    }
    driver.sync(date(2026, 5, 2), 4)
    (line,) = driver.psa.lines.values()
    assert (line.quantity, line.ends) == (0, march(31))
