"""What the suites of this directory are given.

A subclass of a suite has two fixtures: ``clock``, a ``FakeClock`` that leases and pauses go by, and
``stored``, empty repositories under their names in ``Services``.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from shared.domain.errors import SeatsyncError

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T | SeatsyncError]:
    """Make the calls in threads that start together; an error of ours is an answer too."""
    barrier = Barrier(len(calls))

    def answer(call: Callable[[], T]) -> T | SeatsyncError:
        barrier.wait()
        try:
            return call()
        except SeatsyncError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(answer, calls))
