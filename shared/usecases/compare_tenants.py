"""Compare the tenants that Microsoft lists with the customers: which are new, which are gone.

Nothing is added or cancelled: a person decides.

Source: docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.alerts import Alert, AlertKind
from shared.domain.customers import Customer, CustomerState, DirectoryTenant
from shared.domain.errors import OperatorActionError, RetryableError
from shared.domain.ids import ConnectionName, CustomerId, TenantId
from shared.ports import Services
from shared.usecases.alert_board import AlertBoard, board_of

LISTED_ONCE_IN = timedelta(hours=20)
"""Tenants are not listed again within this time: once a day, however often cycles are started."""
MOST = 500
"""Open alerts read at a time."""

_KINDS = frozenset({AlertKind.TENANT_NOT_ADDED, AlertKind.TENANT_GONE, AlertKind.SIGN_IN_BROKEN})


def compare_tenants(services: Services) -> None:
    """Raise and clear the alerts about new and gone tenants, by at most one listing a day.

    A listing that fails changes nothing, and the next cycle tries again. One without any tenant
    tells of none that it is gone: a partner without contracts reads its customers all the same.
    """
    names = services.connections.microsoft_names()
    now = services.clock.now()
    due = [
        name for name in names if _is_due(services.connection_states.tenants_listed_at(name), now)
    ]
    if not due:
        return
    listings: dict[ConnectionName, tuple[DirectoryTenant, ...]] = {}
    for name in due:
        try:
            listings[name] = services.connections.microsoft(name).list_tenants()
        except (RetryableError, OperatorActionError):
            continue
    if not listings:
        return
    customers = services.customers.all()
    board = _open_alerts(services)
    _tell_new(listings.values(), customers, board, everywhere=len(listings) == len(names))
    for name, tenants in listings.items():
        _tell_gone(name, tenants, customers, board, services)
        _can_sign_in(name, board)
    board.save()
    # Last, so that a crash before it only means that they are listed once more.
    for name in listings:
        services.connection_states.tenants_listed(name, now)


def tenant_is_added(tenant_id: TenantId, services: Services) -> None:
    """Clear the alert about a new tenant: it is a customer now."""
    _close(AlertKind.TENANT_NOT_ADDED, tenant_id, None, services)


def customer_is_removed(customer: Customer, services: Services) -> None:
    """Clear the alert about a customer's tenant that is gone: nobody bills it any more."""
    _close(AlertKind.TENANT_GONE, customer.tenant_id, customer.customer_id, services)


def _close(
    kind: AlertKind, tenant_id: TenantId, owner: CustomerId | None, services: Services
) -> None:
    board = board_of(owner, services)
    board.clear({kind}, subject=tenant_id)
    board.save()


def _open_alerts(services: Services) -> AlertBoard:
    """All open alerts about tenants and connections, of whatever customer."""
    found: list[Alert] = []
    continuation: str | None = None
    while True:
        page = services.alerts.list(open_only=True, continuation=continuation, limit=MOST)
        found += [alert for alert in page.items if alert.kind in _KINDS]
        continuation = page.continuation
        if continuation is None:
            return AlertBoard(found, services)


def _is_due(listed_at: datetime | None, now: datetime) -> bool:
    return listed_at is None or not timedelta(0) <= now - listed_at < LISTED_ONCE_IN


def _tell_new(
    listings: Iterable[tuple[DirectoryTenant, ...]],
    customers: Iterable[Customer],
    board: AlertBoard,
    *,
    everywhere: bool,
) -> None:
    """One alert for each tenant that never was a customer.

    Args:
        everywhere: All connections were listed, so that what none of them names is gone.
    """
    kind = AlertKind.TENANT_NOT_ADDED
    known = {str(customer.tenant_id) for customer in customers}
    listed = {tenant.tenant_id: tenant for listing in listings for tenant in listing}
    for tenant in listed.values():
        if tenant.tenant_id not in known:
            board.show(kind, _new_text(tenant), subject=tenant.tenant_id, customer_id=None)
    for alert in board.open(kind):
        if alert.subject in known or (everywhere and alert.subject not in listed):
            board.close(alert)


def _new_text(tenant: DirectoryTenant) -> str:
    where = f" ({tenant.domain})" if tenant.domain else ""
    return (
        f"{tenant.name}{where} is a customer at Microsoft and not here: add it, or dismiss this "
        f"if it is not to be billed. Its tenant is {tenant.tenant_id}"
    )


def _tell_gone(
    name: ConnectionName,
    tenants: tuple[DirectoryTenant, ...],
    customers: Iterable[Customer],
    board: AlertBoard,
    services: Services,
) -> None:
    """One alert for each customer whose tenant the partner's list does not name."""
    if not tenants:
        return
    kind = AlertKind.TENANT_GONE
    there = {tenant.tenant_id for tenant in tenants}
    there.add(services.connections.microsoft(name).partner_tenant_id)
    mine = {c.customer_id: c for c in customers if c.microsoft == name}
    gone = {
        customer_id: customer
        for customer_id, customer in mine.items()
        if customer.tenant_id not in there and customer.state is not CustomerState.DELETED
    }
    for customer in gone.values():
        text = (
            f"{customer.name}: Microsoft no longer lists tenant {customer.tenant_id} among the "
            "customers. Nothing is cancelled by itself: pause or remove the customer, or mend the "
            "relationship"
        )
        owner = customer.customer_id
        board.show(kind, text, subject=customer.tenant_id, customer_id=owner)
    for alert in board.open(kind):
        if alert.customer_id in mine and alert.customer_id not in gone:
            board.close(alert)


def _can_sign_in(name: ConnectionName, board: AlertBoard) -> None:
    """Clear the alert that the connection is let in nowhere: its tenants were listed."""
    for alert in board.open(AlertKind.SIGN_IN_BROKEN):
        if alert.customer_id is None and alert.subject == name:
            board.close(alert)
