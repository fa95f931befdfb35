"""A call in a thread of its own, for tests of what threads do to each other."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")

SOON = 10.0
"""Seconds in which every thread of a test ends, if it ends at all."""


class Calling(Generic[T]):
    """Calls at once; ``answer`` or ``error`` is what came of it after it ``ends``."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.answer: T | None = None
        self.error: BaseException | None = None
        self._thread = Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self.answer = call()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def ends(self) -> "Calling[T]":
        self._thread.join(SOON)
        assert not self._thread.is_alive()
        return self
