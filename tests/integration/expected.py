"""What a new line and a change look like in each PSA, and how each is written.

All begin alike: an agreement billed monthly in advance and invoiced through March 2026, seen on
17 March. What each can't do differs, and is said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.integration.scenes import Line


@dataclass(frozen=True)
class Expected:
    """One PSA's ways.

    Attributes:
        created, creating: Lines of 10 seats that are new, and the writes that make them.
        changed, changing: Lines once an adopted line of 8 needs 12, and the writes.
        overtaken: The same once it needs 15 at the end.
    """

    created: list[Line]
    creating: list[str]
    changed: list[Line]
    changing: list[str]
    overtaken: list[Line]


_EIGHT = Line(8, "2026-01-01", "2026-03-16", marked=False)

EXPECTED: Final[Mapping[str, Expected]] = {
    # The service's own units change from the day on. A new service is two writes.
    "autotask": Expected(
        created=[Line(10, "2026-03-17", None, marked=True)],
        creating=["psa Services POST", "psa ContractServiceAdjustments POST"],
        changed=[_EIGHT, Line(12, "2026-03-17", None, marked=False)],
        changing=["psa ContractServiceAdjustments POST"],
        overtaken=[_EIGHT, Line(15, "2026-03-17", None, marked=False)],
    ),
    # A row beside the line's own quantity, until the invoice adds it.
    "halopsa": Expected(
        created=[Line(10, "2026-03-17", None, marked=True)],
        creating=["psa Lines POST"],
        changed=[
            Line(8, "2026-01-01", None, marked=False),
            Line(4, "2026-03-17", None, marked=False),
        ],
        changing=["psa RecurringInvoice POST"],
        overtaken=[
            Line(8, "2026-01-01", None, marked=False),
            Line(7, "2026-03-17", None, marked=False),
        ],
    ),
    # No dates, so no days that March is charged for: April's invoice bills the quantity whole.
    "syncro": Expected(
        created=[Line(10, None, None, marked=True)],
        creating=["psa add_line_item POST"],
        changed=[Line(12, None, None, marked=False)],
        changing=["psa line_items PUT"],
        overtaken=[Line(15, None, None, marked=False)],
    ),
}
