"""What only a site of ConnectWise can settle."""

from __future__ import annotations

from datetime import timedelta

from local.probe.bench import Bench, Lines, ProbeError, mark
from shared.domain.agreements import AgreementLine, EndLine
from shared.domain.periods import DAY

NOT_ASKED = (
    "Is cancelledDate billed itself, and does a quantity changed within a period bill its part? "
    "Only an invoice tells: docs/psa-adapters.md says what to compare.",
)
_SOME_DAYS = timedelta(days=27)


def ask(bench: Bench) -> None:
    """Ask ConnectWise's questions.

    Raises:
        ProbeError: No line can be put on the agreement, or the site cannot be reached.
    """
    first = bench.first
    made = bench.attempt(bench.new_line(1, 1, first), lambda _: bench.marked(mark(1)) is not None)
    line = bench.marked(mark(1))
    if line is None:
        raise ProbeError(f"no line can be put on the agreement: {made.reason}")
    agreement, number = line.agreement_id, line.line_id

    def now(lines: Lines) -> AgreementLine | None:
        return next((one for one in lines if one.line_id == number), None)

    def ends(lines: Lines, last: object) -> bool:
        found = now(lines)
        return found is not None and found.ends == last

    one_day = bench.attempt(EndLine(agreement, number, first), lambda found: ends(found, first))
    bench.found(
        "May cancelledDate be the effectiveDate, as the last billed day of a day's line?",
        one_day.answer,
        one_day.reason or f"line {number} was taken with {first} as both",
        "as Seatsync reads it; an invoice proves it"
        if one_day.done
        else "do not write to this site: tell us, its last days are read another way",
    )
    if not one_day.done:
        bench.attempt(EndLine(agreement, number, first + DAY), lambda x: ends(x, first + DAY))
    opened = bench.attempt(EndLine(agreement, number, None), lambda found: ends(found, None))
    bench.found(
        "Does a PATCH with `remove` take cancelledDate away?",
        opened.answer,
        opened.reason or f"line {number} is open again",
        "nothing to set" if opened.done else "no setting; a line that ended is replaced by hand",
    )
    credit = bench.attempt(
        bench.new_line(2, -1, first, first + _SOME_DAYS),
        lambda _: bench.marked(mark(2)) is not None,
    )
    bench.found(
        "Are negative quantities taken?",
        credit.answer,
        credit.reason or "a line of -1 was saved",
        bench.setting("CREDITS", "write" if credit.done else "report"),
    )


def undo(bench: Bench) -> None:
    """Delete the probe's lines."""
    for line in bench.own():
        removed = bench.remove(line)
        if not removed.done:
            bench.left.append(f"addition {line.line_id}: delete it ({removed.reason})")
