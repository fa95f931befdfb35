"""The promises that use cases rely on; ``shared.adapters`` keeps them.

Every ``save(read, …)`` takes what was read, so that nothing is replaced that somebody changed in
between. Lists page by an opaque continuation token.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Generic, Protocol, TypeVar, runtime_checkable

from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    Company,
    Operation,
    Product,
)
from shared.domain.alerts import Alert, AlertKind, Dismissal
from shared.domain.approvals import Approval
from shared.domain.commerce import PartnerReading
from shared.domain.commitments import PartnerSubscription
from shared.domain.custom import CustomLicense, PeopleCount
from shared.domain.customers import Customer, DirectoryTenant
from shared.domain.descriptions import LineText
from shared.domain.digests import Claims, Delivery, Digest
from shared.domain.foreign_lines import LineEnding
from shared.domain.history import Change
from shared.domain.ids import (
    AgreementId,
    CompanyId,
    ConnectionName,
    CustomerId,
    CustomLicenseId,
    GroupId,
    LineId,
    ProductId,
    ProfileId,
    RowId,
    RunId,
    SkuId,
    TenantId,
)
from shared.domain.intents import Intent
from shared.domain.ledger import Ledger
from shared.domain.licensing import AssignedUser, TenantSnapshot
from shared.domain.mappings import BillingProfile, GlobalExclusion, Mapping, RowExclusion
from shared.domain.movements import Movement
from shared.domain.plans import CreditMode
from shared.domain.preferences import Preferences
from shared.domain.reconciliation import LineState, ReconciledLine
from shared.domain.runs import Run, RunItem
from shared.domain.sharing import UserTally
from shared.domain.trends import TrendPoint
from shared.signals import Event, Metric, Span

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """A value with the version (ETag) it was read at."""

    value: T
    version: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some entries of a list, and where to go on."""

    items: tuple[T, ...]
    continuation: str | None


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """Return the aware UTC moment that billing counts as now."""

    def real_now(self) -> datetime:
        """Return the aware UTC moment for leases, pauses and delays, which never time-travel."""


class Ids(Protocol):
    """Names for new things."""

    def new(self) -> str:
        """Return a short random name of lower-case letters and digits."""


class Telemetry(Protocol):
    """What the app tells of itself to whoever operates it; ``shared.signals`` has all of it.

    Nothing here fails: what cannot be told is left out. Safe for threads.
    """

    def span(
        self, span: Span, traceparent: str | None = None, begun_by: str | None = None
    ) -> AbstractContextManager[None]:
        """Time what happens inside the block, which belongs to it; an error marks it as failed.

        It belongs to the span it is inside, unless it is told what it goes on with. What is no
        trace context counts as left out.

        Args:
            traceparent: W3C trace context of the work that it goes on with.
            begun_by: W3C trace context of who began it: in place of the other, or linked beside.
        """

    def done(self, span: Span, seconds: float) -> None:
        """Tell a span that has just ended."""

    def measure(self, metric: Metric) -> None:
        """Tell a number."""

    def tell(self, event: Event) -> None:
        """Tell an event, within the span it is inside."""

    def traceparent(self) -> str | None:
        """Return the W3C trace context of the span it is inside, for a message; else ``None``."""


# The outside world -------------------------------------------------------------------------------


class UserCounts(Protocol):
    """How many users a tenant has; nobody is named. The counts of custom licences come from here.

    Raises: as ``LicenseSource.read_tenant``.
    """

    def count_users(
        self, tenant_id: TenantId, *, licensed_only: bool, domain: str | None, enabled_only: bool
    ) -> int:
        """Return how many users the tenant has.

        Args:
            licensed_only: Only those with at least one licence.
            domain: Only those whose user principal name is in this domain.
            enabled_only: Only those who may sign in.
        """

    def count_group_members(
        self, tenant_id: TenantId, group_id: str, *, include_disabled: bool, nested: bool = False
    ) -> int:
        """Return how many users are members of a group, each once.

        Groups, devices and contacts in it do not count.

        Args:
            include_disabled: Also those who may not sign in.
            nested: Also users who are directly in a group that is directly inside it; no deeper.

        Raises:
            NotFoundError: The tenant has no such group.
        """


