"""The fewest calls of a cycle, for the workload that other tools were counted at."""

import pytest

from bench.floors import floor_of


@pytest.mark.parametrize(
    ("psa", "quiet", "changed"),
    [
        ("connectwise", 201, 361),
        ("autotask", 105, 187),
        ("halopsa", 101, 261),
        ("syncro", 204, 364),
    ],
)
def test_a_hundred_tenants_with_eight_licences_and_eighty_changes(psa, quiet, changed):
    assert floor_of(psa, 100).calls == quiet
    assert floor_of(psa, 100, 80).calls == changed


@pytest.mark.parametrize(
    ("psa", "more"), [("connectwise", 80), ("autotask", 6), ("halopsa", 0), ("syncro", 0)]
)
def test_what_changes_need_more_so_that_none_is_billed_twice(psa, more):
    assert floor_of(psa, 100, 80).safe == more
    assert floor_of(psa, 100).safe == 0


def test_the_ideal_is_the_latency_of_all_calls_shared_by_those_at_once():
    floor = floor_of("connectwise", 1000)

    assert floor.seconds(at_once=24) == pytest.approx((1000 * 0.06 + 1001 * 0.12) / 24)
