"""What a seed draws: customers, days, and what goes wrong on each of them, and at which step.

A plan is drawn before anything runs, from ``random.Random(seed)`` alone, so the same seed always
draws the same plan. Threads and processes take their own turns, so a run of it may differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from pydantic import TypeAdapter

from local.simulators.common.faults import Fault, Kind

PSAS = ("connectwise", "autotask", "halopsa", "syncro")
DIFFERENCES = frozenset({"autotask", "halopsa"})
"""PSAs whose bill depends on how a quantity came about, not only on what it is."""
READ_SECONDS = 1.5
"""How long the app of this suite waits for an answer of a vendor; a real one has 60 s."""
FIRST_DAY = date(2026, 3, 3)
MOST_STEPS = 35
"""About as many steps as a day of a plan has."""

AIMS = ("", "", "psa", "psa", "psa", "tables books POST", "tables books PUT", "queues")
"""Half of the blows fall where a change is written and kept: those are few of all steps."""


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A licence; ``line`` is the quantity that stands on the agreement already."""

    seats: int
    included: int
    minimum: int
    line: int | None
    on_drift: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that people do, or that happens around the app.

    Attributes:
        at: The step of the day that it follows; 0 comes before everything.
        what: ``buy`` and ``map`` (a row of a customer; the value is what is new), ``hand`` (the
            value is by how much somebody changes the line in the PSA), ``sync`` and ``cycle``,
            ``storage`` restarts, ``clock`` (the value is in hours), and ``again``: all messages of
            the day come once more, in another order.
    """

    at: int
    what: str
    customer: int = 0
    row: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class Blow:
    """What the gate does to a step: see ``Weather``.

    Attributes:
        at: The step of the day, or the next one whose name begins with ``on``.
    """

    at: int
    kind: str
    seconds: float = 0.0
    on: str = ""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A day under fire.

    Attributes:
        twice: Each message comes twice.
        midnight: The step after which the next day begins, for good, while all this goes on.
        respawn: Seconds until a host that died is replaced.
    """

    day: date
    events: tuple[Event, ...]
    blows: tuple[Blow, ...]
    psa: tuple[Fault, ...]
    microsoft: tuple[Fault, ...]
    twice: bool
    midnight: int | None
    respawn: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a seed."""

    seed: int
    psa: str
    hosts: int
    customers: tuple[tuple[RowPlan, ...], ...]
    days: tuple[DayPlan, ...]

    def words(self) -> Iterator[str]:
        """Yield the lines that tell the plan."""
        yield f"seed {self.seed}: {self.psa}, {self.hosts} hosts"
        for number, rows in enumerate(self.customers):
            yield f"  customer {number}: " + "; ".join(
                f"{row.seats} seats, {row.included} included, at least {row.minimum}, "
                f"{'no line' if row.line is None else f'a line of {row.line}'}, "
                f"drift: {row.on_drift}"
                for row in rows
            )
        for day in self.days:
            midnight = "" if day.midnight is None else f", midnight after step {day.midnight}"
            twice = ", messages twice" if day.twice else ""
            yield f"  {day.day}{midnight}{twice}, new hosts after {day.respawn:.1f} s"
            for event in day.events:
                yield f"    {event.at:3}  {_event(event)}"
            for blow in day.blows:
                seconds = f" {blow.seconds:.1f} s" if blow.seconds else ""
                yield f"    {blow.at:3}  {blow.kind}{seconds}{blow.on and f' on {blow.on}'}"
            for name, faults in (("PSA", day.psa), ("Microsoft", day.microsoft)):
                for fault in faults:
                    yield f"         {name}: {_fault(fault)}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A plan that is played for good: it once ended wrong, or ends wrong without a protection.

    The plan itself is kept, not only its seed: whoever changes what is drawn changes what every
    seed draws.

    Attributes:
        why: What was wrong, or is without which protection.
    """

    why: str
    plan: Plan