class LicenseSource(UserCounts, Protocol):
    """Microsoft, through one partner connection."""

    @property
    def partner_tenant_id(self) -> TenantId:
        """The partner's own tenant."""

    def read_tenant(self, tenant_id: TenantId) -> TenantSnapshot:
        """Return what the tenant holds now, completely.

        Raises:
            RateLimitError: Graph asked to wait.
            UpstreamUnavailableError: Some part could not be read for a reason that may pass.
            AccessDeniedError: Consent or a permission is missing; the remedy says which.
            UnexpectedPayloadError: Graph answered something else than its contract says.
        """

    def assigned_users(
        self, tenant_id: TenantId, *, details: bool = False
    ) -> tuple[AssignedUser, ...]:
        """Return the users with a licence, completely; read only when something needs them.

        Args:
            details: Also what tells whose users they are, where customers share the tenant.

        Raises: as ``read_tenant``.
        """

    def list_tenants(self) -> tuple[DirectoryTenant, ...]:
        """Return the customers' tenants that the partner's tenant lists.

        Raises: as ``read_tenant``.
        """

    def consent_link(self, tenant_id: TenantId) -> str:
        """Return where an admin of the tenant lets the app in; nobody is asked for it."""


class PartnerSubscriptions(Protocol):
    """What the partner bought for its customers, and on what terms; only direct CSPs can tell.

    Raises: as ``LicenseSource.read_tenant``.
    """

    def customers(self) -> tuple[DirectoryTenant, ...]:
        """Return the customers that the partner resells to, by name."""

    def subscriptions(self, tenant_id: TenantId) -> tuple[PartnerSubscription, ...]:
        """Return all subscriptions of a customer, also ended ones.

        Raises:
            NotFoundError: The partner has no such customer.
        """


class PsaGateway(Protocol):
    """One PSA. Reads raise ``RateLimitError``, ``UpstreamUnavailableError``,
    ``AccessDeniedError`` or ``UnexpectedPayloadError``.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this PSA lets us do."""

    def check(self) -> str:
        """Prove that address, keys and permissions work, and return the PSA's version in words."""

    def list_companies(self) -> tuple[Company, ...]:
        """Return all companies that are not deleted, by name."""

    def list_products(self) -> tuple[Product, ...]:
        """Return the catalogue, inactive products too, by name."""

    def get_product(self, product_id: ProductId) -> Product:
        """Return a product of the catalogue.

        Raises:
            NotFoundError: There is none with this id.
        """

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        """Return the agreements of a company, or of all, that are not cancelled."""

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        """Return an agreement's header.

        Raises:
            NotFoundError: There is none with this id.
        """

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        """Return all lines: cancelled and future ones too.

        Raises:
            NotFoundError: There is no such agreement.
        """

    def execute(self, operation: Operation) -> AgreementLine | None:
        """Carry out one operation, once, and return the line as the PSA has it now.

        Raises:
            RateLimitError: Refused before any work.
            UpstreamUnavailableError: Never sent.
            UnknownOutcomeError: Sent, and the answer was lost or says nothing: read first.
            RequestRefusedError: The PSA says no.
        """


class Notifier(Protocol):
    """One way to tell people."""

    @property
    def name(self) -> str:
        """What the settings call it."""

    @property
    def channel(self) -> str:
        """What it is: e-mail, Teams, a PSA's tickets."""

    def send(self, digest: Digest) -> str:
        """Send a message once, and return what a person should know of it; empty when all is well.

        Errors name no address and no key.

        Raises:
            RateLimitError: It was refused before any work.
            UpstreamUnavailableError: It was certainly not sent, for a reason that may pass.
            OperatorActionError: It was certainly not sent; a person has to mend something.
            UnknownOutcomeError: It may have been sent.
        """


LINES_ARE_FRESH = timedelta(hours=1)
"""Lines that a run read longer ago than this with many others are read again."""
READ_IS_FRESH = timedelta(seconds=10)
"""A write may go on from what was read so long before it; longer ago, it is read again."""


@dataclass(frozen=True, slots=True)
class LinesRead:
    """An agreement's lines, and what their gateway needs to write upon them without reading again.

    Attributes:
        read_from: When the reading began, in real time.
        own: The gateway's own; nobody else looks into it.
        whole: Everything was read; else only quantities, and the rest is as it was known.
    """

    agreement_id: AgreementId
    lines: tuple[AgreementLine, ...]
    read_from: datetime
    own: object = field(default=None, repr=False, compare=False)
    whole: bool = True

    def serves(self, operation: Operation, now: datetime) -> bool:
        """Return whether a write may go on from this; ``now`` is real."""
        age = now - self.read_from
        return operation.agreement_id == self.agreement_id and timedelta(0) <= age <= READ_IS_FRESH


