"""Repositories in memory that keep the promises of the real ones: versions, conflicts and pages.

The contract suites in ``tests/contract/repositories`` run against these and against the tables.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import count
from typing import Generic, TypeVar

from shared.adapters.tables import paging
from shared.adapters.tables.keys import key, newest_first
from shared.domain.agreements import Agreement
from shared.domain.alerts import Alert, AlertKind, Dismissal
from shared.domain.approvals import Approval, ApprovalState
from shared.domain.custom import CustomLicense
from shared.domain.customers import Customer, by_name, sorted_as
from shared.domain.digests import Claims, Delivery
from shared.domain.errors import (
    ConflictError,
    LeaseTakenError,
    NotFoundError,
    StaleVersionError,
)
from shared.domain.history import Change
from shared.domain.ids import (
    AgreementId,
    ConnectionName,
    CustomerId,
    CustomLicenseId,
    GroupId,
    ProfileId,
    RowId,
    RunId,
    TenantId,
    digest,
)
from shared.domain.intents import Intent
from shared.domain.ledger import Ledger
from shared.domain.mappings import BillingProfile, GlobalExclusion, Mapping, RowExclusion
from shared.domain.preferences import Preferences
from shared.domain.reconciliation import ReconciledLine
from shared.domain.runs import Run, RunItem
from shared.domain.trends import TrendPoint
from shared.ports import (
    Clock,
    KeptLines,
    Page,
    ReconciliationFilter,
    RefreshToken,
    StoredBook,
    TenantRecord,
    Versioned,
)

T = TypeVar("T")
Key = tuple[str, ...]


class Shelf(Generic[T]):
    """Values by key, each with a version that changes at every write."""

    def __init__(self) -> None:
        self.stored: dict[Key, Versioned[T]] = {}
        self.lock = threading.RLock()
        self._versions = count(1)

    def get(self, *key: str) -> Versioned[T] | None:
        with self.lock:
            return self.stored.get(key)

    def put(self, value: T, *key: str) -> Versioned[T]:
        with self.lock:
            self.stored[key] = Versioned(value, f"v{next(self._versions)}")
            return self.stored[key]

    def save(self, read: Versioned[T] | None, value: T, *key: str) -> Versioned[T]:
        with self.lock:
            self.check(read, *key)
            return self.put(value, *key)

    def check(self, read: Versioned[T] | None, *key: str) -> None:
        """Refuse unless what is there is what was read."""
        with self.lock:
            there = self.stored.get(key)
            if (there.version if there else "") != (read.version if read else ""):
                raise StaleVersionError(f"{key} was saved by somebody else first")

    def remove(self, *key: str) -> None:
        with self.lock:
            self.stored.pop(key, None)

    def removed(self, read: Versioned[T], *key: str) -> bool:
        """Remove what was read, and return whether it was still that."""
        with self.lock:
            try:
                self.check(read, *key)
            except StaleVersionError:
                return False
            self.remove(*key)
            return True

    def all(self, *prefix: str) -> tuple[Versioned[T], ...]:
        with self.lock:
            keys = sorted(key for key in self.stored if key[: len(prefix)] == prefix)
            return tuple(self.stored[key] for key in keys)


def a_page(entries: Iterable[tuple[str, T]], continuation: str | None, limit: int) -> Page[T]:
    """Return a page of values by their keys."""
    values = dict(entries)
    start, size = paging.after(continuation), paging.page_size(limit)
    left = sorted(key for key in values if key > start)
    return Page(
        items=tuple(values[key] for key in left[:size]),
        continuation=paging.token(left[size - 1]) if len(left) > size else None,
    )


class FakeCustomers:
    """A ``CustomerRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Customer]()

    def add(self, customer: Customer) -> Versioned[Customer]:
        try:
            return self._shelf.save(None, customer, customer.customer_id)
        except StaleVersionError as error:
            raise ConflictError(f"customer {customer.customer_id} exists") from error

    def get(self, customer_id: CustomerId) -> Versioned[Customer]:
        found = self._shelf.get(customer_id)
        if found is None:
            raise NotFoundError(f"there is no customer {customer_id}")
        return found

    def save(self, read: Versioned[Customer], customer: Customer) -> Versioned[Customer]:
        return self._shelf.save(read, customer, customer.customer_id)

    def list(self, continuation: str | None = None, limit: int = 100) -> Page[Customer]:
        named = ((key(f"{sorted_as(c.name)}--", c.customer_id), c) for c in self.all())
        return a_page(named, continuation, limit)

    def all(self) -> tuple[Customer, ...]:
        return tuple(sorted((found.value for found in self._shelf.all()), key=by_name))


