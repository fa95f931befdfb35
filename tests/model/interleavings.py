"""Two workers on the real use case, their calls put in every order, with one fault anywhere.

Each worker is a thread that stops before each call which another worker could notice: to the lease,
the intent, the ledger, the history and the PSA. The explorer then chooses: let a worker make its
call, let it die there, let its answer be lost, or let time pass. Places that were reached before,
by whatever way, are not explored twice: a place is what storage and PSA hold and all that each
worker has seen so far.

What is assumed, because no program can prove it: a call to the PSA that was begun lands, or never
will, before the lease that was just kept has run out. Time never passes while one is on its way.
"""

import threading
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from shared.domain.errors import SeatsyncError, UnknownOutcomeError
from shared.domain.ids import digest
from shared.ports import LicenseSync, Services
from shared.usecases.start_run import sync_now
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import CUSTOMER, EDITOR, a_line
from tests.fakes.clock import FakeIds
from tests.fakes.queues import FakeLicenseQueue
from tests.fakes.tables import Shelf
from tests.house import Crash, House

WATCHED = {
    "leases": {"take"},
    "lease": {"keep", "release"},
    "intents": {"get", "open", "close"},
    "books": {"of_customer"},
    "ledgers": {"save"},
    "changes": {"add"},
    "psa": {"list_lines", "execute"},
}
"""The calls that workers can notice of each other."""

SEATS_BEFORE, SEATS = 8, 12
MOST_WAITS = 1
LONGER_THAN_A_LEASE = timedelta(seconds=61)
PATIENCE = 20.0

Alter = Callable[[Services], Services]


@dataclass(frozen=True)
class Choice:
    """What happens next: ``step``, ``crash`` or ``lose`` of a worker, or ``wait``."""

    what: str
    worker: int = -1


