"""Rows of units as Autotask keeps them, and what they say of a line."""

from datetime import date

import pytest

from shared.adapters.http.payload import Payload
from shared.adapters.psa.autotask import contracts, lines
from shared.adapters.psa.autotask.gateway import _Place
from shared.adapters.psa.autotask.lines import SERVICE, Units
from shared.domain.agreements import QuantityStep
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.periods import Cycle
from tests.builders import a_line

TODAY = date(2026, 3, 17)


def march(first: int, last: int, units: int, *, posted: bool = False) -> Units:
    return Units(date(2026, 3, first), date(2026, 3, last), units, posted)


def step(day: int, quantity: int) -> QuantityStep:
    return QuantityStep(date(2026, 3, day), quantity)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([march(1, 16, 10), march(17, 31, 12)], [step(1, 10), step(17, 12)]),
        ([march(1, 17, 10), march(17, 31, 12)], [step(1, 10), step(17, 12)]),
        ([march(1, 16, 10), march(17, 31, 10)], [step(1, 10)]),
        ([march(1, 5, 10), march(20, 31, 3)], [step(1, 10), step(6, 0), step(20, 3)]),
        ([march(1, 10, 10)], [step(1, 10), step(11, 0)]),
        ([march(1, 31, 10), march(1, 31, 12)], [step(1, 12)]),
    ],
    ids=["none", "a change", "overlapping", "the same", "a gap", "ended", "twice"],
)
def test_rows_become_steps(rows, expected):
    assert list(lines.steps(rows, TODAY)) == expected


def test_of_a_place_only_the_rows_of_the_day_count():
    rows = (march(1, 5, 10, posted=True), march(10, 20, 3), march(21, 31, 3))
    place = _Place(SERVICE, a_line(), rows, date(2026, 3, 1))

    assert [place.units_on(date(2026, 3, day)) for day in (5, 7, 10, 31)] == [10, 0, 3, 3]
    assert place.posted_through == date(2026, 3, 5)
    assert place.changes_after(date(2026, 3, 5))
    assert not place.changes_after(date(2026, 3, 10))


@pytest.mark.parametrize("units", [2.5, None, "10"])
def test_units_that_are_no_whole_number_are_refused(units):
    row = {"startDate": "2026-03-01", "endDate": "2026-03-31", "units": units}

    with pytest.raises(UnexpectedPayloadError, match="units"):
        lines.unit_rows([Payload(row)])


@pytest.mark.parametrize(
    ("last_posted", "first"),
    [
        (None, date(2026, 1, 31)),
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 3, 10), date(2026, 3, 31)),
    ],
)
def test_the_period_after_the_last_posted_units_is_next(last_posted, first):
    assert contracts.first_unposted(Cycle(date(2026, 1, 31), 1), last_posted) == first
