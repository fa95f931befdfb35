"""A person's decision about a held plan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date

from shared.domain.approvals import Approval, ApprovalState
from shared.domain.errors import ConflictError, InvalidInputError, SeatsyncError
from shared.domain.ids import AgreementId, RunId
from shared.domain.ledger import SeatOverride
from shared.domain.runs import RunReason
from shared.ports import LicenseSync, Services, Versioned
from shared.usecases.books import local_date
from shared.usecases.start_run import start_groups


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one of several decisions.

    Attributes:
        run_id: The run that writes it, where something is to be written.
        refused: Why it could not be decided; empty when it was.
    """

    approval_id: str
    run_id: RunId | None
    refused: str


def approve(approval_id: str, services: Services, *, note: str, actor: str) -> RunId:
    """Let a held plan be written, if it is still the same when it is; return the run.

    Raises:
        NotFoundError: There is no such approval.
        ConflictError: It was decided already, waited for too long, or no approval can help.
    """
    read = _open(approval_id, services)
    if read.value.has_expired(services.clock.real_now()):
        raise ConflictError("this waited for too long; sync the customer, and it is asked anew")
    if not read.value.approvable:
        raise ConflictError("an approval cannot help here: " + "; ".join(read.value.reasons))
    _decide(read, ApprovalState.APPROVED, services, note=note, actor=actor)
    approval = read.value
    message = LicenseSync(
        run_id=approval.run_id,
        customer_id=approval.customer_id,
        group_id=approval.group_id,
        agreement_id=AgreementId(approval.agreement_id),
        approval_id=approval_id,
    )
    return start_groups([message], services, requested_by=actor, reason=RunReason.APPROVAL)


def keep_psa(approval_id: str, services: Services, *, until: date, note: str, actor: str) -> RunId:
    """Let what somebody set in the PSA stand until a day, and return the run that takes it over.

    Nothing is written, now or later, for what is invoiced already.

    Raises:
        NotFoundError: There is no such approval.
        ConflictError: It was decided already, or the line has no whole number of seats to keep.
        InvalidInputError: ``until`` lies in the past.
        StaleVersionError: A worker wrote the line's ledger in between; look again.
    """
    read = _open(approval_id, services)
    approval = read.value
    customer = services.customers.get(approval.customer_id).value
    psa = services.connections.psa(customer.psa)
    if until < local_date(services.clock.now(), psa):
        raise InvalidInputError({"until": "lies in the past"})
    ledger = services.ledgers.get(approval.customer_id, approval.group_id)
    lines = psa.gateway.list_lines(AgreementId(approval.agreement_id))
    line_id = None if ledger is None else ledger.value.line_id
    line = next((x for x in lines if x.line_id == line_id), None)
    if ledger is None or line is None or line.quantity is None:
        raise ConflictError("the PSA has no line with a whole number of seats to keep")
    override = SeatOverride(line.quantity, until, note, actor)
    services.ledgers.save(ledger, replace(ledger.value, override=override))
    _decide(read, ApprovalState.REJECTED, services, note=note, actor=actor)
    message = LicenseSync(
        run_id=approval.run_id,
        customer_id=approval.customer_id,
        group_id=approval.group_id,
        agreement_id=AgreementId(approval.agreement_id),
    )
    return start_groups([message], services, requested_by=actor, reason=RunReason.APPROVAL)


def reject(approval_id: str, services: Services, *, note: str, actor: str) -> None:
    """Keep a held plan from being written; exactly this plan is not asked about again.

    Raises:
        NotFoundError: There is no such approval.
        ConflictError: It was decided already.
    """
    _decide(_open(approval_id, services), ApprovalState.REJECTED, services, note=note, actor=actor)


def decide_many(
    approval_ids: Iterable[str],
    decide: Callable[[str], RunId | None],
) -> tuple[Decided, ...]:
    """Decide several approvals, each by itself: what cannot be decided stops no other.

    Args:
        decide: Approves or rejects one, and returns the run if there is one.
    """
    outcome = []
    for approval_id in dict.fromkeys(approval_ids):
        try:
            outcome.append(Decided(approval_id, decide(approval_id), ""))
        except SeatsyncError as error:
            outcome.append(Decided(approval_id, None, str(error)))
    return tuple(outcome)


def _open(approval_id: str, services: Services) -> Versioned[Approval]:
    read = services.approvals.get(approval_id)
    if read.value.state is not ApprovalState.OPEN:
        raise ConflictError(f"this was {read.value.state} already")
    return read


def _decide(
    read: Versioned[Approval],
    state: ApprovalState,
    services: Services,
    *,
    note: str,
    actor: str,
) -> None:
    services.approvals.save(
        read,
        replace(
            read.value,
            state=state,
            decided_by=actor,
            decided_at=services.clock.real_now(),
            note=note,
        ),
    )