@runtime_checkable
class WritesUponReads(Protocol):
    """What a gateway can do besides where a write needs a read right before it."""

    def read_lines(self, agreement_id: AgreementId) -> LinesRead:
        """Return all lines, as ``PsaGateway.list_lines`` does."""

    def execute(self, operation: Operation, read: LinesRead | None = None) -> AgreementLine | None:
        """Carry out one operation, as ``PsaGateway.execute`` does.

        Args:
            read: What was read under the lease that still is held, and nobody has written upon.
                It takes the place of the read before the write while it is fresh.
        """


@runtime_checkable
class ReadsQuantities(WritesUponReads, Protocol):
    """Where quantities stand apart from lines, so that reading them alone is less."""

    def read_quantities(
        self, agreement_id: AgreementId, known: Sequence[AgreementLine], changing: LineId
    ) -> LinesRead | None:
        """Return the lines with their quantities of now, and all else as it was known.

        Those of ``changing`` are as ``read_lines`` tells them; other lines may have no more than
        those of today.

        ``None`` where the quantities show that the agreement has other lines by now. Good for a
        change of that line's quantities alone.

        Raises: as the reads of ``PsaGateway``.
        """


@runtime_checkable
class ReadsManyLines(Protocol):
    """What a gateway can do besides where its PSA lists the lines of many agreements at once."""

    def list_with_lines(
        self, companies: Collection[CompanyId]
    ) -> Iterator[tuple[tuple[Agreement, tuple[AgreementLine, ...] | None], ...]]:
        """Return the companies' agreements with their lines, as far as a plan of today looks.

        They come some agreements at a time, each batch read when it is asked for; the lines of an
        agreement may be left out. Good to see that nothing is to be done. Before a change they
        are read again.

        Raises: as the reads of ``PsaGateway``, at any batch.
        """


