"""Table ``approvals``: one partition, by approval id; open ones are also found by customer."""

from collections.abc import Iterable

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.opened import OpenedEntries
from shared.adapters.tables.table import Tables
from shared.domain.alerts import owner_prefix
from shared.domain.approvals import Approval, ApprovalState
from shared.domain.errors import NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Page, Versioned

PARTITION = "approvals"


class ApprovalTable:
    """An ``ApprovalRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Approval](Approval, "an approval")
        self._approvals = OpenedEntries(
            Entries(tables.table("approvals"), codec),
            PARTITION,
            row=lambda approval: key(approval.approval_id),
            open_row=lambda approval: key(approval.customer_id, approval.approval_id),
            is_open=lambda approval: approval.state is ApprovalState.OPEN,
        )

    def get(self, approval_id: str) -> Versioned[Approval]:
        found = self._approvals.get(key(approval_id))
        if found is None:
            raise NotFoundError(f"there is no approval {approval_id}")
        return found

    def open_of(self, customer_id: CustomerId) -> tuple[Approval, ...]:
        return self._approvals.opened(customer_id)

    def put(self, approvals: Iterable[Approval]) -> None:
        self._approvals.put_all(approvals)

    def save(self, read: Versioned[Approval], approval: Approval) -> Versioned[Approval]:
        return self._approvals.save(read, approval)

    def list(
        self, *, open_only: bool, continuation: str | None = None, limit: int = 100
    ) -> Page[Approval]:
        return self._approvals.page(continuation, limit, open_only=open_only)

    def closed_of(self, customer_id: CustomerId) -> tuple[Versioned[Approval], ...]:
        return self._approvals.closed(key(owner_prefix(customer_id)))

    def forget(self, read: Versioned[Approval]) -> bool:
        return self._approvals.forget(read)
