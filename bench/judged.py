"""The rows of the benchmark: each figure that was wanted beside what was measured."""

from collections.abc import Iterable, Sequence

from bench.cold_start import ColdStart
from bench.costs import costs
from bench.cycle import Measured, is_sign_in
from bench.pages import WANTED as PAGE_WANTED
from bench.pages import Measured as Page
from bench.psa import Cycles, PsaFigures
from bench.rig import AT_ONCE, SLOW_PSA_SECONDS
from bench.rows import Row, at_least, at_most, told
from bench.storage_price import StoragePrice
from bench.sync_now import p50, p95

CALLS_OVER_FLOOR, WALL_OVER_IDEAL = 1.05, 1.5
FASTER_THAN_BASELINE, FEWER_CALLS_THAN_BASELINE = 10, 4
MEMORY_GROWTH = 20
SYNC_NOW_SECONDS = 3
TWO_HOSTS = 0.6
MEGABYTE = 1_000_000


def judged(
    psas: Sequence[PsaFigures],
    cold: ColdStart | None = None,
    storage: StoragePrice | None = None,
    pages: Sequence[Page] = (),
) -> list[Row]:
    """Return all rows."""
    rows = [row for one in psas for row in _of_psa(one)]
    if cold is not None:
        rows += _of_cold_start(cold)
    if storage is not None:
        rows += _of_storage(storage)
    rows += [
        at_most("Pages, large MSP ÷ small one", one.page, one.ratio, PAGE_WANTED) for one in pages
    ]
    return rows


def _of_psa(found: PsaFigures) -> Iterable[Row]:
    for tenants, cycles in found.cycles.items():
        part = f"{found.title}, {tenants:,} tenants"
        if not cycles.only_fresh:
            yield from _of_cycle(part, "fresh", cycles.fresh, found, tenants)
        yield from _of_cycle(part, "quiet", cycles.quiet, found, tenants)
        yield from _of_cycle(part, "changed", cycles.changed, found, tenants)
        if tenants == found.largest:
            yield from _beside_the_baseline(part, cycles, found)
            yield from _of_cost(part, cycles)
    yield from _of_growth(found)
    yield from _of_sync_now(found)
    yield from _of_hosts(found)


def _of_cycle(
    part: str, name: str, measured: Measured, found: PsaFigures, tenants: int
) -> Iterable[Row]:
    if name == "quiet" and found.cycles[tenants].only_fresh:
        yield told(part, "quiet: which", "the first of a new host, which signs in to each tenant")
    floor = found.floor(tenants, measured)
    kinds = "; ".join(
        f"{kind} {count:,}"
        for kind, count in sorted((measured.graph + measured.psa).items())
        if not is_sign_in(kind)
    )
    yield told(part, f"{name}: calls by kind", kinds)
    ratio = measured.calls / floor.calls
    yield at_most(
        part,
        f"{name}: calls ÷ floor",
        ratio,
        CALLS_OVER_FLOOR,
        more=f" ({measured.calls:,} ÷ {floor.calls:,})",
    )
    if floor.safe:
        needed = floor.calls + floor.safe
        what = f"{name}: calls ÷ what changes need that are never billed twice"
        yield at_most(
            part,
            what,
            measured.calls / needed,
            CALLS_OVER_FLOOR,
            more=f" ({measured.calls:,} ÷ {needed:,})",
        )
    if measured.sign_ins:
        yield told(part, f"{name}: sign-ins besides", f"{measured.sign_ins:,}")
    if name == "quiet":
        yield at_most(part, "quiet: PSA writes", measured.psa_writes, 0)
    else:
        yield told(part, f"{name}: PSA writes", f"{measured.psa_writes:,}")
    ideal = floor.seconds(AT_ONCE)
    yield at_most(
        part,
        f"{name}: time ÷ ideal",
        measured.wall_seconds / ideal,
        WALL_OVER_IDEAL,
        more=f" ({measured.wall_seconds:.1f} s ÷ {ideal:.1f} s)",
    )
    others = ", ".join(
        f"{other} {_seconds(used)}" for other, used in measured.other_cpu_seconds.items()
    )
    yield told(
        part,
        f"{name}: processor",
        f"hosts {_seconds(measured.host_cpu_seconds)}; {others}; together {_share(measured.busy)} "
        "of the machine's",
    )
    if measured.host_cpu_seconds is not None:
        each = measured.host_cpu_seconds / tenants * 1000
        yield told(part, f"{name}: hosts' processor a tenant", f"{each:.0f} ms")
    yield told(part, f"{name}: peak memory of the host", _megabytes(measured.peak_bytes))
    storage = measured.storage
    yield told(
        part,
        f"{name}: storage transactions a tenant",
        f"{storage.tables.total() / tenants:.1f} tables, {storage.queues.total() / tenants:.1f} "
        f"queues; {storage.polls} looks into queues in all",
    )


