"""Write-ahead intents: what was about to be written, so that a crash or a lost answer is finished.

An intent is stored before the first operation of a plan and taken away after the ledger was saved.
Finding one at the start means that a worker stopped in between: what the PSA has now tells which of
its operations landed.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain.agreements import (
    AgreementLine,
    CreateLine,
    EndLine,
    LineKind,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.history import Change
from shared.domain.ledger import Ledger, charged_for


@dataclass(frozen=True, slots=True)
class Intent:
    """What a plan was about to do.

    Attributes:
        change: The history entry to add when all is done; its id names the intent.
        ledger: The ledger once every operation has landed.
        first_uninvoiced: As the agreement said when this was planned.
    """

    change: Change
    operations: tuple[Operation, ...]
    ledger: Ledger
    first_uninvoiced: date
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Recovery:
    """How to go on after an interruption.

    Attributes:
        remaining: Operations to send before anything else is planned.
        ledger: What to keep once they have landed; ``None`` when nothing of the intent did, and
            it is to be forgotten.
    """

    remaining: tuple[Operation, ...]
    ledger: Ledger | None


def recovery(
    intent: Intent,
    ledger: Ledger,
    lines: tuple[AgreementLine, ...],
    first_uninvoiced: date | None,
) -> Recovery:
    """Return what is left of an interrupted intent, judged by the lines as they are now.

    Nothing landed: the intent is forgotten and the group planned anew. Otherwise it is finished,
    unless an invoice came between: then what did not land is left out, and the next plan makes up
    for it.

    Args:
        ledger: The ledger as stored, from before the intent or with it.

    Source:
        docs/adr/0002-absolute-planning-and-exactly-once-writes.md
    """
    if ledger.last_change == intent.change.change_id:
        return Recovery((), ledger)
    landed = [has_landed(operation, lines) for operation in intent.operations]
    if intent.operations and not any(landed):
        return Recovery((), None)
    left = tuple(op for op, done in zip(intent.operations, landed, strict=True) if not done)
    if intent.first_uninvoiced == first_uninvoiced:
        return Recovery(left, intent.ledger)
    return Recovery((), abandoned(left, intent, ledger))


def has_landed(operation: Operation, lines: tuple[AgreementLine, ...]) -> bool:
    """Return whether the lines show that the operation was carried out."""
    if isinstance(operation, CreateLine):
        return any(line.marker == operation.marker for line in lines)
    line = next((x for x in lines if x.line_id == operation.line_id), None)
    if isinstance(operation, RemoveLine):
        return line is None or line.never_bills
    if line is None:
        return False
    if isinstance(operation, SetQuantity):
        return line.quantity == operation.after
    if isinstance(operation, EndLine):
        return line.ends == operation.last_day
    if isinstance(operation, SetDescription):
        return line.description == operation.text
    if isinstance(operation, SetPrice):
        return line.unit_price == operation.after
    raise AssertionError(operation)


def abandoned(left: tuple[Operation, ...], intent: Intent, before: Ledger) -> Ledger:
    """Return the intent's ledger less what its operations ``left`` unsent would have charged.

    Args:
        before: The ledger from before the intent.
    """
    ledger = intent.ledger
    for operation in left:
        if isinstance(operation, SetQuantity) and operation.line_id == ledger.line_id:
            ledger = replace(ledger, last_written=operation.before)
        elif isinstance(operation, CreateLine) and operation.kind is LineKind.DATED:
            ledger = replace(
                ledger,
                charged=tuple(
                    charged_for(before.charged, entry.period_start) or entry
                    for entry in ledger.charged
                ),
            )
        elif isinstance(operation, EndLine):
            ledger = replace(ledger, line_ends=before.line_ends)
        elif isinstance(operation, SetDescription):
            ledger = replace(ledger, description=before.description)
    return replace(ledger, first_uninvoiced=intent.first_uninvoiced)
