"""What only a site of Autotask can settle. Little of it can be taken back, and that is told."""

from __future__ import annotations

from datetime import date
from functools import partial

from local.probe.bench import Answer, Bench, Lines, Outcome, ProbeError
from shared.adapters.psa.autotask.gateway import AutotaskGateway
from shared.adapters.psa.autotask.lines import adjustment, kind_and_number
from shared.domain.agreements import AdjustQuantity, Agreement, AgreementLine
from shared.domain.errors import RequestRefusedError
from shared.domain.periods import DAY

NOT_ASKED = (
    "Is what an adjustment adds to a posted period billed with the next posting? Post the contract "
    "again after the second probe, and look at the invoice.",
    "What does a site answer at its threshold, and do its periods run from the contract's start? "
    "Both are understood, and show in the dates of the units.",
)
_POSTED = "May an adjustment begin in a posted period?"


def ask(bench: Bench) -> None:
    """Ask Autotask's questions; that about posted periods once the probe's own units are posted.

    Raises:
        ProbeError: The contract ends too soon, no service can be put on it, or the site cannot be
            reached.
    """
    line = next(iter(bench.own()), None)
    if line is not None:
        _ask_posted(bench, line)
        return
    begins = max(bench.today, bench.header.starts or bench.today)
    following = bench.cycle.after(bench.cycle.containing(begins)).start
    if bench.header.ends is not None and bench.header.ends < following:
        raise ProbeError(f"the contract ends on {bench.header.ends}, before {following}")
    line = _first_unit(bench, begins)
    kept = line.marker is not None
    bench.found(
        "Does a new service keep internalDescription, where our mark is?",
        Answer.YES if kept else Answer.NO,
        f"line {line.line_id} carries {line.marker or 'no mark'}",
        "nothing to set"
        if kept
        else "no setting; a line whose making was interrupted goes to a person",
    )
    again = _adjust(bench, line, 1, 2, begins)
    bench.found(
        "Is a second adjustment of a service taken for one date?",
        again.answer,
        again.reason or f"line {line.line_id} went from 1 to 2 on {begins}",
        "nothing to set: a day's second change is dated on the next day",
    )
    to_zero = _adjust(bench, line, 2 if again.done else 1, 0, following)
    bench.found(
        "May units go to 0?",
        to_zero.answer,
        to_zero.reason or f"line {line.line_id} has none from {following}",
        bench.setting("UNITS_TO_ZERO", "true" if to_zero.done else "false"),
    )
    bench.found(
        _POSTED,
        Answer.OPEN,
        f"approve and post the contract through {following - DAY}, and probe it again",
        "leave POSTED_PERIODS off until then",
    )


def can_go_on(header: Agreement, line: AgreementLine) -> bool:
    """Return whether the line of an earlier probe is posted, and was not adjusted there yet."""
    day = _posted_day(header, line)
    return day is not None and all(step.starts != day for step in line.steps or ())


def undo(bench: Bench) -> None:
    """Tell what stays: the API can neither delete a service nor take an adjustment back."""
    for line in bench.own():
        billed = [step for step in line.steps or () if step.quantity]
        goes_on = bool(line.steps) and line.steps is not None and line.steps[-1].quantity > 0
        if goes_on:
            what = f"{billed[-1].quantity} units from {billed[-1].starts} on, until it is deleted"
        elif billed:
            what = f"no units at last, and {billed[-1].quantity} for some days before"
        else:
            what = "no units"
        bench.left.append(f"contract service {line.line_id} with {what}: delete it in Autotask")


def _posted_day(header: Agreement, line: AgreementLine) -> date | None:
    """Return the last day of the line's units that is posted."""
    begins = line.steps[0].starts if line.steps else None
    if begins is None or header.first_uninvoiced is None or header.first_uninvoiced <= begins:
        return None
    return header.first_uninvoiced - DAY


def _ask_posted(bench: Bench, line: AgreementLine) -> None:
    """Adjust a posted day; later units move with it, which the port would not let happen."""
    day = _posted_day(bench.header, line)
    gateway = bench.gateway
    if day is None or not isinstance(gateway, AutotaskGateway):
        raise ProbeError("the units of the earlier probe are not posted")
    before, number = line.quantity_on(day) or 0, kind_and_number(line.line_id)
    if number is None:
        raise ProbeError(f"line {line.line_id} is none of Autotask's")
    kind, digits = number
    body = adjustment(kind, digits, 1, day)
    began = bench.monotonic()
    try:
        # Below the port, which adjusts no line that has a change planned for later.
        gateway._api.send_json("POST", kind.adjustments, body, kind="autotask.probe")  # noqa: SLF001
    except RequestRefusedError as error:
        taken = Outcome(done=False, reason=str(error))
    else:
        shows = partial(_has, line, before + 1, day)
        taken = bench.watched("adjustment", shows, began=began)
    bench.found(
        _POSTED,
        taken.answer,
        taken.reason or f"line {line.line_id} went from {before} to {before + 1} on {day}",
        bench.setting("POSTED_PERIODS", "true" if taken.done else "false"),
    )


def _first_unit(bench: Bench, begins: date) -> AgreementLine:
    """Put the service on the contract, with one unit."""

    def meant(lines: Lines) -> AgreementLine | None:
        product = bench.product.product_id
        return next((one for one in lines if one.product_id == product), None)

    def shows(lines: Lines) -> bool:
        line = meant(lines)
        return line is not None and line.quantity_on(begins) == 1

    made = bench.attempt(bench.new_line(1, 1, begins), shows)
    line = meant(bench.lines())
    if line is not None and made.done is None and not line.steps:
        # It showed so late that its units were never sent.
        made = _adjust(bench, line, 0, 1, begins)
    if line is None or not made.done:
        raise ProbeError(f"no service can be put on the contract: {made.reason}")
    return line


def _adjust(bench: Bench, line: AgreementLine, before: int, after: int, day: date) -> Outcome:
    wanted = AdjustQuantity(line.agreement_id, line.line_id, before, after, day)
    return bench.attempt(wanted, partial(_has, line, after, day))


def _has(line: AgreementLine, units: int, day: date, lines: Lines) -> bool:
    return any(one.line_id == line.line_id and one.quantity_on(day) == units for one in lines)
