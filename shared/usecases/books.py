"""A customer's book: everything stored that its plans depend on, read in a handful of queries."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared.domain.custom import CopyOf, CustomLicense, copied_row, people_row
from shared.domain.customers import Customer
from shared.domain.ids import (
    CustomerId,
    GroupId,
    LineId,
    ProfileId,
    RowId,
    SkuId,
    sku_row,
    subscription_row,
)
from shared.domain.ledger import Ledger
from shared.domain.licensing import (
    LicenseRow,
    RowKind,
    TenantSnapshot,
    remainder_of,
    row_of,
    rows_of,
)
from shared.domain.mappings import (
    BillingProfile,
    GlobalExclusion,
    LineGroup,
    Mapping,
    RowExclusion,
    group_of,
)
from shared.domain.periods import DAY
from shared.domain.plans import Member
from shared.domain.preferences import DefaultView, Preferences
from shared.domain.quantities import BilledQuantity, active_seats, billed_quantity
from shared.domain.sharing import FILTER_CHANGED, NOT_BY_SUBSCRIPTION, Share, shared_row
from shared.domain.trends import TrendPoint
from shared.ports import PsaConnection, Services, StoredBook, TenantRecord, Versioned


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What all customers share: billing profiles, global exclusions and settings."""

    profiles: dict[ProfileId, BillingProfile]
    excluded_skus: frozenset[SkuId]
    preferences: Preferences


