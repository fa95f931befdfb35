"""Table ``books``, read as a whole."""

from collections import defaultdict

from shared.adapters.tables.book_rows import CUSTOM, EXCLUSION, INTENT, LEDGER, TREND, kind_of
from shared.adapters.tables.custom_licenses import CustomLicenseTable
from shared.adapters.tables.intents import IntentTable
from shared.adapters.tables.keys import key
from shared.adapters.tables.ledgers import LedgerTable
from shared.adapters.tables.mappings import MappingTable
from shared.adapters.tables.table import Entity
from shared.adapters.tables.trends import TrendTable
from shared.domain.ids import CustomerId
from shared.ports import StoredBook

_KINDS = frozenset({CUSTOM, EXCLUSION, INTENT, LEDGER, TREND})


class BookTable:
    """A ``BookRepository``.

    Args:
        mappings: Reads its table too.
    """

    def __init__(
        self,
        mappings: MappingTable,
        custom_licenses: CustomLicenseTable,
        ledgers: LedgerTable,
        intents: IntentTable,
        trends: TrendTable,
    ) -> None:
        self._mappings = mappings
        self._custom_licenses = custom_licenses
        self._ledgers = ledgers
        self._intents = intents
        self._trends = trends

    def of_customer(self, customer_id: CustomerId) -> StoredBook:
        kinds: defaultdict[str, list[Entity]] = defaultdict(list)
        for entity in self._mappings.table.query(key(customer_id)):
            kind = kind_of(entity.row)
            kinds[kind if kind in _KINDS else ""].append(entity)
        trend = [self._trends.newest(entity) for entity in kinds[TREND]]
        return StoredBook(
            mappings=tuple(self._mappings.mapping(entity) for entity in kinds[""]),
            exclusions=tuple(self._mappings.exclusion(entity) for entity in kinds[EXCLUSION]),
            custom=tuple(self._custom_licenses.value(entity).value for entity in kinds[CUSTOM]),
            ledgers=tuple(self._ledgers.value(entity) for entity in kinds[LEDGER]),
            intents=tuple(self._intents.value(entity).value for entity in kinds[INTENT]),
            trend=trend[0] if trend else None,
        )
