"""What a person waits for goes ahead of a cycle's work, which never stands still."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from shared import bootstrap
from shared.messages import encode
from shared.ports import LicenseSync, TenantSync
from shared.precedence import LONGEST_SECONDS, MOST_SECONDS, Precedence
from shared.usecases.start_run import sync_now
from tests.api_client import Api, deliver, fire
from tests.builders import CUSTOMER, EDITOR
from tests.house import House

LONG = 60.0
"""Seconds after which a wait that should end by itself fails a test."""


class Watched(threading.Condition):
    """Tells of each wait, and how long it may last."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self.waiting = threading.Event()

    def wait_for(self, predicate: Callable[[], object], timeout: float | None = None) -> bool:  # type: ignore[override]  # as narrow as it is used
        self.waits.append(timeout)
        self.waiting.set()
        return bool(super().wait_for(predicate, timeout))


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_step_waits_until_nothing_goes_ahead_any_more(watched: Watched):
    precedence = Precedence(LONG, watched)
    happened = []

    def cycle() -> None:
        with precedence.giving_way():
            precedence.step()
            happened.append("a step of the cycle")

    worker = threading.Thread(target=cycle)
    with precedence.ahead(), precedence.ahead():
        worker.start()
        assert watched.waiting.wait(LONG)
        happened.append("what a person waited for")
    worker.join(LONG)

    assert happened == ["what a person waited for", "a step of the cycle"]


def test_a_step_is_taken_after_a_moment_however_long_something_goes_ahead(watched: Watched):
    precedence = Precedence(0, watched)

    with precedence.ahead(), precedence.giving_way():
        precedence.step()
        precedence.step()

    assert watched.waits == [0, 0]
    assert MOST_SECONDS < 1  # twenty steps of a tenant stay far below any lease


def test_what_takes_long_goes_ahead_no_more(watched: Watched):
    now = [100.0]
    precedence = Precedence(LONG, watched, lambda: now[0])

    with precedence.giving_way(), precedence.ahead():
        now[0] += LONGEST_SECONDS
        precedence.step()
        assert watched.waits == []

        with precedence.ahead():
            now[0] += LONGEST_SECONDS
            precedence.step()

    assert watched.waits == []


def test_a_wait_ends_when_what_goes_ahead_has_taken_too_long(watched: Watched):
    now = [100.0]
    precedence = Precedence(LONG, watched, lambda: now[0])

    with precedence.giving_way(), precedence.ahead():
        now[0] += LONGEST_SECONDS - 0.001
        precedence.step()

    assert watched.waits == [pytest.approx(0.001)]


def test_nothing_waits_while_nobody_goes_ahead(watched: Watched):
    precedence = Precedence(LONG, watched)

    with precedence.giving_way():
        precedence.step()
        with pytest.raises(ZeroDivisionError), precedence.ahead():
            _ = 1 / 0
        precedence.step()

    assert watched.waits == []


def test_what_a_person_waits_for_gives_way_to_nobody(watched: Watched):
    precedence = Precedence(LONG, watched)

    with precedence.giving_way():
        pass
    with precedence.ahead():
        precedence.step()

    assert watched.waits == []


def test_a_thread_gives_way_for_itself_alone(watched: Watched):
    precedence = Precedence(LONG, watched)
    other = threading.Thread(target=precedence.step)

    with precedence.ahead(), precedence.giving_way():
        other.start()
        other.join(LONG)

    assert not other.is_alive()
    assert watched.waits == []


# Which function does what --------------------------------------------------------------------


class Recorded(Precedence):
    """Tells what was asked of it, and waits for nobody."""

    def __init__(self) -> None:
        super().__init__(0)
        self.told: list[str] = []

    @contextmanager
    def ahead(self) -> Iterator[None]:
        self.told.append("ahead")
        with super().ahead():
            yield

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        self.told.append("gives way at each step")
        with super().giving_way():
            yield

    def give_way(self) -> None:
        self.told.append("gives way once")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = Recorded()
    monkeypatch.setattr(bootstrap, "precedence", lambda: found)
    return found


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    house = House().with_customer().with_mapping().holds(10)
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    monkeypatch.setattr(bootstrap, "telemetry", lambda: house.services.telemetry)
    return house


def messages(house: House) -> tuple[TenantSync, LicenseSync]:
    sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    tenant = house.services.tenant_queue.take()
    deliver("sync_tenant", encode(tenant))
    return tenant, house.services.license_queue.take()


def test_sync_now_goes_ahead_with_both_of_its_messages(house: House, recorded: Recorded):
    both = messages(house)
    recorded.told.clear()

    for message in both:
        deliver("sync_now", encode(message))

    assert recorded.told == ["ahead", "ahead"]


def test_a_cycles_tenant_gives_way_at_each_step(house: House, recorded: Recorded):
    messages(house)

    assert recorded.told == ["gives way at each step"]


def test_a_cycles_line_group_gives_way_before_its_lease_and_never_under_it(
    house: House, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
):
    _, group = messages(house)
    recorded.told.clear()
    leases = house.services.leases
    taking = type(leases).take

    def take(*arguments: object) -> object:
        recorded.told.append("takes the lease")
        return taking(*arguments)  # type: ignore[arg-type]  # whatever was given

    monkeypatch.setattr(type(leases), "take", take)
    deliver("sync_license", encode(group))

    assert recorded.told == ["gives way once", "takes the lease"]


def test_a_request_goes_ahead_and_a_timer_does_not(api: Api, recorded: Recorded):
    fire("close_runs")
    assert recorded.told == []

    api.get("/api/customers")
    api.get("/customers")

    assert recorded.told == ["ahead", "ahead"]
