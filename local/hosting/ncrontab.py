"""Schedules of timer triggers: NCRONTAB expressions and fixed intervals.

The rules are those of NCrontab, which the Functions host uses. They differ from
other cron dialects: day of month and day of week must *both* match, ``7``, ``L`` and
``?`` are refused, and a range written backwards is swapped (``22-2`` is 2 to 22).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")

# A leap day on one weekday comes back after 40 years at most; later means never.
SEARCH_DAYS = 41 * 366

TIME_SPAN = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?", re.ASCII)
MOST_DIGITS = 9


class InvalidScheduleError(ValueError):
    """The text is neither an NCRONTAB expression nor a time span."""


class Schedule(Protocol):
    """When a timer fires."""

    @property
    def text(self) -> str: ...

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first firing strictly after the moment, or None if there is none.

        Args:
            moment: An aware time. The answer is in UTC.
        """
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One position of an expression: its bounds, and names for its values if it has any."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """Return the values that the text names.

        Raises:
            InvalidScheduleError: The text is not one of ``*``, ``a``, ``a-b``, each with
                an optional ``/step``, or a list of these; or a value is out of bounds.
        """
        return frozenset(value for item in text.split(",") for value in self._item(item))

    def _item(self, text: str) -> range:
        span, slash, step_text = text.partition("/")
        step = self._number(step_text) if slash else 1
        if step < 1:
            raise InvalidScheduleError(f"{self.name}: a step of {step_text} never moves")
        if span == "*":
            return range(self.low, self.high + 1, step)
        first_text, dash, last_text = span.partition("-")
        first = self._value(first_text)
        last = self._value(last_text) if dash else self.high if slash else first
        return range(min(first, last), max(first, last) + 1, step)

    def _value(self, text: str) -> int:
        if self.names and text[:1].isalpha():
            for offset, name in enumerate(self.names):
                if name.startswith(text.lower()):
                    return self.low + offset
        value = self._number(text)
        if not self.low <= value <= self.high:
            raise InvalidScheduleError(f"{self.name}: {text} is not in {self.low}-{self.high}")
        return value

    def _number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
            raise InvalidScheduleError(f"{self.name}: '{text}' is not a number")
        return int(text)


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
DAY_OF_WEEK = Field("day of week", 0, 6, DAYS)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Six sets of values: ``{second} {minute} {hour} {day} {month} {day of week}``."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    days_of_week: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        start = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None) + timedelta(seconds=1)
        earliest = (start.hour, start.minute, start.second)
        for offset in range(SEARCH_DAYS):
            day = start.date() + timedelta(days=offset)
            if self._fires_on(day):
                time_of_day = self._first_time(earliest if offset == 0 else (0, 0, 0))
                if time_of_day is not None:
                    return datetime(day.year, day.month, day.day, *time_of_day, tzinfo=UTC)
        return None

    def _fires_on(self, day: date) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.days_of_week
        )

    def _first_time(self, earliest: tuple[int, int, int]) -> tuple[int, int, int] | None:
        hour_floor, minute_floor, second_floor = earliest
        for hour in (hour for hour in self.hours if hour >= hour_floor):
            for minute in self.minutes:
                if hour == hour_floor and minute < minute_floor:
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= (hour_floor, minute_floor, second_floor):
                        return hour, minute, second
        return None


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """A fixed pause between the end of one run and the start of the next."""

    text: str
    interval: timedelta

    def next_after(self, moment: datetime) -> datetime | None:
        return moment.astimezone(UTC) + self.interval


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that an expression of five or six fields, or a time span, describes.

    With five fields the second is 0.

    Raises:
        InvalidScheduleError: The text is neither, or names a value that does not exist.
    """
    fields = text.split()
    if len(fields) == 1:
        return _interval(text)
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise InvalidScheduleError(
            f"'{text}': expected 6 fields {{second}} {{minute}} {{hour}} {{day}} {{month}} "
            f"{{day of week}}, found {len(fields)}"
        )
    second, minute, hour, day, month, day_of_week = fields
    return CronSchedule(
        text=text,
        seconds=tuple(sorted(SECOND.parse(second))),
        minutes=tuple(sorted(MINUTE.parse(minute))),
        hours=tuple(sorted(HOUR.parse(hour))),
        days=DAY.parse(day),
        months=MONTH.parse(month),
        days_of_week=DAY_OF_WEEK.parse(day_of_week),
    )


def fires_more_than_once_a_minute(schedule: Schedule, moment: datetime) -> bool:
    """Return whether two of the next firings are less than a minute apart.

    The host keeps no status for such a timer.
    """
    previous = schedule.next_after(moment)
    for _ in range(10):
        following = schedule.next_after(previous) if previous else None
        if previous is None or following is None:
            return False
        if following - previous < timedelta(minutes=1):
            return True
        previous = following
    return False


def _interval(text: str) -> IntervalSchedule:
    match = TIME_SPAN.fullmatch(text.strip())
    if match is None:
        raise InvalidScheduleError(f"'{text}' is neither an NCRONTAB expression nor hh:mm:ss")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if hours > 23 or minutes > 59 or seconds > 59 or not interval:
        raise InvalidScheduleError(f"'{text}' is not a time span")
    return IntervalSchedule(text, interval)
