"""How many calls a connection may make within a window, counted before they are sent."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.domain.errors import RateLimitError


class CallBudget:
    """At most so many calls within a rolling window, in this process. Thread-safe.

    It never waits: it says how long to wait, as an API does that refuses a call.
    """

    def __init__(
        self, connection: str, calls: int, window: timedelta, now: Callable[[], datetime]
    ) -> None:
        """Take the limit.

        Args:
            connection: What pauses when it is used up.
            now: The real time.
        """
        self._connection = connection
        self._limit = calls
        self._window = window
        self._now = now
        self._lock = threading.Lock()
        self._taken: deque[datetime] = deque()

    def take(self, calls: int = 1) -> None:
        """Count calls that are about to be made, all or none: what belongs together is begun once.

        Raises:
            RateLimitError: There are not so many left; it says when there will be.
        """
        wanted = min(calls, self._limit)
        with self._lock:
            now = self._now()
            while self._taken and self._taken[0] <= now - self._window:
                self._taken.popleft()
            missing = len(self._taken) + wanted - self._limit
            if missing > 0:
                raise RateLimitError(
                    self._connection, self._taken[missing - 1] + self._window - now
                )
            self._taken.extend([now] * wanted)

    def give_back(self, calls: int = 1) -> None:
        """Count calls out that were taken and turned out not to be needed."""
        with self._lock:
            for _ in range(min(calls, len(self._taken))):
                self._taken.pop()
