"""Read a tenant into its record: the last complete snapshot, or one more failure."""

from dataclasses import replace
from datetime import datetime

from shared.domain.errors import OperatorActionError, StaleVersionError, UpstreamUnavailableError
from shared.domain.ids import ConnectionName, TenantId
from shared.domain.licensing import merged
from shared.ports import Services, TenantRecord


def read_tenant(tenant_id: TenantId, microsoft: ConnectionName, services: Services) -> TenantRecord:
    """Return the tenant's record after a complete read; a newer one that is stored wins.

    Raises:
        RateLimitError: Graph asked to wait; this is not a failure of the tenant.
        UpstreamUnavailableError, OperatorActionError: The read failed; the record has counted it
            and keeps its last snapshot.
    """
    source = services.connections.microsoft(microsoft)
    try:
        fresh = source.read_tenant(tenant_id)
    except (UpstreamUnavailableError, OperatorActionError) as error:
        _count_failure(tenant_id, str(error), services.clock.real_now(), services)
        raise
    while True:
        read = services.snapshots.get(tenant_id)
        last = None if read is None else read.value.snapshot
        if read is not None and last is not None and last.taken_at > fresh.taken_at:
            return read.value
        record = TenantRecord(tenant_id, merged(fresh, last))
        try:
            services.snapshots.save(read, record)
        except StaleVersionError:
            continue  # another worker saved one; the newer of the two stays
        return record


def _count_failure(tenant_id: TenantId, problem: str, now: datetime, services: Services) -> None:
    read = services.snapshots.get(tenant_id)
    old = TenantRecord(tenant_id, None) if read is None else read.value
    counted = replace(
        old,
        failures=old.failures + 1,
        failing_since=old.failing_since or now,
        problem=problem,
    )
    try:
        services.snapshots.save(read, counted)
    except StaleVersionError:
        return  # another worker just stored something newer