@dataclass(frozen=True, slots=True)
class KeptLines:
    """An agreement's lines as a run read them with those of many others."""

    agreement_id: AgreementId
    lines: tuple[AgreementLine, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a person of the MSP is asked to look at, in its PSA.

    Attributes:
        company_id: Whose ticket it is: usually the MSP's own company.
        board: Where it goes, as the PSA numbers it: a service board, a queue, a ticket type;
            ``None`` for the PSA's usual one.
        priority: As the PSA numbers it; ``None`` for the usual one.
    """

    title: str
    text: str
    company_id: CompanyId
    board: str | None
    priority: str | None


@runtime_checkable
class TicketGateway(Protocol):
    """A PSA that takes tickets."""

    def open_ticket(self, ticket: Ticket) -> None:
        """Open a ticket, once. Too long texts are cut.

        Raises: as ``PsaGateway.execute``.
        """


class TenantQueue(Protocol):
    """The queue ``tenant-sync``; what is urgent goes into ``sync-now``, past all that waits."""

    def put(self, message: "TenantSync", delay: timedelta = timedelta(0)) -> None:
        """Add a message that becomes visible after the delay."""


class LicenseQueue(Protocol):
    """The queue ``license-sync``; what is urgent goes into ``sync-now``, past all that waits."""

    def put(self, message: "LicenseSync", delay: timedelta = timedelta(0)) -> None:
        """Add a message that becomes visible after the delay."""


@dataclass(frozen=True, slots=True)
class TenantSync:
    """Read one tenant and plan its customers.

    Attributes:
        row_id: Only this row's group, for a row's Sync Now.
        agreements: All headers of its customers' companies as the run read them; none where they
            were not read, or are too many for a message.
        attempt: How often it was put back because something had to wait.
        urgent: A person waits for it.
        traceparent: W3C trace context of the work that put it; the queue fills it in.
    """

    run_id: RunId
    tenant_id: TenantId
    microsoft: ConnectionName
    customer_ids: tuple[CustomerId, ...]
    row_id: RowId | None = None
    agreements: tuple[Agreement, ...] = ()
    attempt: int = 1
    urgent: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class LicenseSync:
    """Bring one line group up to date.

    Attributes:
        agreement: The header read in this run; ``None`` to read it again.
        text: What the invoice text is made of, as read in this run; ``None`` to read it again.
        approval_id: An approval to carry out.
        undo_of: A change to take back: the group is planned as on the day of that change.
        ending: A line of another tool to end; the group then names that line alone.
        attempt: How often it was put back because something had to wait.
        urgent: A person waits for it.
        traceparent: W3C trace context of the work that put it; the queue fills it in.
    """

    run_id: RunId
    customer_id: CustomerId
    group_id: GroupId
    agreement_id: AgreementId
    agreement: Agreement | None = None
    text: LineText | None = None
    approval_id: str | None = None
    undo_of: str | None = None
    ending: LineEnding | None = None
    attempt: int = 1
    urgent: bool = False
    traceparent: str | None = None


# What Seatsync remembers -------------------------------------------------------------------------


class CustomerRepository(Protocol):
    """Customers, also deleted ones."""

    def add(self, customer: Customer) -> Versioned[Customer]:
        """Store a new customer.

        Raises:
            ConflictError: The id is taken.
        """

    def get(self, customer_id: CustomerId) -> Versioned[Customer]:
        """Return the customer.

        Raises:
            NotFoundError: There is none with this id.
        """

    def save(self, read: Versioned[Customer], customer: Customer) -> Versioned[Customer]:
        """Replace what was read.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def list(self, continuation: str | None = None, limit: int = 100) -> Page[Customer]:
        """Return customers, also deleted ones, by name, a page at a time."""

    def all(self) -> tuple[Customer, ...]:
        """Return all customers, also deleted ones, by name."""


class ProfileRepository(Protocol):
    """Billing profiles."""

    def add(self, profile: BillingProfile) -> Versioned[BillingProfile]:
        """Store a new profile.

        Raises:
            ConflictError: The id is taken.
        """

    def get(self, profile_id: ProfileId) -> Versioned[BillingProfile]:
        """Return the profile.

        Raises:
            NotFoundError: There is none with this id.
        """

    def save(
        self, read: Versioned[BillingProfile], profile: BillingProfile
    ) -> Versioned[BillingProfile]:
        """Replace what was read.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def delete(self, read: Versioned[BillingProfile]) -> None:
        """Remove what was read.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def all(self) -> tuple[Versioned[BillingProfile], ...]:
        """Return all profiles, by name."""


class MappingRepository(Protocol):
    """Mappings and exclusions of a customer's rows. Superseded mappings stay until they end."""

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Mapping], ...]:
        """Return current mappings (no ``effective_to``) and superseded ones, in one query."""

    def get(self, customer_id: CustomerId, row_id: RowId) -> Versioned[Mapping] | None:
        """Return the row's current mapping."""

    def put(
        self,
        read: Versioned[Mapping] | None,
        mapping: Mapping | None,
        superseded: Sequence[Mapping] = (),
    ) -> Versioned[Mapping] | None:
        """Replace a row's current mapping in one step with what it leaves behind.

        Args:
            read: The current mapping as it was read; ``None`` when there was none.
            mapping: The new one; ``None`` takes it away.
            superseded: Mappings with ``effective_to`` to store beside it, replacing ones of the
                same row, last day, profile and agreement.

        Raises:
            StaleVersionError: Somebody saved the row first, or created it.
        """

    def forget(self, mapping: Mapping) -> None:
        """Remove a superseded mapping that ended; a missing one is no error."""

    def exclusions(self, customer_id: CustomerId) -> tuple[RowExclusion, ...]:
        """Return the customer's excluded rows."""

    def exclude(self, exclusion: RowExclusion) -> None:
        """Exclude a row; excluding it again replaces the entry."""

    def include(self, customer_id: CustomerId, row_id: RowId) -> None:
        """Take an exclusion away; a missing one is no error."""


class CustomLicenseRepository(Protocol):
    """Custom licences, also retired ones."""

    def add(self, license_: CustomLicense) -> Versioned[CustomLicense]:
        """Store a new one.

        Raises:
            ConflictError: The customer has one with this id.
        """

    def get(self, customer_id: CustomerId, license_id: CustomLicenseId) -> Versioned[CustomLicense]:
        """Return the custom licence.

        Raises:
            NotFoundError: The customer has none with this id.
        """

    def save(
        self, read: Versioned[CustomLicense], license_: CustomLicense
    ) -> Versioned[CustomLicense]:
        """Replace what was read.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def delete(self, read: Versioned[CustomLicense]) -> None:
        """Remove what was read; a missing one is no error.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[CustomLicense], ...]:
        """Return the customer's, by id, in one query."""


@dataclass(frozen=True, slots=True)
class StoredBook:
    """What is stored of a customer and its plans depend on, as of one moment.

    Attributes:
        mappings: Current and superseded ones.
        custom: Custom licences, also retired ones.
        intents: Of groups with an interrupted write.
        trend: The newest point.
    """

    mappings: tuple[Versioned[Mapping], ...]
    exclusions: tuple[RowExclusion, ...]
    custom: tuple[CustomLicense, ...]
    ledgers: "tuple[Versioned[Ledger], ...]"
    intents: "tuple[Intent, ...]"
    trend: TrendPoint | None


class BookRepository(Protocol):
    """What several repositories hold of a customer, read together."""

    def of_customer(self, customer_id: CustomerId) -> StoredBook:
        """Return it, in one query."""


