"""A customer's book: everything stored that its plans depend on, read in a handful of queries."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared.domain.customers import Customer
from shared.domain.ids import GroupId, LineId, ProfileId, RowId, SkuId, sku_row, subscription_row
from shared.domain.ledger import Ledger
from shared.domain.licensing import LicenseRow, RowKind, remainder_of, row_of, rows_of
from shared.domain.mappings import (
    BillingProfile,
    LineGroup,
    Mapping,
    RowExclusion,
    group_of,
)
from shared.domain.planning import Member
from shared.domain.quantities import BilledQuantity, active_seats, billed_quantity
from shared.ports import PsaConnection, Services, TenantRecord, Versioned

BY_USERS = "the customer has a user filter, and seats are not counted by users yet"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What all customers share: billing profiles and global exclusions."""

    profiles: dict[ProfileId, BillingProfile]
    excluded_skus: frozenset[SkuId]


@dataclass(frozen=True, slots=True)
class Book:
    """A customer with its tenant's last snapshot, mappings, exclusions and ledgers."""

    customer: Customer
    record: TenantRecord | None
    mappings: tuple[Mapping, ...]
    exclusions: dict[RowId, RowExclusion]
    ledgers: dict[GroupId, Versioned[Ledger]]
    catalogue: Catalogue
    names: dict[SkuId, str]

    def rows(self) -> tuple[LicenseRow, ...]:
        """Return the rows of the company page; none before the first complete read."""
        if self.record is None or self.record.snapshot is None:
            return ()
        rows = rows_of(self.record.snapshot, self.names, self.customer.split)
        return tuple(self._of_customer(row) for row in rows)

    def row(self, row_id: RowId) -> LicenseRow | None:
        """Return a row by id, shown or not: a split licence still answers as a whole."""
        if self.record is None or self.record.snapshot is None:
            return None
        row = row_of(self.record.snapshot, self.names, row_id)
        return None if row is None else self._of_customer(row)

    def _of_customer(self, row: LicenseRow) -> LicenseRow:
        """A tenant that several customers share tells nothing yet of one of them: not a seat."""
        if self.customer.filter is None:
            return row
        return replace(row, counts=None, unknown=BY_USERS)

    def current(self, row_id: RowId) -> Mapping | None:
        """Return the row's mapping that goes on."""
        return next(
            (m for m in self.mappings if m.row_id == row_id and m.effective_to is None), None
        )

    def is_excluded(self, row: LicenseRow) -> bool:
        """Return whether the row, or its SKU for everybody, is excluded."""
        return row.row_id in self.exclusions or row.sku_id in self.catalogue.excluded_skus

    def is_decided(self, row: LicenseRow) -> bool:
        """Return whether somebody mapped or excluded the row, or the licence it is a part of."""
        mapped = self.current(row.row_id) is not None
        if row.kind is RowKind.SUBSCRIPTION and row.sku_id is not None:
            mapped = mapped or self.current(sku_row(row.sku_id)) is not None
        return mapped or self.is_excluded(row)

    def groups(self, today: date) -> dict[GroupId, tuple[LineGroup, tuple[Member, ...]]]:
        """Return the line groups with the rows that bill through them today or later."""
        found: dict[GroupId, tuple[LineGroup, tuple[Member, ...]]] = {}
        for mapping in self.mappings:
            profile = self.catalogue.profiles.get(mapping.profile_id)
            ended = mapping.effective_to is not None and mapping.effective_to < today
            if profile is None or ended or self._never_billed(mapping, today):
                continue
            group = group_of(mapping, profile)
            members = found.get(group.group_id, (group, ()))[1]
            found[group.group_id] = (group, (*members, self._member(mapping, today)))
        return found

    def owned_lines(self, apart_from: GroupId) -> frozenset[LineId]:
        """Return the standing lines of the customer's other groups."""
        return frozenset(
            ledger.value.line_id
            for group_id, ledger in self.ledgers.items()
            if group_id != apart_from and ledger.value.line_id is not None
        )

    def ledger(self, group_id: GroupId) -> Ledger:
        """Return the group's ledger, an empty one before its first write."""
        stored = self.ledgers.get(group_id)
        return Ledger(self.customer.customer_id, group_id) if stored is None else stored.value

    def _never_billed(self, mapping: Mapping, today: date) -> bool:
        """A globally excluded SKU, or a licence whose subscriptions are all billed on their own."""
        row = self.row(mapping.row_id)
        if row is None:
            return False
        if row.sku_id in self.catalogue.excluded_skus:
            return True
        apart = self._mapped_apart(row, mapping, today)
        return (
            row.kind is RowKind.LICENSE
            and bool(row.subscriptions)
            and len(apart) == len(row.subscriptions)
        )

    def _member(self, mapping: Mapping, today: date) -> Member:
        row = self.row(mapping.row_id)
        if row is None:
            unknown = BilledQuantity(None, (self._why_unknown(),))
            return Member(mapping.row_id, str(mapping.row_id), mapping, unknown)
        return Member(mapping.row_id, row.name, mapping, self._billed(row, mapping, today))

    def _billed(self, row: LicenseRow, mapping: Mapping, today: date) -> BilledQuantity:
        if row.kind is RowKind.LICENSE:
            row = remainder_of(row, self._mapped_apart(row, mapping, today))
        if row.counts is None:
            return BilledQuantity(None, (row.unknown or self._why_unknown(),))
        active = active_seats(row.counts, mapping.grace, count_trials=mapping.count_trials)
        return billed_quantity(active, included=mapping.included, minimum=mapping.minimum)

    def _mapped_apart(self, row: LicenseRow, mapping: Mapping, today: date) -> frozenset[RowId]:
        """Subscriptions of a licence that bill through mappings of their own while this one does.

        Judged on the last day of a superseded mapping and on the first day of a coming one, so
        that a subscription that moves on a date is counted on one side until it and on the other
        from it.
        """
        day = mapping.effective_to or max(today, mapping.effective_from or today)
        own = {subscription_row(s.subscription_id) for s in row.subscriptions}
        return frozenset(m.row_id for m in self.mappings if m.row_id in own and m.bills_on(day))

    def _why_unknown(self) -> str:
        if self.record is None or self.record.snapshot is None:
            return "the tenant was never read completely"
        return "the tenant's last complete answer has no such row"


def open_catalogue(services: Services) -> Catalogue:
    """Read billing profiles and global exclusions."""
    return Catalogue(
        profiles={p.value.profile_id: p.value for p in services.profiles.all()},
        excluded_skus=frozenset(x.sku_id for x in services.exclusions.get().value),
    )


def open_book(
    customer: Customer,
    services: Services,
    *,
    catalogue: Catalogue | None = None,
    record: TenantRecord | None = None,
) -> Book:
    """Read a customer's book.

    Args:
        catalogue: When it is at hand already.
        record: The tenant's record when it was just read.
    """
    if record is None:
        stored = services.snapshots.get(customer.tenant_id)
        record = None if stored is None else stored.value
    return Book(
        customer=customer,
        record=record,
        mappings=tuple(m.value for m in services.mappings.of_customer(customer.customer_id)),
        exclusions={x.row_id: x for x in services.mappings.exclusions(customer.customer_id)},
        ledgers={
            ledger.value.group_id: ledger
            for ledger in services.ledgers.of_customer(customer.customer_id)
        },
        catalogue=catalogue or open_catalogue(services),
        names=services.sku_names,
    )


def local_date(now: datetime, psa: PsaConnection) -> date:
    """Return the PSA's calendar date at a moment."""
    return now.astimezone(ZoneInfo(psa.time_zone)).date()
