"""Table ``books``: a partition for each customer, with all that its plans depend on.

| row key | holds |
|---|---|
| ``<row_id>`` | a row's current mapping |
| ``<row_id>~<yyyymmdd>~<target>`` | a superseded one, by its last day and where it billed |
| ``exclusion~<row_id>`` | an exclusion |
| ``custom~<license_id>`` | a custom licence |
| ``ledger~<group_id>`` | a line group's ledger |
| ``intent~<group_id>`` | a line group's open intent |
| ``trend`` | the customer's newest trend point |

Each kind has its repository; ``BookTable`` reads all of them in one query. The ids of rows begin
with ``sku-``, ``sub-`` or ``custom-``, so that none is taken for a kind.
"""

from shared.adapters.tables.keys import SEPARATOR
from shared.adapters.tables.table import Where

TABLE = "books"
EXCLUSION, CUSTOM, LEDGER, INTENT, TREND = "exclusion", "custom", "ledger", "intent", "trend"
CHARGED = frozenset({LEDGER, INTENT})
"""The kinds that tell what was charged, and what was about to be."""


def kind_of(row: str) -> str:
    """Return the kind of a row, or for a mapping its row id."""
    return row.partition(SEPARATOR)[0]


def of_kind(kind: str) -> Where:
    """Return the condition for the rows of one kind."""
    start = kind + SEPARATOR
    return Where("RowKey ge @from and RowKey lt @to", {"from": start, "to": start + SEPARATOR})
