"""Plan a line group: every path to a write, and every preview, comes through here."""

from dataclasses import dataclass, replace
from datetime import date

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    CreateLine,
    LineKind,
    Product,
    RemoveLine,
    SetQuantity,
)
from shared.domain.descriptions import LineText
from shared.domain.forecast import Forecast, lines_after, next_invoice
from shared.domain.guards import GuardSettings, guarded
from shared.domain.licensing import AssignedUser
from shared.domain.mappings import LineGroup
from shared.domain.planning import plan
from shared.domain.plans import Member, Plan, PlanRequest, PlanStatus, Reason, ReasonKind
from shared.domain.plausibility import unlikely_fall
from shared.domain.staleness import stale_reason
from shared.ports import PsaConnection, Services
from shared.usecases.books import Book
from shared.usecases.line_facts import LineFacts


@dataclass(frozen=True, slots=True)
class GroupInView:
    """A line group with everything that was read for its plan."""

    group: LineGroup
    members: tuple[Member, ...]
    agreement: Agreement
    lines: tuple[AgreementLine, ...]


class GroupPlanner:
    """Plans a customer's groups on one day, by one set of guards. Not safe for threads."""

    def __init__(
        self,
        book: Book,
        psa: PsaConnection,
        services: Services,
        *,
        guards: GuardSettings,
        today: date,
        users: tuple[AssignedUser, ...] | None = None,
    ) -> None:
        """Take what plans depend on.

        Args:
            users: The tenant's licensed users, with details, where they were just read.
        """
        self._book = book
        self._psa = psa
        self._services = services
        self._facts = LineFacts(book, psa, services, users)
        self._guards = guards
        self._today = today

    def text(self, view: GroupInView) -> LineText | None:
        """Return what the group's invoice text is made of; a message can carry it."""
        return self._facts.text(view.group, view.members, view.lines)

    def guarded(self, view: GroupInView, text: LineText | None) -> Plan:
        """Return the plan, held where a guard says so."""
        return guarded(self.plan(view, text), self._guards, view.agreement, self._today)

    def plan(self, view: GroupInView, text: LineText | None, *, override: bool = False) -> Plan:
        """Return the plan before any guard.

        Args:
            override: A person decided that Microsoft's number is written over a hand edit.
        """
        request = PlanRequest(
            group=view.group,
            members=view.members,
            agreement=view.agreement,
            lines=view.lines,
            ledger=self._book.ledger(view.group.group_id),
            today=self._today,
            capabilities=self._psa.gateway.capabilities,
            credit_mode=self._psa.credit_mode,
            product=None,
            owned_elsewhere=self._book.owned_lines(view.group.group_id),
            text=text,
            price=self._facts.price(view.group),
            override=override,
            overlap=self._book.overlap,
        )
        return self._not_on_stale_data(self._marked(view, self._with_product(request, view)))

    def product(self, view: GroupInView, found: Plan) -> Product | None:
        """Return the group's product where the plan makes its line of it; it was read for that."""
        return self._facts.product(view.group) if _makes_the_line(found) else None

    def forecast(self, view: GroupInView, found: Plan) -> Forecast | None:
        """Return what the group adds to the agreement's next invoice once the plan is written.

        ``None`` when the agreement's periods are not known.
        """
        creates = any(isinstance(operation, CreateLine) for operation in found.operations)
        price = self._facts.product(view.group).price if creates else None
        kind = self._psa.gateway.capabilities.change
        return next_invoice(
            view.agreement,
            lines_after(view.lines, found.operations, price, kind),
            view.group.group_id,
            found.ledger or self._book.ledger(view.group.group_id),
            self._today,
            kind=kind,
        )

    def _with_product(self, request: PlanRequest, view: GroupInView) -> Plan:
        found = plan(request)
        if _makes_the_line(found):
            # Only a new line depends on the product; a quiet cycle does not read it, nor does a
            # line for some days beside it, which is of the product that is billed already.
            return plan(replace(request, product=self._facts.product(view.group)))
        return found

    def _not_on_stale_data(self, found: Plan) -> Plan:
        """The plan, blocked when it would lower something by numbers that are too old.

        A number that a person set holds whatever Microsoft says, and a line that ends by a
        person's word ends.
        """
        record = self._book.record
        if record is None or record.read_at is None or found.needed is None:
            return found
        reason = stale_reason(record.read_at, self._services.clock.now())
        override = self._book.ledger(found.group.group_id).override
        if reason is None or (override is not None and self._today <= override.until):
            return found
        if not _lowers(found):
            return replace(found, explanation=(*found.explanation, reason))
        return replace(
            found,
            status=PlanStatus.BLOCKED,
            operations=(),
            reasons=(Reason(ReasonKind.STALE, reason),),
            after=found.before,
            ledger=None,
        )

    def _marked(self, view: GroupInView, found: Plan) -> Plan:
        """The plan with a mark for a person when Microsoft's rules do not allow a fall."""
        if found.needed is None:
            return found
        rows = [self._book.row(member.row_id) for member in view.members]
        if any(row is not None and row.how for row in rows):
            return found  # people come and go by no rule of Microsoft's
        subscriptions = [one for row in rows if row is not None for one in row.subscriptions]
        in_force = self._book.ledger(view.group.group_id).in_force
        mark = unlikely_fall(found.needed, in_force, subscriptions, self._today)
        if mark is None:
            return found
        return replace(found, explanation=(*found.explanation, mark))


def _makes_the_line(found: Plan) -> bool:
    """Whether a plan makes the group's own line, and not only one for some days beside it."""
    return any(
        isinstance(operation, CreateLine) and operation.kind is LineKind.STANDING
        for operation in found.operations
    )


def _lowers(found: Plan) -> bool:
    """Whether a plan needs fewer seats than before, or would write fewer."""
    if found.status is not PlanStatus.HELD and not (found.operations or found.remembers):
        return False
    if found.needed is not None and found.previous is not None and found.needed < found.previous:
        return True
    return any(
        isinstance(operation, RemoveLine)
        or (
            isinstance(operation, SetQuantity | AdjustQuantity | AddProrata)
            and operation.after < operation.before
        )
        or (isinstance(operation, CreateLine) and operation.quantity < 0)
        for operation in found.operations
    )
