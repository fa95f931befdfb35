"""How a tenant's licensed users are spread over its customers: nobody twice, nobody forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.domain.customers import Customer
from shared.domain.ids import CustomerId, SkuId
from shared.domain.licensing import Sku, TenantSnapshot, product_name
from shared.domain.sharing import Overlap, UserTally, tally
from shared.ports import Services, TenantRecord
from shared.usecases.books import custom_licenses
from shared.usecases.count_tenant import count_missing, tenant_customers
from shared.usecases.preview import record_of


@dataclass(frozen=True, slots=True)
class SkuCoverage:
    """One licence of the tenant; all numbers are seats that users hold.

    Attributes:
        consumed: What Microsoft says is assigned; ``None`` when it left that out.
        assigned: What the users hold, each user once.
        by_customer: What each customer's users hold; a user of two counts twice.
        in_none, in_several: Held by users whom no customer has, and more than one.
        disabled, guests: Held by users who may not sign in, shared mailboxes among them, and by
            guests.
    """

    sku_id: SkuId | None
    name: str
    consumed: int | None
    assigned: int
    by_customer: tuple[tuple[CustomerId, int], ...]
    in_none: int
    in_several: int
    disabled: int
    guests: int

    @property
    def billed(self) -> int:
        """All customers' seats together."""
        return sum(seats for _, seats in self.by_customer)

    @property
    def adds_up(self) -> bool:
        """Whether the customers together have exactly what Microsoft says is assigned."""
        return self.billed == self.consumed


@dataclass(frozen=True, slots=True)
class Coverage:
    """A tenant's users over its customers.

    Attributes:
        customers: The tenant's, not deleted.
        tally: ``None`` when the users were never read; ``problem`` says why.
        shared: Whether an active customer has a user filter.
        total: All licences together, under no name.
    """

    customer: Customer
    customers: tuple[Customer, ...]
    shared: bool
    tally: UserTally | None
    problem: str
    snapshot_at: datetime | None
    skus: tuple[SkuCoverage, ...]
    total: SkuCoverage

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Customers with users in common."""
        return () if self.tally is None else self.tally.overlaps


def coverage(customer_id: CustomerId, services: Services) -> Coverage:
    """Return the coverage of a customer's tenant.

    Where customers share it, as it was last counted; elsewhere the users are read now.

    Raises:
        NotFoundError: There is no such customer.
        RetryableError, OperatorActionError: What has to be read now cannot be.
    """
    customer = services.customers.get(customer_id).value
    customers = tenant_customers(customer.tenant_id, services)
    shared = any(one.filter is not None for one in customers)
    record = record_of(customer, services)
    if shared:
        filtered = next(one for one in (customer, *customers) if one.filter is not None)
        custom = custom_licenses(filtered.customer_id, services)
        record = count_missing(filtered, custom, record, services)
        found = record.users
    else:
        found = _read_now(customer, customers, services)
    skus = () if found is None else _skus(record, found, services)
    return Coverage(
        customer=customer,
        customers=customers,
        shared=shared,
        tally=found,
        problem=record.users_problem,
        snapshot_at=record.read_at,
        skus=skus,
        total=_total(skus),
    )


def _read_now(customer: Customer, customers: tuple[Customer, ...], services: Services) -> UserTally:
    at = services.clock.now()
    source = services.connections.microsoft(customer.microsoft)
    return tally(source.assigned_users(customer.tenant_id, details=True), customers, at)


def _skus(record: TenantRecord, found: UserTally, services: Services) -> tuple[SkuCoverage, ...]:
    snapshot = record.snapshot
    known = {} if snapshot is None else {sku.sku_id: sku for sku in _of_users(snapshot)}
    ids = known.keys() | {one.sku_id for one in found.held}
    rows = []
    for sku_id in ids:
        sku = known.get(sku_id)
        held = found.total(sku_id)
        rows.append(
            SkuCoverage(
                sku_id=sku_id,
                name=product_name(
                    sku_id, sku_id if sku is None else sku.sku_part_number, services.sku_names
                ),
                consumed=None if sku is None else sku.consumed,
                assigned=held.seats,
                by_customer=tuple(
                    (share.customer_id, share.of(sku_id).seats) for share in found.shares
                ),
                in_none=found.in_none(sku_id).seats,
                in_several=found.in_several(sku_id).seats,
                disabled=held.disabled,
                guests=held.guests,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.name.casefold(), row.sku_id or "")))


def _of_users(snapshot: TenantSnapshot) -> Iterator[Sku]:
    return (sku for sku in snapshot.skus if sku.is_for_users and not sku.proven_absent)


def _total(skus: tuple[SkuCoverage, ...]) -> SkuCoverage:
    by_customer: dict[CustomerId, int] = {}
    for sku in skus:
        for customer_id, seats in sku.by_customer:
            by_customer[customer_id] = by_customer.get(customer_id, 0) + seats
    known = [sku.consumed for sku in skus if sku.consumed is not None]
    return SkuCoverage(
        sku_id=None,
        name="",
        consumed=sum(known) if len(known) == len(skus) else None,
        assigned=sum(sku.assigned for sku in skus),
        by_customer=tuple(by_customer.items()),
        in_none=sum(sku.in_none for sku in skus),
        in_several=sum(sku.in_several for sku in skus),
        disabled=sum(sku.disabled for sku in skus),
        guests=sum(sku.guests for sku in skus),
    )
