"""Forget what is older than the settings say, a part of it at a time.

Called once an hour: each time for another part of the customers, and once a day for runs. What is
left over for one day waits for the next.

Source:
    docs/adr/0027-trends-and-retention.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.approvals import GOOD_FOR
from shared.domain.history import Change
from shared.domain.ids import CustomerId, GroupId, RunId, digest
from shared.domain.ledger import Ledger
from shared.domain.preferences import Retention, months_before
from shared.domain.runs import ItemState, Run
from shared.domain.trends import EVERYBODY
from shared.ports import Services

HOURS = 24
RUNS_AT = 3
"""The hour, UTC, in which runs are looked at."""
PAGE = 100
MOST_RUNS = 500
"""Runs that are looked at on one day."""
MOST_OF_A_CUSTOMER = 1000
"""Entries of a customer that are removed on one day."""
LONGEST_PERIOD = timedelta(days=400)
"""After the day on which a period without an invoice began, it has one or is given up."""
PAUSES_REST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many entries were removed; ``closed`` are cleared alerts, approvals and dismissals."""

    runs: int = 0
    changes: int = 0
    trend_points: int = 0
    pauses: int = 0
    closed: int = 0


def prune(services: Services) -> Pruned:
    """Remove this hour's part of what is too old.

    Never what can still matter: changes in a period that is not invoiced, the last change of each
    line group, the runs of both, which an undo reads, runs that an open approval names, and
    decisions about a period that its ledger still counts. Ledgers, mappings, and alerts and
    approvals that are open are not touched.
    """
    retention = services.settings.get().value.retention
    now = services.clock.now()
    runs = _runs(retention, now, services) if now.hour == RUNS_AT else 0
    changes = points = closed = 0
    for customer_id in _customers_of(now.hour, services):
        changes += _changes(customer_id, retention, now, services)
        points += _points(customer_id, retention, now, services)
        closed += _approvals(customer_id, retention, now, services)
        closed += _alerts(customer_id, retention, now, services)
    if now.hour == RUNS_AT:
        points += _points(EVERYBODY, retention, now, services)
        closed += _alerts(None, retention, now, services)
        closed += _dismissals(retention, now, services)
    pauses = services.connection_states.forget_pauses(services.clock.real_now() - PAUSES_REST)
    return Pruned(runs, changes, points, pauses, closed)


def _customers_of(hour: int, services: Services) -> list[CustomerId]:
    """Deleted ones too: their history goes in the end."""
    ids = (customer.customer_id for customer in services.customers.all())
    return [one for one in ids if int(digest(one, length=8), 16) % HOURS == hour]


def _points(owner: str, retention: Retention, now: datetime, services: Services) -> int:
    first = months_before(now.date(), retention.trend_months)
    return services.trends.forget_before(owner, first, MOST_OF_A_CUSTOMER)


# History -----------------------------------------------------------------------------------------


def _changes(
    customer_id: CustomerId, retention: Retention, now: datetime, services: Services
) -> int:
    cutoff = _history_begins(retention, now)
    ledgers: dict[GroupId, Ledger] | None = None
    continuation: str | None = None
    removed = 0
    while removed < MOST_OF_A_CUSTOMER:
        page = services.changes.before(customer_id, cutoff, continuation, PAGE)
        if ledgers is None and page.items:
            found = services.ledgers.of_customer(customer_id)
            ledgers = {read.value.group_id: read.value for read in found}
        gone = [one for one in page.items if not _is_needed(one, (ledgers or {}).get(one.group_id))]
        services.changes.forget(gone)
        removed += len(gone)
        continuation = page.continuation
        if continuation is None:
            break
    return removed


def _is_needed(change: Change, ledger: Ledger | None) -> bool:
    """Whether a change tells of what is not invoiced, or could be undone."""
    if ledger is None:
        return False
    return change.change_id == ledger.last_change or _counts(ledger, change.at)


