"""Pro-rata rows: a difference is a row of the line, which the PSA prorates and adds (HaloPSA).

A quantity counts from the first day of the first period without an invoice, a row from its own day
on. The quantity is written only while no row waits; what can be written in neither way waits for
the next invoice, which makes the rows part of the quantity.

Source:
    docs/adr/0025-pro-rata-rows.md
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from shared.domain.agreements import (
    AddProrata,
    Agreement,
    AgreementLine,
    Capabilities,
    EndLine,
    Operation,
    SetQuantity,
)
from shared.domain.changing.facts import Changed, GroupFacts, Opened, Stop, spelled
from shared.domain.changing.levels import Levels, Settled, Step, levels, seats_of_new
from shared.domain.ledger import Charged
from shared.domain.periods import DAY
from shared.domain.plans import PlanStatus, Reason, ReasonKind


def opened(facts: GroupFacts, given: date | None) -> Opened:
    """Return how the group gets its line: with no seats of its own, and a row for its first day."""
    starts, first, today = facts.first_day(given), facts.first_uninvoiced, facts.today
    in_force = facts.in_force_from(starts)
    seats = in_force[0].seats
    fresh = seats_of_new(facts, starts, seats)
    paid = tuple(one for one in facts.ledger.charged if one.period_start < starts)
    text = facts.text(in_force)
    return Opened(
        starts=starts,
        quantity=seats,
        operations=(facts.standing_line(seats, starts, facts.ending, text),),
        ledger=replace(
            facts.ledger,
            last_written=seats,
            line_starts=starts,
            started_under=first if starts < first else None,
            line_ends=facts.ending,
            in_force=in_force,
            charged=(*paid, *fresh),
            opening=(*paid, *(_in_the_morning(one, starts, facts) for one in fresh)),
            as_of=today,
            first_uninvoiced=first,
            description=text,
        ),
        explanation=(f"new line with a row of {_row(Step(starts, seats))}",),
        back_dated=(starts,) if starts < today and starts < first else (),
    )


def changed(facts: GroupFacts, line: AgreementLine, observed: int) -> Changed | Stop:
    """Return the rows or the quantity that the line needs."""
    if line.computed:
        text = f"the PSA counts the quantity of line {line.line_id} by itself; set it to be entered"
        return Stop(PlanStatus.BLOCKED, Reason(ReasonKind.COMPUTED, text))
    ending = facts.ending
    if ending is not None and _goes_on_until_billed(facts, line, observed, ending):
        facts = replace(facts, ending=None)
    found = levels(facts, line, observed)
    if ending is not None and facts.ending is None and line.ends is not None:
        found = replace(found, steps=_none_from(ending + DAY, found.steps))
    written = facts.ledger.last_written
    by_hand = observed not in {written, None} and found.leave_open_days_alone(
        facts.first_uninvoiced
    )
    writes = _Writes(facts, line, observed)
    if not by_hand:
        writes.write(found.steps)
    end = _end(facts, line, found, writes.after)
    operations: tuple[Operation, ...] = tuple(writes.operations)
    return Changed(
        observed=observed,
        wanted=writes.after,
        operations=operations if end is None else (*operations, end[0]),
        ledger=replace(
            facts.ledger,
            last_written=writes.after,
            line_ends=facts.ledger.line_ends if end is None else end[0].last_day,
            charged=tuple(_charged(one, writes.done, by_hand=by_hand) for one in found.settled),
            opening=tuple(one.opening for one in found.settled),
            as_of=facts.today,
        ),
        explanation=(
            *writes.explanation,
            *_credits(found),
            *(() if facts.ending == ending else (_goes_on(line),)),
            *(() if end is None else (end[1],)),
        ),
        credits_due=found.credits_due,
        back_dated=() if by_hand else found.catch_up,
        by_hand=by_hand,
        waits=writes.waits,
    )


class _Writes:
    """What is written of the steps that a line needs."""

    def __init__(self, facts: GroupFacts, line: AgreementLine, observed: int) -> None:
        self.facts = facts
        self.line = line
        self.after = observed
        self.rows = {row.starts: row.quantity for row in line.waiting if row.quantity}
        self.done: list[Step] = []
        self.operations: list[Operation] = []
        self.explanation: list[str] = []
        self.waits: Reason | None = None

    def write(self, steps: Iterable[Step]) -> None:
        """Make operations of the steps: a quantity first, if none waits, and then rows by day."""
        if self._last_invoice_is_past():
            for step in steps:
                self.explanation.append(
                    f"{_row(step)} is not billed: the line's last invoice is past"
                )
            return
        left = list(steps)
        if not self.rows:
            left = [step for step in left if not self._is_quantity(step)]
        short = 0  # seats that have to stay for want of a way to take them away
        for step in left:
            short = self._row(step, short)
        if short:
            self._wait(-short)

    def _is_quantity(self, step: Step) -> bool:
        """Write the step as the line's quantity, where that is the same."""
        if step.day != self.facts.first_uninvoiced or self.after + step.seats < 0:
            return False
        line, after = self.line, self.after + step.seats
        self.operations.append(SetQuantity(line.agreement_id, line.line_id, self.after, after))
        self.explanation.append(
            f"line {line.line_id} from {self.after} to {after}, counted from {spelled(step.day)}"
        )
        self.after = after
        self.done.append(step)
        return True

    def _row(self, step: Step, short: int) -> int:
        """Write the step as a row, less what could not be taken away before; return what is left.

        A row that takes seats away needs the PSA's leave; one that waits may become smaller.
        """
        seats = step.seats + short
        row = self.rows.get(step.day, 0)
        able = seats
        if seats < 0 and not self.facts.capabilities.credits:
            able = -min(-seats, max(row, 0))
        if able:
            line = self.line
            self.operations.append(
                AddProrata(line.agreement_id, line.line_id, self.after, able, step.day, row)
            )
            said = _row(Step(step.day, able)) if not row else _row(Step(step.day, row + able))
            self.explanation.append(
                f"row of {said}, prorated by the PSA" if not row else f"its row becomes {said}"
            )
            self.after += able
            self.done.append(Step(step.day, able))
            self.rows[step.day] = row + able
        return seats - able

    def _wait(self, seats: int) -> None:
        what = (
            "rows wait for an invoice, and the quantity cannot be written beside them"
            if any(self.rows.values())
            else "the quantity counts for a period that has begun"
        )
        text = f"{seats} fewer wait for the next invoice: {what}"
        self.explanation.append(text)
        self.waits = Reason(ReasonKind.INVOICE, text)

    def _last_invoice_is_past(self) -> bool:
        days = (self.facts.agreement.ends, self.facts.ending)
        last = min((day for day in days if day is not None), default=date.max)
        return last < self.facts.first_uninvoiced


