"""How long Sync Now takes, until the run says that the change is in the PSA.

A customer's tenant has bought a seat; one person presses the button for one customer after another.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.cycle import WrongResultError, cycle
from bench.rig import Rig

IDLE = 20
"""So many while nothing else goes on."""

LEAST_UNDER_LOAD = 20
_MOST_CYCLES = 4
_LOOK_EVERY_SECONDS = 0.1
_LONGEST_SECONDS = 120.0


@dataclass
class SyncNow:
    """Seconds of each, while nothing else goes on and while a cycle over all tenants runs."""

    idle: list[float] = field(default_factory=list)
    under_load: list[float] = field(default_factory=list)


def p50(seconds: list[float]) -> float | None:
    """Return the median."""
    return statistics.median(seconds) if seconds else None


def p95(seconds: list[float]) -> float | None:
    """Return what one in twenty exceeds."""
    if len(seconds) < 2:  # noqa: PLR2004 - one value has no quantiles
        return seconds[0] if seconds else None
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def sync_now(rig: Rig) -> SyncNow:
    """Measure both, on a rig with a host that is warm."""
    found = SyncNow()
    customers = _customers(rig)
    for _ in range(IDLE):
        found.idle.append(_one(rig, next(customers)))

    def press(over: threading.Event) -> None:
        while not over.is_set():
            seconds = _one(rig, next(customers))
            if not over.is_set():
                found.under_load.append(seconds)

    for _ in range(_MOST_CYCLES):
        cycle(rig, press)
        if len(found.under_load) >= LEAST_UNDER_LOAD:
            break
    return found


def _customers(rig: Rig) -> Iterator[int]:
    """Customers by number from the last one on, whom a changed cycle leaves alone at first."""
    while True:
        yield from reversed(range(rig.fleet.tenants))


def _one(rig: Rig, number: int) -> float:
    fleet, api = rig.fleet, rig.hosts[0].api
    rig.buy(*fleet.purchase(number))
    began = time.perf_counter()
    run_id = api.call("POST", f"/api/customers/{fleet.customer_id(number)}/sync", {})["run_id"]
    while True:
        run = api.call("GET", f"/api/runs/{run_id}")
        if run["state"] != "running":
            break
        if time.perf_counter() - began > _LONGEST_SECONDS:
            raise WrongResultError(f"Sync Now does not end: {run['items']}")
        time.sleep(_LOOK_EVERY_SECONDS)
    if run["items"]["changed"] < 1:
        raise WrongResultError(f"Sync Now changed nothing: {run['items']}")
    return time.perf_counter() - began
