"""What plans mean for people: items of the run, approvals, and alerts set or cleared."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.agreements import in_words
from shared.domain.alerts import AlertKind
from shared.domain.approvals import Approval, ApprovalState
from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId, GroupId, RowId, RunId
from shared.domain.plans import Member, Plan, PlanStatus, ReasonKind
from shared.domain.runs import ItemState, RunItem
from shared.ports import Services
from shared.signals import FailedItems, Holds, ItemFailed, PlanHeld
from shared.usecases.alert_board import board_of

_STATES = {
    PlanStatus.IN_STEP: ItemState.UNCHANGED,
    PlanStatus.WAITING: ItemState.UNCHANGED,
    PlanStatus.CHANGE: ItemState.QUEUED,
    PlanStatus.HELD: ItemState.HELD,
    PlanStatus.BLOCKED: ItemState.BLOCKED,
    PlanStatus.UNKNOWN: ItemState.BLOCKED,
}
_DRIFT = {ReasonKind.DRIFT, ReasonKind.REMOVED_BY_HAND, ReasonKind.LESS_INCLUDED}
AGAIN = (
    "The next cycle tries again; to try sooner, press Sync Now. If it goes on, test the connection"
)
"""What to do about trouble that may be over by itself."""
_OF_A_PLAN = frozenset({AlertKind.HELD, AlertKind.BLOCKED, AlertKind.DRIFT, AlertKind.FAILED})


def license_name(members: tuple[Member, ...]) -> str:
    """Return the names of a group's rows, once each."""
    return ", ".join(dict.fromkeys(member.name for member in members))


def row_ids(members: tuple[Member, ...]) -> tuple[RowId, ...]:
    """Return the ids of a group's rows, once each."""
    return tuple(dict.fromkeys(member.row_id for member in members))


def item_of(
    run_id: RunId,
    customer_id: CustomerId,
    members: tuple[Member, ...],
    plan: Plan,
    at: datetime,
) -> RunItem:
    """Return the item of a run for a plan."""
    return RunItem(
        run_id=run_id,
        customer_id=customer_id,
        group_id=plan.group.group_id,
        rows=row_ids(members),
        state=_STATES[plan.status],
        before=plan.before,
        after=plan.after,
        detail="; ".join(reason.text for reason in plan.reasons),
        updated_at=at,
        name=license_name(members),
    )


