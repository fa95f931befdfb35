"""The tenants of a Microsoft connection: which let the app in, and where an admin does so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.alerts import AlertKind
from shared.domain.customers import Customer, CustomerState, DirectoryTenant, sorted_as
from shared.domain.errors import SeatsyncError
from shared.domain.ids import ConnectionName, CustomerId, TenantId
from shared.ports import LicenseSource, Services

LOCKED_OUT = frozenset({AlertKind.SIGN_IN_BROKEN, AlertKind.TENANT_UNREADABLE, AlertKind.STALE})
"""Alerts that say that a customer's tenant cannot be read."""


class Access(StrEnum):
    """How far a tenant is open to the app."""

    READABLE = "readable"
    UNREADABLE = "unreadable"
    """The last read failed."""
    NOT_READ = "not_read"
    NOT_ADDED = "not_added"
    """It is no customer, so nobody has tried to read it."""


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """A tenant, and how to let the app in.

    Attributes:
        name: Of the customer, or as Microsoft lists the tenant.
        domain: Empty where Microsoft does not list it.
        customer_id: The first of its customers; ``None`` where it has none.
        read_at: When it was last read completely.
        problem: Why the last read failed; empty when it did not.
        consent_link: Where an admin of the tenant lets the app in.
    """

    tenant_id: TenantId
    name: str
    domain: str
    customer_id: CustomerId | None
    access: Access
    read_at: datetime | None
    problem: str
    consent_link: str


@dataclass(frozen=True, slots=True)
class TenantAccesses:
    """A part of a connection's tenants: those that cannot be read come first, then by name.

    Attributes:
        total: How many were found altogether.
        problem: Why Microsoft's own list could not be read; only customers are told of then.
    """

    items: tuple[TenantAccess, ...]
    total: int
    problem: str


def tenant_accesses(
    name: ConnectionName, services: Services, *, text: str, first: int, limit: int
) -> TenantAccesses:
    """Return tenants of a connection: its customers' ones, and those that Microsoft lists.

    Args:
        text: Part of the name, or the whole id; empty finds all.
        first: How many are passed over.

    Raises:
        NotFoundError: The settings name no such Microsoft connection.
    """
    source = services.connections.microsoft(name)
    listed, problem = _listed(source)
    wanted = text.strip().casefold()
    found = [
        one
        for one in _known(name, listed, services)
        if wanted in one.name.casefold() or wanted in {one.tenant_id, one.domain.casefold()}
    ]
    found.sort(key=lambda one: (one.rank, sorted_as(one.name), one.tenant_id))
    shown = tuple(_access(one, source, services) for one in found[first : first + limit])
    return TenantAccesses(shown, len(found), problem)


def consent_link(customer: Customer, services: Services) -> str | None:
    """Return where an admin of the customer lets the app in; ``None`` where nobody can tell."""
    try:
        return services.connections.microsoft(customer.microsoft).consent_link(customer.tenant_id)
    except SeatsyncError:
        return None  # the settings do not name the connection any more, or wrongly


@dataclass(frozen=True, slots=True)
class _Known:
    tenant_id: TenantId
    name: str
    domain: str
    customer_id: CustomerId | None
    rank: int


def _listed(source: LicenseSource) -> tuple[dict[TenantId, DirectoryTenant], str]:
    try:
        return {one.tenant_id: one for one in source.list_tenants()}, ""
    except SeatsyncError as error:
        return {}, str(error)


def _known(
    name: ConnectionName, listed: dict[TenantId, DirectoryTenant], services: Services
) -> Iterator[_Known]:
    locked = {one.customer_id for one in services.alerts.open() if one.kind in LOCKED_OUT}
    customers: dict[TenantId, Customer] = {}
    for customer in services.customers.all():
        if customer.microsoft == name and customer.state is not CustomerState.DELETED:
            kept = customers.setdefault(customer.tenant_id, customer)
            if customer.customer_id in locked and kept.customer_id not in locked:
                customers[customer.tenant_id] = customer
    for tenant_id, customer in customers.items():
        domain = listed[tenant_id].domain if tenant_id in listed else ""
        rank = 0 if customer.customer_id in locked else 2
        yield _Known(tenant_id, customer.name, domain, customer.customer_id, rank)
    for tenant in listed.values():
        if tenant.tenant_id not in customers:
            yield _Known(tenant.tenant_id, tenant.name, tenant.domain, None, 1)


def _access(known: _Known, source: LicenseSource, services: Services) -> TenantAccess:
    read = None if known.customer_id is None else services.snapshots.get(known.tenant_id)
    problem = "" if read is None else read.value.problem
    read_at = None if read is None else read.value.read_at
    if known.customer_id is None:
        access = Access.NOT_ADDED
    elif problem:
        access = Access.UNREADABLE
    else:
        access = Access.NOT_READ if read_at is None else Access.READABLE
    return TenantAccess(
        tenant_id=known.tenant_id,
        name=known.name,
        domain=known.domain,
        customer_id=known.customer_id,
        access=access,
        read_at=read_at,
        problem=problem,
        consent_link=source.consent_link(known.tenant_id),
    )
