"""What a seed draws is the same each time, and can be kept."""

from pathlib import Path

import pytest

from tests.chaos.plan import PSAS, Kept, drawn, keep, kept, psa_of

KEPT = sorted((Path(__file__).parent / "kept").glob("*.json"))


def test_a_seed_draws_the_same_plan_each_time():
    assert [drawn(seed) for seed in range(20)] == [drawn(seed) for seed in range(20)]
    assert drawn(1) != drawn(5)


def test_each_psa_comes_in_turn():
    assert {psa_of(seed) for seed in range(100, 104)} == set(PSAS)


def test_a_plan_is_kept_in_a_file_as_it_is(tmp_path):
    found = Kept("something", drawn(7))

    keep(tmp_path / "one.json", found)

    assert kept(tmp_path / "one.json") == found


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_is_kept_says_why(path):
    assert kept(path).why not in {"", "not known yet"}


def test_everything_that_can_go_wrong_is_drawn():
    plans = [drawn(seed) for seed in range(300)]
    days = [day for plan in plans for day in plan.days]

    assert {plan.hosts for plan in plans} == {2, 3, 4}
    assert {event.what for day in days for event in day.events} == {
        *("buy", "map", "hand", "sync", "cycle", "storage", "clock", "again")
    }
    assert {blow.kind for day in days for blow in day.blows} == {
        *("kill", "kill before", "lose", "swallow", "hold", "late", "stall")
    }
    assert any(day.midnight for day in days)
    assert any(day.twice for day in days)


def test_the_clock_never_goes_back_to_before_the_day():
    for plan in map(drawn, range(2000)):
        for day in plan.days:
            back = [event.value for event in day.events if event.what == "clock"]
            # A day begins at noon, and its midnight is followed by half an hour.
            assert -sum(back) < (24 if day.midnight else 12), f"{plan.seed}: {day.day}"
