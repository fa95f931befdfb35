"""Ledgers in table ``books``, by line group."""

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Entity, Tables
from shared.domain.ids import CustomerId, GroupId
from shared.domain.ledger import Ledger
from shared.ports import Versioned


class LedgerTable:
    """A ``LedgerRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._entries = Entries(tables.table(book_rows.TABLE), Codec[Ledger](Ledger, "a ledger"))

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[Ledger], ...]:
        return self._entries.all(key(customer_id), book_rows.of_kind(book_rows.LEDGER))

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Ledger] | None:
        return self._entries.get(key(customer_id), _row(group_id))

    def save(self, read: Versioned[Ledger] | None, ledger: Ledger) -> Versioned[Ledger]:
        return self._entries.save(key(ledger.customer_id), _row(ledger.group_id), read, ledger)

    def value(self, entity: Entity) -> Versioned[Ledger]:
        """Return the ledger that an entity holds."""
        return self._entries.value(entity)


def _row(group_id: GroupId) -> str:
    return key(book_rows.LEDGER, group_id)
