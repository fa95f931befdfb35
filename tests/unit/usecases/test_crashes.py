"""A worker may die after any single step; started again, it ends with the right lines."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest

from shared.domain.runs import RunReason
from shared.usecases.start_run import start_cycle
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import CUSTOMER, a_line
from tests.house import Crash, House

STEPS = {
    "put",
    "put_items",
    "put_read",
    "replace",
    "save",
    "change",
    "add",
    "open",
    "close",
    "take",
    "release",
    "execute",
}
"""Calls that change something; the worker may die before or after each."""

STEPS_OF_A_CHANGE = 17


class Fuse:
    """Lets the n-th changing call kill the worker, before or after its work."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.left = at
        self.after = after
        self.blown = False

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def fused(*args: Any, **kwargs: Any) -> Any:
            if self.blown:
                return call(*args, **kwargs)
            self.left -= 1
            if self.left > 0:
                return call(*args, **kwargs)
            self.blown = True
            if self.after:
                call(*args, **kwargs)
            raise Crash

        return fused


class Fused:
    """A service whose changing calls burn down a fuse."""

    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._fuse.wrap(found) if name in STEPS else found


def fused(house: House, fuse: Fuse) -> None:
    """Put every service, and the PSA itself, on one fuse."""
    skipped = {"clock", "ids", "sku_names", "free_skus", "connections"}
    wrapped = {
        f.name: Fused(getattr(house.services, f.name), fuse)
        for f in fields(house.services)
        if f.name not in skipped
    }
    connection = house.services.connections.psas["main"]
    house.services.connections.psas["main"] = replace(connection, gateway=Fused(house.psa, fuse))
    house.services = replace(house.services, **wrapped)


def drain_through_crashes(house: House) -> None:
    """Work off the queues; a message whose worker died is delivered again a minute later."""
    tenants = house.services.tenant_queue
    licenses = house.services.license_queue
    for _ in range(200):
        if tenants.waiting:
            message, work = tenants.waiting[0], sync_tenant
        elif licenses.waiting:
            message, work = licenses.waiting[0], sync_license
        else:
            return
        queue = tenants if work is sync_tenant else licenses
        house.clock.real += message.delay
        try:
            if work is sync_tenant:
                sync_tenant(message.message, house.services, redelivered=True)
            else:
                sync_license(message.message, house.services)
        except Crash:
            house.clock.pass_time(timedelta(minutes=2))
            continue
        queue.waiting.remove(message)
    raise AssertionError("the queues never ran empty")


def arranged() -> House:
    house = House().with_customer().with_mapping()
    house.psa.add(a_line(quantity=8))
    house.holds(8).cycle()
    return house.on(date(2026, 3, 20)).holds(12)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS_OF_A_CHANGE + 1))
def test_a_crash_at_any_step_of_a_change_ends_with_one_line_of_each_kind(step, after):
    house = arranged()
    run = start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    fuse = Fuse(step, after=after)
    fused(house, fuse)

    drain_through_crashes(house)

    assert [(line.quantity, line.ends) for line in house.lines] == [
        (12, None),
        (4, date(2026, 3, 31)),
    ]
    assert len(house.history()) == 2
    assert house.services.intents.of_customer(CUSTOMER) == ()
    writes = len(house.psa.writes)
    house.on(date(2026, 3, 21)).cycle()
    assert len(house.psa.writes) == writes
    assert [i.state for i in house.services.runs.items(run) if not i.state.final] == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS_OF_A_CHANGE + 1))
def test_a_crash_at_any_step_of_a_creation_ends_with_one_line(step, after):
    house = House().with_customer().with_mapping().holds(10)
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    fused(house, Fuse(step, after=after))

    drain_through_crashes(house)

    assert house.quantities == [10]
    assert len(house.history()) == 1
    assert house.services.ledgers.get(CUSTOMER, house.group_id).value.line_id is not None


def test_a_change_has_no_more_steps_than_are_tried():
    house = arranged()
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    fuse = Fuse(STEPS_OF_A_CHANGE + 1, after=False)
    fused(house, fuse)

    drain_through_crashes(house)

    assert not fuse.blown
