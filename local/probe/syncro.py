"""What only an account of Syncro can settle."""

from __future__ import annotations

from decimal import Decimal

from local.probe.bench import Answer, Bench, Lines, ProbeError, mark
from shared.domain.agreements import SetQuantity

NOT_ASKED = (
    "Does a schedule bill the period before its run or the one after, and where does a run on the "
    "31st go? It makes no difference to a plain quantity.",
)
_DEARER = Decimal("1.00")


def ask(bench: Bench) -> None:
    """Ask Syncro's questions.

    Raises:
        ProbeError: No line can be put on the schedule, or the account cannot be reached.
    """
    price = (bench.product.price or Decimal(0)) + _DEARER
    made = bench.attempt(
        bench.new_line(1, 1, bench.first, price=price),
        lambda _: bench.marked(mark(1)) is not None,
    )
    line = bench.marked(mark(1))
    if line is None:
        raise ProbeError(f"no line can be put on the schedule: {made.reason}")
    priced = line.unit_price == price
    bench.found(
        "Does price_retail set the price?",
        Answer.YES if priced else Answer.NO,
        f"asked for {price}, saved with {line.unit_price}",
        "nothing to set" if priced else "no setting; let billing profiles take the PSA's own price",
    )

    def has_none(lines: Lines) -> bool:
        return any(one.line_id == line.line_id and one.quantity == 0 for one in lines)

    emptied = bench.attempt(SetQuantity(line.agreement_id, line.line_id, 1, 0), has_none)
    bench.found(
        "May a quantity be 0?",
        emptied.answer,
        emptied.reason or f"line {line.line_id} went from 1 to 0",
        "nothing to set" if emptied.done else "no setting; a line's last seats go to a person",
    )
    removed = bench.remove(line)
    bench.found(
        "Does schedule_line_item_id name the line to remove?",
        removed.answer,
        removed.reason or f"line {line.line_id} is gone",
        "nothing to set" if removed.done else "no setting; lines are removed by hand",
    )


def undo(bench: Bench) -> None:
    """Remove what is left; where that does nothing, a person has to."""
    for line in bench.own():
        removed = bench.remove(line)
        if not removed.done:
            what = f"line {line.line_id} with {line.quantity}"
            bench.left.append(f"{what}: remove it ({removed.reason})")
