"""Dated adjustments: a line's seats change from a day on, and the PSA prorates (Autotask).

An adjustment is a difference that nothing takes back. Of one line and day only one is taken, and
one before another that is planned would move that one along. So changes are only added after the
last known one, a second one of a day counts from the next day, and none is written before it has
to be.

Source:
    docs/adr/0022-changes-that-nothing-takes-back.md
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from shared.domain.agreements import AdjustQuantity, AgreementLine
from shared.domain.changing.facts import Changed, GroupFacts, Opened, Stop, spelled
from shared.domain.charging import DatedCharge
from shared.domain.periods import DAY
from shared.domain.plans import PlanStatus, Reason, ReasonKind


def opened(facts: GroupFacts, given: date | None) -> Opened | Stop:
    """Return how the group gets its line: from the first day that may still be changed."""
    taken = [line for line in facts.lines if _has_product(line, facts)]
    if taken:
        return Stop(
            PlanStatus.HELD,
            Reason(
                ReasonKind.SEVERAL_LINES,
                f"line {taken[0].line_id} of this product is on the agreement, and the PSA takes "
                "each product once; let the mapping take that line over, or choose another product",
            ),
        )
    wished = facts.first_day(given)
    first = facts.first_uninvoiced
    starts = wished if facts.capabilities.changes_invoiced else max(wished, first)
    if starts > max(facts.today, first) and facts.agreement.prorates:
        text = f"starts on {spelled(starts)}"
        return Stop(PlanStatus.WAITING, Reason(ReasonKind.OVERRIDE_START, text), (text,))
    in_force = facts.in_force_from(starts)
    quantity = in_force[0].seats
    explanation = [f"new line of {quantity} from {spelled(starts)}"]
    if starts > wished:
        explanation.insert(0, _posted(facts))
    if not quantity:
        text = f"nothing is billed from {spelled(starts)} on"
        return Stop(PlanStatus.WAITING, Reason(ReasonKind.AGREEMENT, text), (*explanation, text))
    text_of_line = facts.text(in_force)
    return Opened(
        starts=starts,
        quantity=quantity,
        operations=(facts.standing_line(quantity, starts, None, text_of_line),),
        ledger=replace(
            facts.ledger,
            last_written=quantity,
            line_starts=starts,
            line_ends=None,
            in_force=in_force,
            as_of=facts.today,
            first_uninvoiced=first,
            description=text_of_line,
        ),
        explanation=tuple(explanation),
        back_dated=(starts,) if starts < facts.today and starts < first else (),
    )


def changed(facts: GroupFacts, line: AgreementLine, observed: int) -> Changed:
    """Return the adjustments that the line needs now; its other changes wait for their period.

    Args:
        observed: Seats of the line today; what counts here are those after its last known change.
    """
    steps = line.steps or ()
    level = steps[-1].quantity if steps else observed
    found = tuple(_due(facts, line, level))
    if not facts.capabilities.can_reach_zero:
        found = _above_zero(found)
    final = found[-1].after if found else level
    needed = _needed(facts, _bases(facts)[-1])
    by_others = level not in {facts.ledger.last_written, None}
    posted_before = min(facts.today, facts.first_uninvoiced)
    return Changed(
        observed=level,
        # A number of somebody else's that only waits to be taken back is not what is wanted.
        wanted=needed if by_others and needed is not None else final,
        operations=found,
        ledger=replace(facts.ledger, last_written=final, as_of=facts.today),
        explanation=tuple(_told(facts, line, final, found)),
        credits_due=_credits_due(facts, found),
        back_dated=tuple(
            one.effective
            for one in found
            if one.effective < posted_before and one.after > one.before
        ),
    )


# What is due ----------------------------------------------------------------------------------


def _due(facts: GroupFacts, line: AgreementLine, level: int) -> Iterator[AdjustQuantity]:
    """Yield the changes to write now, in the order of their days, each after the last known one.

    Args:
        level: The seats after that one.
    """
    last = line.steps[-1].starts if line.steps else date.min
    for base in _bases(facts):
        day = base
        if base <= last:
            if base < facts.today or level == _needed(facts, base):
                continue  # seen to when it came
            day = last + DAY
        if day > (facts.agreement.ends or day) or not _may_hold(facts, base, day):
            continue
        seats = _allowed(facts, line, day, level)
        if seats != level:
            yield AdjustQuantity(line.agreement_id, line.line_id, level, seats, day)
            level, last = seats, day


def _bases(facts: GroupFacts) -> tuple[date, ...]:
    """The days whose seats are looked at, in order; the last one is now.

    Now is today, or else the first day that is not posted. Before it come, since the last change,
    first days of periods and days on which rows were known to join or leave: what counts from them
    can still be said.

    Where posted periods can change, nothing has to be written before its day; only on the last day
    before a period is what it begins with said, so that its own invoice has it.
    """
    today, first, ledger = facts.today, facts.first_uninvoiced, facts.ledger
    changes_posted = facts.capabilities.changes_invoiced
    since = ledger.as_of or today
    came = {period.start for period in facts.cycle.between(since, today)}
    came |= {entry.day for entry in ledger.in_force}
    bases = {day for day in came if since < day <= today and (day >= first or changes_posted)}
    if changes_posted or today >= first:
        bases.add(today)
    if first > today and (not changes_posted or first == today + DAY):
        bases.add(first)
    return tuple(sorted(bases))


def _may_hold(facts: GroupFacts, base: date, day: date) -> bool:
    """Whether a change that was pushed off its day may be written on the day it came to.

    The first day of a period that has not begun is left to that period: what it begins with is not
    known yet, and could not be taken back.
    """
    return base > facts.today or day in facts.cycle.containing(base)


def _allowed(facts: GroupFacts, line: AgreementLine, day: date, level: int) -> int:
    """The seats that the line may have from the day on; ``level`` without a change.

    A fall is free on a period's first day, and in a period that has not begun. Else only credits
    make a customer pay less than the most seats in force on any day before today.
    """
    needed = _needed(facts, day)
    if needed is None:
        return level
    start = facts.cycle.containing(day).start
    if not facts.agreement.prorates:
        return needed if day == start else level
    if facts.credits_on and facts.writes_credits:
        return needed
    if day == start or start > facts.today:
        return needed
    return max(needed, min(level, _high_water(facts, line)))


def _high_water(facts: GroupFacts, line: AgreementLine) -> int:
    """The most seats in force on a day of today's period before today; today's can be undone."""
    today, start = facts.today, facts.cycle.containing(facts.today).start
    if today == start:
        return 0
    entries = facts.ledger.in_force
    needed = [entry.seats for entry in entries if start < entry.day < today]
    carried = facts.ledger.seats_on(start)
    return max([*needed, carried or 0, line.quantity_on(today - DAY) or 0])


def _needed(facts: GroupFacts, day: date) -> int | None:
    """The seats in force on a day, or to come; ``None`` before the line has any."""
    ledger = facts.ledger
    if day > facts.today:
        return facts.seats_on(day) if day >= (ledger.line_starts or day) else None
    since = max((entry.day for entry in ledger.in_force if entry.day <= day), default=None)
    seats, override = ledger.seats_on(day), ledger.override
    if (
        since is not None
        and override is not None
        and since <= override.until < day
        and seats == override.seats
    ):
        return facts.seats_on(facts.today)  # the number that a person set had run out by then
    return seats


def _above_zero(found: tuple[AdjustQuantity, ...]) -> tuple[AdjustQuantity, ...]:
    """The changes without those to 0 that another one follows."""
    kept: list[AdjustQuantity] = []
    for one in found:
        before = one.before
        if kept and kept[-1].after == 0 == before:
            before = kept.pop().before
        if before != one.after:
            kept.append(replace(one, before=before))
    return tuple(kept)


# What is told ---------------------------------------------------------------------------------


def _told(
    facts: GroupFacts, line: AgreementLine, final: int, found: tuple[AdjustQuantity, ...]
) -> Iterator[str]:
    bases = _bases(facts)
    for one in found:
        if one.effective not in bases:
            yield (
                "the PSA takes one change of a line and day: this one counts from "
                f"{spelled(one.effective)}"
            )
        elif one.effective > facts.today:
            yield _posted(facts)
        yield (
            f"line {line.line_id} from {one.before} to {one.after} from {spelled(one.effective)}"
        )
    if final != _needed(facts, bases[-1]):
        yield f"line {line.line_id} stays at {final} until its next period begins"


def _posted(facts: GroupFacts) -> str:
    first = facts.first_uninvoiced
    return f"the days before {spelled(first)} are posted: a change counts from then"


def _credits_due(facts: GroupFacts, found: tuple[AdjustQuantity, ...]) -> tuple[DatedCharge, ...]:
    """Today's fall for the days until the line can fall, where credits are on."""
    today, ledger = facts.today, facts.ledger
    before, now = ledger.seats_on(today - DAY), ledger.seats_on(today)
    if not facts.credits_on or not facts.agreement.prorates:
        return ()
    if before is None or now is None or now >= before:
        return ()
    falls = [one.effective for one in found if one.after < one.before and one.effective >= today]
    until = min([*falls, facts.cycle.containing(today).end]) - DAY
    return (DatedCharge(today, until, now - before),) if until >= today else ()


def _has_product(line: AgreementLine, facts: GroupFacts) -> bool:
    """Whether the line takes the place of the group's; one of ours without units is half made."""
    own = facts.standing_line(0, facts.today, None, None).marker
    return line.product_id == facts.group.product_id and not (
        line.marker == own and line.steps == ()
    )