_KEPT = TypeAdapter(Kept)


def kept(path: Path) -> Kept:
    """Return what a file keeps."""
    return _KEPT.validate_json(path.read_bytes())


def keep(path: Path, found: Kept) -> None:
    """Write a plan to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_KEPT.dump_json(found, indent=1, exclude_defaults=True) + b"\n")


def psa_of(seed: int) -> str:
    """Return the PSA that a seed is about, each in turn."""
    return PSAS[seed % len(PSAS)]


def drawn(seed: int, psa: str | None = None) -> Plan:
    """Return the plan of a seed."""
    psa = psa or psa_of(seed)
    rng = Random(f"{seed}-{psa}")
    customers = tuple(
        tuple(_row(rng) for _ in range(rng.choice((1, 1, 2)))) for _ in range(rng.choice((1, 1, 2)))
    )
    day = FIRST_DAY + timedelta(days=rng.randrange(26))
    days = []
    for number in range(rng.choice((2, 2, 2, 2, 3))):
        plan = _day(rng, psa, customers, day, first=number == 0)
        days.append(plan)
        day += timedelta(days=rng.randint(1, 14) + (plan.midnight is not None))
    hosts = rng.choice((2, 2, 2, 2, 3, 4))
    return Plan(seed, psa, hosts, customers, tuple(days))


def _row(rng: Random) -> RowPlan:
    seats = rng.randint(4, 16)
    line = rng.choice((None, seats, seats, rng.randint(max(1, seats - 3), seats + 3)))
    included = rng.choice((0, 0, 0, 2))
    return RowPlan(seats, included, rng.choice((0, 0, 5)), line, rng.choice(("hold", "enforce")))


def _day(
    rng: Random, psa: str, customers: tuple[tuple[RowPlan, ...], ...], day: date, *, first: bool
) -> DayPlan:
    by_level = psa not in DIFFERENCES
    events = []
    for customer, rows in enumerate(customers):
        for row in range(len(rows)):
            if rng.random() < 0.7 and not first:
                events.append(Event(0, "buy", customer, row, _change(rng)))
            if psa != "autotask" and rng.random() < 0.25:
                events.append(Event(_step(rng), "buy", customer, row, _change(rng)))
            if not first and rng.random() < 0.25:
                at = _step(rng) if by_level else 0
                events.append(Event(at, "hand", customer, row, rng.choice((-2, -1, 1, 2, 3))))
            if rng.random() < 0.15:
                at = 0 if psa == "autotask" else _step(rng)
                events.append(Event(at, "map", customer, row, rng.choice((0, 1, 3))))
    events.append(Event(1, rng.choice(("cycle", "sync")), rng.randrange(len(customers))))
    for _ in range(rng.choice((0, 1, 1, 2))):
        what = rng.choice(("cycle", "sync", "sync"))
        events.append(Event(_step(rng), what, rng.randrange(len(customers))))
    if rng.random() < 0.12:
        events.append(Event(_step(rng), "storage"))
    if rng.random() < 0.2:
        events.append(Event(_step(rng), "again"))
    if rng.random() < 0.2:
        events.append(Event(_step(rng), "clock", value=-rng.randint(1, 11)))
    midnight = _step(rng) if rng.random() < 0.15 else None
    if midnight is not None and rng.random() < 0.4:
        # Both would reach the day before, and the oracle knows of no change that was seen then.
        events = [one for one in events if one.what != "clock"]
        events.append(Event(midnight + rng.randint(1, 10), "clock", value=-rng.randint(13, 20)))
    blows = [_blow(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    return DayPlan(
        day=day,
        events=tuple(sorted(events, key=lambda one: one.at)),
        blows=tuple(sorted(blows, key=lambda one: one.at)),
        psa=tuple(_psa_fault(rng) for _ in range(rng.choice((0, 1, 1, 2)))),
        microsoft=tuple(_microsoft_fault(rng) for _ in range(rng.choice((0, 0, 0, 1)))),
        twice=rng.random() < 0.2,
        midnight=midnight,
        respawn=rng.choice((0.0, 0.0, 0.5, 2.0)),
    )


def _step(rng: Random) -> int:
    return round(rng.triangular(2, MOST_STEPS, 10))


def _change(rng: Random) -> int:
    return rng.choice((-12, -5, -3, -2, -1, 1, 1, 2, 3, 4, 6, 30))


def _blow(rng: Random) -> Blow:
    kind = rng.choice(
        ("kill", "kill", "kill before", "lose", "lose", "swallow", "hold", "late", "stall")
    )
    seconds = {"hold": rng.uniform(0.2, 1.0), "late": READ_SECONDS + 0.7, "stall": 4.5}
    on = rng.choice(AIMS)
    at = rng.randint(1, 25) if on else _step(rng)
    return Blow(at, kind, seconds.get(kind, 0.0), on)


def _psa_fault(rng: Random) -> Fault:
    often = rng.randint(1, 3)
    writes = rng.choice(("POST", "PATCH", "PUT", "*"))
    skip = rng.choice((0, 0, 1, 2, 5))
    return rng.choice(
        (
            Fault(kind=Kind.THROTTLE, times=rng.randint(1, 8), skip=skip),
            Fault(kind=Kind.THROTTLE, times=rng.randint(1, 8), skip=skip, retry_after=1),
            Fault(kind=Kind.THROTTLE, method=writes, times=often, skip=skip, retry_after=2),
            Fault(kind=Kind.STATUS, status=503, times=often, skip=skip),
            Fault(kind=Kind.STATUS, status=500, method=writes, times=often, skip=skip),
            Fault(kind=Kind.HTML, status=502, times=often, skip=skip),
            Fault(kind=Kind.HTML, times=often, skip=skip),
            Fault(kind=Kind.DROP, times=rng.randint(1, 6), skip=skip),
            Fault(kind=Kind.LOST_ANSWER, method=writes, times=often, skip=skip),
            Fault(kind=Kind.TRUNCATED, method=writes, times=often, skip=skip),
            Fault(kind=Kind.LATENCY, method="GET", seconds=READ_SECONDS + 0.5, times=often),
            Fault(kind=Kind.LATENCY, seconds=0.3, times=10),
        )
    )


def _microsoft_fault(rng: Random) -> Fault:
    often = rng.randint(1, 3)
    return rng.choice(
        (
            Fault(kind=Kind.THROTTLE, times=often),
            Fault(kind=Kind.THROTTLE, times=often, retry_after=1),
            Fault(kind=Kind.BATCH_STATUS, status=429, times=often, retry_after=1),
            Fault(kind=Kind.BATCH_STATUS, status=503, times=often),
            Fault(kind=Kind.BATCH_MISSING, times=often),
            Fault(kind=Kind.STATUS, status=503, times=often),
            Fault(kind=Kind.DROP, times=rng.randint(1, 6)),
            Fault(kind=Kind.TRUNCATED, times=often),
            Fault(kind=Kind.LATENCY, seconds=READ_SECONDS + 0.5, times=often),
        )
    )


def _event(event: Event) -> str:
    where = f"customer {event.customer}"
    row = f"{where}, row {event.row}"
    return {
        "buy": f"buy {event.value:+} ({row})",
        "map": f"{event.value} are included from here ({row})",
        "hand": f"somebody changes the line in the PSA by {event.value:+} ({row})",
        "sync": f"Sync Now ({where})",
        "cycle": "a cycle",
        "storage": "the storage restarts",
        "clock": f"the clock goes {event.value:+} h",
        "again": "all messages so far come again, in another order",
    }[event.what]


def _fault(fault: Fault) -> str:
    shown = fault.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name} {value}" for name, value in shown.items())
