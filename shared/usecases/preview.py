"""What a sync would write now: the same plan and the same guards, and nothing is sent."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.commerce import PartnerReading, not_in_tenant
from shared.domain.commitments import PartnerSubscription
from shared.domain.customers import Customer
from shared.domain.errors import NotFoundError, SeatsyncError
from shared.domain.forecast import Forecast
from shared.domain.ids import AgreementId, CustomerId, GroupId, RowId, TenantId
from shared.domain.licensing import LicenseRow, Subscription
from shared.domain.mappings import Mapping
from shared.domain.plans import Member, Plan
from shared.domain.quantities import Grace, active_seats
from shared.domain.staleness import is_stale
from shared.ports import PsaConnection, Services, TenantRecord
from shared.usecases.books import Book, local_date, open_book
from shared.usecases.count_tenant import count_missing, count_tenant
from shared.usecases.pauses import asking_tenant
from shared.usecases.plan_group import GroupInView, GroupPlanner
from shared.usecases.proposals import Proposal, proposal_for
from shared.usecases.read_tenant import read_tenant


@dataclass(frozen=True, slots=True)
class GroupPreview:
    """A line group's plan, or why it cannot be planned now.

    Attributes:
        forecast: The group's part of the next invoice once the plan is written.
    """

    group_id: GroupId
    agreement: Agreement | None
    members: tuple[Member, ...]
    plan: Plan | None
    problem: str
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class RowView:
    """A row as the company page shows it.

    Attributes:
        state: in_step, change, held, blocked, waiting, unmapped, excluded or unknown.
        active: Seats by the mapping's switches, or by the defaults without one.
        proposal: What a row without a mapping may take over from another one.
    """

    row: LicenseRow
    mapping: Mapping | None
    mapping_version: str | None
    preview: GroupPreview | None
    state: str
    active: int | None
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class CustomerView:
    """A customer's rows, with the age of the numbers.

    Attributes:
        age: Since the last complete read; ``None`` before the first.
        stale: Nothing is lowered by numbers of this age.
        partner: What Partner Center said, and when; ``None`` where there is none.
        partner_tenant_id: The partner's own tenant; ``None`` when the connection is not there.
    """

    customer: Customer
    rows: tuple[RowView, ...]
    read_at: datetime | None
    problem: str
    age: timedelta | None
    stale: bool
    partner: PartnerReading | None
    partner_tenant_id: TenantId | None
    not_in_tenant: tuple[PartnerSubscription, ...]


def license_rows(
    customer_id: CustomerId, services: Services, *, refresh: bool = False
) -> CustomerView:
    """Return the company page's rows with what a sync would do to each now.

    A tenant that was never read is read now.

    Args:
        refresh: Ask Microsoft again first, as a sync would.

    Raises:
        NotFoundError: There is no such customer.
        RetryableError, OperatorActionError: The first read failed.
    """
    customer = services.customers.get(customer_id).value
    book = book_with_rows(customer, services, refresh=refresh)
    versions = {
        m.value.row_id: m.version
        for m in services.mappings.of_customer(customer_id)
        if m.value.effective_to is None
    }
    previews = preview_book(book, services)
    by_row = {
        member.row_id: preview
        for preview in previews
        for member in preview.members
        if member.mapping.effective_to is None
    }
    record = book.record
    read_at = None if record is None else record.read_at
    partner = None if record is None else record.partner
    now = services.clock.now()
    return CustomerView(
        customer=customer,
        rows=tuple(
            _row_view(book, row, by_row.get(row.row_id), versions.get(row.row_id))
            for row in book.rows()
        ),
        read_at=read_at,
        problem="" if record is None else record.problem,
        age=None if read_at is None else max(timedelta(0), now - read_at),
        stale=is_stale(read_at, now),
        partner=partner,
        partner_tenant_id=_partner_tenant(customer, services),
        not_in_tenant=not_in_tenant(_subscriptions(book), partner),
    )


def _subscriptions(book: Book) -> tuple[Subscription, ...]:
    snapshot = None if book.record is None else book.record.snapshot
    return () if snapshot is None else snapshot.subscriptions


def _partner_tenant(customer: Customer, services: Services) -> TenantId | None:
    try:
        return services.connections.microsoft(customer.microsoft).partner_tenant_id
    except SeatsyncError:
        return None  # the page shows what is stored, also without the connection


def book_with_rows(customer: Customer, services: Services, *, refresh: bool = False) -> Book:
    """Return the customer's book; what was never read or counted is now.

    Args:
        refresh: Ask Microsoft again first, as a sync would.

    Raises:
        RetryableError, OperatorActionError: The first or the asked-for read failed.
    """
    stored = services.books.of_customer(customer.customer_id)
    if refresh:
        with asking_tenant(customer.microsoft, customer.tenant_id, services):
            record = read_tenant(customer.tenant_id, customer.microsoft, services)
            custom = {customer.customer_id: stored.custom}
            record = count_tenant([customer], custom, record, services).record
    else:
        record = record_of(customer, services)
    record = count_missing(customer, stored.custom, record, services)
    return open_book(customer, services, record=record, stored=stored)


def record_of(customer: Customer, services: Services) -> TenantRecord:
    """Return what is known of the customer's tenant; one that was never read is read now.

    Raises:
        RetryableError, OperatorActionError: The first read failed.
    """
    stored = services.snapshots.get(customer.tenant_id)
    if stored is None or stored.value.snapshot is None:
        return read_tenant(customer.tenant_id, customer.microsoft, services)
    return stored.value


def preview_customer(
    customer_id: CustomerId, services: Services, *, refresh: bool = False
) -> tuple[GroupPreview, ...]:
    """Return every line group's plan.

    Args:
        refresh: Ask Microsoft again first, as a sync would.

    Raises:
        NotFoundError: There is no such customer.
        RetryableError, OperatorActionError: The first or the asked-for read failed.
    """
    customer = services.customers.get(customer_id).value
    return preview_book(book_with_rows(customer, services, refresh=refresh), services)


def preview_mapping(
    book: Book, row_id: RowId, drafts: tuple[Mapping, ...], services: Services
) -> tuple[GroupPreview, ...]:
    """Return the plans of the groups that unsaved mappings of a row touch.

    Args:
        drafts: Replace the stored mappings of the same rows; superseded ones come beside them.
    """
    replaced = {draft.row_id for draft in drafts if draft.effective_to is None}
    kept = tuple(m for m in book.mappings if m.row_id not in replaced or m.effective_to is not None)
    touched = preview_book(replace(book, mappings=(*kept, *drafts)), services)
    return tuple(
        preview for preview in touched if any(member.row_id == row_id for member in preview.members)
    )


def preview_book(book: Book, services: Services) -> tuple[GroupPreview, ...]:
    """Return the plans of a book's groups; each agreement is read once.

    A PSA that cannot be read makes its groups' plans problems, not errors: the page still shows
    what is known.
    """
    psa = services.connections.psa(book.customer.psa)
    today = local_date(services.clock.now(), psa)
    guards = book.catalogue.preferences.guards
    planner = GroupPlanner(book, psa, services, guards=guards, today=today)
    agreements: dict[AgreementId, tuple[Agreement, tuple[AgreementLine, ...]] | str] = {}
    previews = []
    for group_id, (group, members) in book.groups(today).items():
        if group.agreement_id not in agreements:
            agreements[group.agreement_id] = _read(book.customer, psa, group.agreement_id)
        found = agreements[group.agreement_id]
        if isinstance(found, str):
            previews.append(GroupPreview(group_id, None, members, None, found))
            continue
        header, lines = found
        view = GroupInView(group, members, header, lines)
        try:
            plan = planner.guarded(view, planner.text(view))
            forecast = planner.forecast(view, plan)
        except SeatsyncError as error:
            previews.append(GroupPreview(group_id, header, members, None, str(error)))
            continue
        previews.append(GroupPreview(group_id, header, members, plan, "", forecast))
    return tuple(previews)


def psa_today(customer: Customer, services: Services) -> date:
    """Return today's date where the customer is billed."""
    return local_date(services.clock.now(), services.connections.psa(customer.psa))


