"""What a person waits for goes ahead of what nobody waits for, within one process.

A process computes on one processor, whatever it works on at once: beside two dozen tenants of a
cycle a Sync Now would get a twenty-fifth of it. So a cycle's work waits at its next step, for a
moment, while something of a person's is worked on. It never stands still: whoever has waited that
long takes the step, and what takes very long goes ahead no more.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_SECONDS = 0.5
"""The longest wait before one step. A tenant takes some twenty of them, so that it is late by some
ten seconds at most, however much people ask for meanwhile."""

LONGEST_SECONDS = 10.0
"""For so long something goes ahead: a Sync Now needs a second, the start of a run over a thousand
tenants some ten. One that waits for a slow vendor holds a cycle back no longer."""


class Precedence:
    """Who goes first; all threads of a process share one.

    Args:
        most_seconds: The longest wait before one step, in real time.
        now: Seconds that only ever grow.
    """

    def __init__(
        self,
        most_seconds: float = MOST_SECONDS,
        condition: threading.Condition | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_seconds = most_seconds
        self._none_ahead = condition or threading.Condition()
        self._now = now
        self._ahead: list[float] = []  # until when each does
        self._own = threading.local()

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Let what happens inside the block go ahead: a person waits for it."""
        until = self._now() + LONGEST_SECONDS
        with self._none_ahead:
            self._ahead.append(until)
        try:
            yield
        finally:
            with self._none_ahead:
                self._ahead.remove(until)
                if not self._ahead:
                    self._none_ahead.notify_all()

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """Let this thread give way at each of its steps inside the block: nobody waits for it.

        Never while it holds a lease that what goes ahead may need.
        """
        before = self._gives_way
        self._own.gives_way = True
        try:
            yield
        finally:
            self._own.gives_way = before

    def step(self) -> None:
        """Begin a step: give way if this thread does."""
        # Looked at without the lock, for a step is taken ten thousand times and seldom held up.
        if self._ahead and self._gives_way:
            self.give_way()

    def give_way(self) -> None:
        """Wait until nothing goes ahead any more, and not for long."""
        with self._none_ahead:
            left = max(self._ahead, default=0.0) - self._now()
            if left > 0:
                self._none_ahead.wait_for(lambda: not self._ahead, min(left, self._most_seconds))

    @property
    def _gives_way(self) -> bool:
        return getattr(self._own, "gives_way", False)
