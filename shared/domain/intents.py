"""Write-ahead intents: what was about to be written, so that a crash or a lost answer is finished.

An intent is stored before the first operation of a plan and taken away after the ledger was saved.
Finding one at the start means that a worker stopped in between: what the PSA has now tells which of
its operations landed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    AgreementLine,
    CreateLine,
    EndLine,
    LineKind,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    standing_marker,
)
from shared.domain.history import Change
from shared.domain.ids import LineId
from shared.domain.ledger import Charged, Ledger


@dataclass(frozen=True, slots=True)
class Intent:
    """What a plan was about to do.

    Attributes:
        change: The history entry to add when all is done; its id names the intent.
        ledger: The ledger once every operation has landed.
        first_uninvoiced: As the agreement said when this was planned.
        created_at: In real time: how long ago its operations may have been sent.
        follows: The ledger's last change when this was planned, empty when there was none; ``None``
            where nobody noted it.
    """

    change: Change
    operations: tuple[Operation, ...]
    ledger: Ledger
    first_uninvoiced: date
    created_at: datetime
    follows: str | None = None


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

    Nothing landed: the intent is forgotten and the group planned anew. Otherwise it is finished. If
    an invoice came between, only dated lines and rows are still sent: their days stay right however
    late they come; the rest is left out, and the next plan makes up for it.

    Args:
        ledger: The ledger as stored, from before the intent or with it.

    Source:
        docs/adr/0002-absolute-planning-and-exactly-once-writes.md
    """
    if ledger.last_change == intent.change.change_id:
        return Recovery((), ledger)
    if overtaken(intent, ledger):
        return Recovery((), None)
    folded = intent.first_uninvoiced != first_uninvoiced
    left = left_of(intent.operations, lines, folded=folded)
    if intent.operations and len(left) == len(intent.operations):
        return Recovery((), None)
    known = {line.line_id for line in lines}
    able = tuple(op for op in left if isinstance(op, CreateLine) or op.line_id in known)
    if folded:
        able = tuple(op for op in able if _is_right_however_late(op))
    lost = tuple(op for op in left if op not in able)
    return Recovery(able, with_standing_line(abandoned(lost, intent, ledger, lines), lines))


def overtaken(intent: Intent, ledger: Ledger) -> bool:
    """Return whether another change was completed between the intent's plan and its opening.

    Nothing of such an intent was sent: its worker had lost the lease, and died before it noticed.
    """
    return intent.follows is not None and (ledger.last_change or "") != intent.follows


def left_of(
    operations: tuple[Operation, ...], lines: tuple[AgreementLine, ...], *, folded: bool = False
) -> tuple[Operation, ...]:
    """Return the operations that the lines do not show to be carried out.

    Args:
        folded: An invoice came since, so that a row may be part of the quantity by now.
    """
    found: list[Operation] = []
    done = {}
    for line_id, steps in _differences(operations).items():
        states = _matching(steps, lines, folded=folded)
        done[line_id] = states[0] if len(states) == 1 else 0
    for operation in operations:
        if isinstance(operation, Difference) and operation.line_id in done:
            landed = done[operation.line_id] > 0
            done[operation.line_id] -= 1
        else:
            landed = has_landed(operation, lines)
        if not landed:
            found.append(operation)
    return tuple(found)


def doubt(
    operations: tuple[Operation, ...], lines: tuple[AgreementLine, ...], *, folded: bool = False
) -> str | None:
    """Return why nobody but a person can say which differences of a line have been carried out.

    A difference that is sent twice counts twice. So a line must show one of the quantities that it
    had on the way, and each of them only once.

    Args:
        folded: As ``left_of`` takes it.
    """
    for line_id, steps in _differences(operations).items():
        if len(_matching(steps, lines, folded=folded)) != 1:
            line = next((x for x in lines if x.line_id == line_id), None)
            has = "is gone" if line is None else f"has {_observed(steps[-1], line)}"
            return (
                f"line {line_id} {has}; Seatsync was interrupted while it changed it from "
                f"{steps[0].before} to {steps[-1].after}, and cannot tell what became of that. "
                f"Set it to {steps[0].before} or {steps[-1].after} in the PSA"
            )
    return None


Difference = SetQuantity | AdjustQuantity | AddProrata


def _differences(operations: tuple[Operation, ...]) -> dict[LineId, list[Difference]]:
    """Differences by line, in the order they are sent; a quantity only where rows follow it."""
    found: dict[LineId, list[Difference]] = {}
    rows_of = {op.line_id for op in operations if isinstance(op, AddProrata)}
    for operation in operations:
        if isinstance(operation, AdjustQuantity | AddProrata) or (
            isinstance(operation, SetQuantity) and operation.line_id in rows_of
        ):
            found.setdefault(operation.line_id, []).append(operation)
    return found


def _matching(
    steps: list[Difference], lines: tuple[AgreementLine, ...], *, folded: bool
) -> list[int]:
    """How many of a line's differences may have landed, judged by what it has now."""
    line = next((x for x in lines if x.line_id == steps[0].line_id), None)
    if line is None:
        return []
    seen = [_observed(step, line) for step in steps]
    found = [number for number, state in enumerate(_states(steps)) if state == seen]
    if len(found) > 1 and not folded:
        # Rows that add up to nothing leave the seats as they were; they are there to be seen.
        found = [number for number in found if _has_rows(line, steps, number)]
    return found


def _has_rows(line: AgreementLine, steps: list[Difference], landed: int) -> bool:
    """Whether the line's rows are those that it has once so many differences have landed."""
    return all(
        sum(row.quantity for row in line.waiting if row.starts == step.starts)
        == step.row + (step.quantity if place < landed else 0)
        for place, step in enumerate(steps)
        if isinstance(step, AddProrata)
    )


