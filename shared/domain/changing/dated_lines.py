"""Dated lines: a difference inside a settled period is a line of its own (ConnectWise).

The maths of what is due is in ``shared.domain.charging``; this makes operations of it.

Source:
    docs/adr/0008-dated-lines-and-the-high-water-mark.md
"""

from dataclasses import replace
from datetime import date

from shared.domain.agreements import (
    AgreementLine,
    CreateLine,
    EndLine,
    LineKind,
    Operation,
    RemoveLine,
    SetQuantity,
    dated_marker,
    decided_prefix,
)
from shared.domain.changing.facts import Changed, GroupFacts, Opened, set_by_hand, spelled
from shared.domain.charging import Calendar, Charges, DatedCharge, charges, standing_quantity
from shared.domain.periods import DAY


def opened(facts: GroupFacts, given: date | None) -> Opened:
    """Return how the group gets its line, with the dated lines of its first periods."""
    starts, first = facts.first_day(given), facts.first_uninvoiced
    in_force = facts.in_force_from(starts)
    ledger = replace(
        facts.ledger,
        last_written=in_force[0].seats,
        line_starts=starts,
        started_under=first if starts < first else None,
        line_ends=facts.ending,
        in_force=in_force,
        as_of=facts.today,
        first_uninvoiced=first,
        description=facts.text(in_force),
    )
    calendar = calendar_of(facts)
    standing = standing_quantity(ledger, calendar, facts.seats_on)
    quantity = in_force[0].seats if standing is None else standing
    due = charges(
        ledger,
        calendar,
        facts.seats_on,
        standing=quantity,
        credits_on=facts.credits_on,
        adopted_by_hand=False,
    )
    line = facts.standing_line(quantity, starts, facts.ending, ledger.description)
    dated = _Dated(facts)
    if due.lines:
        dated.write(due, ledger.description)
    return Opened(
        starts=starts,
        quantity=quantity,
        operations=(line, *dated.operations),
        ledger=replace(ledger, last_written=quantity, charged=due.charged, opening=due.opening),
        explanation=(f"new line of {quantity} from {spelled(starts)}", *dated.explanation),
        credits_due=dated.credits_due,
        back_dated=(starts,) if starts < facts.today and starts < first else (),
    )


def changed(facts: GroupFacts, line: AgreementLine, observed: int) -> Changed:
    """Return what the standing line needs, and the dated lines beside it."""
    known, calendar = facts.ledger, calendar_of(facts)
    needed = facts.seats_on(facts.today)
    wanted = standing_quantity(known, calendar, facts.seats_on)
    if wanted is None:
        wanted = observed if known.last_written is None else known.last_written
    by_hand = set_by_hand(facts, observed, wanted)
    due = charges(
        known,
        calendar,
        facts.seats_on,
        standing=wanted,
        credits_on=facts.credits_on,
        adopted_by_hand=by_hand and needed == wanted,
    )
    dated = _Dated(facts)
    dated.write(due, facts.text(known.in_force))
    operations, explanation = dated.operations, dated.explanation
    if observed != wanted:
        change = SetQuantity(facts.agreement.agreement_id, line.line_id, observed, wanted)
        # A stop between the two must not leave the first days billed twice.
        operations.insert(0 if due.compensates else len(operations), change)
        explanation.append(f"line {line.line_id} from {observed} to {wanted}")
    elif needed != wanted:
        explanation.append(f"line {line.line_id} stays at {wanted} until it is invoiced")
    end = _end(facts, line, due, wanted)
    if end is not None:
        operations.append(end[0])
        explanation.append(end[1])
    return Changed(
        observed=observed,
        wanted=wanted,
        operations=tuple(operations),
        ledger=replace(
            known,
            last_written=wanted,
            line_ends=known.line_ends if end is None else end[0].last_day,
            charged=due.charged,
            opening=due.opening,
            # Once an invoice came between two changes of a day, nothing tells the day's invoiced
            # lines from the others: what follows on that day is no longer merged.
            as_of=facts.today if _are_editable(facts) or not _todays_lines(facts) else None,
        ),
        explanation=tuple(explanation),
        credits_due=dated.credits_due,
        back_dated=tuple(charge.starts for charge in due.catch_up),
    )


