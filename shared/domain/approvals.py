"""Approvals: plans that wait for a person's decision."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.alerts import owner_prefix
from shared.domain.ids import CustomerId, GroupId, RowId, RunId, digest

GOOD_FOR = timedelta(days=30)
"""How long a question, and a no to it, stand: then a person looks at fresh figures again."""


class ApprovalState(StrEnum):
    """Where an approval is."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Approval:
    """A held plan as a person sees it.

    Attributes:
        fingerprint: Names what would be written; at execution the plan must have the same one.
        approvable: ``False`` when only a change in the PSA or the mapping helps.
        reasons: Why it is held.
        decided_by, decided_at, note: The decision.
    """

    customer_id: CustomerId
    group_id: GroupId
    rows: tuple[RowId, ...]
    license_name: str
    agreement_id: str
    fingerprint: str
    approvable: bool
    state: ApprovalState
    before: int | None
    after: int | None
    reasons: tuple[str, ...]
    explanation: tuple[str, ...]
    operations: tuple[str, ...]
    run_id: RunId
    raised_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""

    def has_expired(self, now: datetime) -> bool:
        """Return whether the question, or the answer to it, is too old to count."""
        return now - (self.decided_at or self.raised_at) > GOOD_FOR

    @property
    def approval_id(self) -> str:
        """One name for one held plan of one group."""
        return f"{owner_prefix(self.customer_id)}{digest(self.group_id, self.fingerprint)}"
