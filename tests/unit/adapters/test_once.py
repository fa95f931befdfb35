"""What a run reads once in a process is read after the run began, and not for ever."""

import threading
from datetime import timedelta

import pytest

from shared.adapters.once import MOST_RUNS, OncePerRun
from shared.domain.ids import RunId
from tests.builders import RUN

OTHER = RunId("other")


class Reading:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def seconds():
    return [0.0]


@pytest.fixture
def memory(seconds):
    return OncePerRun(timedelta(seconds=60), lambda: seconds[0])


def test_messages_of_a_run_share_one_reading_and_another_run_reads_anew(memory):
    read = Reading()

    assert [memory.once(run, read) for run in (RUN, RUN, OTHER, RUN)] == [1, 1, 2, 1]


def test_after_a_minute_it_is_read_again(memory, seconds):
    read = Reading()
    memory.once(RUN, read)
    seconds[0] = 59.9
    assert memory.once(RUN, read) == 1

    seconds[0] = 60.0

    assert memory.once(RUN, read) == 2


def test_a_reading_that_failed_is_made_again(memory):
    def fails() -> int:
        raise OSError

    with pytest.raises(OSError):
        memory.once(RUN, fails)

    assert memory.once(RUN, Reading()) == 1


def test_those_who_ask_meanwhile_wait_for_the_one_reading(memory):
    reading, asked, found = threading.Event(), threading.Event(), []
    read = Reading()

    def slowly() -> int:
        reading.set()
        asked.wait(5)
        return read()

    def ask() -> None:
        found.append(memory.once(RUN, slowly))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    reading.wait(5)
    asked.set()
    for thread in threads:
        thread.join(5)

    assert found == [1, 1, 1]


def test_runs_of_long_ago_are_forgotten_and_those_at_work_are_not(memory):
    read = Reading()
    memory.once(OTHER, read)
    memory.once(RUN, read)
    for number in range(MOST_RUNS - 1):
        memory.once(RunId(f"later-{number}"), read)
        memory.once(RUN, read)

    assert memory.once(RUN, read) == 2
    assert memory.once(OTHER, read) > MOST_RUNS
