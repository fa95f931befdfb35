"""Take back what a run wrote, line by line, while no invoice has counted it."""

from dataclasses import dataclass, replace
from datetime import date

from shared.domain.agreements import ChangeKind
from shared.domain.errors import ConflictError, InvalidInputError, NotFoundError
from shared.domain.history import Change
from shared.domain.ids import AgreementId, CustomerId, GroupId, RunId
from shared.domain.ledger import Ledger, SeatOverride
from shared.domain.runs import ItemState, RunReason
from shared.ports import LicenseSync, Services, Versioned
from shared.usecases.books import local_date
from shared.usecases.start_run import start_groups

FOLLOWED = (
    "nothing takes an adjustment back: an opposite one counts from the next day, so one day stays "
    "as it is"
)
"""What undoing means where changes only follow each other (ADR 22)."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of one line group of the run.

    Attributes:
        refused: Why it cannot be undone; empty when it was queued.
        remark: What a person should know of how it is undone; mostly empty.
    """

    customer_id: CustomerId
    group_id: GroupId
    seats: int
    refused: str
    remark: str


def undo_run(
    run_id: RunId, services: Services, *, until: date, note: str, actor: str
) -> tuple[RunId, tuple[Undone, ...]]:
    """Set the run's line groups back to the seats they had, and return the undoing run.

    The seats hold until the given day, whatever Microsoft says, so that the next cycle does not
    repeat what was undone. Each group is planned as on the day of its change, by the same planner
    and guards, so that the lines of that day are edited or taken away; where nothing takes a change
    back, an opposite one follows it. A group that changed again since, or that an invoice has
    counted, is refused.

    Args:
        until: The last PSA date on which the old seats hold.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: ``until`` lies in the past.
        ConflictError: Nothing of the run can be undone.

    Source:
        docs/adr/0014-undo-and-keeping-the-psas-number.md
    """
    services.runs.get(run_id)
    changes = _changes_of(run_id, services)
    outcome: list[Undone] = []
    messages: list[LicenseSync] = []
    for change in changes:
        ledger = services.ledgers.get(change.customer_id, change.group_id)
        refused = _refused(change, ledger, until, services)
        seats = change.before or 0
        remark = "" if refused else remark_of(change.customer_id, services)
        outcome.append(Undone(change.customer_id, change.group_id, seats, refused, remark))
        if refused or ledger is None:
            continue
        override = SeatOverride(seats, until, note or f"undo of run {run_id}", actor)
        services.ledgers.save(ledger, replace(ledger.value, override=override))
        messages.append(
            LicenseSync(
                run_id=run_id,
                customer_id=change.customer_id,
                group_id=change.group_id,
                agreement_id=AgreementId(change.agreement_id),
                undo_of=change.change_id,
            )
        )
    if not messages:
        reasons = "; ".join(dict.fromkeys(x.refused for x in outcome)) or "it wrote nothing"
        raise ConflictError(f"nothing of this run can be undone: {reasons}")
    undoing = start_groups(messages, services, requested_by=actor, reason=RunReason.UNDO)
    return undoing, tuple(outcome)


def remark_of(customer_id: CustomerId, services: Services) -> str:
    """Return what a person should know before the customer's lines are set back; mostly nothing."""
    try:
        customer = services.customers.get(customer_id).value
        kind = services.connections.psa(customer.psa).gateway.capabilities.change
    except NotFoundError:
        return ""
    return FOLLOWED if kind is ChangeKind.DATED_ADJUSTMENTS else ""


def _changes_of(run_id: RunId, services: Services) -> list[Change]:
    customers = sorted(
        {
            item.customer_id
            for item in services.runs.items(run_id)
            if item.group_id is not None and item.state is ItemState.CHANGED
        }
    )
    return [
        change
        for customer_id in customers
        for change in services.changes.of_customer(customer_id).items
        if change.run_id == run_id
    ]


def _refused(
    change: Change, ledger: Versioned[Ledger] | None, until: date, services: Services
) -> str:
    if not change.rows:
        return "it ended a line of another tool; take the last day away in the PSA"
    if change.result != "written":
        return "the line was only taken over"
    if ledger is None or ledger.value.last_change != change.change_id:
        return "the line changed again since"
    customer = services.customers.get(change.customer_id).value
    psa = services.connections.psa(customer.psa)
    if until < local_date(services.clock.now(), psa):
        raise InvalidInputError({"until": "lies in the past"})
    agreement = psa.gateway.get_agreement(AgreementId(change.agreement_id))
    if agreement.first_uninvoiced != ledger.value.first_uninvoiced:
        return "an invoice has counted it"
    return ""