class ExclusionRepository(Protocol):
    """Global exclusions, as one list."""

    def get(self) -> Versioned[tuple[GlobalExclusion, ...]]:
        """Return the list; an empty one, version ``""``, when none was saved."""

    def save(
        self, read: Versioned[tuple[GlobalExclusion, ...]], items: tuple[GlobalExclusion, ...]
    ) -> Versioned[tuple[GlobalExclusion, ...]]:
        """Replace the list.

        Raises:
            StaleVersionError: Somebody saved it first.
        """


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """What is known of a tenant.

    Attributes:
        snapshot: The last complete read; ``None`` before the first.
        failures: Failed reads in a row; several deliveries of one run's message count as one.
        failing_since: When the first of them was.
        problem: Why the last read failed, for a person; empty when it did not.
        users: Who has how many licences where customers share the tenant; ``None`` elsewhere, and
            before the first complete read of users.
        users_problem: Why the last read of users failed; empty when it did not.
        people: The last count of each custom licence that counts people.
        failed_in: The run whose read failed last.
        movements: Seats that came and went lately.
        partner: What Partner Center said; ``None`` where there is none.
    """

    tenant_id: TenantId
    snapshot: TenantSnapshot | None
    failures: int = 0
    failing_since: datetime | None = None
    problem: str = ""
    users: UserTally | None = None
    users_problem: str = ""
    people: tuple[PeopleCount, ...] = ()
    failed_in: RunId | None = None
    movements: tuple[Movement, ...] = ()
    partner: PartnerReading | None = None

    @property
    def read_at(self) -> datetime | None:
        """When the last complete read was."""
        return None if self.snapshot is None else self.snapshot.taken_at


class SnapshotRepository(Protocol):
    """The last snapshot of each tenant."""

    def get(self, tenant_id: TenantId) -> Versioned[TenantRecord] | None:
        """Return what is known, or ``None`` before the first read."""

    def save(self, read: Versioned[TenantRecord] | None, record: TenantRecord) -> None:
        """Replace what was read.

        Raises:
            StaleVersionError: Another worker saved a newer one.
        """


class LedgerRepository(Protocol):
    """Ledgers of line groups."""

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Ledger], ...]:
        """Return the customer's ledgers in one query."""

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Ledger] | None:
        """Return the ledger, or ``None`` before the first write."""

    def save(self, read: Versioned[Ledger] | None, ledger: Ledger) -> Versioned[Ledger]:
        """Create, or replace what was read.

        Raises:
            StaleVersionError: Another worker saved it first.
        """


class IntentRepository(Protocol):
    """Open intents; at most one for a group."""

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Intent] | None:
        """Return the open intent."""

    def of_customer(self, customer_id: CustomerId) -> tuple[Intent, ...]:
        """Return the customer's open intents in one query."""

    def open(self, intent: Intent) -> Versioned[Intent]:
        """Store an intent.

        Raises:
            StaleVersionError: The group has one already.
        """

    def close(self, read: Versioned[Intent]) -> None:
        """Take the intent away; a missing one is no error."""


class Lease(Protocol):
    """Held leave to write to one line group."""

    def keep(self) -> None:
        """Renew the lease when its renewal is due; call it before each write.

        Raises:
            LeaseTakenError: It was lost to another worker.
        """

    def release(self) -> None:
        """Give the lease back; a lost one is no error."""


class LeaseRepository(Protocol):
    """One writer at a line group, or at a whole agreement.

    Leases last 60 s and are renewed after 20 s, in real time.
    """

    @property
    def lasts(self) -> timedelta:
        """How long a lease lasts unless it is renewed."""

    def take(self, customer_id: CustomerId, group_id: GroupId) -> Lease:
        """Take the lease.

        Raises:
            LeaseTakenError: Another worker holds it.
        """

    def take_agreement(self, psa: ConnectionName, agreement_id: AgreementId) -> Lease:
        """Take the lease of a whole agreement, which all its line groups and customers share.

        Raises:
            LeaseTakenError: Another worker holds it.
        """


class ChangeRepository(Protocol):
    """History, newest first."""

    def add(self, change: Change) -> None:
        """Add an entry; adding the same ``change_id`` again changes nothing."""

    def of_customer(
        self,
        customer_id: CustomerId,
        continuation: str | None = None,
        limit: int = 100,
        row_id: RowId | None = None,
    ) -> Page[Change]:
        """Return entries, newest first, of one row if given."""

    def before(
        self,
        customer_id: CustomerId,
        moment: datetime,
        continuation: str | None = None,
        limit: int = 100,
    ) -> Page[Change]:
        """Return entries from before a moment, newest first."""

    def forget(self, changes: Iterable[Change]) -> None:
        """Remove entries of one customer, in batches; missing ones are no error."""


