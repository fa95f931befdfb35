"""What all simulated PSAs are to a test: a site that is called in process, and can be broken."""

from datetime import UTC, datetime
from typing import ClassVar, Generic, TypeVar

import requests
from starlette.applications import Starlette

from local.simulators.common.calls import CallRecord
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.common.records import PsaRecords
from local.simulators.common.simulator import Simulator
from tests.builders import NOW
from tests.contract.psa_gateway import Trouble

S = TypeVar("S", bound=PsaRecords)
FAULTS = {
    Trouble.THROTTLED: {"kind": Kind.THROTTLE, "retry_after": 7},
    Trouble.THROTTLED_WITHOUT_WAIT: {"kind": Kind.THROTTLE},
    Trouble.UNAVAILABLE: {"kind": Kind.STATUS, "status": 503},
    Trouble.DROPPED: {"kind": Kind.DROP},
    Trouble.LOST_ANSWER: {"kind": Kind.LOST_ANSWER},
    Trouble.HTML: {"kind": Kind.HTML},
}
"""What the simulators do for the troubles that are no PSA's own."""


class Clock:
    """The site's time, and a real one that a test may move."""

    def __init__(self) -> None:
        self.real = datetime(2026, 11, 21, tzinfo=UTC)

    def now(self) -> datetime:
        return NOW

    def real_now(self) -> datetime:
        return self.real


class SimulatedPsa(Generic[S]):
    """A simulated site, and the transport to it. A PSA's own adds its records and its gateway."""

    host: ClassVar[str]

    def __init__(self, state: S, app: Starlette) -> None:
        self.state = state
        self.simulator: Simulator = app.state.simulator
        self.adapter = InProcessAdapter(app, sleep=lambda _seconds: None)
        self.http = requests.Session()
        self.http.mount(self.host, self.adapter)
        self.clock = Clock()
        self._last_line = 500

    def close(self) -> None:
        self.http.close()

    def next_line(self) -> int:
        """Return an id for a line that is put there by hand."""
        self._last_line += 1
        return self._last_line

    def write_count(self) -> int:
        return sum(self.writes(one) for one in self.calls())

    def read_count(self) -> int:
        return sum(not self.writes(one) for one in self.calls())

    def calls(self) -> list[CallRecord]:
        """Return the calls that count."""
        return self.simulator.calls.records()

    def writes(self, call: CallRecord) -> bool:
        """Return whether a call changes something."""
        return call.method != "GET"

    def break_calls(self, method: str, path: str = "**", **fault: object) -> None:
        self.simulator.faults.add(Fault.model_validate({"method": method, "path": path} | fault))