class FakeProfiles:
    """A ``ProfileRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[BillingProfile]()

    def add(self, profile: BillingProfile) -> Versioned[BillingProfile]:
        try:
            return self._shelf.save(None, profile, profile.profile_id)
        except StaleVersionError as error:
            raise ConflictError(f"billing profile {profile.profile_id} exists") from error

    def get(self, profile_id: ProfileId) -> Versioned[BillingProfile]:
        found = self._shelf.get(profile_id)
        if found is None:
            raise NotFoundError(f"there is no billing profile {profile_id}")
        return found

    def save(
        self, read: Versioned[BillingProfile], profile: BillingProfile
    ) -> Versioned[BillingProfile]:
        return self._shelf.save(read, profile, profile.profile_id)

    def delete(self, read: Versioned[BillingProfile]) -> None:
        with self._shelf.lock:
            if self._shelf.get(read.value.profile_id) is not None:
                self._shelf.check(read, read.value.profile_id)
                self._shelf.remove(read.value.profile_id)

    def all(self) -> tuple[Versioned[BillingProfile], ...]:
        found = self._shelf.all()
        return tuple(sorted(found, key=lambda x: (x.value.name.casefold(), x.value.profile_id)))


class FakeMappings:
    """A ``MappingRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Mapping]()
        self._exclusions = Shelf[RowExclusion]()

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Mapping], ...]:
        return self._shelf.all(customer_id)

    def get(self, customer_id: CustomerId, row_id: RowId) -> Versioned[Mapping] | None:
        return self._shelf.get(customer_id, row_id, "")

    def put(
        self,
        read: Versioned[Mapping] | None,
        mapping: Mapping | None,
        superseded: Sequence[Mapping] = (),
    ) -> Versioned[Mapping] | None:
        with self._shelf.lock:
            saved = None
            if mapping is not None:
                saved = self._shelf.save(read, mapping, mapping.customer_id, mapping.row_id, "")
            elif read is not None:
                key = read.value.customer_id, read.value.row_id, ""
                self._shelf.check(read, *key)
                self._shelf.remove(*key)
            for old in superseded:
                self._shelf.put(old, *_superseded_key(old))
            return saved

    def forget(self, mapping: Mapping) -> None:
        self._shelf.remove(*_superseded_key(mapping))

    def exclusions(self, customer_id: CustomerId) -> tuple[RowExclusion, ...]:
        return tuple(found.value for found in self._exclusions.all(customer_id))

    def exclude(self, exclusion: RowExclusion) -> None:
        self._exclusions.put(exclusion, exclusion.customer_id, exclusion.row_id)

    def include(self, customer_id: CustomerId, row_id: RowId) -> None:
        self._exclusions.remove(customer_id, row_id)


def _superseded_key(mapping: Mapping) -> Key:
    assert mapping.effective_to is not None, "a superseded mapping has a last day"
    target = digest(mapping.profile_id, mapping.agreement_id, length=8)
    return mapping.customer_id, f"{mapping.row_id}~{mapping.effective_to}~{target}"


