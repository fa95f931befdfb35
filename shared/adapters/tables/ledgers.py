"""Table ``ledgers``: a partition for each customer, by line group."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.ids import CustomerId, GroupId
from shared.domain.ledger import Ledger
from shared.ports import Versioned


class LedgerTable:
    """A ``LedgerRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._entries = Entries(tables.table("ledgers"), Codec[Ledger](Ledger, "a ledger"))

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Ledger], ...]:
        return self._entries.all(key(customer_id))

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Ledger] | None:
        return self._entries.get(key(customer_id), key(group_id))

    def save(self, read: Versioned[Ledger] | None, ledger: Ledger) -> Versioned[Ledger]:
        return self._entries.save(key(ledger.customer_id), key(ledger.group_id), read, ledger)