def calendar_of(facts: GroupFacts) -> Calendar:
    """Return the days that decide what is settled."""
    last = [day for day in (facts.agreement.ends, facts.ending) if day is not None]
    return Calendar(
        cycle=facts.cycle,
        today=facts.today,
        first_uninvoiced=facts.first_uninvoiced,
        first_day=facts.agreement.starts,
        last_day=min(last, default=None),
        dated_lines=facts.agreement.prorates,
    )


class _Dated:
    """The dated lines of one plan."""

    def __init__(self, facts: GroupFacts) -> None:
        self.facts = facts
        self.operations: list[Operation] = []
        self.explanation: list[str] = []
        self.credits_due: tuple[DatedCharge, ...] = ()

    def write(self, due: Charges, text: str | None) -> None:
        """Make, edit and take back today's lines, until they are those that are due."""
        writes_credits = self.facts.writes_credits
        wanted = [c for c in due.lines if c.seats > 0 or writes_credits]
        self.credits_due = tuple(c for c in due.lines if c.seats < 0 and not writes_credits)
        for charge in self.credits_due:
            self.explanation.append(f"credit of {_span(charge)} is due and not written")
        editable = _are_editable(self.facts)
        todays = _todays_lines(self.facts)
        kept = set()
        for charge in wanted:
            marker = self._marker(charge, todays, editable=editable)
            line = todays.get(marker)
            self.explanation.append(f"line of {_span(charge)}")
            if line is None:
                self.operations.append(self._line(charge, marker, text))
                continue
            kept.add(marker)
            if line.quantity != charge.seats:
                self.operations.append(
                    SetQuantity(line.agreement_id, line.line_id, line.quantity or 0, charge.seats)
                )
        if editable:
            for marker, line in sorted(todays.items()):
                if marker not in kept and (line.starts or self.facts.today) >= due.editable_from:
                    self.operations.append(RemoveLine(line.agreement_id, line.line_id))
                    self.explanation.append(f"today's line {line.line_id} is taken back")

    def _marker(
        self, charge: DatedCharge, todays: dict[str, AgreementLine], *, editable: bool
    ) -> str:
        group_id, today = self.facts.group.group_id, self.facts.today
        serial = 1
        while True:
            marker = dated_marker(group_id, today, charge.starts, charge.ends, serial)
            if editable or marker not in todays:
                return marker
            serial += 1  # that one is on an invoice already

    def _line(self, charge: DatedCharge, marker: str, text: str | None) -> CreateLine:
        return replace(
            self.facts.standing_line(charge.seats, charge.starts, charge.ends, text),
            marker=marker,
            kind=LineKind.DATED,
        )


def _todays_lines(facts: GroupFacts) -> dict[str, AgreementLine]:
    """Dated lines that were decided today, by mark."""
    prefix = decided_prefix(facts.group.group_id, facts.today)
    return {
        line.marker: line
        for line in facts.lines
        if line.marker and line.marker.startswith(prefix) and not line.never_bills
    }


def _are_editable(facts: GroupFacts) -> bool:
    """Whether today's lines are on no invoice yet."""
    ledger = facts.ledger
    return ledger.as_of == facts.today and ledger.first_uninvoiced == facts.first_uninvoiced


def _end(
    facts: GroupFacts, line: AgreementLine, due: Charges, wanted: int
) -> tuple[EndLine, str] | None:
    """The standing line's last day where it changes, with what to say about it."""
    agreement_id, ledger = facts.agreement.agreement_id, facts.ledger
    if facts.ending is not None:
        if line.ends == facts.ending:
            return None
        text = f"line {line.line_id} ends on {spelled(facts.ending)}"
        return EndLine(agreement_id, line.line_id, facts.ending), text
    if line.ends is not None and ledger.line_ends is not None:
        text = f"line {line.line_id} goes on after {spelled(line.ends)}"
        return EndLine(agreement_id, line.line_id, None), text
    if wanted == 0 and facts.rests and not any(charged.seats for charged in due.charged):
        since = spelled(ledger.in_force[-1].day)
        last = facts.cycle.containing(facts.today).start - DAY
        text = f"0 since {since}: line {line.line_id} is closed"
        return EndLine(agreement_id, line.line_id, last), text
    return None


def _span(charge: DatedCharge) -> str:
    return f"{charge.seats} from {spelled(charge.starts)} to {spelled(charge.ends)}"
