"""The schedule parser: like croniter where the dialects agree, like NCrontab where they do not."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from local.hosting.ncrontab import (
    InvalidScheduleError,
    fires_more_than_once_a_minute,
    parse_schedule,
)

START = datetime(2026, 2, 27, 21, 59, 58, tzinfo=UTC)  # a Friday


def firings(text, count=3, after=START):
    schedule = parse_schedule(text)
    moments = []
    for _ in range(count):
        after = schedule.next_after(after)
        moments.append(after)
    return [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 2 * * *", ["2026-02-28 02:00:00", "2026-03-01 02:00:00", "2026-03-02 02:00:00"]),
        ("*/30 * * * * *", ["2026-02-27 22:00:00", "2026-02-27 22:00:30", "2026-02-27 22:01:00"]),
        ("0 */5 * * * *", ["2026-02-27 22:00:00", "2026-02-27 22:05:00", "2026-02-27 22:10:00"]),
        ("*/5 * * * *", ["2026-02-27 22:00:00", "2026-02-27 22:05:00", "2026-02-27 22:10:00"]),
        ("0 0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("0 30 9 * Jan Mon", ["2027-01-04 09:30:00", "2027-01-11 09:30:00", "2027-01-18 09:30:00"]),
        ("59 59 21 27 2 5", ["2026-02-27 21:59:59", "2032-02-27 21:59:59", "2037-02-27 21:59:59"]),
        ("00:05:00", ["2026-02-27 22:04:58", "2026-02-27 22:09:58", "2026-02-27 22:14:58"]),
        ("1.00:00:00", ["2026-02-28 21:59:58", "2026-03-01 21:59:58", "2026-03-02 21:59:58"]),
    ],
)
def test_next_firings(text, expected):
    assert firings(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The day of month and the day of week must both match.
        ("0 0 0 1 * MON", ["2026-06-01 00:00:00", "2027-02-01 00:00:00", "2027-03-01 00:00:00"]),
        # A range written backwards is swapped: hours 2 to 22.
        ("0 0 22-2 * * *", ["2026-02-27 22:00:00", "2026-02-28 02:00:00", "2026-02-28 03:00:00"]),
        # A start with a step runs to the end of the field.
        ("0 50/4 * * * *", ["2026-02-27 22:50:00", "2026-02-27 22:54:00", "2026-02-27 22:58:00"]),
        # Names may be cut short or written out.
        ("0 0 0 * * sunday", ["2026-03-01 00:00:00", "2026-03-08 00:00:00", "2026-03-15 00:00:00"]),
    ],
)
def test_where_ncrontab_differs_from_other_dialects(text, expected):
    assert firings(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0 0 0 * * 7",
        "0 0 0 L * *",
        "0 0 0 ? * *",
        "60 0 0 * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * 13 *",
        "0 0 0 * * MON#2",
        "0 0 0 1,,2 * *",
        "0 */0 * * * *",
        "0 -1 * * * *",
        "* * * *",
        "* * * * * * *",
        "",
        "@daily",
        "24:00:00",
        "00:00:00",
        "5 minutes",
    ],
)
def test_what_ncrontab_refuses_is_refused(text):
    with pytest.raises(InvalidScheduleError):
        parse_schedule(text)


def test_a_date_that_never_comes_gives_no_firing():
    assert parse_schedule("0 0 0 30 2 *").next_after(START) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/30 * * * * *", True),
        ("0 * * * * *", False),
        ("0,1 0 2 * * *", True),
        ("00:00:30", True),
        ("0 0 0 30 2 *", False),
    ],
)
def test_whether_it_fires_more_than_once_a_minute(text, expected):
    assert fires_more_than_once_a_minute(parse_schedule(text), START) is expected


def field(low, high):
    """Fields that every dialect reads alike: no backward range, no start with a step."""
    number = st.integers(low, high)
    step = st.integers(1, high).map(lambda n: f"/{n}")
    span = st.tuples(number, number).filter(lambda ends: ends[0] < ends[1])
    item = st.one_of(
        number.map(str),
        span.map("{0[0]}-{0[1]}".format),
        st.tuples(span, step).map(lambda both: f"{both[0][0]}-{both[0][1]}{both[1]}"),
    )
    several = st.lists(item, min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), step.map("*{}".format), several)


@settings(deadline=None)  # a busy machine may take its time
@given(
    fields=st.tuples(
        field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)
    ),
    start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_it_agrees_with_croniter_on_the_common_subset(fields, start):
    text = " ".join(fields)
    start = start.replace(tzinfo=UTC, microsecond=0)
    oracle = croniter(
        text, start, second_at_beginning=True, day_or=False, max_years_between_matches=50
    )

    found = parse_schedule(text).next_after(start)

    assert found == oracle.get_next(datetime)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - made aware below
def test_the_next_firing_is_always_later(moment):
    aware = moment.replace(tzinfo=UTC)

    following = parse_schedule("* * * * * *").next_after(aware)

    assert timedelta(0) < following - aware <= timedelta(seconds=1)