def _read(
    customer: Customer, psa: PsaConnection, agreement_id: AgreementId
) -> tuple[Agreement, tuple[AgreementLine, ...]] | str:
    try:
        header = psa.gateway.get_agreement(agreement_id)
        if header.company_id != customer.company_id:
            return f"agreement {agreement_id} belongs to another company than the customer"
        return header, psa.gateway.list_lines(agreement_id)
    except SeatsyncError as error:
        return str(error)


def _row_view(
    book: Book, row: LicenseRow, preview: GroupPreview | None, version: str | None
) -> RowView:
    mapping = book.current(row.row_id)
    grace = Grace.ONLY_WITHOUT_ACTIVE if mapping is None else mapping.grace
    active = None
    if row.counts is not None:
        trials = mapping is not None and mapping.count_trials
        active = active_seats(row.counts, grace, count_trials=trials).seats
    if book.is_excluded(row):
        state = "excluded"
    elif mapping is None:
        state = "unmapped"
    elif preview is None or preview.plan is None:
        state = "unknown"
    else:
        state = str(preview.plan.status)
    offered = proposal_for(book, row) if state == "unmapped" else None
    return RowView(row, mapping, version, preview, state, active, offered)


def known_row(book: Book, row_id: RowId) -> LicenseRow:
    """Return the row.

    Raises:
        NotFoundError: The tenant's last complete answer has no such row.
    """
    row = book.row(row_id)
    if row is None:
        raise NotFoundError(f"customer {book.customer.customer_id} has no row {row_id}")
    return row
