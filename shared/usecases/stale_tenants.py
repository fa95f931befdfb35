"""Tell a person when a tenant was not read completely for too long."""

from collections.abc import Iterable

from shared.domain.alerts import AlertKind
from shared.domain.customers import Customer
from shared.domain.ids import TenantId
from shared.domain.staleness import MOST_FAILURES, STALE_AFTER, in_words, is_stale
from shared.ports import Services, TenantRecord
from shared.usecases.outcomes import Board


def tell_stale(tenant_id: TenantId, customers: Iterable[Customer], services: Services) -> None:
    """Raise an alert for each of the tenant's customers once its numbers are too old.

    Called when a read did not succeed; the next complete read clears the alerts.

    Source:
        docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
    """
    read = services.snapshots.get(tenant_id)
    if read is None or not _tells(read.value, services):
        return
    text = _text(read.value)
    for customer in customers:
        board = Board(customer.customer_id, services)
        board.show(AlertKind.STALE, f"{customer.name}: {text}", subject=tenant_id)
        board.save()


def _tells(record: TenantRecord, services: Services) -> bool:
    if record.failures >= MOST_FAILURES:
        return True
    if record.read_at is not None:
        return is_stale(record.read_at, services.clock.now())
    since = record.failing_since
    return since is not None and services.clock.real_now() - since > STALE_AFTER


def _text(record: TenantRecord) -> str:
    """Equal from run to run while the cause is, so that the alert is written once."""
    if record.read_at is None:
        age = "the tenant was never read completely"
    else:
        age = f"the numbers are of {in_words(record.read_at)}, when the tenant was last read"
    why = f" The last read failed: {record.problem}" if record.problem else ""
    return f"{age}. No quantity is lowered until it is read again.{why}"