class FakeCustomLicenses:
    """A ``CustomLicenseRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[CustomLicense]()

    def add(self, license_: CustomLicense) -> Versioned[CustomLicense]:
        try:
            return self._shelf.save(None, license_, license_.customer_id, license_.license_id)
        except StaleVersionError as error:
            raise ConflictError(f"custom licence {license_.license_id} exists") from error

    def get(self, customer_id: CustomerId, license_id: CustomLicenseId) -> Versioned[CustomLicense]:
        found = self._shelf.get(customer_id, license_id)
        if found is None:
            raise NotFoundError(f"there is no custom licence {license_id}")
        return found

    def save(
        self, read: Versioned[CustomLicense], license_: CustomLicense
    ) -> Versioned[CustomLicense]:
        return self._shelf.save(read, license_, license_.customer_id, license_.license_id)

    def delete(self, read: Versioned[CustomLicense]) -> None:
        key = read.value.customer_id, read.value.license_id
        with self._shelf.lock:
            if self._shelf.get(*key) is not None:
                self._shelf.check(read, *key)
                self._shelf.remove(*key)

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[CustomLicense], ...]:
        return self._shelf.all(customer_id)


class FakeExclusions:
    """An ``ExclusionRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[tuple[GlobalExclusion, ...]]()

    def get(self) -> Versioned[tuple[GlobalExclusion, ...]]:
        return self._shelf.get("global") or Versioned((), "")

    def save(
        self, read: Versioned[tuple[GlobalExclusion, ...]], items: tuple[GlobalExclusion, ...]
    ) -> Versioned[tuple[GlobalExclusion, ...]]:
        return self._shelf.save(read, items, "global")


class FakeSnapshots:
    """A ``SnapshotRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[TenantRecord]()

    def get(self, tenant_id: TenantId) -> Versioned[TenantRecord] | None:
        return self._shelf.get(tenant_id)

    def save(self, read: Versioned[TenantRecord] | None, record: TenantRecord) -> None:
        self._shelf.save(read, record, record.tenant_id)


class FakeLedgers:
    """A ``LedgerRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Ledger]()

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Ledger], ...]:
        return self._shelf.all(customer_id)

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Ledger] | None:
        return self._shelf.get(customer_id, group_id)

    def save(self, read: Versioned[Ledger] | None, ledger: Ledger) -> Versioned[Ledger]:
        return self._shelf.save(read, ledger, ledger.customer_id, ledger.group_id)


class FakeIntents:
    """An ``IntentRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Intent]()

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Intent] | None:
        return self._shelf.get(customer_id, group_id)

    def of_customer(self, customer_id: CustomerId) -> tuple[Intent, ...]:
        return tuple(found.value for found in self._shelf.all(customer_id))

    def open(self, intent: Intent) -> Versioned[Intent]:
        return self._shelf.save(None, intent, intent.change.customer_id, intent.change.group_id)

    def close(self, read: Versioned[Intent]) -> None:
        key = read.value.change.customer_id, read.value.change.group_id
        with self._shelf.lock:
            there = self._shelf.get(*key)
            if there is not None and there.version == read.version:
                self._shelf.remove(*key)


LEASE_LASTS = timedelta(seconds=60)
LEASE_RENEWED_AFTER = timedelta(seconds=20)


class FakeLeases:
    """A ``LeaseRepository``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.shelf = Shelf[datetime]()  # when each lease ends

    @property
    def lasts(self) -> timedelta:
        return LEASE_LASTS

    def take(self, customer_id: CustomerId, group_id: GroupId) -> "FakeLease":
        return self._take(customer_id, group_id)

    def take_agreement(self, psa: ConnectionName, agreement_id: AgreementId) -> "FakeLease":
        return self._take("..", psa, agreement_id)

    def _take(self, *key: str) -> "FakeLease":
        now = self.clock.real_now()
        with self.shelf.lock:
            there = self.shelf.get(*key)
            if there is not None and there.value > now:
                raise LeaseTakenError(key[-1], there.value - now)
            return FakeLease(self, key, self.shelf.put(now + LEASE_LASTS, *key))


class FakeLease:
    """A ``Lease``."""

    def __init__(self, leases: FakeLeases, key: Key, held: Versioned[datetime]) -> None:
        self._leases = leases
        self._key = key
        self._held = held

    def keep(self) -> None:
        now = self._leases.clock.real_now()
        if now < self._held.value - LEASE_LASTS + LEASE_RENEWED_AFTER:
            return
        try:
            self._held = self._leases.shelf.save(self._held, now + LEASE_LASTS, *self._key)
        except StaleVersionError as error:
            raise LeaseTakenError(self._key[-1], LEASE_LASTS) from error

    def release(self) -> None:
        shelf = self._leases.shelf
        with shelf.lock:
            there = shelf.get(*self._key)
            if there is not None and there.version == self._held.version:
                shelf.remove(*self._key)


