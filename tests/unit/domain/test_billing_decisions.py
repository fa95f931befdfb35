"""The worked decisions, through the planner and onto a PSA that invoices."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from local.simulators.common.billing import Calendar
from local.simulators.connectwise import billing
from shared.domain.agreements import standing_marker
from shared.domain.guards import GuardSettings, guarded
from shared.domain.ids import LineId, RowId
from shared.domain.ledger import Ledger
from shared.domain.mappings import OnDrift
from shared.domain.planning import plan
from shared.domain.plans import Plan, PlanStatus, ReasonKind
from shared.domain.proration import prorated
from tests.builders import (
    CUSTOMER,
    a_group,
    a_line,
    a_mapping,
)
from tests.property.simulated import ADVANCE, ARREARS, DAY, MONTH_AHEAD, Driver, SimulatedPsa, a_psa
from tests.unit.domain.vectors import DECISIONS, day, each

MARCH_17 = date(2026, 3, 17)
OURS = LineId("501")


def invoiced_psa(case) -> SimulatedPsa:
    """An agreement invoiced through the case's last day, with a line of its quantity."""
    anchor = day(case["anchor"])
    calendar = Calendar(anchor, case["period_months"])
    terms = billing.Terms(
        calendar=calendar,
        next_invoice=day(case["invoiced_through"]) + DAY,
        invoices_ahead=False,
        prorates=case["prorate"],
        starts=anchor,
    )
    line = a_line(OURS, quantity=case["invoiced_quantity"], starts=anchor)
    return SimulatedPsa(terms, lines={OURS: line})


@each(DECISIONS["proration"], "id")
def test_a_change_of_an_invoiced_period(case):
    psa = invoiced_psa(case)
    driver = Driver(psa, credits=case["negative_prorate"])
    driver.sync(day(case["invoiced_from"]), case["invoiced_quantity"])

    for when, seats in case["changes"]:
        driver.sync(day(when), seats)

    assert psa.lines[OURS].quantity == case["expected_main_quantity"]
    assert driver.ledger is not None
    assert {c.seats for c in driver.ledger.charged} == {case["expected_charged_quantity_H"]}
    expected = sorted(
        (line["quantity"], day(line["effective"]), day(line["last_day"]))
        for line in case["expected_lines"]
    )
    assert psa.dated() == expected


@each([c for c in DECISIONS["proration"] if c["expected_lines"]], "id")
def test_the_money_of_a_dated_line(case):
    cycle = invoiced_psa(case).cycle

    for line in case["expected_lines"]:
        money = prorated(
            cycle,
            day(line["effective"]),
            day(line["last_day"]),
            Decimal(case["price"]),
            line["quantity"],
        )

        assert money.fraction == Fraction(line["fraction"])
        assert money.unit == Decimal(line["unit_price"])
        assert money.amount == Decimal(line["extended"])


TIMINGS = {"w1": ADVANCE, "w2": ARREARS, "w3": ARREARS, "w4": ARREARS, "w5": MONTH_AHEAD}


@each(DECISIONS["write_plan"], "id")
def test_a_plan_over_time(case):
    timing = TIMINGS[case["id"][:2]]
    before_march = date(2026, 2, 1) if timing is not ARREARS else date(2026, 3, 1)
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=before_march)
    psa.lines[OURS] = a_line(OURS, quantity=case["start_quantity"])
    while timing is not ARREARS and psa.terms.first_uninvoiced.start < date(2026, 3, 1):
        psa.invoice()
    driver = Driver(psa, credits=case["negative_prorate"])
    driver.sync(date(2026, 3, 1) - DAY if timing is not ARREARS else date(2026, 3, 1), 10)

    for step in case["trace"]:
        if step["step"].startswith("PSA"):
            psa.charges.clear()
            psa.invoice()
            standing = [c for c in psa.charges if c.addition_id == int(OURS)]
            assert [c.quantity for c in standing] == [step["billed_quantity"]]
            continue
        driver.sync(day(step["step"].split()[1]), step["desired"])
        assert psa.lines[OURS].quantity == step["main_after"]
        assert psa.dated() == [
            (line["quantity"], day(line["effective"]), day(line["last_day"]))
            for line in step["lines_after"]
        ]