@dataclass(frozen=True, slots=True)
class Book:
    """A customer with its tenant's last snapshot, mappings, exclusions and ledgers.

    Attributes:
        custom: The customer's custom licences, also retired ones.
        interrupted: Groups with an open intent.
        trend: The newest point that is kept of its seats.
    """

    customer: Customer
    record: TenantRecord | None
    mappings: tuple[Mapping, ...]
    exclusions: dict[RowId, RowExclusion]
    ledgers: dict[GroupId, Versioned[Ledger]]
    catalogue: Catalogue
    names: dict[SkuId, str]
    custom: tuple[CustomLicense, ...] = ()
    interrupted: frozenset[GroupId] = frozenset()
    trend: TrendPoint | None = None

    def rows(self) -> tuple[LicenseRow, ...]:
        """Return the rows of the company page; none before the first complete read."""
        if self.record is None or self.record.snapshot is None:
            return ()
        rows = rows_of(self.record.snapshot, self.names, self._split(self.record.snapshot))
        bought = tuple(self._of_customer(row) for row in rows if not self._is_history(row))
        made = [self._custom_row(one, frozenset()) for one in self.custom if not one.retired]
        return (*bought, *sorted(made, key=lambda row: (row.name.casefold(), row.row_id)))

    def _split(self, snapshot: TenantSnapshot) -> frozenset[SkuId]:
        """SKUs whose subscriptions are rows of their own: by hand, or by the default view."""
        of_users = self.customer.filter is not None  # and users' licences have no subscription
        if of_users or self.catalogue.preferences.default_view is DefaultView.LICENSES:
            return self.customer.split
        return frozenset(sku.sku_id for sku in snapshot.skus) - self.customer.merged

    def _is_history(self, row: LicenseRow) -> bool:
        """Whether a row is a subscription that is gone for good and that nothing bills."""
        if row.kind is not RowKind.SUBSCRIPTION or not row.subscriptions[0].proven_absent:
            return False
        return self.current(row.row_id) is None

    def row(self, row_id: RowId) -> LicenseRow | None:
        """Return a row by id, shown or not: a split licence still answers as a whole."""
        return self._row(row_id, frozenset())

    def _row(self, row_id: RowId, copying: frozenset[RowId]) -> LicenseRow | None:
        """The row; ``copying`` are the copies that lead to it."""
        if self.record is None or self.record.snapshot is None:
            return None
        custom = next((one for one in self.custom if one.row_id == row_id), None)
        if custom is not None:
            return self._custom_row(custom, copying)
        row = row_of(self.record.snapshot, self.names, row_id)
        return None if row is None else self._of_customer(row)

    def _custom_row(self, license_: CustomLicense, copying: frozenset[RowId]) -> LicenseRow:
        if not isinstance(license_.source, CopyOf):
            counts = () if self.record is None else self.record.people
            mine = license_.customer_id, license_.license_id
            own = (one for one in counts if (one.customer_id, one.license_id) == mine)
            return people_row(license_, next(own, None))
        # Saving refuses circles; two people who save at once may close one nevertheless.
        copying |= {license_.row_id}
        rows = {one: self._row(one, copying) for one in license_.source.rows if one not in copying}
        return copied_row(license_, (rows.get(one) or one for one in license_.source.rows))

    def _of_customer(self, row: LicenseRow) -> LicenseRow:
        """The row as it is this customer's, in a tenant that several customers may share."""
        share = self._share()
        if self.customer.filter is not None:
            problem = "" if self.record is None else self.record.users_problem
            of_users = self._is_for_users(row.sku_id)
            return shared_row(row, self.customer, share, problem=problem, of_users=of_users)
        if share is None or row.sku_id is None or row.kind is not RowKind.LICENSE:
            return row
        held = share.of(row.sku_id)
        return replace(row, disabled=held.disabled, guests=held.guests)

    def _share(self) -> Share | None:
        if self.record is None or self.record.users is None:
            return None
        return self.record.users.share_of(self.customer.customer_id)

    def _is_for_users(self, sku_id: SkuId | None) -> bool:
        snapshot = None if self.record is None else self.record.snapshot
        skus = () if snapshot is None else snapshot.skus
        return next((sku.is_for_users for sku in skus if sku.sku_id == sku_id), True)

    @property
    def overlap(self) -> str | None:
        """Why the customer must not be billed before somebody says whose users are whose."""
        share = self._share()
        if share is None or self.record is None or self.record.users is None:
            return None
        if self.customer.filter is None and share.filter is not None:
            return FILTER_CHANGED
        shared = self.record.users.overlaps_of(self.customer.customer_id)
        if self.customer.accept_overlap or not shared or share.filter != self.customer.filter:
            return None
        others = ", ".join(f"{users} with {name}" for name, users in shared)
        return (
            f"the customer has users in common: {others}; change a user filter, or accept the "
            "overlap for each customer that is to be billed nevertheless"
        )

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

    def owned_line(self, mapping: Mapping, today: date) -> LineId | None:
        """Return the standing line that a mapping bills through and that goes on, if it has one."""
        profile = self.catalogue.profiles.get(mapping.profile_id)
        if profile is None:
            return None
        ledger = self.ledger(group_of(mapping, profile).group_id)
        return ledger.line_id if (ledger.line_ends or today) >= today else None

    def groups(self, today: date) -> dict[GroupId, tuple[LineGroup, tuple[Member, ...]]]:
        """Return the line groups with the rows that bill through them today or later."""
        found: dict[GroupId, tuple[LineGroup, tuple[Member, ...]]] = {}
        for mapping in self.mappings:
            profile = self.catalogue.profiles.get(mapping.profile_id)
            if profile is None or self.is_over(mapping, today):
                continue
            group = group_of(mapping, profile)
            never = self._never_billed(mapping, today)
            member = self._called_off(mapping, group) if never else self._member(mapping, today)
            if member is not None:
                members = found.get(group.group_id, (group, ()))[1]
                found[group.group_id] = (group, (*members, member))
        return found

    def is_over(self, mapping: Mapping, today: date) -> bool:
        """Return whether a superseded mapping matters no more.

        It does until its line is done: an end that could not be written in time, or the last
        period of a line in arrears, is still to be kept right.
        """
        if mapping.effective_to is None or mapping.effective_to >= today:
            return False
        profile = self.catalogue.profiles.get(mapping.profile_id)
        return profile is None or self.ledger(group_of(mapping, profile).group_id).is_done

    def _called_off(self, mapping: Mapping, group: LineGroup) -> Member | None:
        """A licence whose line was written ahead for a day from which it bills nothing after all.

        Its subscriptions bill on their own from that day. The line has to be ended before it
        begins, or nobody ever would.
        """
        begins, ledger = mapping.effective_from, self.ledger(group.group_id)
        starts, ended = ledger.line_starts, ledger.line_ends is not None
        if begins is None or mapping.effective_to is not None or ledger.line_id is None:
            return None
        if ended or starts is None or starts < begins:
            return None
        row = self.row(mapping.row_id)
        if row is None or row.sku_id in self.catalogue.excluded_skus:
            return None
        return Member(
            mapping.row_id,
            row.name,
            replace(mapping, effective_to=begins - DAY),
            BilledQuantity(0, ("all its subscriptions are billed on their own",)),
        )

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
            return mapping.effective_to is None  # what ends by a person's word still ends
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
            apart = self._mapped_apart(row, mapping, today)
            if apart and self.customer.filter is not None:
                return BilledQuantity(None, (NOT_BY_SUBSCRIPTION,))
            row = remainder_of(row, apart)
        if row.counts is None:
            return BilledQuantity(None, (row.unknown or self._why_unknown(),))
        active = active_seats(row.counts, mapping.grace, count_trials=mapping.count_trials)
        # People are counted, not bought: "enabled" would say nothing of them.
        bought = active.steps[-1:] if row.kind is RowKind.CUSTOM else active.steps
        active = replace(active, steps=(*row.how, *bought))
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
    """Read billing profiles, global exclusions and settings."""
    return Catalogue(
        profiles={p.value.profile_id: p.value for p in services.profiles.all()},
        excluded_skus=frozenset(x.sku_id for x in global_exclusions(services).value),
        preferences=services.settings.get().value,
    )


