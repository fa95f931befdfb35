"""Plain quantity: one quantity and no dates; each invoice bills it whole (Syncro).

The next invoice bills the line as it finds it, for the whole of its period. So the line has the
seats that its first day needs, as far as they are known, and a change waits for that invoice. A
fall lowers the next invoice, and nothing is charged twice.

A line cannot begin inside a period. It is there for the first invoice whose period begins on the
start date or later, and for none before: no day before the start date is billed.

Source:
    docs/adr/0018-one-planner-four-ways-to-change.md
"""

from dataclasses import replace
from datetime import date

from shared.domain.agreements import AgreementLine, Operation, RemoveLine, SetQuantity
from shared.domain.changing.facts import Changed, GroupFacts, Opened, spelled


def opened(facts: GroupFacts, given: date | None) -> Opened:  # noqa: ARG001 - no line has a first day
    """Return how the group gets its line: at once, for the next invoice."""
    seats, first = facts.seats_on(facts.counts_on), facts.first_uninvoiced
    in_force = facts.in_force_from(facts.today if facts.seats_on(facts.today) else first)
    text = facts.text(in_force)
    return Opened(
        starts=first,
        quantity=seats,
        operations=(facts.standing_line(seats, first, None, text),),
        ledger=replace(
            facts.ledger,
            last_written=seats,
            line_starts=in_force[0].day,
            started_under=None,
            line_ends=None,
            in_force=in_force,
            charged=(),
            opening=(),
            as_of=facts.today,
            first_uninvoiced=first,
            description=text,
        ),
        explanation=(f"new line of {seats}", _counts_from(facts)),
    )


def changed(facts: GroupFacts, line: AgreementLine, observed: int) -> Changed:
    """Return what the line needs: another quantity, or to be taken away."""
    wanted = facts.seats_on(facts.counts_on)
    kept = replace(
        facts.ledger, last_written=wanted, charged=(), opening=(), as_of=facts.today, line_ends=None
    )
    operations: tuple[Operation, ...] = ()
    explanation: tuple[str, ...] = ()
    if wanted == 0 and _is_done(facts):
        operations = (RemoveLine(line.agreement_id, line.line_id),)
        explanation = (f"line {line.line_id} bills nothing any more and is taken away",)
        kept = kept.ended()
    elif observed != wanted:
        operations = (SetQuantity(line.agreement_id, line.line_id, observed, wanted),)
        explanation = (f"line {line.line_id} from {observed} to {wanted}", _counts_from(facts))
    return Changed(observed, wanted, operations, kept, explanation)


def _is_done(facts: GroupFacts) -> bool:
    """Whether nothing will be billed on the line, as far as it is known."""
    left = facts.ending is not None and facts.ending < facts.today
    return left or facts.rests or not facts.capabilities.can_reach_zero


def _counts_from(facts: GroupFacts) -> str:
    return f"counts from the invoice of {spelled(facts.first_uninvoiced)} on, which bills it whole"