def _in_the_morning(one: Charged, starts: date, facts: GroupFacts) -> Charged:
    """The figures from which the day goes on: what began today may still become less today."""
    is_free = starts >= facts.today and one.period_start < facts.first_uninvoiced
    return Charged(one.period_start, 0, 0) if is_free else one


def _goes_on_until_billed(
    facts: GroupFacts, line: AgreementLine, observed: int, ending: date
) -> bool:
    """Whether the line is left open after its last day, for the invoice that bills its last rows.

    It then has no seats from the next day on, by a row that takes them away, and is ended once that
    invoice has come. Not where the PSA takes no such rows, where no invoice comes any more, and
    where the line was left out of an invoice already with a quantity that it would have billed.
    """
    first, agreement = facts.first_uninvoiced, facts.agreement
    if ending >= first or not _bills_past_days(line, ending, first, agreement, facts.capabilities):
        return False
    missing = levels(replace(facts, ending=None), line, observed).steps
    return _has_rows(line) or any(step.day <= ending for step in missing)


def can_bill_rows_later(
    line: AgreementLine, ends: date, first: date, agreement: Agreement, can: Capabilities
) -> bool:
    """Return whether rows of a line that has ended can still come onto an invoice.

    Args:
        ends: The line's last day.
        first: The first day without an invoice.
    """
    return _has_rows(line) and _bills_past_days(line, ends, first, agreement, can)


def _bills_past_days(
    line: AgreementLine, ends: date, first: date, agreement: Agreement, can: Capabilities
) -> bool:
    """Whether an invoice can bill days up to the last one and take all later ones away again."""
    if not can.credits or (agreement.ends is not None and agreement.ends < first):
        return False
    rows = sum(row.quantity for row in line.waiting)
    return line.ends is None or ends + DAY >= first or line.quantity == rows


def _has_rows(line: AgreementLine) -> bool:
    return any(row.quantity for row in line.waiting)


def _none_from(day: date, steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps of a line that has ended: invoices since its last day have not billed it."""
    before = [step for step in steps if step.day < day]
    rest = sum(step.seats for step in steps if step.day >= day)
    return (*before, Step(day, rest)) if rest else tuple(before)


def _charged(one: Settled, done: Iterable[Step], *, by_hand: bool) -> Charged:
    start = one.period.start
    if by_hand:
        return Charged(start, one.seats, one.wanted)
    actual = one.actual + sum(step.seats for step in done if step.day <= one.period.last_day)
    # Once they are invoiced, seats that could not be taken away again are paid for.
    paid = actual - one.wanted if one.invoiced else 0
    return Charged(start, one.seats + paid, actual)


def _end(
    facts: GroupFacts, line: AgreementLine, found: Levels, after: int
) -> tuple[EndLine, str] | None:
    """The line's last day where it changes, with what to say about it."""
    agreement_id, ledger = line.agreement_id, facts.ledger
    if facts.ending is not None:
        if line.ends == facts.ending:
            return None
        text = f"line {line.line_id} ends on {spelled(facts.ending)}"
        if facts.ending < facts.first_uninvoiced and any(row.quantity for row in line.waiting):
            text += ", and its rows that no invoice has seen are not billed"
        return EndLine(agreement_id, line.line_id, facts.ending), text
    if line.ends is not None and ledger.line_ends is not None:
        text = f"line {line.line_id} goes on after {spelled(line.ends)}"
        return EndLine(agreement_id, line.line_id, None), text
    idle = not after and not any(row.quantity for row in line.waiting)
    if idle and facts.rests and not any(one.seats for one in found.settled):
        since = spelled(ledger.in_force[-1].day)
        last = facts.cycle.containing(facts.today).start - DAY
        text = f"0 since {since}: line {line.line_id} is closed"
        return EndLine(agreement_id, line.line_id, last), text
    return None


def _goes_on(line: AgreementLine) -> str:
    return f"line {line.line_id} is ended later: an invoice is to bill its last days"


def _credits(found: Levels) -> tuple[str, ...]:
    return tuple(
        f"credit of {one.seats} from {spelled(one.starts)} to {spelled(one.ends)} is due and not "
        "written"
        for one in found.credits_due
    )


def _row(step: Step) -> str:
    return f"{step.seats:+} from {spelled(step.day)}"