class TrendRepository(Protocol):
    """Points of trends, by owner and day."""

    def last(self, owner: str) -> TrendPoint | None:
        """Return the newest point."""

    def put(self, point: TrendPoint) -> None:
        """Store a point in place of one of the same day."""

    def since(self, owner: str, first: date) -> tuple[TrendPoint, ...]:
        """Return the points from a day on and the last one before it, the oldest first."""

    def forget_before(self, owner: str, first: date, most: int) -> int:
        """Remove points from before a day but the last of them, and return how many."""


class RunRepository(Protocol):
    """Runs and their items; runs are listed newest first."""

    def new_id(self, started_at: datetime) -> RunId:
        """Return an id that sorts before those of older runs."""

    def add(self, run: Run) -> Versioned[Run]:
        """Store a new run."""

    def get(self, run_id: RunId) -> Versioned[Run]:
        """Return the run.

        Raises:
            NotFoundError: There is none with this id.
        """

    def save(self, read: Versioned[Run], run: Run) -> Versioned[Run]:
        """Replace what was read.

        Raises:
            StaleVersionError: Somebody saved it first.
        """

    def change(self, run_id: RunId, change: Callable[[Run], Run]) -> tuple[Run, Run]:
        """Save what the change makes of a run, and return the run right before and right after.

        Many workers may change one run at once; the change is called again with a run that another
        one saved in between.

        Raises:
            NotFoundError: There is none with this id.
        """

    def list(self, continuation: str | None = None, limit: int = 50) -> Page[Run]:
        """Return runs, newest first."""

    def before(
        self, moment: datetime, continuation: str | None = None, limit: int = 100
    ) -> Page[Run]:
        """Return runs that were started before a moment, newest first."""

    def forget(self, run: Run) -> None:
        """Remove a closed run with its items, in batches."""

    def unclosed(self) -> tuple[Run, ...]:
        """Return the runs whose totals are not stamped yet, stopped ones too."""

    def put_items(self, items: Iterable[RunItem]) -> None:
        """Store items of one run, replacing earlier states of the same items, in batches.

        One that waits replaces none that is final: a worker that was stopped in the middle of its
        work may note what it found long after another one was done.
        """

    def put_read(self, own: RunItem, groups: Sequence[RunItem]) -> None:
        """Store a customer's own item, and items of its groups that nobody works on, in one call.

        An item of a group that was or will be stored by itself is the one that counts, unless it
        still waits: a worker that died may have stored it and queued nothing.
        """

    def get_item(self, run_id: RunId, item_id: str) -> RunItem | None:
        """Return one item: as it was stored by itself, if it was."""

    def items(self, run_id: RunId, customer_id: CustomerId | None = None) -> Iterator[RunItem]:
        """Yield the items of a run, or one customer's of them, without having all in memory.

        One that is stored meanwhile is yielded as it was or as it is.
        """


class HeaderRepository(Protocol):
    """Agreement headers, and lines, that a run read once for all its messages."""

    def put(self, run_id: RunId, psa: ConnectionName, agreements: Iterable[Agreement]) -> None:
        """Keep the headers for the run, in batches."""

    def get_many(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, Agreement]:
        """Return those of the headers that the run has kept."""

    def put_lines(self, run_id: RunId, psa: ConnectionName, kept: Iterable[KeptLines]) -> None:
        """Keep the agreements' lines for the run, in batches."""

    def get_lines(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, KeptLines]:
        """Return the lines that the run has kept of these agreements."""

    def forget(self, run_id: RunId) -> None:
        """Remove the run's headers and lines."""


class ApprovalRepository(Protocol):
    """Approvals."""

    def get(self, approval_id: str) -> Versioned[Approval]:
        """Return the approval.

        Raises:
            NotFoundError: There is none with this id.
        """

    def open_of(self, customer_id: CustomerId) -> tuple[Approval, ...]:
        """Return the customer's open approvals in one query."""

    def put(self, approvals: Iterable[Approval]) -> None:
        """Store approvals whatever was there, in batches.

        Only the worker that holds a group's lease, or reads its tenant, calls this.
        """

    def save(self, read: Versioned[Approval], approval: Approval) -> Versioned[Approval]:
        """Replace what was read.

        Raises:
            StaleVersionError: Somebody decided first.
        """

    def list(
        self, *, open_only: bool, continuation: str | None = None, limit: int = 100
    ) -> Page[Approval]:
        """Return approvals."""

    def closed_of(self, customer_id: CustomerId) -> tuple[Versioned[Approval], ...]:
        """Return the customer's approvals that are not open, in one query."""

    def forget(self, read: Versioned[Approval]) -> bool:
        """Remove a closed approval unless somebody saved it meanwhile, and return whether."""


