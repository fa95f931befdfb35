"""Plan a line group: every path to a write, and every preview, comes through here."""

from dataclasses import dataclass, replace
from datetime import date

from shared.domain.agreements import Agreement, AgreementLine, CreateLine
from shared.domain.descriptions import LineText
from shared.domain.forecast import Forecast, lines_after, next_invoice
from shared.domain.guards import GuardSettings, guarded
from shared.domain.mappings import LineGroup
from shared.domain.planning import Member, Plan, PlanRequest, plan
from shared.domain.plausibility import unlikely_fall
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
    ) -> None:
        self._book = book
        self._psa = psa
        self._facts = LineFacts(book, psa, services)
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
        )
        return self._marked(view, self._with_product(request, view))

    def forecast(self, view: GroupInView, found: Plan) -> Forecast | None:
        """Return what the group adds to the agreement's next invoice once the plan is written.

        ``None`` when the agreement's periods are not known.
        """
        creates = any(isinstance(operation, CreateLine) for operation in found.operations)
        price = self._facts.product(view.group).price if creates else None
        return next_invoice(
            view.agreement,
            lines_after(view.lines, found.operations, price),
            view.group.group_id,
            found.ledger or self._book.ledger(view.group.group_id),
            self._today,
        )

    def _with_product(self, request: PlanRequest, view: GroupInView) -> Plan:
        found = plan(request)
        if any(isinstance(operation, CreateLine) for operation in found.operations):
            # Only a new line depends on the product; a quiet cycle does not read it.
            return plan(replace(request, product=self._facts.product(view.group)))
        return found

    def _marked(self, view: GroupInView, found: Plan) -> Plan:
        """The plan with a mark for a person when Microsoft's rules do not allow a fall."""
        if found.needed is None:
            return found
        subscriptions = [
            subscription
            for member in view.members
            for row in (self._book.row(member.row_id),)
            if row is not None
            for subscription in row.subscriptions
        ]
        in_force = self._book.ledger(view.group.group_id).in_force
        mark = unlikely_fall(found.needed, in_force, subscriptions, self._today)
        if mark is None:
            return found
        return replace(found, explanation=(*found.explanation, mark))