@each(DECISIONS["transfer"])
def test_a_transfer_between_rows_of_one_line_is_the_running_maximum_of_the_sum(case):
    rows = {name: RowId(f"custom-{name.lower()}") for name in case["before"]}
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    before, charged = sum(case["before"].values()), sum(case["H_before"].values())
    psa.lines[OURS] = a_line(OURS, quantity=charged)
    psa.invoice()
    driver = Driver(psa, mappings=tuple(a_mapping(row) for row in rows.values()))
    driver.sync(date(2026, 3, 2), {rows[n]: seats for n, seats in case["H_before"].items()})
    driver.sync(date(2026, 3, 10), {rows[n]: seats for n, seats in case["before"].items()})

    driver.sync(MARCH_17, {rows[n]: seats for n, seats in case["after"].items()})

    assert before <= charged
    extra = sum(case["lines"].values())
    assert psa.dated() == ([(extra, MARCH_17, date(2026, 3, 31))] if extra else [])
    assert driver.ledger is not None
    assert [c.seats for c in driver.ledger.charged] == [sum(case["H_after"].values())]
    assert psa.lines[OURS].quantity == sum(case["main_next"].values())


# What is written when -----------------------------------------------------------------------------


def decided(written=8, observed=8, desired: int | None = 8, *, line=None, **changes) -> Plan:
    """The guarded plan on 17 March of a line that we wrote ``written`` to, March invoiced."""
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    if written is not None:
        psa.lines[OURS] = a_line(OURS, quantity=written)
    psa.invoice()
    driver = Driver(psa, mappings=(changes.pop("mapping", None) or a_mapping(),))
    if written is not None:
        driver.sync(date(2026, 3, 2), written)
        psa.lines[OURS] = replace(psa.lines[OURS], quantity=observed)
    if line is not None:
        psa.lines[OURS] = line(psa.lines[OURS])
        if psa.lines[OURS] is None:
            del psa.lines[OURS]
    request = replace(driver.request(MARCH_17, desired), **changes)
    return guarded(plan(request), GuardSettings(), request.agreement, MARCH_17)


def outcome(found: Plan) -> str:
    kinds = ", ".join(reason.kind for reason in found.reasons)
    writes = [type(operation).__name__ for operation in found.operations]
    if found.status is PlanStatus.CHANGE:
        return "adopt" if found.adopts else " ".join(writes)
    return f"{found.status}: {kinds}" if kinds else str(found.status)


def an_ended_agreement():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1), ends=date(2026, 3, 10))
    psa.invoice()
    return psa.agreement()


WRITE_DECISIONS = {
    "no line yet, start date reached": lambda: decided(None, None, 8),
    "in step": decided,
    "someone edited the PSA by hand, source unchanged": lambda: decided(8, 11, 8),
    "hand edit happens to equal desired": lambda: decided(8, 10, 10),
    "line deleted or cancelled by hand": lambda: decided(line=lambda _: None),
    "ConnectWise lessIncluded = 2 on our line": lambda: decided(
        line=lambda x: replace(x, less_included=2)
    ),
    "source read failed or partial": lambda: decided(desired=None),
    "SKU absent from a complete answer, first time": lambda: decided(desired=None),
    "tenant missing from the partner list": lambda: decided(desired=None),
    "explicit 0": lambda: decided(8, 8, 0),
    "excluded (no line)": lambda: decided(None, None, 8, members=()),
    "agreement ended / inactive": lambda: decided(8, 8, 10, agreement=an_ended_agreement()),
}

EXPECTED = {
    "no line yet, start date reached": "CreateLine",
    "in step": "in_step",
    "someone edited the PSA by hand, source unchanged": "held: drift",
    "hand edit happens to equal desired": "adopt",
    "line deleted or cancelled by hand": "held: removed_by_hand",
    "ConnectWise lessIncluded = 2 on our line": "held: less_included",
    "source read failed or partial": "unknown: unknown_quantity",
    "SKU absent from a complete answer, first time": "unknown: unknown_quantity",
    "tenant missing from the partner list": "unknown: unknown_quantity",
    "explicit 0": "held: to_zero",
    "excluded (no line)": "in_step",
    "agreement ended / inactive": "blocked: agreement",
}