def _counts(ledger: Ledger, moment: datetime) -> bool:
    """Whether the moment lies in a period that the ledger still counts, or after it."""
    starts = [entry.period_start for entry in ledger.charged]
    return bool(starts) and moment.date() >= min(starts)


def _history_begins(retention: Retention, now: datetime) -> datetime:
    first = months_before(now.date(), retention.history_months)
    return datetime(first.year, first.month, first.day, tzinfo=now.tzinfo)


# Decisions and alerts ----------------------------------------------------------------------------


def _approvals(
    customer_id: CustomerId, retention: Retention, now: datetime, services: Services
) -> int:
    """Forget what was decided; a no still counts for a while, whatever the settings keep."""
    cutoff = min(_history_begins(retention, now), now - GOOD_FOR)
    removed = 0
    for read in services.approvals.closed_of(customer_id):
        approval = read.value
        decided_at = approval.decided_at or approval.raised_at
        if decided_at >= cutoff or removed == MOST_OF_A_CUSTOMER:
            continue
        ledger = services.ledgers.get(customer_id, approval.group_id)
        if ledger is None or not _counts(ledger.value, decided_at):
            removed += services.approvals.forget(read)
    return removed


def _alerts(
    customer_id: CustomerId | None, retention: Retention, now: datetime, services: Services
) -> int:
    """Forget alerts that were cleared and have been told."""
    cutoff = _history_begins(retention, now)
    old = [
        read
        for read in services.alerts.cleared_of(customer_id)
        if read.value.cleared_at is not None and read.value.cleared_at < cutoff
    ]
    to_tell = set(services.alerts.news()) if old else set()
    removed = 0
    for read in old[:MOST_OF_A_CUSTOMER]:
        if read.value.alert_id not in to_tell:
            removed += services.alerts.forget(read)
    return removed


def _dismissals(retention: Retention, now: datetime, services: Services) -> int:
    """Forget what people said about alerts, once it has long been over."""
    cutoff = _history_begins(retention, now)
    over = [one.alert_id for one in services.dismissals.all().values() if one.until < cutoff]
    for alert_id in over[:MOST_OF_A_CUSTOMER]:
        services.dismissals.remove(alert_id)
    return len(over[:MOST_OF_A_CUSTOMER])


# Runs --------------------------------------------------------------------------------------------


def _runs(retention: Retention, now: datetime, services: Services) -> int:
    cutoff = services.clock.real_now() - timedelta(days=retention.runs_days)
    named = set(_runs_of_approvals(services))
    removed = 0
    for run in _old_runs(cutoff, services):
        if run.run_id not in named and not _can_be_undone(run, now, services):
            services.runs.forget(run)
            removed += 1
    return removed


def _old_runs(cutoff: datetime, services: Services) -> Iterator[Run]:
    """Closed runs from before the moment, so many at most."""
    continuation: str | None = None
    seen = 0
    while seen < MOST_RUNS:
        page = services.runs.before(cutoff, continuation, PAGE)
        seen += len(page.items)
        yield from (run for run in page.items if run.closed)
        continuation = page.continuation
        if continuation is None:
            return


def _runs_of_approvals(services: Services) -> Iterator[RunId]:
    continuation: str | None = None
    while True:
        page = services.approvals.list(open_only=True, continuation=continuation)
        yield from (approval.run_id for approval in page.items)
        continuation = page.continuation
        if continuation is None:
            return


def _can_be_undone(run: Run, now: datetime, services: Services) -> bool:
    """Whether the run made a group's last change and no invoice need have counted it."""
    if run.totals is None or run.totals.changed == 0:
        return False
    for item in services.runs.items(run.run_id):
        if item.group_id is None or item.state is not ItemState.CHANGED:
            continue
        read = services.ledgers.get(item.customer_id, item.group_id)
        if read is None or read.value.first_uninvoiced is None:
            continue
        ledger = read.value
        # A later change would have been written after the run's own.
        is_last = ledger.written_at is None or ledger.written_at <= item.updated_at
        if is_last and now.date() <= read.value.first_uninvoiced + LONGEST_PERIOD:
            return True
    return False