class AlertRepository(Protocol):
    """Alerts."""

    def open_of(self, customer_id: CustomerId | None) -> tuple[Alert, ...]:
        """Return the customer's open alerts in one query; ``None`` for those of no customer."""

    def put(self, alerts: Iterable[Alert], news: Collection[str] = ()) -> None:
        """Store alerts whatever was there, in batches; ones with ``cleared_at`` are closed.

        Args:
            news: Ids of those to announce, in the same transactions.
        """

    def get(self, alert_id: str) -> Versioned[Alert]:
        """Return the alert.

        Raises:
            NotFoundError: There is none with this id.
        """

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
        """Return alerts, in one query; dismissed ones are open."""

    def open(self) -> tuple[Alert, ...]:
        """Return all open alerts, in one query."""

    def cleared_of(self, customer_id: CustomerId | None) -> tuple[Versioned[Alert], ...]:
        """Return the customer's cleared alerts in one query; ``None`` for those of no customer."""

    def forget(self, read: Versioned[Alert]) -> bool:
        """Remove a cleared alert unless somebody raised it meanwhile, and return whether."""

    def news(self) -> tuple[str, ...]:
        """Return the ids of alerts that are announced and were not forgotten yet."""

    def forget_news(self, alert_ids: Iterable[str]) -> None:
        """Take announcements back, in batches; a missing one is no error."""


class DismissalRepository(Protocol):
    """What people said about alerts; kept apart from them, which workers write over."""

    def all(self) -> dict[str, Dismissal]:
        """Return all by alert id, in one query; also those that are over."""

    def get(self, alert_id: str) -> Dismissal | None:
        """Return an alert's dismissal, also when it is over."""

    def put(self, dismissal: Dismissal) -> None:
        """Store a dismissal whatever was there: the last word counts."""

    def remove(self, alert_id: str) -> None:
        """Take a dismissal back; a missing one is no error."""


class DeliveryRepository(Protocol):
    """Messages to people, and what is claimed for them."""

    def claims(self) -> Versioned[Claims]:
        """Return what was claimed; nothing, version ``""``, before the first."""

    def open(
        self, read: Versioned[Claims], claims: Claims, deliveries: Sequence[Delivery]
    ) -> Versioned[Claims]:
        """Claim in place of what was read, and store the deliveries, in one step.

        Raises:
            StaleVersionError: Another worker claimed first; nothing is stored.
        """

    def all(self) -> tuple[Versioned[Delivery], ...]:
        """Return all deliveries that were not forgotten, in one query."""

    def save(self, read: Versioned[Delivery], delivery: Delivery) -> Versioned[Delivery]:
        """Replace what was read.

        Raises:
            StaleVersionError: Another worker saved it first.
        """

    def forget(self, deliveries: Iterable[Delivery]) -> None:
        """Remove deliveries; a missing one is no error."""


@dataclass(frozen=True, slots=True)
class ReconciliationFilter:
    """Which lines to tell; ``None`` is any."""

    customer_id: CustomerId | None = None
    psa: ConnectionName | None = None
    state: LineState | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return self != ReconciliationFilter()


class ReconciliationRepository(Protocol):
    """How each line stood when it was last looked at, by customer."""

    def replace(self, customer_id: CustomerId, lines: Iterable[ReconciledLine]) -> None:
        """Store a customer's lines in place of all it had, in batches."""

    def put(self, lines: Iterable[ReconciledLine]) -> None:
        """Store lines in place of what the same ones were, in batches."""

    def page(
        self, where: ReconciliationFilter, continuation: str | None = None, limit: int = 100
    ) -> Page[ReconciledLine]:
        """Return some lines, by customer and then by their names."""

    def after_customer(self, customer_id: CustomerId) -> str:
        """Return the continuation of a list that goes on after a customer."""


class SettingsRepository(Protocol):
    """What the Admins set on the Settings page."""

    def get(self) -> Versioned[Preferences]:
        """Return the settings; the defaults, version ``""``, when none were saved."""

    def save(
        self, read: Versioned[Preferences], preferences: Preferences
    ) -> Versioned[Preferences]:
        """Replace the settings.

        Raises:
            StaleVersionError: Somebody saved them first.
        """


