"""A person's decision about a held plan."""

from dataclasses import replace

from shared.domain.approvals import Approval, ApprovalState
from shared.domain.errors import ConflictError
from shared.domain.ids import AgreementId, RunId
from shared.domain.runs import RunReason
from shared.ports import Services, Versioned
from shared.usecases.start_run import start_group


def approve(approval_id: str, services: Services, *, note: str, actor: str) -> RunId:
    """Let a held plan be written, if it is still the same when it is; return the run.

    Raises:
        NotFoundError: There is no such approval.
        ConflictError: It was decided already, or no approval can help.
    """
    read = _open(approval_id, services)
    if not read.value.approvable:
        raise ConflictError("an approval cannot help here: " + "; ".join(read.value.reasons))
    customer = services.customers.get(read.value.customer_id).value
    _decide(read, ApprovalState.APPROVED, services, note=note, actor=actor)
    return start_group(
        customer,
        read.value.group_id,
        AgreementId(read.value.agreement_id),
        services,
        approval_id=approval_id,
        requested_by=actor,
        reason=RunReason.APPROVAL,
    )


def reject(approval_id: str, services: Services, *, note: str, actor: str) -> None:
    """Keep a held plan from being written; exactly this plan is not asked about again.

    Raises:
        NotFoundError: There is no such approval.
        ConflictError: It was decided already.
    """
    _decide(_open(approval_id, services), ApprovalState.REJECTED, services, note=note, actor=actor)


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
