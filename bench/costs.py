"""What a month costs, from what was counted. Prices are examples in US dollars, not checked."""

from dataclasses import dataclass

from bench.cycle import Measured

TENANTS = 1000
DAYS = 30
CHANGES_A_DAY = 20
"""Lines that change: 2 % of the tenants."""

# Prices, as docs/operations.md names them.
_TABLES, _QUEUES = 0.0036 / 10_000, 0.004 / 10_000
_EXECUTION, _GB_SECOND, _LOGGED_GB = 0.40 / 1_000_000, 0.000026, 2.80
_REST = 2.0  # vault, alerts, and storage of some 100 MB

_MEMORY_GB = 2
_TIMERS = {"each minute": 43_200, "each 5 minutes": 8_640, "each hour": 720, "each day": 30}
_TIMER_TRANSACTIONS = 43_200 * 4 + 8_640 + 720 * 4
_LOOKED_AT, _LOOKS = 6, 2_592_000  # queues, and seconds of a month, in each of which all are
_RECORDS_OF_AN_EXECUTION, _RECORD_GB = 5, 1e-6


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of the bill: how much of it, and what it costs a month."""

    what: str
    amount: str
    dollars: float


def costs(fresh: Measured, quiet: Measured, changed: Measured) -> list[Cost]:
    """Return the parts of the bill for 1,000 tenants with a cycle a day.

    The instance is a new one each day, so a fresh cycle tells how long it is busy; of the others
    what is counted, and what a change costs more.
    """
    scale = TENANTS / quiet.tenants
    changes = changed.items["changed"]
    a_month = CHANGES_A_DAY * DAYS

    def together(of_quiet: float, of_changed: float) -> float:
        return of_quiet * scale * DAYS + (of_changed - of_quiet) / changes * a_month

    tables = together(quiet.storage.tables.total(), changed.storage.tables.total())
    tables += _TIMER_TRANSACTIONS
    queues = together(quiet.storage.queues.total(), changed.storage.queues.total())
    executions = TENANTS * DAYS + a_month + sum(_TIMERS.values())
    busy = fresh.wall_seconds * scale * DAYS * _MEMORY_GB
    timers = sum(_TIMERS.values()) * _MEMORY_GB
    logged = executions * _RECORDS_OF_AN_EXECUTION * _RECORD_GB
    looks = _LOOKED_AT * _LOOKS
    return [
        Cost("table transactions", f"{tables:,.0f}", tables * _TABLES),
        Cost("queue transactions", f"{queues:,.0f}", queues * _QUEUES),
        Cost("looking into queues, at most", f"{looks:,}", looks * _QUEUES),
        Cost("executions", f"{executions:,}", executions * _EXECUTION),
        Cost("execution time, cycles", f"{busy:,.0f} GB-s", busy * _GB_SECOND),
        Cost("execution time, timers", f"{timers:,} GB-s", timers * _GB_SECOND),
        Cost("logs", f"{logged:.1f} GB", logged * _LOGGED_GB),
        Cost("vault, alerts, stored data", "", _REST),
    ]