def _beside_the_baseline(part: str, cycles: Cycles, found: PsaFigures) -> Iterable[Row]:
    single, together = found.one_at_a_time, found.together
    if single is None or together is None:
        return
    tenants, quiet = found.largest, cycles.quiet
    seconds, calls = single.seconds_for(tenants), single.calls_for(tenants)
    yield told(
        part,
        "baseline, one at a time",
        f"{seconds:,.0f} s and {calls:,} calls (from {single.tenants} tenants)",
    )
    yield told(
        part,
        f"baseline, {together.at_once} tenants at once",
        f"{together.seconds_for(tenants):,.0f} s (from {together.tenants} tenants)",
    )
    yield at_least(
        part,
        "quiet: times faster than one at a time",
        seconds / quiet.wall_seconds,
        FASTER_THAN_BASELINE,
    )
    yield told(
        part,
        f"quiet: times faster than {together.at_once} at once",
        f"{together.seconds_for(tenants) / quiet.wall_seconds:.1f}",
    )
    yield at_least(
        part,
        "quiet: times fewer calls than the baseline",
        calls / quiet.calls,
        FEWER_CALLS_THAN_BASELINE,
    )


def _of_cost(part: str, cycles: Cycles) -> Iterable[Row]:
    parts = costs(cycles.fresh, cycles.quiet, cycles.changed)
    words = "; ".join(f"{one.what} {one.dollars:.2f}" for one in parts)
    together = sum(one.dollars for one in parts)
    yield told(part, "cost of 1,000 tenants a month", f"$ {together:.2f} ({words})")


def _of_growth(found: PsaFigures) -> Iterable[Row]:
    small, large = found.smallest, found.largest
    if small == large:
        return
    part = f"{found.title}, from {small:,} to {large:,} tenants"
    names = (
        ("fresh", "changed") if found.cycles[large].only_fresh else ("fresh", "quiet", "changed")
    )
    for name in names:
        before: Measured = getattr(found.cycles[small], name)
        after: Measured = getattr(found.cycles[large], name)
        growth = None
        if before.peak_bytes is not None and after.peak_bytes is not None:
            growth = (after.peak_bytes / before.peak_bytes - 1) * 100
        yield at_most(part, f"{name}: growth of the peak memory", growth, MEMORY_GROWTH, " %")
        times = after.wall_seconds / before.wall_seconds
        yield told(part, f"{name}: times as long", f"{times:.1f}")


def _of_sync_now(found: PsaFigures) -> Iterable[Row]:
    times = found.sync_now
    if times is None:
        return
    part = f"Sync Now, {found.title}, {found.largest:,} tenants"
    for name, seconds in (("idle", times.idle), ("beside a cycle", times.under_load)):
        middle = p50(seconds)
        yield told(part, f"{name}: p50", "not measured" if middle is None else f"{middle:.2f} s")
        yield at_most(
            part,
            f"{name}: p95",
            p95(seconds),
            SYNC_NOW_SECONDS,
            " s",
            more=f" (of {len(seconds)})",
        )


def _of_hosts(found: PsaFigures) -> Iterable[Row]:
    if found.hosts is None:
        return
    hosts = found.hosts
    part = f"Two hosts, {found.title}"
    fast = f", {hosts.one.tenants:,} tenants"
    slow = f", {hosts.slow_one.tenants:,} tenants, a PSA of {SLOW_PSA_SECONDS:.0f} s a call"
    for which, one, two in ((fast, hosts.one, hosts.two), (slow, hosts.slow_one, hosts.slow_two)):
        yield at_most(
            part,
            f"changed{which}: time of two ÷ time of one",
            two.wall_seconds / one.wall_seconds,
            TWO_HOSTS,
            more=f" ({two.wall_seconds:.1f} s ÷ {one.wall_seconds:.1f} s)",
        )
        yield told(
            part,
            f"changed{which}: processors of the machine in use",
            f"{_share(one.busy)} by one host and all beside it, {_share(two.busy)} by two",
        )
        yield told(
            part,
            f"changed{which}: messages worked on",
            f"{one.worked_on:,} by one, {two.worked_on:,} by two",
        )


def _of_cold_start(found: ColdStart) -> Iterable[Row]:
    part = "Cold start, from the package"
    yield told(part, "the app is loaded", f"{found.loaded:.2f} s")
    yield told(part, "its services are made", f"{found.ready:.2f} s")
    yield told(
        part, "first answer (/api/health), with the local host", f"{found.first_answer:.2f} s"
    )
    yield told(part, "first page after that", f"{found.first_page:.2f} s")


def _of_storage(found: StoragePrice) -> Iterable[Row]:
    part = "The storage's library, processor time of a call"
    yield told(part, "read an entity", f"{found.read:.1f} ms")
    yield told(part, "query of nine entities", f"{found.query:.1f} ms")
    yield told(part, "write an entity", f"{found.write:.1f} ms")
    yield told(part, "transaction of nine entities", f"{found.transaction:.1f} ms")


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f} s"


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value * 100:.0f} %"


def _megabytes(value: int | None) -> str:
    return "not measured" if value is None else f"{value / MEGABYTE:.0f} MB"
