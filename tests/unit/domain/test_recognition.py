"""Lines that were found again after the storage was lost: who remembers what is in the lines."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.agreements import CreateLine, standing_marker
from shared.domain.ids import LineId
from shared.domain.ledger import Ledger
from shared.domain.plans import PlanStatus, ReasonKind
from tests.builders import CUSTOMER
from tests.property.simulated import ADVANCE, ARREARS, GROUP, MONTH_AHEAD, Driver, a_psa


def march(day: int) -> date:
    return date(2026, 3, day)


def a_forgetful_driver(timing, *steps: tuple[date, int], credits_on: bool = False) -> Driver:
    """A driver that made a line of ten on 1 January, went through the steps, and forgot it all."""
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=date(2026, 1, 1))
    driver = Driver(psa, credits=credits_on)
    driver.sync(date(2026, 1, 1), 10)
    while psa.terms.next_invoice <= march(1):
        psa.invoice()
        driver.sync(psa.terms.next_invoice, 10)
    for day, seats in steps:
        driver.sync(day, seats)
    driver.ledger = None
    driver.writes = 0
    return driver


@pytest.mark.parametrize("timing", [ADVANCE, ARREARS, MONTH_AHEAD], ids=lambda one: one.name)
@pytest.mark.parametrize("credits_on", [False, True], ids=["no credits", "credits"])
@pytest.mark.parametrize(
    "steps",
    [
        (),
        ((march(17), 12),),
        ((march(17), 12), (march(20), 13)),
        ((march(17), 8),),
        ((march(17), 12), (march(19), 9)),
    ],
    ids=["quiet", "a rise", "two rises", "a fall", "a rise and a fall"],
)
def test_a_line_and_its_dated_lines_are_taken_over_without_a_write(timing, credits_on, steps):
    driver = a_forgetful_driver(timing, *steps, credits_on=credits_on)
    seats = steps[-1][1] if steps else 10

    found = driver.sync(march(21), seats)

    assert (found.status, found.operations) == (PlanStatus.CHANGE, ())
    assert driver.sync(march(22), seats).status is PlanStatus.IN_STEP
    assert driver.writes == 0


def test_what_was_charged_before_is_not_charged_again_after_it():
    # In arrears: ten stand through March, and a dated line says that twelve were needed since the
    # 17th. Thirteen on the 25th are one more, not three.
    driver = a_forgetful_driver(ARREARS, (march(17), 12))
    driver.sync(march(21), 12)

    driver.sync(march(25), 13)

    assert driver.psa.dated() == [(1, march(25), march(31)), (2, march(17), march(31))]


def test_a_change_that_came_meanwhile_waits_for_a_person():
    driver = a_forgetful_driver(ADVANCE, (march(17), 12))

    found = driver.sync(march(21), 14)

    assert found.status is PlanStatus.HELD
    assert [reason.kind for reason in found.reasons] == [ReasonKind.FOUND_AGAIN]
    assert found.operations, "an approval would send them"
    assert driver.writes == 0


def test_a_later_line_of_the_group_is_known_by_its_mark():
    driver = a_forgetful_driver(ADVANCE)
    [line] = driver.psa.lines.values()
    driver.psa.lines[line.line_id] = replace(line, marker=standing_marker(GROUP.group_id, 3))

    found = driver.sync(march(21), 10)

    assert found.operations == ()
    assert driver.ledger is not None
    assert (driver.ledger.line_id, driver.ledger.generation) == (line.line_id, 3)


def test_the_mark_of_a_line_that_ended_is_not_given_again():
    driver = a_forgetful_driver(ADVANCE)
    [line] = driver.psa.lines.values()
    driver.psa.lines[line.line_id] = replace(line, ends=date(2026, 2, 28))

    [made] = driver.sync(march(21), 10).operations

    assert isinstance(made, CreateLine)
    assert made.marker == standing_marker(GROUP.group_id, 2)


def test_two_lines_that_bill_by_marks_of_one_group_wait_for_a_person():
    driver = a_forgetful_driver(ADVANCE)
    [line] = driver.psa.lines.values()
    twin = replace(line, line_id=LineId("999"), marker=standing_marker(GROUP.group_id, 2))
    driver.psa.lines[twin.line_id] = twin

    found = driver.sync(march(21), 10)

    assert found.status is PlanStatus.HELD
    assert [reason.kind for reason in found.reasons] == [ReasonKind.DUPLICATE_MARKER]


def test_a_group_that_is_remembered_goes_by_what_it_remembers():
    driver = a_forgetful_driver(ADVANCE)
    driver.ledger = Ledger(CUSTOMER, GROUP.group_id, generation=2)

    found = driver.sync(march(21), 10)

    assert isinstance(found.operations[0], CreateLine)
