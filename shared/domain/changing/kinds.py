"""Which way to change a quantity goes with which kind of PSA."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from shared.domain.agreements import AgreementLine, ChangeKind
from shared.domain.changing import adjustments, dated_lines, plain_quantity, prorata_rows
from shared.domain.changing.facts import Changed, GroupFacts, Opened, Stop


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to change a quantity.

    Attributes:
        opened: How the group gets its line; its second argument is the day that a move or a
            person's start date names.
        changed: What an existing line needs; its last argument is the line's quantity.
    """

    opened: Callable[[GroupFacts, date | None], Opened | Stop]
    changed: Callable[[GroupFacts, AgreementLine, int], Changed | Stop]


KINDS: Final[Mapping[ChangeKind, Kind]] = {
    ChangeKind.DATED_LINES: Kind(dated_lines.opened, dated_lines.changed),
    ChangeKind.PLAIN_QUANTITY: Kind(plain_quantity.opened, plain_quantity.changed),
    ChangeKind.DATED_ADJUSTMENTS: Kind(adjustments.opened, adjustments.changed),
    ChangeKind.PRORATA_ROWS: Kind(prorata_rows.opened, prorata_rows.changed),
}
"""Every kind has its entry; a test holds that."""
