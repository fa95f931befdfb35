"""Start runs: the daily cycle, Sync Now, and the retry of failed items."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.alerts import AlertKind
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import (
    ConflictError,
    ConnectionPausedError,
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    RetryableError,
)
from shared.domain.ids import (
    CompanyId,
    ConnectionName,
    CustomerId,
    GroupId,
    RowId,
    RunId,
    TenantId,
)
from shared.domain.runs import FULL, ItemState, Run, RunItem, RunReason, RunState
from shared.ports import KeptLines, LicenseSync, ReadsManyLines, Services, TenantSync
from shared.signals import RunStarted, RunStarting
from shared.usecases.alert_board import clear_alerts, raise_alert
from shared.usecases.compare_tenants import compare_tenants

_RUNS_TO_LOOK_AT = 50
MOST_CARRIED = 16
"""Agreements' headers that a message carries: some 500 bytes each, of the 48 K that it holds."""

Headers = dict[tuple[ConnectionName, CompanyId], list[Agreement]]


def start_cycle(services: Services, *, requested_by: str, reason: RunReason) -> RunId:
    """Queue every active customer, and return the run.

    Each PSA's agreements are read once, for all messages of the run, together with the lines of
    customers' agreements where the PSA lists those of many at once. A PSA that cannot be read now
    stops no other: its customers read their own agreements later, or fail one by one. New and gone
    tenants are looked for last, once a day.
    """
    customers = tuple(c for c in services.customers.all() if c.state is CustomerState.ACTIVE)
    run_id = _open(services, len(customers), requested_by, reason)
    with services.telemetry.span(RunStarting(run_id, reason, len(customers))):
        headers: Headers = defaultdict(list)
        for name in sorted({customer.psa for customer in customers}):
            companies = {one.company_id for one in customers if one.psa == name}
            for header in _agreements(run_id, name, companies, services):
                if header.company_id in companies:
                    headers[name, header.company_id].append(header)
        _queue(run_id, customers, services, headers=headers)
    compare_tenants(services)
    return run_id


def sync_now(
    customer_id: CustomerId, row_id: RowId | None, services: Services, *, requested_by: str
) -> RunId:
    """Queue one customer, or the line group of one of its rows, and return the run.

    Raises:
        NotFoundError: There is no such customer.
        ConflictError: The customer is paused or deleted, or the row is not mapped.
    """
    customer = services.customers.get(customer_id).value
    if customer.state is not CustomerState.ACTIVE:
        raise ConflictError(f"the customer is {customer.state}; make it active to sync it")
    if row_id is not None and services.mappings.get(customer_id, row_id) is None:
        raise ConflictError("the row has no mapping; choose a billing profile and an agreement")
    run_id = _open(services, 1, requested_by, RunReason.SYNC_NOW)
    _queue(run_id, (customer,), services, row_id=row_id, urgent=True)
    return run_id


def retry_failed(run_id: RunId, services: Services, *, requested_by: str) -> RunId:
    """Queue the customers of a run's failed items again, as a new run, and return that.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: Nothing in it failed, or it ended lines of another tool.
    """
    if services.runs.get(run_id).value.reason is RunReason.FOREIGN_LINES:
        raise ConflictError("look at the preview of the foreign lines again, and end what is left")
    failed = {i.customer_id for i in services.runs.items(run_id) if i.state is ItemState.FAILED}
    customers = []
    for customer_id in sorted(failed):
        try:
            customer = services.customers.get(customer_id).value
        except NotFoundError:
            continue  # a message that named nobody has nobody to try again
        if customer.state is CustomerState.ACTIVE:
            customers.append(customer)
    if not customers:
        raise ConflictError("nothing in this run can be tried again")
    new_run = _open(services, len(customers), requested_by, RunReason.RETRY)
    _queue(new_run, customers, services)
    return new_run


def start_groups(
    messages: Sequence[LicenseSync],
    services: Services,
    *,
    requested_by: str,
    reason: RunReason,
) -> RunId:
    """Queue line groups for a person's decision, as a new run, and return that.

    Args:
        messages: Their ``run_id`` is replaced by the new run's.
    """
    customers = {message.customer_id for message in messages}
    run_id = _open(services, len(customers), requested_by, reason)
    services.runs.put_items(
        _item(run_id, message.customer_id, message.group_id, (), services) for message in messages
    )
    for message in messages:
        services.license_queue.put(replace(message, run_id=run_id))
    return run_id


