"""Table ``deliveries``: one partition, by delivery id, beside what is claimed for them."""

from collections.abc import Iterable, Sequence

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import OPEN_PREFIX, key
from shared.adapters.tables.table import Create, Operation, Replace, Tables, Where
from shared.domain.digests import Claims, Delivery
from shared.domain.errors import ConflictError, StaleVersionError
from shared.ports import Versioned

PARTITION = "deliveries"
CLAIMS = f"{OPEN_PREFIX}claims"
_DELIVERIES = Where("RowKey lt @claims", {"claims": OPEN_PREFIX})


class DeliveryTable:
    """A ``DeliveryRepository``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.table("deliveries")
        self._deliveries = Entries(self._table, Codec[Delivery](Delivery, "a message"))
        self._claims = Entries(self._table, Codec[Claims](Claims, "what was claimed"))

    def claims(self) -> Versioned[Claims]:
        return self._claims.get(PARTITION, CLAIMS) or Versioned(Claims(), "")

    def open(
        self, read: Versioned[Claims], claims: Claims, deliveries: Sequence[Delivery]
    ) -> Versioned[Claims]:
        entity = self._claims.entity(PARTITION, CLAIMS, claims)
        first = Replace(entity, read.version) if read.version else Create(entity)
        operations: list[Operation] = [first]
        operations += [
            Create(self._deliveries.entity(PARTITION, key(one.delivery_id), one))
            for one in deliveries
        ]
        try:
            return Versioned(claims, self._table.transact(operations)[0])
        except ConflictError as error:
            raise StaleVersionError(str(error)) from error

    def all(self) -> tuple[Versioned[Delivery], ...]:
        return self._deliveries.all(PARTITION, _DELIVERIES)

    def save(self, read: Versioned[Delivery], delivery: Delivery) -> Versioned[Delivery]:
        return self._deliveries.save(PARTITION, key(delivery.delivery_id), read, delivery)

    def forget(self, deliveries: Iterable[Delivery]) -> None:
        rows = [key(one.delivery_id) for one in deliveries]
        for row in rows:
            self._table.delete(PARTITION, row)
