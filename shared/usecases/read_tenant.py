"""Read a tenant into its record: the last complete snapshot, or one more failure."""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.alerts import AlertKind
from shared.domain.commerce import PartnerReading
from shared.domain.errors import (
    ConnectionPausedError,
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    SeatsyncError,
    StaleVersionError,
    UpstreamUnavailableError,
)
from shared.domain.ids import ConnectionName, RunId, TenantId
from shared.domain.licensing import merged
from shared.domain.movements import movement, remembered
from shared.ports import Services, TenantRecord
from shared.usecases.alert_board import clear_alerts
from shared.usecases.pauses import check_not_paused, partner_center_key, pause

PARTNER_CENTER_RESTS = timedelta(minutes=5)
"""How long nobody asks a Partner Center that did not answer; tenants are read on without it."""


def read_tenant(
    tenant_id: TenantId,
    microsoft: ConnectionName,
    services: Services,
    *,
    run_id: RunId | None = None,
) -> TenantRecord:
    """Return the tenant's record after a complete read; a newer one that is stored wins.

    What Partner Center says is read along where there is one. It only tells of terms: when it
    fails, what it said before stays, with its age and the reason.

    Args:
        run_id: Several failures of one run count once.

    Raises:
        RateLimitError: Graph asked to wait; this is not a failure of the tenant.
        UpstreamUnavailableError, OperatorActionError: The read failed; the record has counted it
            and keeps its last snapshot.
    """
    source = services.connections.microsoft(microsoft)
    try:
        fresh = source.read_tenant(tenant_id)
    except (UpstreamUnavailableError, OperatorActionError) as error:
        _count_failure(tenant_id, str(error), services.clock.real_now(), services, run_id)
        raise
    partner: PartnerReading | None = None
    partner_was_read = False
    while True:
        read = services.snapshots.get(tenant_id)
        old = TenantRecord(tenant_id, None) if read is None else read.value
        last = old.snapshot
        if last is not None and last.taken_at > fresh.taken_at:
            return old
        if not partner_was_read:
            partner = _partner_reading(tenant_id, microsoft, old.partner, services)
            partner_was_read = True
        known = merged(fresh, last)
        moved = movement(last, known)
        movements = (*old.movements, *(() if moved is None else (moved,)))
        record = replace(
            old,
            snapshot=known,
            failures=0,
            failing_since=None,
            problem="",
            failed_in=None,
            movements=remembered(movements, fresh.taken_at),
            partner=partner,
        )
        try:
            services.snapshots.save(read, record)
        except StaleVersionError:
            continue  # another worker saved one; the newer of the two stays
        if old.problem:
            # If it was the connection's fault, that is over too.
            clear_alerts(AlertKind.SIGN_IN_BROKEN, services, subject=microsoft)
        return record


def _partner_reading(
    tenant_id: TenantId,
    microsoft: ConnectionName,
    last: PartnerReading | None,
    services: Services,
) -> PartnerReading | None:
    """What Partner Center says now, or what it said before with the reason; ``None`` without it."""
    resting = partner_center_key(microsoft)
    before = last or PartnerReading(None, ())
    try:
        partner = services.connections.partner_center(microsoft)
        if partner is None:
            return None
        check_not_paused(resting, services)
        return PartnerReading(services.clock.now(), partner.subscriptions(tenant_id))
    except NotFoundError:
        now = services.clock.now()
        return PartnerReading(now, (), "the partner has no such customer in Partner Center")
    except ConnectionPausedError:
        return replace(before, problem=before.problem or "Partner Center is paused")
    except SeatsyncError as error:
        if isinstance(error, RateLimitError | UpstreamUnavailableError):
            rest = PARTNER_CENTER_RESTS
            if isinstance(error, RateLimitError):
                rest = error.retry_after
            pause(resting, rest, services)
        return replace(before, problem=f"Partner Center could not be read: {error}")


def _count_failure(
    tenant_id: TenantId, problem: str, now: datetime, services: Services, run_id: RunId | None
) -> None:
    read = services.snapshots.get(tenant_id)
    old = TenantRecord(tenant_id, None) if read is None else read.value
    again = run_id is not None and old.failed_in == run_id
    counted = replace(
        old,
        failures=old.failures if again else old.failures + 1,
        failing_since=old.failing_since or now,
        problem=problem,
        failed_in=run_id,
    )
    if counted == old:
        return
    try:
        services.snapshots.save(read, counted)
    except StaleVersionError:
        return  # another worker just stored something newer
