"""What a process reads once for all messages of a run."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from shared.domain.ids import RunId

T = TypeVar("T")

LASTS = timedelta(minutes=1)
"""How long it is gone by: most of a cycle, and short for a message that has waited."""

MOST_RUNS = 8


@dataclass(slots=True)
class _Read:
    """One reading; whoever holds the lock makes it."""

    began: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: tuple[Any] | None = None


class OncePerRun:
    """A ``RunMemory``. Threads share it; those that ask while one reads wait for what it reads.

    Args:
        now: Seconds that only ever go forward.
    """

    def __init__(self, lasts: timedelta = LASTS, now: Callable[[], float] = time.monotonic) -> None:
        self._lasts = lasts.total_seconds()
        self._now = now
        self._lock = threading.Lock()
        self._reads: OrderedDict[RunId, _Read] = OrderedDict()

    def once(self, run_id: RunId, read: Callable[[], T]) -> T:
        made = self._of(run_id)
        with made.lock:
            if made.value is None:
                made.value = (read(),)
            value: T = made.value[0]
            return value

    def _of(self, run_id: RunId) -> _Read:
        with self._lock:
            now = self._now()
            made = self._reads.get(run_id)
            if made is None or now - made.began >= self._lasts:
                made = self._reads[run_id] = _Read(now)
            self._reads.move_to_end(run_id)
            while len(self._reads) > MOST_RUNS:
                self._reads.popitem(last=False)
            return made
