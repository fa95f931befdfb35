from calendar import monthrange
from datetime import date, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from shared.domain.errors import InvalidPeriodError
from shared.domain.periods import Cycle, Period
from shared.usecases.books import local_date
from tests.unit.domain.vectors import DECISIONS, PRORATION, day, each


@each(DECISIONS["periods"], "anchor", "months", "date")
def test_a_period_holds_its_day(case):
    period = Cycle(day(case["anchor"]), case["months"]).containing(day(case["date"]))

    assert (period.start, period.last_day) == (day(case["start"]), day(case["end"]))


def test_month_ends_are_clamped_from_the_original_anchor():
    cycle = Cycle(date(2027, 1, 31), 1)

    starts = [cycle.nth(n).start for n in range(5)]

    assert starts == [
        date(2027, 1, 31),
        date(2027, 2, 28),
        date(2027, 3, 31),
        date(2027, 4, 30),
        date(2027, 5, 31),
    ]


def test_a_period_before_the_anchor_is_clamped_alike():
    assert Cycle(date(2028, 3, 31), 1).nth(-1) == Period(date(2028, 2, 29), date(2028, 3, 31))


def test_the_first_period_that_starts_on_a_day_is_the_one_that_starts_there():
    cycle = Cycle(date(2026, 1, 1), 1)

    assert cycle.first_starting(date(2026, 3, 1)).start == date(2026, 3, 1)
    assert cycle.first_starting(date(2026, 3, 2)).start == date(2026, 4, 1)


def test_between_names_each_period_that_holds_a_day():
    cycle = Cycle(date(2026, 1, 15), 3)

    found = cycle.between(date(2026, 4, 14), date(2026, 7, 15))

    assert [p.start for p in found] == [date(2026, 1, 15), date(2026, 4, 15), date(2026, 7, 15)]
    assert cycle.between(date(2026, 4, 14), date(2026, 4, 13)) == ()


def test_a_period_without_a_day_is_refused():
    with pytest.raises(InvalidPeriodError, match="holds no day"):
        Period(date(2026, 3, 1), date(2026, 3, 1))


def test_a_cycle_without_a_month_is_refused():
    with pytest.raises(InvalidPeriodError, match="0 months"):
        Cycle(date(2026, 3, 1), 0)


@pytest.mark.parametrize("anchor_day", range(1, 32))
@pytest.mark.parametrize("months", [1, 3, 12])
def test_periods_tile_for_every_anchor(anchor_day, months):
    cycle = Cycle(date(2024, 1, anchor_day), months)

    periods = [cycle.nth(n) for n in range(-30, 30)]

    for one, following in pairwise(periods):
        assert one.end == following.start
        assert cycle.after(one) == following
        assert cycle.before(following) == one
        length = monthrange(one.start.year, one.start.month)[1]
        assert one.start.day == min(anchor_day, length)
        for inside in (one.start, one.last_day, one.start + timedelta(days=one.days // 2)):
            assert cycle.containing(inside) == one


@each(DECISIONS["timezone"], "tz")
def test_today_is_the_calendar_date_of_the_psa(case):
    now = datetime.fromisoformat(case["observed_utc"])

    assert local_date(now, SimpleNamespace(time_zone=case["tz"])) == day(case["local_date"])


@each(PRORATION["days"], "id")
def test_days_are_calendar_days_whatever_the_clocks_do(case):
    zone = ZoneInfo(case["tz"])
    first, last = (
        datetime.fromisoformat(case[end]).astimezone(zone).date() for end in ("first", "last")
    )

    assert Period(first, last + timedelta(days=1)).days == case["days"]
