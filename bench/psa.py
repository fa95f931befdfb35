"""One PSA's figures: cycles over a small and a large MSP, the baseline, and what goes on beside."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.baseline import Baseline, baseline
from bench.cycle import Measured, WrongResultError, buy_everywhere, check_seats, cycle
from bench.fleet import Fleet
from bench.floors import Floor, floor_of
from bench.rig import AT_ONCE, PSA_SECONDS, SLOW_PSA_SECONDS, Rig, rig_of
from bench.sync_now import SyncNow, sync_now
from local.sites.site import Site

ONE_AT_A_TIME_TENANTS, TOGETHER_TENANTS = 4, 48
"""Tenants of the baselines; each takes the same, so more are calculated from them."""

SLOW_TIMES = 5
"""So many times the smallest MSP's tenants has the one whose PSA is slow.

A host works on two dozen messages of some seconds each at once: a few rounds of them would tell how
they divide, and not how fast they are.
"""


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles over an MSP of one size.

    Attributes:
        fresh: The first of a new host, which has to sign in everywhere, as each day's.
        quiet: Nothing has changed; the fresh one where no other was measured.
        changed: One line in ten has.
    """

    fresh: Measured
    quiet: Measured
    changed: Measured

    @property
    def only_fresh(self) -> bool:
        """Whether the fresh cycle is the only one in which nothing changed."""
        return self.quiet is self.fresh


@dataclass(frozen=True, slots=True)
class Hosts:
    """The changed cycle of new hosts, by how many they are; the slow ones with a slow PSA."""

    one: Measured
    two: Measured
    slow_one: Measured
    slow_two: Measured


@dataclass
class PsaFigures:
    """Everything of one PSA."""

    psa: str
    title: str
    cycles: dict[int, Cycles] = field(default_factory=dict)
    one_at_a_time: Baseline | None = None
    together: Baseline | None = None
    sync_now: SyncNow | None = None
    hosts: Hosts | None = None

    @property
    def largest(self) -> int:
        """Tenants of the largest MSP."""
        return max(self.cycles)

    @property
    def smallest(self) -> int:
        """Tenants of the smallest MSP."""
        return min(self.cycles)

    def floor(self, tenants: int, measured: Measured) -> Floor:
        """Return the floor of a cycle."""
        return floor_of(self.psa, tenants, measured.items["changed"])


def measure(
    site: Site,
    sizes: Sequence[int],
    *,
    in_full: bool,
    with_sync_now: bool,
    with_hosts: bool,
    with_baseline: bool,
) -> PsaFigures:
    """Measure one PSA.

    Args:
        sizes: Numbers of tenants.
        in_full: Measure a quiet cycle beside the fresh one for each size, and not for the smallest
            alone.
        with_sync_now: Measure it too, on the largest.
        with_hosts: Measure these too: on the smallest, and on a larger one with a slow PSA.

    Raises:
        WrongResultError: A cycle did not do what it should.
    """
    found = PsaFigures(site.name, site.title)
    for size in sorted(sizes):
        with rig_of(Fleet(size, site)) as rig:
            rig.start_host()
            found.cycles[size] = _cycles(rig, again=in_full or size == min(sizes))
            if with_sync_now and size == max(sizes):
                found.sync_now = sync_now(rig)
            if with_baseline and size == min(sizes):
                rig.stop_hosts()
                found.one_at_a_time = baseline(rig, ONE_AT_A_TIME_TENANTS, 1)
                found.together = baseline(rig, TOGETHER_TENANTS, AT_ONCE)
    if with_hosts:
        fast = _hosts(Fleet(min(sizes), site))
        slow = _hosts(Fleet(min(sizes) * SLOW_TIMES, site), SLOW_PSA_SECONDS)
        found.hosts = Hosts(*fast, *slow)
    return found


def _cycles(rig: Rig, *, again: bool) -> Cycles:
    fresh = cycle(rig)
    quiet = cycle(rig) if again else fresh
    if quiet.psa_writes or quiet.items["changed"]:
        raise WrongResultError(f"a quiet cycle changed something: {quiet.items}")
    buy_everywhere(rig)
    changed = cycle(rig)
    if changed.items["changed"] != rig.fleet.changes:
        raise WrongResultError(f"{rig.fleet.changes} lines should change: {changed.items}")
    check_seats(rig, 1)
    return Cycles(fresh, quiet, changed)


def _hosts(fleet: Fleet, psa_seconds: float = PSA_SECONDS) -> tuple[Measured, Measured]:
    """A changed cycle of one host and of two."""
    with rig_of(fleet, count_storage=False) as rig:
        rig.start_host()
        cycle(rig)  # a change is judged by the size of the run before it
        rig.latency(psa=psa_seconds)
        one, two = _changed_by(rig, 1), _changed_by(rig, 2)
        check_seats(rig, 2)
        return one, two


def _changed_by(rig: Rig, hosts: int) -> Measured:
    """A changed cycle of so many new hosts."""
    rig.stop_hosts()
    for _ in range(hosts):
        rig.start_host()
    buy_everywhere(rig)
    return cycle(rig)