class ConnectionStates(Protocol):
    """Pauses of connections and of what is behind them, shared by all workers, in real time.

    It also keeps when a Microsoft connection's tenants were last listed, as billing counts time.
    """

    def paused_until(self, name: str) -> datetime | None:
        """Return when the connection may be used again, or ``None`` when it may be now."""

    def pause(self, name: str, until: datetime) -> None:
        """Pause the connection; a longer pause stays."""

    def forget_pauses(self, before: datetime) -> int:
        """Remove pauses that were over before a moment, and return how many."""

    def tenants_listed_at(self, name: ConnectionName) -> datetime | None:
        """Return when the tenants were last listed completely, or ``None`` before the first."""

    def tenants_listed(self, name: ConnectionName, at: datetime) -> None:
        """Keep when the tenants were listed; of two at once, either stays."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What lets the partner's service account sign in again without a person.

    Attributes:
        value: A secret: never logged, never part of an error.
        origin: Tells which sign-in it descends from, without telling the token.
        obtained_at: When the sign-in service gave it, in real time.
    """

    value: str = field(repr=False)
    origin: str
    obtained_at: datetime


class RefreshTokens(Protocol):
    """The newest refresh token of each connection that enters tenants by delegated admin."""

    def get(self, name: ConnectionName) -> Versioned[RefreshToken] | None:
        """Return the connection's, or ``None`` before the first was kept."""

    def save(
        self,
        name: ConnectionName,
        read: Versioned[RefreshToken] | None,
        token: RefreshToken,
    ) -> Versioned[RefreshToken]:
        """Keep a token instead of what was read.

        Raises:
            StaleVersionError: Another worker kept one first.
        """


# Everything together -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PsaConnection:
    """A PSA as the settings name it.

    Attributes:
        time_zone: IANA name of the zone whose calendar dates the PSA bills by.
        credits: What to do with credits that mappings allow.
    """

    name: ConnectionName
    gateway: PsaGateway
    provider: str
    time_zone: str
    credit_mode: CreditMode


class Connections(Protocol):
    """The connections that the settings name."""

    def microsoft_names(self) -> tuple[ConnectionName, ...]:
        """Return the Microsoft connections, sorted."""

    def psa_names(self) -> tuple[ConnectionName, ...]:
        """Return the PSA connections, sorted."""

    def microsoft(self, name: ConnectionName) -> LicenseSource:
        """Return a Microsoft connection.

        Raises:
            NotFoundError: The settings name no such connection.
        """

    def partner_center(self, name: ConnectionName) -> PartnerSubscriptions | None:
        """Return a Microsoft connection's Partner Center, or ``None`` where it has none.

        Raises:
            NotFoundError: The settings name no such connection.
        """

    def psa(self, name: ConnectionName) -> PsaConnection:
        """Return a PSA connection.

        Raises:
            NotFoundError: The settings name no such connection.
        """


class RunMemory(Protocol):
    """What a process reads once for all messages of a run.

    It is read after the run began, and is at most a minute old. What is written to a PSA is never
    planned by it: a line group's own worker reads anew.
    """

    def once(self, run_id: RunId, read: Callable[[], T]) -> T:
        """Return what was read for the run, or read it; always the same thing."""


class StorageHealth(Protocol):
    """Whether the storage answers."""

    def check(self) -> dict[str, str]:
        """Return ``ok`` or a reason for ``tables`` and ``queues``; never raises."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that a use case may need, chosen by ``shared.bootstrap``.

    Attributes:
        home_url: Where people find the app; ``None`` where it does not know its own address.
    """

    clock: Clock
    ids: Ids
    connections: Connections
    connection_states: ConnectionStates
    sku_names: "dict[SkuId, str]"
    free_skus: tuple[GlobalExclusion, ...]
    customers: CustomerRepository
    profiles: ProfileRepository
    books: BookRepository
    mappings: MappingRepository
    custom_licenses: CustomLicenseRepository
    exclusions: ExclusionRepository
    snapshots: SnapshotRepository
    ledgers: LedgerRepository
    intents: IntentRepository
    leases: LeaseRepository
    changes: ChangeRepository
    runs: RunRepository
    trends: TrendRepository
    headers: HeaderRepository
    approvals: ApprovalRepository
    alerts: AlertRepository
    reconciliation: ReconciliationRepository
    dismissals: DismissalRepository
    deliveries: DeliveryRepository
    settings: SettingsRepository
    run_memory: RunMemory
    tenant_queue: TenantQueue
    license_queue: LicenseQueue
    storage_health: StorageHealth
    telemetry: Telemetry
    notifiers: tuple[Notifier, ...] = ()
    home_url: str | None = None