def _open(services: Services, customers: int, requested_by: str, reason: RunReason) -> RunId:
    now = services.clock.real_now()
    run = Run(
        run_id=services.runs.new_id(now),
        reason=reason,
        requested_by=requested_by,
        state=RunState.RUNNING,
        started_at=now,
        finished_at=None,
        customers=customers,
        lines=_lines_of_last_full_run(services),
    )
    services.runs.add(run)
    services.telemetry.tell(RunStarted(run.run_id, reason, customers))
    return run.run_id


def _lines_of_last_full_run(services: Services) -> int:
    """What the run stop measures against; 0 before the first cycle, where only its floor counts."""
    for run in services.runs.list(limit=_RUNS_TO_LOOK_AT).items:
        if run.reason in FULL and run.totals is not None:
            return run.totals.total
    return 0


def _queue(
    run_id: RunId,
    customers: Iterable[Customer],
    services: Services,
    *,
    row_id: RowId | None = None,
    urgent: bool = False,
    headers: Headers | None = None,
) -> None:
    """Items first, so that a run never looks finished before its messages are worked on."""
    tenants: dict[tuple[ConnectionName, TenantId], list[Customer]] = defaultdict(list)
    rows = () if row_id is None else (row_id,)
    items = []
    for customer in customers:
        tenants[customer.microsoft, customer.tenant_id].append(customer)
        items.append(_item(run_id, customer.customer_id, None, rows, services))
    services.runs.put_items(items)
    for (microsoft, tenant_id), together in tenants.items():
        services.tenant_queue.put(
            TenantSync(
                run_id,
                tenant_id,
                microsoft,
                tuple(customer.customer_id for customer in together),
                row_id=row_id,
                agreements=_carried(run_id, together, headers or {}, services),
                urgent=urgent,
            )
        )


def _carried(
    run_id: RunId, customers: list[Customer], headers: Headers, services: Services
) -> tuple[Agreement, ...]:
    """The headers that the customers' message carries; what it cannot is kept in the storage."""
    psas = {customer.psa for customer in customers}
    wanted = {(customer.psa, customer.company_id) for customer in customers}
    found = {place: headers[place] for place in wanted if place in headers}
    together = tuple(header for own in found.values() for header in own)
    if len(psas) == 1 and len(together) <= MOST_CARRIED:
        return together  # of two PSAs, agreements may have one number
    for (psa, _), own in found.items():
        services.headers.put(run_id, psa, own)
    return ()


def _item(
    run_id: RunId,
    customer_id: CustomerId,
    group_id: GroupId | None,
    rows: tuple[RowId, ...],
    services: Services,
) -> RunItem:
    return RunItem(
        run_id=run_id,
        customer_id=customer_id,
        group_id=group_id,
        rows=rows,
        state=ItemState.QUEUED,
        before=None,
        after=None,
        detail="",
        updated_at=services.clock.real_now(),
    )


def _agreements(
    run_id: RunId, name: ConnectionName, companies: set[CompanyId], services: Services
) -> list[Agreement]:
    """Read a connection's agreements, and keep their lines where it lists those of many at once."""
    found: list[Agreement] = []
    try:
        gateway = services.connections.psa(name).gateway
        if not isinstance(gateway, ReadsManyLines) or not _keeps_lines(
            run_id, name, gateway.list_with_lines(companies), found, services
        ):
            found = list(gateway.list_agreements(None))
    except (RetryableError, OperatorActionError) as error:
        raise_alert(
            AlertKind.CONNECTION,
            f"the agreements of PSA connection {name} could not be listed: {error}",
            services,
            subject=name,
        )
        return found
    clear_alerts(AlertKind.CONNECTION, services, subject=name)
    return found


def _keeps_lines(
    run_id: RunId,
    name: ConnectionName,
    batches: Iterator[tuple[tuple[Agreement, tuple[AgreementLine, ...] | None], ...]],
    headers: list[Agreement],
    services: Services,
) -> bool:
    """Keep agreements' lines; return ``False`` where the lines cannot be read.

    Those of a few hundred are in memory. What was kept before it fails is kept: whoever finds no
    lines reads its own.

    Args:
        headers: Where the agreements' headers go.

    Raises:
        RateLimitError, ConnectionPausedError: Who asks to wait is not asked for less instead.
    """
    read_at = services.clock.now()
    try:
        for found in batches:
            headers += [header for header, _ in found]
            kept = [
                KeptLines(header.agreement_id, lines, read_at)
                for header, lines in found
                if lines is not None
            ]
            services.headers.put_lines(run_id, name, kept)
            read_at = services.clock.now()
    except (RateLimitError, ConnectionPausedError):
        raise
    except (RetryableError, OperatorActionError):
        return False
    return True
