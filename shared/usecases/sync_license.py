"""Bring one line group up to date: finish what was begun, plan, guard, write, record."""

from dataclasses import replace
from datetime import timedelta

from shared.domain.agreements import AdjustQuantity, Agreement, in_words
from shared.domain.approvals import ApprovalState
from shared.domain.customers import Customer, CustomerState
from shared.domain.errors import (
    BadMessageError,
    ConnectionPausedError,
    LeaseTakenError,
    NotFoundError,
    OperatorActionError,
    OutcomeInDoubtError,
    RateLimitError,
)
from shared.domain.history import Change
from shared.domain.ids import LineId
from shared.domain.intents import Intent
from shared.domain.ledger import Ledger, not_shown
from shared.domain.plans import Member, Plan, PlanStatus
from shared.domain.runs import ItemState, Run, RunItem, RunState
from shared.ports import (
    LINES_ARE_FRESH,
    Lease,
    LicenseSync,
    LinesRead,
    ReadsQuantities,
    Services,
    Versioned,
    WritesUponReads,
)
from shared.usecases.books import Book, local_date, open_book
from shared.usecases.end_foreign_line import end_foreign_line
from shared.usecases.outcomes import (
    Board,
    fail,
    item_of,
    license_name,
    row_ids,
    seats_changed,
)
from shared.usecases.pauses import check_not_paused, pause, psa_key, wait_of
from shared.usecases.plan_group import GroupInView, GroupPlanner
from shared.usecases.reconcile import reconciled
from shared.usecases.write_operations import OperationWriter

HEADER_IS_FRESH = timedelta(minutes=15)
"""An agreement's header that was read longer ago than this is read again before a write."""


def sync_license(message: LicenseSync, services: Services) -> None:
    """Bring a line group up to date.

    Safe to repeat, to come late and to overlap: each delivery plans again from what the PSA says,
    and one lease lets one writer at the group.

    Raises:
        RetryableError: Something that may pass; deliver the message again.
        UnknownOutcomeError: A write got no answer. Deliver again; the next delivery reads first.
        BadMessageError: Nobody can work on this message; the text says why.
    """
    try:
        customer = services.customers.get(message.customer_id).value
    except NotFoundError as error:
        raise BadMessageError(f"customer {message.customer_id} does not exist") from error
    work = _GroupWork(message, services)
    if customer.state is not CustomerState.ACTIVE:
        work.note(ItemState.BLOCKED, f"the customer is {customer.state} and is not synced")
        return
    try:
        check_not_paused(psa_key(customer.psa), services)
        lease = _leased(message, customer, services)
    except (ConnectionPausedError, LeaseTakenError) as error:
        _put_back(message, error, services)
        return
    except OperatorActionError as error:
        fail(work.item(), str(error), services)
        return
    try:
        if message.ending is None:
            work.run(open_book(customer, services), lease)
        else:
            work.note(*end_foreign_line(message, message.ending, customer, lease, services))
    except RateLimitError as error:
        pause(psa_key(customer.psa), error.retry_after, services)
        _put_back(message, error, services)
    except (ConnectionPausedError, OutcomeInDoubtError) as error:
        _put_back(message, error, services)
    except OperatorActionError as error:
        fail(work.item(), str(error), services)
    finally:
        lease.release()


def _leased(message: LicenseSync, customer: Customer, services: Services) -> Lease:
    """Take the group's lease, and the agreement's where the PSA can only write that whole.

    Raises:
        LeaseTakenError: Another worker holds one of them; none is kept.
    """
    group = services.leases.take(message.customer_id, message.group_id)
    try:
        gateway = services.connections.psa(customer.psa).gateway
        if not gateway.capabilities.writes_whole_agreement:
            return group
        whole = services.leases.take_agreement(customer.psa, message.agreement_id)
    except BaseException:
        group.release()
        raise
    return _BothLeases(group, whole)


class _BothLeases:
    """A group's lease and its agreement's, held together."""

    def __init__(self, group: Lease, agreement: Lease) -> None:
        self._leases = (group, agreement)

    def keep(self) -> None:
        for lease in self._leases:
            lease.keep()

    def release(self) -> None:
        for lease in reversed(self._leases):
            lease.release()


def _put_back(
    message: LicenseSync,
    error: RateLimitError | ConnectionPausedError | LeaseTakenError | OutcomeInDoubtError,
    services: Services,
) -> None:
    delay = wait_of(error, message.attempt, services.clock.real_now())
    services.license_queue.put(replace(message, attempt=message.attempt + 1), delay)


