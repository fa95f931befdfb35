"""One cycle over all tenants, measured from outside: calls, time, memory, processor, storage."""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from bench.fleet import SEATS
from bench.meter import own_process
from bench.rig import Rig
from bench.storage_log import Transactions
from local.api import Json

_LOOK_EVERY_SECONDS = 0.1
_LONGEST_SECONDS = 60.0
_FIRE_AGAIN_SECONDS = 5.0
_UNWANTED = ("failed", "blocked", "held")
_WORKED_ON = re.compile(r"(?:ran|failed) sync_(?:tenant|license|now) ")


class WrongResultError(Exception):
    """What was measured did not do what it should; its time is worth nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One cycle.

    Attributes:
        wall_seconds: From the order to start it until no message is left.
        graph, psa: Calls by kind, a batch as one.
        host_cpu_seconds: Of all hosts together.
        other_cpu_seconds: Of Azurite, the simulators and the benchmark itself, by name.
        worked_on: Messages that hosts took, one that had to wait or failed each time.
        peak_bytes: Of the host that held the most.
    """

    tenants: int
    hosts: int
    wall_seconds: float
    graph: Counter[str]
    psa: Counter[str]
    psa_writes: int
    storage: Transactions
    host_cpu_seconds: float | None
    other_cpu_seconds: dict[str, float | None]
    peak_bytes: int | None
    worked_on: int
    items: dict[str, int]

    @property
    def busy(self) -> float | None:
        """The part of all the machine's processors that was used, by everything together."""
        used = _sum([self.host_cpu_seconds, *self.other_cpu_seconds.values()])
        return None if used is None else used / self.wall_seconds / (os.cpu_count() or 1)

    @property
    def sign_ins(self) -> int:
        """Calls that only let somebody in, or are made once by a process."""
        return sum(n for kind, n in (self.graph + self.psa).items() if is_sign_in(kind))

    @property
    def calls(self) -> int:
        """All calls but sign-ins."""
        return self.graph.total() + self.psa.total() - self.sign_ins


def is_sign_in(kind: str) -> bool:
    """Return whether a kind of call lets somebody in, or is made once by a process."""
    once = ("autotask.ZoneInformation.get", "autotask.Contracts.entityInformation.fields")
    return kind.startswith("login.") or kind.endswith(".token") or kind in once


def cycle(rig: Rig, meanwhile: Callable[[threading.Event], None] | None = None) -> Measured:
    """Run a cycle over all tenants and return its figures.

    Args:
        meanwhile: Runs beside the cycle, which is over when the event is set.

    Raises:
        WrongResultError: Something failed in it.
    """
    rig.wait_idle()
    hosts = [host.process for host in rig.hosts]
    others = rig.processes_by_name | {"bench": own_process()}
    logged = [len(host.log) for host in rig.hosts]
    for process in hosts:
        process.forget_peak()
    rig.forget_calls()
    rig.storage_log.mark()
    before = [process.cpu_seconds() for process in hosts]
    others_before = {name: process.cpu_seconds() for name, process in others.items()}

    over = threading.Event()
    beside = threading.Thread(target=meanwhile, args=(over,)) if meanwhile else None
    began = time.perf_counter()
    run_id = rig.hosts[0].api.call("POST", "/api/runs", {})["run_id"]
    if beside is not None:
        beside.start()
    rig.wait_idle()
    wall = time.perf_counter() - began
    over.set()
    if beside is not None:
        beside.join()

    storage = rig.storage_log.transactions()
    used = [_less(process.cpu_seconds(), was) for process, was in zip(hosts, before, strict=True)]
    graph, psa = rig.calls()
    items = _items(rig.hosts[0].api.call("GET", f"/api/runs/{run_id}"))
    _close(rig, run_id)
    peaks = [peak for process in hosts if (peak := process.peak_bytes()) is not None]
    return Measured(
        tenants=rig.fleet.tenants,
        hosts=len(hosts),
        wall_seconds=wall,
        graph=graph,
        psa=psa,
        psa_writes=rig.psa_writes(),
        storage=storage,
        host_cpu_seconds=_sum(used),
        other_cpu_seconds={
            name: _less(process.cpu_seconds(), others_before[name])
            for name, process in others.items()
        },
        peak_bytes=max(peaks, default=None),
        worked_on=sum(
            len(_WORKED_ON.findall(host.log, was))
            for host, was in zip(rig.hosts, logged, strict=True)
        ),
        items=items,
    )


def buy_everywhere(rig: Rig) -> None:
    """Let the tenants that a changed cycle finds changed have a seat more."""
    for tenant_id, subscription_id in rig.fleet.changed():
        rig.buy(tenant_id, subscription_id)


def check_seats(rig: Rig, bought: int) -> None:
    """Compare what the PSA holds in all with what was bought at Microsoft.

    Args:
        bought: How often ``buy_everywhere`` was called.

    Raises:
        WrongResultError: They differ.
    """
    wanted = rig.fleet.lines * SEATS + rig.fleet.changes * bought
    # What has a last day only makes up for some days of a period.
    found = sum(held.quantity for held in rig.held() if held.ends is None)
    if found != wanted:
        raise WrongResultError(f"the PSA holds {found} seats instead of {wanted}")


def _close(rig: Rig, run_id: str) -> None:
    """Let a timer close the run now: the next one is measured against how large it was."""
    deadline, again = time.monotonic() + _LONGEST_SECONDS, 0.0
    # Of several hosts, the one whose timer is at work closes it.
    while not any(f"run {run_id} closed" in host.log for host in rig.hosts):
        if time.monotonic() > deadline:
            raise WrongResultError(f"run {run_id} is not closed")
        if time.monotonic() > again:
            # Once may be too few: a timer does not fire while it is at work already.
            rig.hosts[0].api.call("POST", "/admin/functions/close_runs")
            again = time.monotonic() + _FIRE_AGAIN_SECONDS
        time.sleep(_LOOK_EVERY_SECONDS)


def _items(run: Json) -> dict[str, int]:
    items: dict[str, int] = run["items"]
    wrong = {state: items.get(state, 0) for state in _UNWANTED if items.get(state)}
    if wrong or run["state"] != "finished":
        raise WrongResultError(f"the run is {run['state']}: {items}")
    return items


def _less(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
