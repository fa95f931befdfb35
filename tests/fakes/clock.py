"""A clock that a test moves, and names that count."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from tests.builders import NOW


@dataclass(slots=True)
class FakeClock:
    """A ``Clock``. Billing time and real time are the same until one of them is moved."""

    billing: datetime = NOW
    real: datetime = NOW

    def now(self) -> datetime:
        return self.billing

    def real_now(self) -> datetime:
        return self.real

    def pass_time(self, elapsed: timedelta) -> None:
        """Let both go on."""
        self.billing += elapsed
        self.real += elapsed

    def travel_to(self, moment: datetime) -> None:
        """Let billing alone be at another moment, as ``CLOCK_FILE`` does."""
        self.billing = moment


@dataclass(slots=True)
class FakeIds:
    """``Ids`` that count: ``id1``, ``id2``."""

    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new(self) -> str:
        return f"id{next(self.numbers)}"
