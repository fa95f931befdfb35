"""Read a tenant once, plan its customers, and queue the line groups that have work to do."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.alerts import AlertKind
from shared.domain.customers import Customer, CustomerState
from shared.domain.descriptions import LineText
from shared.domain.errors import (
    AccessDeniedError,
    BadMessageError,
    ConnectionPausedError,
    NotFoundError,
    OperatorActionError,
    RateLimitError,
    UpstreamUnavailableError,
)
from shared.domain.guards import GuardSettings
from shared.domain.ids import AgreementId, CustomerId, GroupId
from shared.domain.licensing import AssignedUser
from shared.domain.mappings import LineGroup
from shared.domain.plans import Member, Plan, PlanStatus
from shared.domain.reconciliation import ReconciledLine
from shared.domain.runs import ItemState, RunItem
from shared.ports import LINES_ARE_FRESH, LicenseSync, ReadsManyLines, Services, TenantSync
from shared.signals import CustomerPlanning, TenantReading
from shared.usecases.alert_board import raise_alert
from shared.usecases.books import Book, local_date, open_book, open_catalogue
from shared.usecases.count_tenant import count_tenant
from shared.usecases.custom_licenses import forget_retired
from shared.usecases.customer_alerts import CustomerAlerts, forget_credits, tell_orphans
from shared.usecases.outcomes import (
    AGAIN,
    Board,
    fail,
    item_of,
    license_name,
    row_ids,
    tell_failed,
)
from shared.usecases.pauses import asking_tenant, check_not_paused, pause, psa_key, wait_of
from shared.usecases.plan_group import GroupInView, GroupPlanner
from shared.usecases.read_tenant import read_tenant
from shared.usecases.reconcile import reconciled, unmapped, unreadable
from shared.usecases.record_trend import record_trend
from shared.usecases.stale_tenants import tell_stale
from shared.usecases.stop_run import stop_if_unlikely

Groups = dict[GroupId, tuple[LineGroup, tuple[Member, ...]]]


def sync_tenant(message: TenantSync, services: Services, *, redelivered: bool = False) -> None:
    """Read the tenant and plan each of its customers.

    Safe to repeat: a customer whose rows were already queued in this run is left alone.

    Args:
        redelivered: The host gives the message again, so items may be final already.

    Raises:
        RetryableError: Something that may pass; deliver the message again.
        BadMessageError: Nobody can work on this message; the text says why.
    """
    customers = _customers(message, services, redelivered=redelivered)
    if not customers:
        return
    reading = TenantReading(message.run_id, message.tenant_id, message.microsoft)
    try:
        with (
            services.telemetry.span(reading),
            asking_tenant(message.microsoft, message.tenant_id, services),
        ):
            record = read_tenant(
                message.tenant_id, message.microsoft, services, run_id=message.run_id
            )
            stored = {one: services.books.of_customer(one) for one in _ids(customers)}
            custom = {one: book.custom for one, book in stored.items()}
            counted = count_tenant(customers, custom, record, services)
    except ConnectionPausedError as error:
        tell_stale(message.tenant_id, customers, services)
        _put_back(message, error, services)
        return
    except UpstreamUnavailableError:
        tell_stale(message.tenant_id, customers, services)
        raise
    except OperatorActionError as error:
        _tenant_failed(message, customers, error, services)
        tell_stale(message.tenant_id, customers, services)
        return
    if len(customers) > 1 or counted.record is not record:
        stored = {}  # it took a while: each customer's book is read right before it is planned
    catalogue = services.run_memory.once(message.run_id, lambda: open_catalogue(services))
    for customer in customers:
        planning = CustomerPlanning(message.run_id, customer.customer_id, customer.psa)
        try:
            with services.telemetry.span(planning):
                work = _CustomerWork(message, customer, services, catalogue.preferences.guards)
                book = open_book(
                    customer,
                    services,
                    catalogue=catalogue,
                    record=counted.record,
                    stored=stored.get(customer.customer_id),
                )
                work.run(book, counted.users, redelivered=redelivered)
        except (RateLimitError, ConnectionPausedError) as error:
            if isinstance(error, RateLimitError):
                pause(psa_key(customer.psa), error.retry_after, services)
            _put_back(replace(message, customer_ids=(customer.customer_id,)), error, services)
        except OperatorActionError as error:
            # One customer that a person must look at stops no other of the tenant.
            fail(_read_item(message, customer.customer_id, services), str(error), services)


def _customers(
    message: TenantSync, services: Services, *, redelivered: bool
) -> tuple[Customer, ...]:
    """The message's customers that are still to be synced.

    For one that is paused or deleted the item says so. One that an earlier delivery was done with
    is left out: its items say how it went.
    """
    found = []
    for customer_id in message.customer_ids:
        item = _read_item(message, customer_id, services)
        if redelivered and _is_done(item, services):
            continue
        try:
            customer = services.customers.get(customer_id).value
        except NotFoundError as error:
            raise BadMessageError(f"customer {customer_id} does not exist") from error
        if customer.state is CustomerState.ACTIVE:
            found.append(customer)
            continue
        why = f"the customer is {customer.state} and is not synced"
        services.runs.put_items([replace(item, state=ItemState.BLOCKED, detail=why)])
    return tuple(found)


def _ids(customers: Iterable[Customer]) -> tuple[CustomerId, ...]:
    return tuple(customer.customer_id for customer in customers)


def _is_done(own: RunItem, services: Services) -> bool:
    """Whether some delivery of the message was done with the customer."""
    earlier = services.runs.get_item(own.run_id, own.item_id)
    return earlier is not None and earlier.state is ItemState.READ


def _put_back(
    message: TenantSync,
    error: RateLimitError | ConnectionPausedError,
    services: Services,
) -> None:
    delay = wait_of(error, message.attempt, services.clock.real_now())
    services.tenant_queue.put(replace(message, attempt=message.attempt + 1), delay)


def _read_item(message: TenantSync, customer_id: CustomerId, services: Services) -> RunItem:
    return RunItem(
        run_id=message.run_id,
        customer_id=customer_id,
        group_id=None,
        rows=() if message.row_id is None else (message.row_id,),
        state=ItemState.QUEUED,
        before=None,
        after=None,
        detail="",
        updated_at=services.clock.real_now(),
    )


def _tenant_failed(
    message: TenantSync,
    customers: tuple[Customer, ...],
    error: OperatorActionError,
    services: Services,
) -> None:
    text = error.in_full if isinstance(error, AccessDeniedError) else f"{error}. {AGAIN}"
    everywhere = isinstance(error, AccessDeniedError) and error.everywhere
    if everywhere:
        # One cause, one alert: a secret that expired is not told once for each customer.
        raise_alert(
            AlertKind.SIGN_IN_BROKEN,
            f"Microsoft connection {message.microsoft} lets us in nowhere: {text}",
            services,
            subject=message.microsoft,
        )
    for customer in customers:
        board = Board(customer.customer_id, services)
        kind, other = AlertKind.TENANT_UNREADABLE, AlertKind.SIGN_IN_BROKEN
        if isinstance(error, AccessDeniedError):
            kind, other = other, kind
        board.clear({other})
        if everywhere:
            board.clear({kind})
        else:
            board.show(
                kind,
                f"{customer.name} cannot be read, so nothing of it is changed: {text}",
                subject=message.tenant_id,
            )
        board.save()
        item = _read_item(message, customer.customer_id, services)
        services.runs.put_items([replace(item, state=ItemState.FAILED, detail=text)])
        tell_failed(item, services)


class _CustomerWork:
    """One customer within one message."""

    def __init__(
        self, message: TenantSync, customer: Customer, services: Services, guards: GuardSettings
    ) -> None:
        self.message = message
        self.customer = customer
        self.services = services
        self.guards = guards
        self.psa = services.connections.psa(customer.psa)
        self.today = local_date(services.clock.now(), self.psa)
        self.plans: list[Plan] = []
        self.users: tuple[AssignedUser, ...] | None = None
        self.lines: tuple[AgreementLine, ...] = ()
        self.reconciled: list[ReconciledLine] = []

    def run(self, book: Book, users: tuple[AssignedUser, ...] | None, *, redelivered: bool) -> None:
        own = _read_item(self.message, self.customer.customer_id, self.services)
        done = self._items_done() if redelivered else set()
        self.users = users
        board = Board(self.customer.customer_id, self.services)
        board.clear({AlertKind.TENANT_UNREADABLE, AlertKind.SIGN_IN_BROKEN, AlertKind.STALE})
        board.clear({AlertKind.FAILED}, subject=self.customer.customer_id)
        self._overlap(book, board)
        groups = self._wanted(book)
        if groups:
            check_not_paused(psa_key(self.customer.psa), self.services)
        items, queue = self._plan(book, groups, board)
        if queue and not redelivered and _is_done(own, self.services):
            return  # the message was put twice, and a run that is over is given no more work
        stop_if_unlikely(
            self.message.run_id, self.customer.customer_id, self.plans, self.guards, self.services
        )
        if self.message.row_id is None:
            members = (member for _, members in groups.values() for member in members)
            CustomerAlerts(book, board, self.services, self.today).tell(members)
            tell_orphans(self.lines, book, self.today, board, self.services)
            forget_credits(board)
            forget_retired(book, self.services, self.today)
            for mapping in book.mappings:
                if book.is_over(mapping, self.today):
                    self.services.mappings.forget(mapping)
        board.save()
        # Before the messages: what a line group's own worker keeps is newer.
        if self.message.row_id is None:
            rest = unmapped(book, self.services)
            self.services.reconciliation.replace(
                self.customer.customer_id, [*self.reconciled, *rest]
            )
            record_trend(book, self.today, self.services)
        else:
            self.services.reconciliation.put(self.reconciled)
        # Items first, messages next, the customer's own item last: a crash repeats, never skips.
        items = [item for item in items if item.item_id not in done]
        # What an earlier delivery queued may stand there by itself, so that one after it does too.
        alone = [item for item in items if redelivered or not item.state.final]
        if alone:
            self.services.runs.put_items(alone)
        for entry in queue:
            self.services.license_queue.put(entry)
        done_now = replace(own, state=ItemState.READ, updated_at=self.services.clock.real_now())
        self.services.runs.put_read(done_now, [item for item in items if item not in alone])

    def _items_done(self) -> set[str]:
        """Items of the customer's groups that are final already."""
        return {
            item.item_id
            for item in self.services.runs.items(self.message.run_id, self.customer.customer_id)
            if item.group_id is not None and item.state.final
        }

    def _wanted(self, book: Book) -> Groups:
        groups = book.groups(self.today)
        row = self.message.row_id
        if row is None:
            return groups
        return {
            group_id: (group, members)
            for group_id, (group, members) in groups.items()
            if any(member.row_id == row for member in members)
        }

    def _plan(
        self, book: Book, groups: Groups, board: Board
    ) -> tuple[list[RunItem], list[LicenseSync]]:
        headers = self._headers({group.agreement_id for group, _ in groups.values()})
        customer_id = self.customer.customer_id
        kept = self._kept_lines(book, groups)
        lines = dict(kept)
        planner = GroupPlanner(
            book,
            self.psa,
            self.services,
            guards=self.guards,
            today=self.today,
            users=self.users,
        )
        items: list[RunItem] = []
        queue: list[LicenseSync] = []
        for group_id, (group, members) in groups.items():
            header = headers[group.agreement_id]
            if isinstance(header, str):
                items.append(self._blocked(group_id, members, header, board))
                self.reconciled.append(unreadable(book, group, members, header, self.services))
                continue
            if group.agreement_id not in lines:
                lines[group.agreement_id] = self.psa.gateway.list_lines(group.agreement_id)
            view = GroupInView(group, members, header, lines[group.agreement_id])
            text = planner.text(view)
            plan = planner.guarded(view, text)
            if plan.status is PlanStatus.HELD and group.agreement_id in kept:
                # What is put before a person is not judged by what was read with many others.
                lines[group.agreement_id] = self.psa.gateway.list_lines(group.agreement_id)
                del kept[group.agreement_id]
                view = replace(view, lines=lines[group.agreement_id])
                plan = planner.guarded(view, text)
            self.plans.append(plan)
            product = planner.product(view, plan)
            self.reconciled.append(reconciled(book, view, plan, self.services, product=product))
            item = item_of(
                self.message.run_id, customer_id, members, plan, self.services.clock.real_now()
            )
            if group_id in book.interrupted or _has_something_to_do(plan):
                queue.append(self._license_message(group, header, text))
                item = replace(item, state=ItemState.QUEUED)
            else:
                board.tell(
                    self.message.run_id, members, plan, fingerprint=plan.fingerprint(self.today)
                )
            items.append(item)
        self.lines = tuple(line for found in lines.values() for line in found)
        return items, queue

    def _headers(self, wanted: Iterable[AgreementId]) -> dict[AgreementId, Agreement | str]:
        """The agreements' headers, or why one cannot be used; those of the run come first."""
        wanted = set(wanted)
        if not wanted:
            return {}
        message = self.message
        carried = {one.agreement_id: one for one in message.agreements}
        kept = {agreement_id: carried[agreement_id] for agreement_id in wanted & carried.keys()}
        if not carried:
            kept = self.services.headers.get_many(message.run_id, self.customer.psa, wanted)
        found: dict[AgreementId, Agreement | str] = dict(kept)
        for agreement_id in sorted(wanted - kept.keys()):
            try:
                found[agreement_id] = self.psa.gateway.get_agreement(agreement_id)
            except NotFoundError as error:
                found[agreement_id] = str(error)
        for agreement_id, header in found.items():
            if isinstance(header, Agreement) and header.company_id != self.customer.company_id:
                found[agreement_id] = (
                    f"agreement {agreement_id} belongs to another company than the customer; "
                    f"choose one of company {self.customer.company_id}"
                )
        return found

    def _kept_lines(
        self, book: Book, groups: Groups
    ) -> dict[AgreementId, tuple[AgreementLine, ...]]:
        """The lines that the run has read for many at once, unless they may have changed since."""
        wanted = {group.agreement_id for group, _ in groups.values()}
        if not wanted or not isinstance(self.psa.gateway, ReadsManyLines):
            return {}
        kept = self.services.headers.get_lines(self.message.run_id, self.customer.psa, wanted)
        now = self.services.clock.now()
        found = {
            one.agreement_id: one.lines
            for one in kept.values()
            if timedelta(0) <= now - one.read_at <= LINES_ARE_FRESH
        }
        for group_id, (group, _) in groups.items():
            written, one = book.ledger(group_id).written_at, kept.get(group.agreement_id)
            if written is not None and one is not None and written >= one.read_at:
                found.pop(group.agreement_id, None)
        return found

    def _blocked(
        self, group_id: GroupId, members: tuple[Member, ...], reason: str, board: Board
    ) -> RunItem:
        board.show(AlertKind.BLOCKED, f"{license_name(members)}: {reason}", subject=group_id)
        return replace(
            _read_item(self.message, self.customer.customer_id, self.services),
            group_id=group_id,
            rows=row_ids(members),
            state=ItemState.BLOCKED,
            detail=reason,
        )

    def _license_message(
        self, group: LineGroup, header: Agreement, text: LineText | None
    ) -> LicenseSync:
        return LicenseSync(
            run_id=self.message.run_id,
            customer_id=self.customer.customer_id,
            group_id=group.group_id,
            agreement_id=group.agreement_id,
            agreement=header,
            text=text,
            urgent=self.message.urgent,
        )

    def _overlap(self, book: Book, board: Board) -> None:
        """One alert for all lines of a customer that shares users with another one."""
        if book.overlap is None:
            board.clear({AlertKind.OVERLAP})
        else:
            text = f"{self.customer.name} is not billed: {book.overlap}"
            board.show(AlertKind.OVERLAP, text, subject="")


def _has_something_to_do(plan: Plan) -> bool:
    """Whether the group's own worker has to write, to the PSA or to the ledger."""
    return plan.status is PlanStatus.CHANGE or plan.remembers