def _states(steps: list[Difference]) -> Iterator[list[int]]:
    """What each difference's day shows once the first 0, 1, 2 … of them have landed."""
    for landed in range(len(steps) + 1):
        yield [
            step.before
            - sum(_part(other, step) for other in steps[:place])
            + sum(_part(other, step) for other in steps[:landed])
            for place, step in enumerate(steps)
        ]


def _part(other: Difference, step: Difference) -> int:
    """By how much one difference changes what the other one's day shows."""
    if isinstance(other, AdjustQuantity) and isinstance(step, AdjustQuantity):
        later = other.effective > step.effective
        return 0 if later else other.after - other.before
    return other.after - other.before


def _observed(step: Difference, line: AgreementLine) -> int | None:
    """What the line shows of the day that the difference is for."""
    if isinstance(step, AdjustQuantity):
        return line.quantity_on(step.effective)
    return line.quantity


def has_landed(operation: Operation, lines: tuple[AgreementLine, ...]) -> bool:
    """Return whether the lines show that the operation was carried out."""
    if isinstance(operation, CreateLine):
        return any(_is_whole(line, operation) for line in lines)
    line = next((x for x in lines if x.line_id == operation.line_id), None)
    if isinstance(operation, RemoveLine):
        return line is None or line.never_bills
    if line is None:
        return False
    if isinstance(operation, SetQuantity | AddProrata):
        return line.quantity == operation.after
    if isinstance(operation, AdjustQuantity):
        return line.quantity_on(operation.effective) == operation.after
    if isinstance(operation, EndLine):
        return line.ends == operation.last_day
    if isinstance(operation, SetDescription):
        return line.description == operation.text
    if isinstance(operation, SetPrice):
        return line.unit_price == operation.after
    raise AssertionError(operation)


def _is_whole(line: AgreementLine, create: CreateLine) -> bool:
    """Return whether the line is the one to create, with its quantity where that comes second."""
    if line.marker != create.marker or line.never_bills:
        return False
    return line.steps is None or line.quantity_on(create.starts) == create.quantity


def abandoned(
    left: tuple[Operation, ...],
    intent: Intent,
    before: Ledger,
    lines: tuple[AgreementLine, ...] = (),
) -> Ledger:
    """Return the intent's ledger less what its operations ``left`` unsent would have charged.

    Args:
        before: The ledger from before the intent.
        lines: The agreement's lines, to know the days of a dated line that stays as it was.
    """
    ledger = intent.ledger
    # Of several differences that are left, the first one's is the quantity that the line has.
    for steps in _differences(left).values():
        if any(isinstance(step, AddProrata) for step in steps):
            ledger = _without_rows(replace(ledger, last_written=steps[0].before), steps)
            continue
        ledger = replace(
            ledger,
            last_written=steps[0].before,
            charged=before.charged,
            opening=before.opening,
            as_of=before.as_of,
        )
    for operation in left:
        if isinstance(operation, AdjustQuantity | AddProrata):
            continue
        if isinstance(operation, SetQuantity) and operation.line_id == ledger.line_id:
            ledger = replace(ledger, last_written=operation.before)
        elif isinstance(operation, CreateLine) and operation.kind is LineKind.DATED:
            ledger = _charging(ledger, operation.starts, operation.ends, -operation.quantity)
        elif isinstance(operation, SetQuantity | RemoveLine):
            line = next((x for x in lines if x.line_id == operation.line_id), None)
            if line is not None and line.quantity is not None and line.starts is not None:
                after = operation.after if isinstance(operation, SetQuantity) else 0
                ledger = _charging(ledger, line.starts, line.ends, line.quantity - after)
        elif isinstance(operation, EndLine):
            ledger = replace(ledger, line_ends=before.line_ends)
        elif isinstance(operation, SetDescription):
            ledger = replace(ledger, description=before.description)
    return replace(ledger, first_uninvoiced=intent.first_uninvoiced)


def with_standing_line(ledger: Ledger, lines: Iterable[AgreementLine]) -> Ledger:
    """Return the ledger with the standing line that a lost answer created, found by its mark."""
    if ledger.line_id is not None or ledger.line_starts is None:
        return ledger
    marker = standing_marker(ledger.group_id, ledger.generation)
    line = next((x for x in lines if x.marker == marker and not x.never_bills), None)
    return ledger if line is None else replace(ledger, line_id=line.line_id)


def _is_right_however_late(operation: Operation) -> bool:
    return isinstance(operation, CreateLine) or (
        isinstance(operation, AddProrata) and operation.quantity > 0
    )


def _without_rows(ledger: Ledger, steps: Iterable[Difference]) -> Ledger:
    """The ledger with the rows' seats taken off what their line bills, and was charged for."""
    ends = [entry.period_start for entry in ledger.charged[1:]] + [date.max]
    charged = []
    for entry, end in zip(ledger.charged, ends, strict=True):
        seats = sum(s.quantity for s in steps if isinstance(s, AddProrata) and s.starts < end)
        charged.append(replace(entry, seats=entry.seats - seats, standing=entry.standing - seats))
    return replace(ledger, charged=tuple(charged))


def _charging(ledger: Ledger, starts: date, ends: date | None, seats: int) -> Ledger:
    """The ledger with so many more seats charged in the periods that start on these days, or hold
    the first of them.
    """

    def changed(entries: tuple[Charged, ...]) -> tuple[Charged, ...]:
        first = max((e.period_start for e in entries if e.period_start <= starts), default=starts)
        return tuple(
            replace(entry, seats=entry.seats + seats)
            if first <= entry.period_start and (ends is None or entry.period_start <= ends)
            else entry
            for entry in entries
        )

    return replace(ledger, charged=changed(ledger.charged))
