"""History: what was written to a PSA, by whom, when and why. It is only ever added to."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.ids import CustomerId, GroupId, RowId, RunId


@dataclass(frozen=True, slots=True)
class Change:
    """One completed change of a line group.

    Attributes:
        change_id: Named by what was planned, so that a repeated delivery writes the same entry.
        actor: A principal's name, or ``timer``.
        before, after: Quantity of the standing line; ``None`` when there was no line.
        why: The explanation's steps, in order.
        operations: What was sent, in words.
        result: ``written`` or ``adopted``.
    """

    change_id: str
    customer_id: CustomerId
    group_id: GroupId
    rows: tuple[RowId, ...]
    license_name: str
    agreement_id: str
    at: datetime
    actor: str
    run_id: RunId
    before: int | None
    after: int | None
    why: tuple[str, ...]
    operations: tuple[str, ...]
    result: str