class FakeChanges:
    """A ``ChangeRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Change]()

    def add(self, change: Change) -> None:
        key = change.customer_id, newest_first(change.at)
        with self._shelf.lock:
            if self._shelf.get(*key, change.change_id) is None:
                self._shelf.put(change, *key, change.change_id)

    def of_customer(
        self,
        customer_id: CustomerId,
        continuation: str | None = None,
        limit: int = 100,
        row_id: RowId | None = None,
    ) -> Page[Change]:
        with self._shelf.lock:
            entries = [
                ("~".join(key[1:]), found.value)
                for key, found in self._shelf.stored.items()
                if key[0] == customer_id and (row_id is None or row_id in found.value.rows)
            ]
        return a_page(entries, continuation, limit)

    def before(
        self,
        customer_id: CustomerId,
        moment: datetime,
        continuation: str | None = None,
        limit: int = 100,
    ) -> Page[Change]:
        with self._shelf.lock:
            entries = [
                ("~".join(key[1:]), found.value)
                for key, found in self._shelf.stored.items()
                if key[0] == customer_id and found.value.at <= moment
            ]
        return a_page(entries, continuation, limit)

    def forget(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._shelf.remove(change.customer_id, newest_first(change.at), change.change_id)

    def all(self) -> tuple[Change, ...]:
        """Everything, by customer and newest first; only for tests."""
        return tuple(found.value for found in self._shelf.all())


class FakeTrends:
    """A ``TrendRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[TrendPoint]()

    def last(self, owner: str) -> TrendPoint | None:
        found = self._points(owner)
        return found[-1] if found else None

    def put(self, point: TrendPoint) -> None:
        self._shelf.put(point, point.owner, point.day.isoformat())

    def since(self, owner: str, first: date) -> tuple[TrendPoint, ...]:
        before = [point for point in self._points(owner) if point.day < first]
        return (*before[-1:], *(point for point in self._points(owner) if point.day >= first))

    def forget_before(self, owner: str, first: date, most: int) -> int:
        gone = [point for point in self._points(owner) if point.day < first][:-1][-most:]
        for point in gone:
            self._shelf.remove(owner, point.day.isoformat())
        return len(gone)

    def _points(self, owner: str) -> list[TrendPoint]:
        return [found.value for found in self._shelf.all(owner)]


