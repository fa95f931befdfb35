"""Compare the tenants that Microsoft lists with the customers: which are new, which are gone.

Nothing is added or cancelled: a person decides.

Source: docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.alerts import Alert, AlertKind
from shared.domain.customers import Customer, CustomerState, DirectoryTenant
from shared.domain.errors import OperatorActionError, RetryableError
from shared.domain.ids import ConnectionName, CustomerId, TenantId
from shared.ports import Services

LISTED_ONCE_IN = timedelta(hours=20)
"""Tenants are not listed again within this time: once a day, however often cycles are started."""
MOST = 500
"""Open alerts read at a time."""

_KINDS = frozenset({AlertKind.TENANT_NOT_ADDED, AlertKind.TENANT_GONE})


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
    changes = _Changes(services)
    _tell_new(listings.values(), customers, changes, everywhere=len(listings) == len(names))
    for name, tenants in listings.items():
        _tell_gone(name, tenants, customers, changes)
    changes.save()
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
    now = services.clock.real_now()
    gone = [
        replace(alert, cleared_at=now)
        for alert in services.alerts.open_of(owner)
        if alert.kind is kind and alert.subject == tenant_id
    ]
    if gone:
        services.alerts.put(gone)


class _Changes:
    """The open alerts about tenants, read in one list, and what changes of them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._now = services.clock.real_now()
        self._open: dict[str, Alert] = {}
        self._changed: list[Alert] = []
        continuation: str | None = None
        while True:
            page = services.alerts.list(open_only=True, continuation=continuation, limit=MOST)
            self._open.update({a.alert_id: a for a in page.items if a.kind in _KINDS})
            continuation = page.continuation
            if continuation is None:
                return

    def open_of(self, kind: AlertKind) -> tuple[Alert, ...]:
        return tuple(alert for alert in self._open.values() if alert.kind is kind)

    def show(self, kind: AlertKind, customer: Customer | None, tenant: TenantId, text: str) -> None:
        owner = None if customer is None else customer.customer_id
        alert = Alert(kind, owner, None, tenant, text, self._now)
        if alert.alert_id not in self._open:
            self._changed.append(alert)

    def clear(self, alert: Alert) -> None:
        self._changed.append(replace(alert, cleared_at=self._now))

    def save(self) -> None:
        if self._changed:
            self.services.alerts.put(self._changed)


def _is_due(listed_at: datetime | None, now: datetime) -> bool:
    return listed_at is None or not timedelta(0) <= now - listed_at < LISTED_ONCE_IN


def _tell_new(
    listings: Iterable[tuple[DirectoryTenant, ...]],
    customers: Iterable[Customer],
    changes: _Changes,
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
            changes.show(kind, None, tenant.tenant_id, _new_text(tenant))
    for alert in changes.open_of(kind):
        if alert.subject in known or (everywhere and alert.subject not in listed):
            changes.clear(alert)


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
    changes: _Changes,
) -> None:
    """One alert for each customer whose tenant the partner's list does not name."""
    if not tenants:
        return
    kind = AlertKind.TENANT_GONE
    there = {tenant.tenant_id for tenant in tenants}
    there.add(changes.services.connections.microsoft(name).partner_tenant_id)
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
        changes.show(kind, customer, customer.tenant_id, text)
    for alert in changes.open_of(kind):
        if alert.customer_id in mine and alert.customer_id not in gone:
            changes.clear(alert)