class _GroupWork:
    """One delivery of one message."""

    def __init__(self, message: LicenseSync, services: Services) -> None:
        self.message = message
        self.services = services
        self.members: tuple[Member, ...] = ()

    def run(self, book: Book, lease: Lease) -> None:
        services, message = self.services, self.message
        run = services.runs.get(message.run_id).value
        self.psa = services.connections.psa(book.customer.psa)
        self.today = local_date(services.clock.now(), self.psa)
        header = self._header()
        if header.company_id != book.customer.company_id:
            raise BadMessageError(
                f"agreement {header.agreement_id} belongs to another company than the customer"
            )
        ledger = book.ledgers.get(message.group_id)
        intent = services.intents.get(message.customer_id, message.group_id)
        finished = False
        if intent is not None:
            lines = self.psa.gateway.list_lines(message.agreement_id)
            ledger, finished = self._writer().recover(
                intent, ledger, header.first_uninvoiced, lines, lease
            )
            if ledger is not None:
                book = replace(book, ledgers={**book.ledgers, message.group_id: ledger})
        read = self._quantities(book) if intent is None else None
        read = read or self._whole_lines()
        group, self.members = book.groups(self.today).get(message.group_id, (None, ()))
        if group is None:
            state = ItemState.CHANGED if finished else ItemState.UNCHANGED
            self.note(state, "no row bills through this line any more")
            return
        self._back_to_the_day_of(book)
        guards = book.catalogue.preferences.guards
        planner = GroupPlanner(book, self.psa, services, guards=guards, today=self.today)
        view = GroupInView(group, self.members, header, read.lines)
        plan = self._planned(planner, view, run)
        if not read.whole and not _only_adjusts(plan, book.ledger(message.group_id).line_id):
            read = self._whole_lines()
            view = replace(view, lines=read.lines)
            plan = self._planned(planner, view, run)
        if plan.status in {PlanStatus.CHANGE, PlanStatus.HELD}:
            self._all_shown(book, read)
        self._carry_out(plan, ledger, header, run, lease, read=read, finished=finished)
        product = planner.product(view, plan)
        kind = self.psa.gateway.capabilities.change
        written = kind if plan.status is PlanStatus.CHANGE else None
        stands = reconciled(book, view, plan, services, product=product, written=written)
        services.reconciliation.put([stands])

    def _back_to_the_day_of(self, book: Book) -> None:
        """Plan an undo as on the day of its change, whose lines can then still be edited."""
        ledger = book.ledger(self.message.group_id)
        undo_of = self.message.undo_of
        if undo_of is not None and ledger.last_change == undo_of and ledger.as_of is not None:
            self.today = ledger.as_of

    def item(self) -> RunItem:
        """The group's item as it stands before any outcome."""
        return RunItem(
            run_id=self.message.run_id,
            customer_id=self.message.customer_id,
            group_id=self.message.group_id,
            rows=row_ids(self.members),
            state=ItemState.QUEUED,
            before=None,
            after=None,
            detail="",
            updated_at=self.services.clock.real_now(),
            name=license_name(self.members),
        )

    def note(self, state: ItemState, detail: str) -> None:
        """Record how the item ended."""
        self._record(replace(self.item(), state=state, detail=detail))

    def _header(self) -> Agreement:
        kept = self.message.agreement
        now = self.services.clock.now()
        if kept is not None and timedelta(0) <= now - kept.read_at <= HEADER_IS_FRESH:
            return kept
        return self.psa.gateway.get_agreement(self.message.agreement_id)

    # Reading ----------------------------------------------------------------------------------

    def _whole_lines(self) -> LinesRead:
        gateway, agreement_id = self.psa.gateway, self.message.agreement_id
        if isinstance(gateway, WritesUponReads):
            return gateway.read_lines(agreement_id)
        read_from = self.services.clock.real_now()
        return LinesRead(agreement_id, gateway.list_lines(agreement_id), read_from)

    def _quantities(self, book: Book) -> LinesRead | None:
        """Read only what can have changed since the run read the lines of many agreements.

        ``None`` where the PSA cannot tell it apart, where the run kept no lines, and where these
        are from before our own last write.
        """
        gateway, message = self.psa.gateway, self.message
        if not isinstance(gateway, ReadsQuantities) or message.undo_of or message.approval_id:
            return None
        wanted = {message.agreement_id}
        kept = self.services.headers.get_lines(message.run_id, self.psa.name, wanted)
        known = kept.get(message.agreement_id)
        if known is None or self.services.clock.now() - known.read_at > LINES_ARE_FRESH:
            return None
        ledger = book.ledger(message.group_id)
        if ledger.line_id is None:
            return None
        if ledger.written_at is not None and ledger.written_at >= known.read_at:
            return None
        return gateway.read_quantities(message.agreement_id, known.lines, ledger.line_id)

    def _all_shown(self, book: Book, read: LinesRead) -> None:
        """See that what was read shows the last writes, where all of it is going to be written.

        A write upon a read that lags would take them back. What does not show once the lease of the
        worker that wrote it would have run out is somebody else's doing.

        Raises:
            OutcomeInDoubtError: A write of a moment ago does not show.
        """
        can = self.psa.gateway.capabilities
        if not (can.reads_lag and can.writes_whole_agreement):
            return
        lasts, now = self.services.leases.lasts, self.services.clock.real_now()
        ledgers = (one.value for one in book.ledgers.values())
        late = not_shown(ledgers, read.lines, now - lasts)
        if late is not None and late.sent_from is not None:
            raise OutcomeInDoubtError(late.group_id, late.sent_from + lasts - now)

    # Planning ---------------------------------------------------------------------------------

    def _planned(self, planner: GroupPlanner, view: GroupInView, run: Run) -> Plan:
        text = self.message.text or planner.text(view)
        approved = self._approved_fingerprint()
        if approved is not None:
            plan = planner.plan(view, text, override=True)
            if plan.fingerprint(self.today) == approved:
                return plan
            # What was approved is no longer what would be written: it has to be seen again.
        plan = planner.guarded(view, text)
        if run.state is RunState.STOPPED and plan.status is PlanStatus.CHANGE:
            return plan.stopped(run.stop_reason or "the run was stopped")
        return plan

    def _approved_fingerprint(self) -> str | None:
        if self.message.approval_id is None:
            return None
        approval = self.services.approvals.get(self.message.approval_id).value
        return approval.fingerprint if approval.state is ApprovalState.APPROVED else None

    # Writing ----------------------------------------------------------------------------------

    def _carry_out(
        self,
        plan: Plan,
        ledger: Versioned[Ledger] | None,
        header: Agreement,
        run: Run,
        lease: Lease,
        *,
        read: LinesRead,
        finished: bool,
    ) -> None:
        board = Board(self.message.customer_id, self.services)
        now = self.services.clock.real_now()
        item = item_of(self.message.run_id, self.message.customer_id, self.members, plan, now)
        if plan.status is PlanStatus.CHANGE and plan.ledger is not None:
            intent = self._intent(plan, plan.ledger, header, run)
            self._writer().write(intent, ledger, lease, read)
            before, after = seats_changed(plan)
            board.settle(plan.group.group_id)
            board.owe(self.members, plan)
            item = replace(item, state=ItemState.CHANGED, before=before, after=after)
        else:
            if plan.remembers and plan.ledger is not None:
                self.services.ledgers.save(ledger, plan.ledger)
            fingerprint = plan.fingerprint(self.today)
            board.tell(self.message.run_id, self.members, plan, fingerprint=fingerprint)
            if finished and item.state is ItemState.UNCHANGED:
                item = replace(item, state=ItemState.CHANGED)
        board.save()
        self._record(item)

    def _record(self, item: RunItem) -> None:
        """Store how the item ended; a repeated delivery in step takes nothing back."""
        if item.state is ItemState.UNCHANGED:
            earlier = self.services.runs.get_item(item.run_id, item.item_id)
            if earlier is not None and earlier.state is ItemState.CHANGED:
                return
        self.services.runs.put_items([item])

    def _intent(self, plan: Plan, kept: Ledger, header: Agreement, run: Run) -> Intent:
        change = self._change(plan, run)
        if header.first_uninvoiced is None:
            raise AssertionError("a blocked agreement is not written to")
        sent_from = self.services.clock.real_now()
        kept = replace(
            kept,
            last_change=change.change_id,
            written_at=change.at,
            sent_from=sent_from,
            overwrote=plan.before,
        )
        return Intent(change, plan.operations, kept, header.first_uninvoiced, sent_from)

    def _writer(self) -> OperationWriter:
        return OperationWriter(self.message, self.psa, self.services)

    def _change(self, plan: Plan, run: Run) -> Change:
        before, after = seats_changed(plan)
        return Change(
            change_id=self.services.ids.new(),
            customer_id=self.message.customer_id,
            group_id=plan.group.group_id,
            rows=row_ids(self.members),
            license_name=license_name(self.members),
            agreement_id=plan.group.agreement_id,
            at=self.services.clock.now(),
            actor=run.requested_by,
            run_id=run.run_id,
            before=before,
            after=after,
            why=plan.explanation,
            operations=tuple(in_words(operation) for operation in plan.operations),
            result="written" if plan.operations else "adopted",
        )


def _only_adjusts(plan: Plan, line_id: LineId | None) -> bool:
    """Whether the plan changes the line's quantities and nothing else, and waits for nobody."""
    changes = plan.status is PlanStatus.CHANGE and bool(plan.operations)
    return changes and all(
        isinstance(one, AdjustQuantity) and one.line_id == line_id for one in plan.operations
    )
