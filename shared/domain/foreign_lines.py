"""Foreign lines: lines that another tool made and that go on billing beside ours.

A person names that tool's mark; lines of ours are never among them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from shared.domain.agreements import MARKER_PREFIX, Agreement, AgreementLine, is_ours
from shared.domain.ids import (
    AgreementId,
    ConnectionName,
    CustomerId,
    GroupId,
    LineId,
    ProductId,
    digest,
)
from shared.domain.periods import DAY


class EndOutcome(StrEnum):
    """What would happen to a foreign line."""

    ENDS = "ends"
    ENDED = "ended"  # on the day or earlier, already
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OwnBilling:
    """What Seatsync bills, or is about to bill, on the agreement.

    Attributes:
        lines: Our standing lines, made or adopted.
        creating: Products of mapped rows that make a line of their own, whatever is there.
    """

    lines: tuple[AgreementLine, ...]
    creating: frozenset[ProductId]

    def owns(self, line: AgreementLine) -> bool:
        """Return whether the line is ours, by its mark or because it was adopted."""
        return is_ours(line) or any(one.line_id == line.line_id for one in self.lines)


@dataclass(frozen=True, slots=True)
class ForeignLine:
    """A foreign line with what would happen to it.

    Attributes:
        customer_id: In whose history it goes.
        text: What would happen, or why nothing.
        warnings: What would be billed twice, or by nobody.
    """

    customer_id: CustomerId
    agreement_id: AgreementId
    agreement_name: str
    line: AgreementLine
    outcome: EndOutcome
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LineEnding:
    """One foreign line to end, as a person saw it.

    Attributes:
        ends: Its last day when it was seen; a line that has another one by now stays.
        name: What history calls it.
        note: Why, in the person's words.
    """

    line_id: LineId
    marker: str
    ends: date | None
    last_day: date
    name: str
    note: str


def may_be_foreign(marker_prefix: str) -> bool:
    """Return whether no mark of ours can begin so."""
    ours, given = MARKER_PREFIX.upper(), marker_prefix.upper()
    return not ours.startswith(given) and not given.startswith(ours)


def foreign_lines(
    lines: Iterable[AgreementLine], marker_prefix: str, own: OwnBilling
) -> tuple[AgreementLine, ...]:
    """Return the lines with another tool's mark; what ends before it began is none."""
    return tuple(
        line
        for line in lines
        if (line.marker or "").startswith(marker_prefix)
        and not own.owns(line)
        and not line.never_bills
    )


def judged(
    line: AgreementLine,
    agreement: Agreement,
    customer_id: CustomerId,
    own: OwnBilling,
    *,
    last_day: date,
    can_end: bool,
    refused: str | None = None,
) -> ForeignLine:
    """Return what would happen if the line were to bill for the last time on a day.

    Args:
        can_end: Whether the PSA lets a line be given a last day.
        refused: Why nothing is written for this customer at all.
    """
    outcome, text = _outcome(line, last_day, can_end=can_end, refused=refused)
    warnings = _warnings(line, agreement, own, last_day) if outcome is EndOutcome.ENDS else ()
    return ForeignLine(
        customer_id, agreement.agreement_id, agreement.name, line, outcome, text, tuple(warnings)
    )


def fingerprint_of(
    found: Iterable[ForeignLine], marker_prefix: str, last_day: date, problems: Iterable[str]
) -> str:
    """Return a name for what was shown; anything that a person would see differently changes it."""
    shown = [
        [
            one.customer_id,
            one.agreement_id,
            one.line.line_id,
            one.line.product_id,
            one.line.marker,
            one.line.quantity,
            str(one.line.starts),
            str(one.line.ends),
            one.outcome,
            one.text,
            *one.warnings,
        ]
        for one in found
    ]
    return digest(json.dumps([marker_prefix, str(last_day), shown, *problems]), length=32)


def group_of_line(psa: ConnectionName, agreement_id: AgreementId, line_id: LineId) -> GroupId:
    """Return the name that a foreign line is leased and recorded under; it has no mapping."""
    return GroupId(digest("foreign line", psa, agreement_id, line_id))


def not_as_shown(ending: LineEnding, line: AgreementLine | None) -> str | None:
    """Return why a line is left alone that is no longer what the person saw, or ``None``."""
    name = f"line {ending.line_id}"
    if line is None:
        return f"{name} is gone from the agreement"
    if line.marker != ending.marker or is_ours(line):
        return f"{name} no longer carries the mark {ending.marker}"
    if line.ends != ending.ends:
        return f"{name} was given the last day {line.ends} since; look at the preview again"
    return None


def _outcome(
    line: AgreementLine, last_day: date, *, can_end: bool, refused: str | None
) -> tuple[EndOutcome, str]:
    if line.ends is not None and line.ends <= last_day:
        return EndOutcome.ENDED, f"ends on {line.ends} already"
    if refused is not None:
        return EndOutcome.REFUSED, refused
    if not can_end:
        return EndOutcome.REFUSED, "this PSA lets nobody end a line by its API; end it there"
    if line.computed:
        return (
            EndOutcome.REFUSED,
            "the PSA computes this line and it is never written; end it there",
        )
    if line.starts is not None and line.starts > last_day:
        return EndOutcome.REFUSED, f"begins on {line.starts}, after that day; take it away there"
    return EndOutcome.ENDS, f"bills for the last time on {last_day}"


def _warnings(
    line: AgreementLine, agreement: Agreement, own: OwnBilling, last_day: date
) -> list[str]:
    found = []
    first = agreement.first_uninvoiced
    if first is None:
        found.append("through which day it is invoiced is not known: look at the last invoice")
    elif last_day < first - DAY:
        found.append(
            f"it is invoiced through {first - DAY}: nothing is given back for the days after "
            f"{last_day} by itself, and what is mapped to start there bills them a second time"
        )
    for one in own.lines:
        if one.product_id != line.product_id or one.never_bills:
            continue
        begins = max(day for day in (one.starts, line.starts, date.min) if day is not None)
        ends = last_day if one.ends is None else min(last_day, one.ends)
        if begins <= ends:
            found.append(f"line {one.line_id} bills the same product too, until {ends}: twice")
        elif one.starts is not None and one.starts > last_day + DAY:
            gap = f"from {last_day + DAY} to {one.starts - DAY}"
            found.append(f"line {one.line_id} of the same product begins later: nobody bills {gap}")
    if line.product_id in own.creating:
        found.append(
            "a row of the same product is mapped to make a line of its own: give it an override "
            f"start date after {last_day}, or both bill"
        )
    return found