@dataclass(eq=False)
class Worker:
    """A thread that works on one message until it is done, and stops before each watched call."""

    number: int
    message: LicenseSync
    house: House
    alter: Alter
    seen: list[str] = field(default_factory=list)
    pending: str = ""
    sleeps: bool = False
    dead: bool = False
    done: bool = False
    order: str = ""

    def __post_init__(self) -> None:
        self._go = SimpleQueue[None]()
        self._stopped = SimpleQueue[None]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait_for_stop()

    def act(self, order: str) -> None:
        """Let the worker make its pending call, or die before it, or lose its answer."""
        self.order = order
        self._go.put(None)
        self._wait_for_stop()

    def end(self) -> None:
        """Let the thread go, wherever it stands."""
        self.order = "end"
        self._go.put(None)
        self._thread.join(PATIENCE)

    def call(self, name: str, real: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Make a watched call once the explorer says so."""
        if self.dead:
            raise Crash  # a dead process does nothing, not even what stands after `finally`
        self._stop_at(name)
        if self.order in {"crash", "end"}:
            self.dead = True
            raise Crash
        try:
            result = real(*args)
        except SeatsyncError as error:
            self.seen.append(f"{name} {type(error).__name__}")
            raise
        if self.order == "lose":
            self.seen.append(f"{name} lost")
            raise UnknownOutcomeError("the connection broke")
        if name == "leases.take":
            self.seen.append(f"{name} until {self.house.clock.real}")
            return Watched(result, "lease", self)
        self.seen.append(f"{name} {result!r}")
        return result

    def _run(self) -> None:
        services = self.alter(self._services())
        queue = services.license_queue
        assert isinstance(queue, FakeLicenseQueue)
        while True:
            try:
                sync_license(self.message, services)
            except Crash:
                if self.order == "end":
                    break
            except SeatsyncError as error:
                self.seen.append(type(error).__name__)
            else:
                if not queue.waiting:
                    break
            # Delivered again: after a crash or a taken lease only once the lease has run out.
            queue.waiting.clear()
            self.seen.clear()  # nothing is carried over from one delivery to the next
            self.sleeps, self.dead = True, False
            self._stop_at("delivery")
            self.sleeps = False
            if self.order == "end":
                break
        self.done = True
        self._stopped.put(None)

    def _services(self) -> Services:
        services = self.house.services
        watched: dict[str, Any] = {
            name: Watched(getattr(services, name), name, self)
            for name in WATCHED
            if name not in {"psa", "lease"}
        }
        connections = copy(services.connections)
        connections.psas = {
            name: replace(one, gateway=Watched(self.house.psa, "psa", self))
            for name, one in connections.psas.items()
        }
        own_ids = FakeIds(count(1000 * (self.number + 1)))
        return replace(
            services,
            **watched,
            connections=connections,
            ids=own_ids,
            license_queue=FakeLicenseQueue(),
        )

    def _stop_at(self, name: str) -> None:
        self.pending = name
        self._stopped.put(None)
        self._go.get()

    def _wait_for_stop(self) -> None:
        try:
            self._stopped.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"worker {self.number} hangs") from None


class Watched:
    """A service whose watched calls wait for the explorer."""

    def __init__(self, real: Any, name: str, worker: Worker) -> None:
        self._real = real
        self._name = name
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in WATCHED[self._name]:
            return found
        label = f"{self._name}.{name}"
        return lambda *args: self._worker.call(label, found, args)

    def __repr__(self) -> str:
        return self._name


@dataclass
class Play:
    """One run of the workers from the beginning, by a list of choices."""

    house: House
    workers: list[Worker]
    faults: int = 0
    waits: int = 0

    def choose(self, choice: Choice) -> None:
        """Let something happen."""
        if choice.what == "wait":
            self.waits += any(True for _ in self._awake())
            self.house.clock.real += LONGER_THAN_A_LEASE
            for worker in self.workers:
                worker.sleeps = False
            return
        self.faults += choice.what != "step"
        self.workers[choice.worker].act(choice.what)

    def choices(self) -> Iterator[Choice]:
        """Everything that may happen next."""
        awake = list(self._awake())
        if not awake:
            yield Choice("wait")  # nothing else can happen
        for worker in awake:
            yield Choice("step", worker.number)
            if not self.faults and worker.pending != "delivery":
                yield Choice("crash", worker.number)
                if worker.pending == "psa.execute":
                    yield Choice("lose", worker.number)
        if not awake or self.waits == MOST_WAITS:
            return
        on_its_way = any(one.pending == "psa.execute" for one in awake)
        if not on_its_way and (self._somebody_sleeps or self._lease_runs):
            yield Choice("wait")

    def _awake(self) -> Iterator[Worker]:
        return (one for one in self.workers if not one.done and not one.sleeps)

    @property
    def _somebody_sleeps(self) -> bool:
        return any(one.sleeps for one in self.workers)

    @property
    def _lease_runs(self) -> bool:
        now = self.house.clock.real
        held = self.house.services.leases.shelf.stored.values()  # type: ignore[attr-defined]  # the fake's
        return any(one.value > now for one in held)

    @property
    def over(self) -> bool:
        """Whether every worker is done."""
        return all(one.done for one in self.workers)

    @property
    def place(self) -> str:
        """What tells this moment from others."""
        services = self.house.services
        kept = [
            repr(sorted(_shelf(getattr(services, x)).items()))
            for x in ("ledgers", "intents", "changes")
        ]
        leases = sorted(services.leases.shelf.stored.items())  # type: ignore[attr-defined]  # the fake's
        return digest(
            *kept,
            repr(leases),
            repr(self.house.psa.lines),
            *(f"{x.pending}{x.sleeps}{x.done}{x.seen}" for x in self.workers),
            f"{self.faults} {self.waits}",
            length=40,
        )

    def end(self) -> None:
        """Let all threads go."""
        for worker in self.workers:
            if not worker.done:
                worker.end()


@dataclass
class Found:
    """What an exploration came to."""

    places: int = 0
    ends: int = 0
    wrong: list[str] = field(default_factory=list)


def explore(judge: Callable[[House], str], *, alter: Alter = lambda services: services) -> Found:
    """Try every order of two deliveries of one message, with at most one fault.

    Args:
        judge: Says what is wrong at an end, or nothing. It may go on with the house.
        alter: Takes away a protection, to see that it is needed; the first wrong end stops then.
    """
    base, message = _arranged()
    found = Found()
    known: set[str] = set()
    ways: list[list[Choice]] = [[]]
    while ways and not found.wrong:
        way = ways.pop()
        play = Play(*_begin(base, message, alter))
        for choice in way:
            play.choose(choice)
        # As far as it leads anywhere new; every other way from there begins anew, later.
        while (place := play.place) not in known:
            known.add(place)
            found.places += 1
            if play.over:
                found.ends += 1
                wrong = judge(play.house)
                if wrong:
                    found.wrong.append(f"{wrong}: {' '.join(f'{c.what}{c.worker}' for c in way)}")
                break
            # The two are alike: it does not matter which of them is first.
            *later, here = [c for c in play.choices() if way or c.worker == 0]
            ways += [[*way, c] for c in later]
            way = [*way, here]
            play.choose(here)
        play.end()
    return found


def _arranged() -> tuple[House, LicenseSync]:
    """A customer whose seats rose inside an invoiced period, and the message about it."""
    house = House().with_customer().with_mapping()
    house.psa.add(a_line(quantity=SEATS_BEFORE))
    house.holds(SEATS_BEFORE).cycle()
    house.on(date(2026, 3, 20)).holds(SEATS)
    sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    tenant_message = house.services.tenant_queue.take()
    sync_tenant(tenant_message, house.services)
    return house, house.services.license_queue.take()


def _begin(base: House, message: LicenseSync, alter: Alter) -> tuple[House, list[Worker]]:
    house = _copied(base)
    return house, [Worker(number, message, house, alter) for number in range(2)]


def _copied(base: House) -> House:
    """A house of its own that holds the same."""
    house = House()
    house.clock.billing, house.clock.real = base.clock.billing, base.clock.real
    for one in fields(base.services):
        _copy_into(getattr(house.services, one.name), getattr(base.services, one.name))
    for name in ("companies", "products", "agreements", "lines"):
        setattr(house.psa, name, dict(getattr(base.psa, name)))
    house.psa.read_at = base.psa.read_at
    return house


def _copy_into(fresh: Any, old: Any) -> None:
    for name, value in getattr(old, "__dict__", {}).items():
        if isinstance(value, Shelf):
            getattr(fresh, name).stored = dict(value.stored)
            getattr(fresh, name)._versions = count(5000)
        elif isinstance(value, dict | list):
            setattr(fresh, name, copy(value))


def _shelf(repository: Any) -> dict[Any, Any]:
    [shelf] = [one for one in vars(repository).values() if isinstance(one, Shelf)]
    return shelf.stored