class FakeRuns:
    """A ``RunRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Run]()
        self._items = Shelf[RunItem]()
        self._with_own = Shelf[RunItem]()
        self._numbers = count(1)

    def new_id(self, started_at: datetime) -> RunId:
        milliseconds = int(started_at.timestamp() * 1000)
        return RunId(f"{9_999_999_999_999 - milliseconds:013d}-{next(self._numbers):04d}")

    def add(self, run: Run) -> Versioned[Run]:
        try:
            return self._shelf.save(None, run, run.run_id)
        except StaleVersionError as error:
            raise ConflictError(f"run {run.run_id} exists") from error

    def get(self, run_id: RunId) -> Versioned[Run]:
        found = self._shelf.get(run_id)
        if found is None:
            raise NotFoundError(f"there is no run {run_id}")
        return found

    def save(self, read: Versioned[Run], run: Run) -> Versioned[Run]:
        return self._shelf.save(read, run, run.run_id)

    def change(self, run_id: RunId, change: Callable[[Run], Run]) -> tuple[Run, Run]:
        while True:
            read = self.get(run_id)
            changed = change(read.value)
            try:
                self.save(read, changed)
            except StaleVersionError:
                continue
            return read.value, changed

    def list(self, continuation: str | None = None, limit: int = 50) -> Page[Run]:
        runs = (found.value for found in self._shelf.all())
        return a_page(((run.run_id, run) for run in runs), continuation, limit)

    def before(
        self, moment: datetime, continuation: str | None = None, limit: int = 100
    ) -> Page[Run]:
        runs = (found.value for found in self._shelf.all())
        older = ((run.run_id, run) for run in runs if run.started_at < moment)
        return a_page(older, continuation, limit)

    def forget(self, run: Run) -> None:
        for shelf in (self._items, self._with_own):
            for found in shelf.all(run.run_id):
                shelf.remove(run.run_id, found.value.item_id)
        self._shelf.remove(run.run_id)

    def unclosed(self) -> tuple[Run, ...]:
        runs = (found.value for found in self._shelf.all())
        return tuple(run for run in runs if not run.closed)

    def put_items(self, items: Iterable[RunItem]) -> None:
        stored = tuple(items)
        for item in sorted(stored, key=lambda item: not item.state.final):
            found = self._items.get(item.run_id, item.item_id)
            if item.state.final or found is None or not found.value.state.final:
                self._items.put(item, item.run_id, item.item_id)

    def put_read(self, own: RunItem, groups: Sequence[RunItem]) -> None:
        for item in groups:
            self._with_own.put(item, item.run_id, item.item_id)
        self.put_items([own])

    def get_item(self, run_id: RunId, item_id: str) -> RunItem | None:
        found = self._items.get(run_id, item_id) or self._with_own.get(run_id, item_id)
        return None if found is None else found.value

    def items(self, run_id: RunId, customer_id: CustomerId | None = None) -> Iterator[RunItem]:
        alone = {
            place: one
            for place, one in self._items.stored.items()
            if one.value.state.final or place not in self._with_own.stored
        }
        together = {**self._with_own.stored, **alone}
        found = (together[one].value for one in sorted(together) if one[0] == run_id)
        return (item for item in found if customer_id in {None, item.customer_id})


class FakeHeaders:
    """A ``HeaderRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Agreement]()
        self._lines = Shelf[KeptLines]()

    def put(self, run_id: RunId, psa: ConnectionName, agreements: Iterable[Agreement]) -> None:
        for agreement in agreements:
            self._shelf.put(agreement, run_id, psa, agreement.agreement_id)

    def get_many(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, Agreement]:
        found = {one: self._shelf.get(run_id, psa, one) for one in agreement_ids}
        return {one: header.value for one, header in found.items() if header is not None}

    def put_lines(self, run_id: RunId, psa: ConnectionName, kept: Iterable[KeptLines]) -> None:
        for one in kept:
            self._lines.put(one, run_id, psa, one.agreement_id)

    def get_lines(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, KeptLines]:
        found = {one: self._lines.get(run_id, psa, one) for one in agreement_ids}
        return {one: kept.value for one, kept in found.items() if kept is not None}

    def forget(self, run_id: RunId) -> None:
        with self._shelf.lock, self._lines.lock:
            for key in [key for key in self._shelf.stored if key[0] == run_id]:
                self._shelf.remove(*key)
            for key in [key for key in self._lines.stored if key[0] == run_id]:
                self._lines.remove(*key)