@each(DECISIONS["write_decision"], "case")
def test_a_write_decision(case):
    found = WRITE_DECISIONS[case["case"]]()

    assert outcome(found) == EXPECTED[case["case"]]


def test_a_new_line_has_the_quantity_and_our_mark():
    [operation] = decided(None, None, 8).operations

    assert operation.quantity == 8
    assert operation.marker == standing_marker(a_group().group_id, 1)
    assert (operation.starts, operation.ends) == (MARCH_17, None)


def test_a_policy_of_enforcing_writes_over_a_hand_edit():
    found = decided(8, 11, 8, mapping=a_mapping(on_drift=OnDrift.ENFORCE))

    assert [(op.before, op.after) for op in found.operations] == [(11, 8)]


def test_a_hand_edit_that_equals_the_desired_quantity_is_taken_over_for_good():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=8)
    psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), 8)
    psa.lines[OURS] = replace(psa.lines[OURS], quantity=10)

    driver.sync(MARCH_17, 10)
    driver.sync(date(2026, 3, 18), 10)

    assert driver.writes == 0
    assert driver.ledger is not None
    assert (driver.ledger.last_written, driver.ledger.charged[0].seats) == (10, 10)


def test_zero_for_a_whole_period_closes_the_line():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=2)
    psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), 2)
    driver.sync(MARCH_17, 0)
    assert psa.lines[OURS].quantity == 0
    assert psa.lines[OURS].ends is None
    psa.invoice()

    driver.sync(date(2026, 4, 1), 0)

    assert psa.lines[OURS].ends == date(2026, 3, 31)


def test_a_line_is_not_closed_while_an_invoiced_period_is_still_paid_for():
    psa = a_psa(date(2026, 1, 1), timing=MONTH_AHEAD, first_day=date(2026, 2, 1))
    psa.lines[OURS] = a_line(OURS, quantity=2)
    psa.invoice()
    psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), 2)
    driver.sync(MARCH_17, 0)

    driver.sync(date(2026, 4, 1), 0)
    driver.sync(date(2026, 4, 10), 2)

    assert psa.lines[OURS].ends is None
    assert psa.dated() == []  # April was invoiced with two seats


def test_seats_that_come_back_before_the_line_is_closed_raise_the_same_line():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=2)
    psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), 2)
    driver.sync(MARCH_17, 0)

    driver.sync(date(2026, 3, 20), 3)

    assert psa.lines[OURS].quantity == 3
    assert psa.dated() == [(1, date(2026, 3, 20), date(2026, 3, 31))]


def test_a_line_removed_by_hand_is_replaced_from_the_first_day_that_is_not_paid_yet():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=8)
    psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), 8)
    del psa.lines[OURS]

    held = plan(driver.request(MARCH_17, 8))
    taken = plan(replace(driver.request(MARCH_17, 8), override=True))

    assert held.status is PlanStatus.HELD
    assert [r.kind for r in held.reasons] == [ReasonKind.REMOVED_BY_HAND]
    assert taken.status is PlanStatus.CHANGE
    assert [(op.quantity, op.starts) for op in taken.operations] == [(8, date(2026, 4, 1))]


def test_an_answer_that_was_lost_is_recognised_by_the_mark():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.invoice()
    lost = Driver(psa)
    first = plan(lost.request(date(2026, 3, 10), 8))
    psa.execute(first.operations[0])
    assert first.ledger is not None
    lost.ledger = first.ledger

    found = plan(lost.request(MARCH_17, 8))

    assert found.status is PlanStatus.IN_STEP
    assert found.operations == ()


def test_a_quiet_day_keeps_nothing():
    assert decided().ledger is None


def test_an_empty_ledger_knows_no_seats():
    assert Ledger(CUSTOMER, a_group().group_id).seats_on(MARCH_17) is None


@pytest.mark.parametrize("seats", [0, 3])
def test_the_plan_says_how_many_seats_are_needed(seats):
    assert decided(3, 3, seats).needed == seats
    assert decided(3, 3, seats).previous == 3
    assert decided(3, 3, seats, members=()).needed is None