def global_exclusions(services: Services) -> Versioned[tuple[GlobalExclusion, ...]]:
    """Return the MSP's own list, or before it saved one, the SKUs that cost nothing."""
    read = services.exclusions.get()
    return read if read.version else Versioned(services.free_skus, read.version)


def open_book(
    customer: Customer,
    services: Services,
    *,
    catalogue: Catalogue | None = None,
    record: TenantRecord | None = None,
    stored: StoredBook | None = None,
) -> Book:
    """Read a customer's book.

    Args:
        stored: When it was just read.
        catalogue: When it is at hand already; it is read anew where it lacks a mapping's profile.
        record: The tenant's record when it was just read.
    """
    if record is None:
        read = services.snapshots.get(customer.tenant_id)
        record = None if read is None else read.value
    stored = stored or services.books.of_customer(customer.customer_id)
    mappings = tuple(one.value for one in stored.mappings)
    if catalogue is None or any(one.profile_id not in catalogue.profiles for one in mappings):
        catalogue = open_catalogue(services)
    return Book(
        customer=customer,
        record=record,
        mappings=mappings,
        exclusions={one.row_id: one for one in stored.exclusions},
        ledgers={ledger.value.group_id: ledger for ledger in stored.ledgers},
        catalogue=catalogue,
        names=services.sku_names,
        custom=stored.custom,
        interrupted=frozenset(intent.change.group_id for intent in stored.intents),
        trend=stored.trend,
    )


def custom_licenses(customer_id: CustomerId, services: Services) -> tuple[CustomLicense, ...]:
    """Read a customer's custom licences, also retired ones."""
    return tuple(one.value for one in services.custom_licenses.of_customer(customer_id))


def local_date(now: datetime, psa: PsaConnection) -> date:
    """Return the PSA's calendar date at a moment."""
    return now.astimezone(ZoneInfo(psa.time_zone)).date()