class FakeApprovals:
    """An ``ApprovalRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Approval]()

    def get(self, approval_id: str) -> Versioned[Approval]:
        found = self._shelf.get(approval_id)
        if found is None:
            raise NotFoundError(f"there is no approval {approval_id}")
        return found

    def open_of(self, customer_id: CustomerId) -> tuple[Approval, ...]:
        return tuple(a for a in self._open() if a.customer_id == customer_id)

    def put(self, approvals: Iterable[Approval]) -> None:
        for approval in approvals:
            self._shelf.put(approval, approval.approval_id)

    def save(self, read: Versioned[Approval], approval: Approval) -> Versioned[Approval]:
        return self._shelf.save(read, approval, approval.approval_id)

    def list(
        self, *, open_only: bool, continuation: str | None = None, limit: int = 100
    ) -> Page[Approval]:
        found = self._open() if open_only else tuple(x.value for x in self._shelf.all())
        return a_page(((a.approval_id, a) for a in found), continuation, limit)

    def closed_of(self, customer_id: CustomerId) -> tuple[Versioned[Approval], ...]:
        return tuple(
            found
            for found in self._shelf.all()
            if found.value.customer_id == customer_id
            and found.value.state is not ApprovalState.OPEN
        )

    def forget(self, read: Versioned[Approval]) -> bool:
        return self._shelf.removed(read, read.value.approval_id)

    def _open(self) -> tuple[Approval, ...]:
        approvals = (found.value for found in self._shelf.all())
        return tuple(a for a in approvals if a.state is ApprovalState.OPEN)


class FakeAlerts:
    """An ``AlertRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Alert]()
        self._news: dict[str, None] = {}

    def get(self, alert_id: str) -> Versioned[Alert]:
        found = self._shelf.get(alert_id)
        if found is None:
            raise NotFoundError(f"there is no alert {alert_id}")
        return found

    def open_of(self, customer_id: CustomerId | None) -> tuple[Alert, ...]:
        return tuple(a for a in self._open() if a.customer_id == customer_id)

    def put(self, alerts: Iterable[Alert], news: Collection[str] = ()) -> None:
        for alert in alerts:
            self._shelf.put(alert, alert.alert_id)
            if alert.alert_id in news:
                self._news[alert.alert_id] = None

    def list(
        self,
        *,
        open_only: bool = False,
        cleared_only: bool = False,
        kind: AlertKind | None = None,
        customer_id: CustomerId | None = None,
        continuation: str | None = None,
        limit: int = 100,
    ) -> Page[Alert]:
        found = (entry.value for entry in self._shelf.all())
        kept = (
            alert
            for alert in found
            if not (open_only and alert.cleared_at is not None)
            and not (cleared_only and alert.cleared_at is None)
            and kind in {None, alert.kind}
            and customer_id in {None, alert.customer_id}
        )
        return a_page(((alert.alert_id, alert) for alert in kept), continuation, limit)

    def open(self) -> tuple[Alert, ...]:
        return self._open()

    def cleared_of(self, customer_id: CustomerId | None) -> tuple[Versioned[Alert], ...]:
        return tuple(
            found
            for found in self._shelf.all()
            if found.value.customer_id == customer_id and found.value.cleared_at is not None
        )

    def forget(self, read: Versioned[Alert]) -> bool:
        return self._shelf.removed(read, read.value.alert_id)

    def news(self) -> tuple[str, ...]:
        return tuple(sorted(self._news))

    def forget_news(self, alert_ids: Iterable[str]) -> None:
        for alert_id in alert_ids:
            self._news.pop(alert_id, None)

    def _open(self) -> tuple[Alert, ...]:
        alerts = (found.value for found in self._shelf.all())
        return tuple(alert for alert in alerts if alert.cleared_at is None)


class FakeDismissals:
    """A ``DismissalRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Dismissal]()

    def all(self) -> dict[str, Dismissal]:
        return {found.value.alert_id: found.value for found in self._shelf.all()}

    def get(self, alert_id: str) -> Dismissal | None:
        found = self._shelf.get(alert_id)
        return None if found is None else found.value

    def put(self, dismissal: Dismissal) -> None:
        self._shelf.put(dismissal, dismissal.alert_id)

    def remove(self, alert_id: str) -> None:
        if self._shelf.get(alert_id) is not None:
            self._shelf.remove(alert_id)


class FakeDeliveries:
    """A ``DeliveryRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Delivery]()
        self._claims = Shelf[Claims]()

    def claims(self) -> Versioned[Claims]:
        return self._claims.get("claims") or Versioned(Claims(), "")

    def open(
        self, read: Versioned[Claims], claims: Claims, deliveries: Sequence[Delivery]
    ) -> Versioned[Claims]:
        saved = self._claims.save(read, claims, "claims")
        for one in deliveries:
            self._shelf.put(one, one.delivery_id)
        return saved

    def all(self) -> tuple[Versioned[Delivery], ...]:
        return self._shelf.all()

    def save(self, read: Versioned[Delivery], delivery: Delivery) -> Versioned[Delivery]:
        return self._shelf.save(read, delivery, delivery.delivery_id)

    def forget(self, deliveries: Iterable[Delivery]) -> None:
        for one in deliveries:
            if self._shelf.get(one.delivery_id) is not None:
                self._shelf.remove(one.delivery_id)


