"""Two PSA connections in one deployment: what happens to one is nothing to the other."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.processes import free_port
from local.simulators.common.app import simulator_of
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.server import running
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.builders import a_subscription, a_tenant
from local.sites.known import SITES
from local.sites.site import Agreement, Company, Product, Site, Story
from tests.integration.stack import BUSINESS_PREMIUM, MARCH, Stack, stack_in

pytestmark = pytest.mark.stack

ROW = f"sku-{BUSINESS_PREMIUM}"
STORY = Story(
    companies=[Company(250, "Fabrikam")],
    products=[Product(101, "M365 Business Premium")],
    agreements=[Agreement(7001, 250, MARCH)],
)
SECONDS = 60
WAIT = 4
"""What a PSA that throttles asks for, in seconds."""


@dataclass
class Second:
    """The PSA behind the connection ``second``, at one address whether it runs or not."""

    site: Site
    state: Any
    port: int = field(default_factory=free_port)
    _served: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        self.app = self.site.app(self.state)
        self.simulator: Simulator = simulator_of(self.app)

    def start(self) -> None:
        """Serve."""
        self._served.enter_context(running(self.app, self.port))

    def stop(self) -> None:
        """Refuse connections."""
        self._served.close()

    @property
    def seats(self) -> list[int]:
        """The quantities on its agreement."""
        with self.state.lock:
            return [one.quantity for one in self.site.held(self.state.dump())]


@dataclass
class Two:
    """A customer on each PSA, with ten seats of one licence, mapped and not synced."""

    stack: Stack
    second: Second
    on_main: str
    on_second: str

    def cycle(self) -> dict[str, Any]:
        """Start a cycle over all customers, and return its run."""
        answer = self.stack.post("/api/runs")
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def paused(self) -> set[str]:
        """Return the PSA connections that wait."""
        found = self.stack.get("/api/connections").json()["items"]
        return {one["name"] for one in found if one["kind"] == "psa" and one["paused_until"]}


@pytest.fixture(params=["connectwise", "syncro", "autotask"])
def two(request, tmp_path) -> Iterator[Two]:
    second = Second(SITES[request.param], SITES[request.param].new_state())
    with stack_in(tmp_path, "connectwise") as stack:
        second.state.seed(**second.site.records(STORY))
        second.state.now = lambda: stack.now
        second.start()
        stack.environment |= second.site.settings(f"http://127.0.0.1:{second.port}", "second")
        main = stack.mapped_contoso(seats=10)
        tenant = stack.add_tenant(a_tenant("Fabrikam", [a_subscription(BUSINESS_PREMIUM, 10)]))
        other = stack.add_customer(tenant, psa="second")
        profile = stack.add_profile(psa="second")
        stack.map_row(other, ROW, profile, second.site.agreement_id(7001))
        yield Two(stack, second, main.customer_id, other)
        second.stop()


def test_each_customer_is_billed_on_the_psa_that_it_names(two: Two):
    run = two.stack.finished(two.cycle()["run_id"], SECONDS)

    assert run["items"]["changed"] == 2
    assert [seats for seats, *_ in two.stack.lines()] == [10]
    assert two.second.seats == [10]
    assert two.second.simulator.violations == []


@pytest.mark.parametrize("down", ["refuses connections", "answers 503"])
def test_a_psa_that_is_down_fails_its_own_customer_only_and_catches_up(two: Two, down: str):
    if down == "answers 503":
        two.second.simulator.faults.add(Fault(kind=Kind.STATUS, status=503))
    else:
        two.second.stop()

    run_id = two.cycle()["run_id"]
    two.stack.eventually(lambda: two.stack.lines() or None)
    run = two.stack.finished(run_id, SECONDS)

    assert (run["items"]["changed"], run["items"]["failed"]) == (1, 1)
    assert [seats for seats, *_ in two.stack.lines()] == [10]
    assert two.second.seats == []
    assert two.stack.sync(two.on_main)["items"]["failed"] == 0

    if down == "answers 503":
        two.second.simulator.faults.clear()
    else:
        two.second.start()
    again = two.stack.finished(two.cycle()["run_id"], SECONDS)
    assert (again["items"]["changed"], again["items"]["failed"]) == (1, 0)
    assert two.second.seats == [10]
    assert two.stack.get("/api/alerts").json()["items"] == []


def test_a_psa_that_asks_to_wait_pauses_its_own_work_only_and_goes_on_by_itself(two: Two):
    # Once when the cycle lists agreements, and once when the customer is planned.
    two.second.simulator.faults.add(Fault(kind=Kind.THROTTLE, retry_after=WAIT, times=2))

    run_id = two.cycle()["run_id"]
    two.stack.eventually(lambda: "second" in two.paused() or None)

    assert two.paused() == {"second"}
    # The cycle writes here what it found, before a Sync Now could.
    two.stack.eventually(lambda: two.stack.lines() or None)
    assert two.stack.sync(two.on_main)["items"]["failed"] == 0
    run = two.stack.finished(run_id, SECONDS)
    assert (run["items"]["changed"], run["items"]["failed"]) == (2, 0)
    assert two.second.seats == [10]
