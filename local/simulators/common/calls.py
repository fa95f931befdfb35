"""The log of every call a simulator answered, counted by kind."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. ``status`` is None when the connection was dropped before any work.

    ``outcome`` is ``answered``, ``dropped`` (no work was done) or ``lost`` (the work was done, the
    answer never left).
    """

    kind: str
    method: str
    path: str
    template: str | None
    status: int | None
    at: datetime
    outcome: str = "answered"
    tenant: str | None = None
    inner: bool = False

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"at": self.at.isoformat()}


class CallLog:
    """Calls in the order they were answered. Safe to use from many threads.

    ``limit`` bounds how many records are kept; the counts go on beyond it.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._lock = threading.Lock()
        self._records: deque[CallRecord] = deque(maxlen=limit)
        self._counts: Counter[str] = Counter()

    def record(self, call: CallRecord) -> None:
        with self._lock:
            self._records.append(call)
            self._counts[call.kind] += 1

    def records(self) -> list[CallRecord]:
        with self._lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Return how many calls of each kind were answered since the last ``clear``."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
            self._counts.clear()


class CallWindow:
    """Counts the calls of the last while, for a vendor that refuses more than so many."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._calls: deque[datetime] = deque()

    def takes(self, now: datetime, limit: int) -> bool:
        """Return whether one more call is let in, and count it then; a limit of 0 is none."""
        if not limit:
            return True
        while self._calls and self._calls[0] <= now - self._length:
            self._calls.popleft()
        if len(self._calls) >= limit:
            return False
        self._calls.append(now)
        return True