class Board:
    """A customer's open alerts and approvals: one query each, and writes only where they change.

    Not safe for threads; each piece of work has its own.
    """

    def __init__(self, customer_id: CustomerId, services: Services) -> None:
        self._customer_id = customer_id
        self._services = services
        self._alerts = board_of(customer_id, services)
        self._approvals = {a.approval_id: a for a in services.approvals.open_of(customer_id)}
        self._changed_approvals: dict[str, Approval] = {}
        self._now = services.clock.real_now()

    def show(
        self,
        kind: AlertKind,
        text: str,
        *,
        subject: str,
        row: RowId | None = None,
        matter: str = "",
    ) -> str:
        """Raise an alert, and return its id; see ``AlertBoard.show``."""
        return self._alerts.show(
            kind, text, subject=subject, customer_id=self._customer_id, row=row, matter=matter
        )

    def clear(
        self,
        kinds: Iterable[AlertKind],
        *,
        subject: str | None = None,
        keep: Iterable[str] = (),
    ) -> None:
        """Clear alerts; see ``AlertBoard.clear``."""
        self._alerts.clear(kinds, subject=subject, keep=keep)

    def expire(self, kind: AlertKind, after: timedelta) -> None:
        """Clear the open alerts of a kind that were raised so long ago."""
        for alert in self._alerts.open(kind):
            if self._now - alert.raised_at > after:
                self._alerts.close(alert)

    def tell(
        self, run_id: RunId, members: tuple[Member, ...], plan: Plan, *, fingerprint: str
    ) -> None:
        """Show what a person must see of a plan, and clear what it leaves behind."""
        group_id = plan.group.group_id
        kind = _alert_kind(plan)
        self.clear(_OF_A_PLAN - {kind} if kind else _OF_A_PLAN, subject=group_id)
        if kind is not None:
            reasons = "; ".join(reason.text for reason in plan.reasons)
            text = f"{license_name(members)}: {reasons}"
            # What would be written is the matter: other words for the same change are no news.
            self.show(kind, text, subject=group_id, matter=_matter(plan))
        approval = None
        if plan.status is PlanStatus.HELD:
            approval = self._approval(run_id, members, plan, fingerprint)
        if self._supersede(group_id, approval):
            self._tell_held(run_id, plan)

    def owe(self, members: tuple[Member, ...], plan: Plan) -> None:
        """Show the credits that a change leaves to a person, one alert for each."""
        for credit in plan.credits_due:
            text = (
                f"{license_name(members)}: {-credit.seats} seats less from {credit.starts} through "
                f"{credit.ends}, which were charged. The connection's settings leave this credit "
                "to you; dismiss this once it is given"
            )
            subject = f"{plan.group.group_id}/{credit.starts}/{credit.ends}/{credit.seats}"
            self.show(AlertKind.CREDIT_DUE, text, subject=subject)

    def settle(self, group_id: GroupId) -> None:
        """Clear everything about a group: it is in step again."""
        self.clear(_OF_A_PLAN, subject=group_id)
        self._supersede(group_id, None)

    def save(self) -> None:
        """Write what changed."""
        self._alerts.save()
        if self._changed_approvals:
            self._services.approvals.put(self._changed_approvals.values())

    def _supersede(self, group_id: GroupId, by: Approval | None) -> bool:
        """Take back what was asked before, and return whether something new is asked."""
        for approval in list(self._approvals.values()):
            if approval.group_id == group_id and (
                by is None or approval.approval_id != by.approval_id
            ):
                gone = replace(approval, state=ApprovalState.SUPERSEDED, decided_at=self._now)
                self._changed_approvals[approval.approval_id] = gone
                del self._approvals[approval.approval_id]
        if by is None or not self._asks(by):
            return False
        self._approvals[by.approval_id] = by
        self._changed_approvals[by.approval_id] = by
        return True

    def _tell_held(self, run_id: RunId, plan: Plan) -> None:
        kinds = sorted({reason.kind.value for reason in plan.reasons})
        held = PlanHeld(run_id, self._customer_id, plan.group.group_id, ", ".join(kinds))
        self._services.telemetry.tell(held)
        for kind in kinds:
            self._services.telemetry.measure(Holds(1, kind))

    def _asks(self, approval: Approval) -> bool:
        """Whether to put it before a person: it is new, or was put there too long ago."""
        known = self._approvals.get(approval.approval_id)
        return not self._rejected(approval) if known is None else known.has_expired(self._now)

    def _rejected(self, approval: Approval) -> bool:
        """Whether a person said no to exactly this; it is not asked again until it differs."""
        try:
            stored = self._services.approvals.get(approval.approval_id).value
        except NotFoundError:
            return False
        return stored.state is ApprovalState.REJECTED and not stored.has_expired(self._now)

    def _approval(
        self, run_id: RunId, members: tuple[Member, ...], plan: Plan, fingerprint: str
    ) -> Approval:
        before, after = seats_changed(plan)
        return Approval(
            customer_id=self._customer_id,
            group_id=plan.group.group_id,
            rows=row_ids(members),
            license_name=license_name(members),
            agreement_id=plan.group.agreement_id,
            fingerprint=fingerprint,
            # A fall in arrears writes nothing today; approving it lets the next invoice follow.
            approvable=bool(plan.operations) or plan.ledger is not None,
            state=ApprovalState.OPEN,
            before=before,
            after=after,
            reasons=tuple(reason.text for reason in plan.reasons),
            explanation=plan.explanation,
            operations=tuple(in_words(operation) for operation in plan.operations),
            run_id=run_id,
            raised_at=self._now,
        )


def seats_changed(plan: Plan) -> tuple[int | None, int | None]:
    """Return what a person reads as before and after.

    The standing line's quantity where it changes; else the seats in force, as when a difference
    is a dated line and the standing line waits for its invoice.
    """
    if plan.before != plan.after:
        return plan.before, plan.after
    return plan.previous, plan.needed


def fail(item: RunItem, reason: str, services: Services, *, todo: str = "") -> None:
    """Mark an item as failed and raise its alert.

    Args:
        todo: What a person can do, where the reason does not say it.
    """
    services.runs.put_items(
        [
            replace(
                item,
                state=ItemState.FAILED,
                detail=reason,
                updated_at=services.clock.real_now(),
            )
        ]
    )
    board = Board(item.customer_id, services)
    text = f"{reason}. {todo}" if todo else reason
    board.show(AlertKind.FAILED, text, subject=item.group_id or item.customer_id)
    board.save()
    tell_failed(item, services)


def tell_failed(item: RunItem, services: Services) -> None:
    """Count and log an item that failed; why is for people, on the Runs page."""
    services.telemetry.measure(FailedItems(1, "tenant" if item.group_id is None else "group"))
    services.telemetry.tell(ItemFailed(item.run_id, item.customer_id, item.group_id))


def _matter(plan: Plan) -> str:
    kinds = ",".join(sorted({reason.kind for reason in plan.reasons}))
    before, after = seats_changed(plan)
    return f"{kinds} {before} {after}"


def _alert_kind(plan: Plan) -> AlertKind | None:
    kinds = {reason.kind for reason in plan.reasons}
    if ReasonKind.OVERLAP in kinds:
        return None  # the customer has one alert for all its lines
    if plan.status is PlanStatus.HELD:
        return AlertKind.DRIFT if kinds & _DRIFT else AlertKind.HELD
    if plan.status in {PlanStatus.BLOCKED, PlanStatus.UNKNOWN}:
        return AlertKind.BLOCKED
    return None
