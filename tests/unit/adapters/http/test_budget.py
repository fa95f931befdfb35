"""How many calls may be made within a window."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.http.budget import CallBudget
from shared.domain.errors import RateLimitError

START = datetime(2026, 3, 17, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def test_calls_beyond_the_limit_are_told_when_there_will_be_one_again():
    clock = Clock()
    budget = CallBudget("main", 2, 5 * MINUTE, clock)
    budget.take()
    clock.now += MINUTE
    budget.take()
    clock.now += MINUTE

    with pytest.raises(RateLimitError) as caught:
        budget.take()

    assert (caught.value.connection, caught.value.retry_after) == ("main", 3 * MINUTE)
    clock.now += 3 * MINUTE
    budget.take()


def test_calls_that_belong_together_are_counted_all_or_none():
    clock = Clock()
    budget = CallBudget("main", 3, 5 * MINUTE, clock)
    budget.take()

    with pytest.raises(RateLimitError):
        budget.take(3)

    budget.take(2)


def test_more_calls_than_the_limit_take_the_whole_of_it():
    clock = Clock()
    budget = CallBudget("main", 2, 5 * MINUTE, clock)

    budget.take(3)

    with pytest.raises(RateLimitError):
        budget.take()


def test_a_call_that_was_not_needed_is_given_back():
    budget = CallBudget("main", 2, 5 * MINUTE, Clock())
    budget.take(2)

    budget.give_back()

    budget.take()
    with pytest.raises(RateLimitError):
        budget.take()


def test_more_is_not_given_back_than_was_taken():
    budget = CallBudget("main", 1, 5 * MINUTE, Clock())

    budget.give_back()

    budget.take()
    with pytest.raises(RateLimitError):
        budget.take()