class FakeBooks:
    """A ``BookRepository`` on the others."""

    def __init__(
        self,
        mappings: FakeMappings,
        custom_licenses: FakeCustomLicenses,
        ledgers: FakeLedgers,
        intents: FakeIntents,
        trends: FakeTrends,
    ) -> None:
        self._mappings = mappings
        self._custom_licenses = custom_licenses
        self._ledgers = ledgers
        self._intents = intents
        self._trends = trends

    def of_customer(self, customer_id: CustomerId) -> StoredBook:
        return StoredBook(
            mappings=self._mappings.of_customer(customer_id),
            exclusions=self._mappings.exclusions(customer_id),
            custom=tuple(one.value for one in self._custom_licenses.of_customer(customer_id)),
            ledgers=self._ledgers.of_customer(customer_id),
            intents=self._intents.of_customer(customer_id),
            trend=self._trends.last(customer_id),
        )


class FakeReconciliation:
    """A ``ReconciliationRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[ReconciledLine]()

    def replace(self, customer_id: CustomerId, lines: Iterable[ReconciledLine]) -> None:
        for old in self._shelf.all(customer_id):
            self._shelf.remove(customer_id, old.value.key)
        self.put(lines)

    def put(self, lines: Iterable[ReconciledLine]) -> None:
        for line in lines:
            self._shelf.put(line, line.customer_id, line.key)

    def page(
        self, where: ReconciliationFilter, continuation: str | None = None, limit: int = 100
    ) -> Page[ReconciledLine]:
        entries = (
            (f"{line.customer_id}~{line.key}", line)
            for line in (found.value for found in self._shelf.all())
            if where.customer_id in {None, line.customer_id}
            and where.psa in {None, line.psa}
            and where.state in {None, line.state}
        )
        return a_page(entries, continuation, limit)

    def after_customer(self, customer_id: CustomerId) -> str:
        return paging.token(f"{customer_id}~~")


class FakeSettings:
    """A ``SettingsRepository``."""

    def __init__(self) -> None:
        self._shelf = Shelf[Preferences]()

    def get(self) -> Versioned[Preferences]:
        return self._shelf.get("preferences") or Versioned(Preferences(), "")

    def save(
        self, read: Versioned[Preferences], preferences: Preferences
    ) -> Versioned[Preferences]:
        return self._shelf.save(read, preferences, "preferences")


class FakeConnectionStates:
    """``ConnectionStates``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pauses: dict[str, datetime] = {}
        self.listings: dict[str, datetime] = {}

    def paused_until(self, name: str) -> datetime | None:
        until = self.pauses.get(name)
        return until if until is not None and until > self._clock.real_now() else None

    def pause(self, name: str, until: datetime) -> None:
        self.pauses[name] = max(until, self.pauses.get(name, until))

    def forget_pauses(self, before: datetime) -> int:
        over = [name for name, until in self.pauses.items() if until < before]
        for name in over:
            del self.pauses[name]
        return len(over)

    def tenants_listed_at(self, name: ConnectionName) -> datetime | None:
        return self.listings.get(name)

    def tenants_listed(self, name: ConnectionName, at: datetime) -> None:
        self.listings[name] = at


class FakeRefreshTokens:
    """``RefreshTokens``.

    Attributes:
        saves: How often one was to be kept, refusals too.
    """

    def __init__(self) -> None:
        self._shelf = Shelf[RefreshToken]()
        self.saves = 0

    def get(self, name: ConnectionName) -> Versioned[RefreshToken] | None:
        return self._shelf.get(name)

    def save(
        self,
        name: ConnectionName,
        read: Versioned[RefreshToken] | None,
        token: RefreshToken,
    ) -> Versioned[RefreshToken]:
        self.saves += 1
        return self._shelf.save(read, token, name)


class FakeStorageHealth:
    """A ``StorageHealth`` that says what a test wants."""

    def __init__(self) -> None:
        self.answer = {"tables": "ok", "queues": "ok"}

    def check(self) -> dict[str, str]:
        return dict(self.answer)
