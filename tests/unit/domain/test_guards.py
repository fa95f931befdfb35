"""The thresholds of ADR 0009, each at its edge."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.domain.agreements import SetPrice
from shared.domain.guards import GuardSettings, guarded, stops_run, stops_run_by_tenants
from shared.domain.planning import plan
from shared.domain.plans import PlanStatus, ReasonKind
from tests.builders import LINE, a_line, a_mapping
from tests.property.simulated import ARREARS, Driver, a_psa

TODAY = date(2026, 3, 17)
DEFAULTS = GuardSettings()


def held(before: int, after: int, *, confirmed: bool = False, settings=DEFAULTS, **psa):
    """Why a change on 17 March is held."""
    found, request = a_plan(before, after, **psa)
    found = replace(found, confirmed=confirmed)
    guarded_ = guarded(found, settings, request.agreement, TODAY)
    return [reason.kind for reason in guarded_.reasons]


def a_plan(before: int, after: int, timing=None):
    options = {} if timing is None else {"timing": timing}
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1), **options)
    psa.lines[LINE] = a_line(quantity=before)
    if timing is None:
        psa.invoice()
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), before)
    request = driver.request(TODAY, after)
    return plan(request), request


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (10, 5, []),
        (10, 4, [ReasonKind.FALL]),
        (40, 30, []),
        (40, 29, [ReasonKind.FALL]),
        (10, 30, []),
        (10, 31, [ReasonKind.RISE]),
        (50, 100, []),
        (50, 101, [ReasonKind.RISE]),
        (2, 0, []),
        (3, 0, [ReasonKind.TO_ZERO]),
        (40, 0, [ReasonKind.TO_ZERO]),
    ],
)
def test_a_change_is_held_beyond_its_threshold(before, after, kinds):
    assert held(before, after) == kinds


def test_a_mapping_that_was_just_saved_is_not_held_by_its_size():
    assert held(40, 2, confirmed=True) == []


def test_a_fall_that_waits_for_its_invoice_is_held_on_the_day_it_is_seen():
    found, request = a_plan(40, 2, timing=ARREARS)
    assert found.operations == ()

    assert held(40, 2, timing=ARREARS) == [ReasonKind.FALL]
    assert held(40, 38, timing=ARREARS) == []
    assert guarded(found, DEFAULTS, request.agreement, TODAY).ledger is not None


def test_what_is_held_shows_what_an_approval_would_send():
    found, request = a_plan(40, 20)
    waiting = guarded(replace(found, confirmed=False), DEFAULTS, request.agreement, TODAY)

    assert waiting.status is PlanStatus.HELD
    assert waiting.operations == found.operations
    assert waiting.fingerprint(TODAY) == found.fingerprint(TODAY)


def test_approvals_of_different_falls_that_wait_differ():
    small, _ = a_plan(40, 20, timing=ARREARS)
    large, _ = a_plan(40, 2, timing=ARREARS)

    assert small.fingerprint(TODAY) != large.fingerprint(TODAY)


def test_a_line_from_an_override_start_inside_an_invoiced_period_is_held():
    psa = a_psa(date(2026, 1, 1), first_day=date(2026, 3, 1))
    psa.invoice()
    driver = Driver(psa, mappings=(a_mapping(override_start=date(2026, 3, 5)),))
    request = driver.request(TODAY, 8)

    found = guarded(plan(request), DEFAULTS, request.agreement, TODAY)

    assert [reason.kind for reason in found.reasons] == [ReasonKind.BACK_DATED]


def test_a_change_of_price_is_held():
    found, request = a_plan(10, 12)
    change = SetPrice(request.agreement.agreement_id, LINE, Decimal(31), Decimal(33))
    found = replace(found, operations=(*found.operations, change), confirmed=True)

    kinds = [r.kind for r in guarded(found, DEFAULTS, request.agreement, TODAY).reasons]

    assert kinds == [ReasonKind.PRICE]


@pytest.mark.parametrize(
    ("days", "kinds"), [(0, []), (14, []), (15, [ReasonKind.FREEZE]), (20, [ReasonKind.FREEZE])]
)
def test_a_freeze_holds_from_so_many_days_before_the_invoice(days, kinds):
    # The next invoice is dated 1 April, fifteen days from the 17th of March.
    assert held(10, 12, settings=GuardSettings(freeze_days=days)) == kinds


def test_plans_that_write_and_remember_nothing_pass():
    found, request = a_plan(10, 10)

    assert guarded(found, DEFAULTS, request.agreement, TODAY) is found


@pytest.mark.parametrize(
    ("changes", "lines", "stops"),
    [(19, 40, False), (20, 40, True), (20, 100, False), (40, 200, False), (41, 200, True)],
)
def test_a_run_stops_when_too_many_lines_change(changes, lines, stops):
    assert stops_run(changes, lines, DEFAULTS) is stops


@pytest.mark.parametrize(
    ("emptied", "tenants", "stops"),
    [(1, 5, False), (2, 5, True), (2, 20, False), (10, 100, False), (11, 100, True)],
)
def test_a_run_stops_when_too_many_tenants_fall_to_zero(emptied, tenants, stops):
    assert stops_run_by_tenants(emptied, tenants, DEFAULTS) is stops
