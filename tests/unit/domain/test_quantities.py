import pytest

from shared.domain.licensing import SeatCounts
from shared.domain.quantities import BilledQuantity, Grace, active_seats, billed_quantity
from tests.unit.domain.vectors import DECISIONS, each


def counts(enabled=0, warning=0, *, suspended=0, locked_out=0, trial_enabled=0, trial_warning=0):
    return SeatCounts(
        enabled=enabled,
        warning=warning,
        suspended=suspended,
        locked_out=locked_out,
        trial_enabled=trial_enabled,
        trial_warning=trial_warning,
        consumed=None,
    )


def billed(active: int, included: int, minimum: int) -> int | None:
    known = BilledQuantity(active, ())
    return billed_quantity(known, included=included, minimum=minimum).seats


@each(DECISIONS["quantity"], "active", "included", "minimum")
def test_the_quantity_rule(case):
    assert billed(case["active"], case["included"], case["minimum"]) == case["billed"]


@each(DECISIONS["group"])
def test_merged_rows_are_added_up_before_the_options_and_split_rows_after(case):
    rows = case.get("rows") or [case["merged_row"]]

    line = sum(billed(row["active"], row["included"], row["minimum"]) or 0 for row in rows)

    assert line == case["line"]


@pytest.mark.parametrize(
    ("grace", "enabled", "warning", "active"),
    [
        (Grace.EXCLUDE, 8, 2, 8),
        (Grace.INCLUDE, 8, 2, 10),
        (Grace.ONLY_WITHOUT_ACTIVE, 8, 2, 8),
        (Grace.ONLY_WITHOUT_ACTIVE, 0, 2, 2),
        (Grace.EXCLUDE, 0, 2, 0),
    ],
)
def test_seats_in_grace_count_by_the_switch(grace, enabled, warning, active):
    found = active_seats(counts(enabled, warning), grace, count_trials=False)

    assert found.seats == active
    assert found.in_grace == active - enabled


def test_suspended_and_locked_out_seats_are_not_active():
    found = active_seats(counts(3, suspended=4, locked_out=5), Grace.INCLUDE, count_trials=True)

    assert found.seats == 3


@pytest.mark.parametrize(("count_trials", "active"), [(False, 7), (True, 12)])
def test_trials_count_only_where_the_mapping_says_so(count_trials, active):
    units = counts(10, 2, trial_enabled=4, trial_warning=1)

    assert active_seats(units, Grace.INCLUDE, count_trials=count_trials).seats == active


def test_unknown_stays_unknown():
    unknown = BilledQuantity(None, ("Microsoft left out the number",))

    assert billed_quantity(unknown, included=2, minimum=5) == unknown


def test_the_steps_say_how_the_number_came_about():
    active = active_seats(counts(10, 2), Grace.EXCLUDE, count_trials=False)

    found = billed_quantity(active, included=7, minimum=5)

    assert found.steps == (
        "10 enabled",
        "2 in grace, not counted",
        "10 active",
        "10 − 7 included = 3",
        "minimum 5 → 5",
    )


def test_a_minimum_without_any_seat_says_so():
    assert (
        billed_quantity(BilledQuantity(0, ("0 active",)), included=0, minimum=5).steps[-1]
        == "the minimum is billed for 0 active"
    )
