"""Table ``customers``: one partition, by customer id, and a second time by name.

The second entity's key begins with ``~``; both are written in one transaction, so a list by name
needs one range query however many customers there are. All of them together are remembered: to find
one by a part of its name no index helps.
"""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.remembered import STAMP, Remembered
from shared.adapters.tables.table import (
    Create,
    Delete,
    Entity,
    Operation,
    Put,
    Replace,
    Tables,
    Where,
)
from shared.domain.customers import Customer, by_name, sorted_as
from shared.domain.errors import ConflictError, NotFoundError, StaleVersionError
from shared.domain.ids import CustomerId
from shared.ports import Page, Versioned

PARTITION = "customers"
BY_NAME = SEPARATOR
LONGEST_NAME = 100
_BY_ID = Where("RowKey lt @names", {"names": BY_NAME})
_BY_NAME = Where("RowKey lt @stamp", {"stamp": STAMP})


class CustomerTable:
    """A ``CustomerRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Customer](Customer, "a customer")
        self._entries = Entries(tables.table("customers"), codec)
        self._all = Remembered(self._entries.table, PARTITION, self._read_all)

    def add(self, customer: Customer) -> Versioned[Customer]:
        operations: list[Operation] = [
            Create(self._entity(customer)),
            Create(self._named(customer)),
            self._all.changed(),
        ]
        try:
            versions = self._entries.table.transact(operations)
        except (ConflictError, StaleVersionError) as error:
            raise ConflictError(f"customer {customer.customer_id} exists") from error
        return Versioned(customer, versions[0])

    def get(self, customer_id: CustomerId) -> Versioned[Customer]:
        found = self._entries.get(PARTITION, key(customer_id))
        if found is None:
            raise NotFoundError(f"there is no customer {customer_id}")
        return found

    def save(self, read: Versioned[Customer], customer: Customer) -> Versioned[Customer]:
        operations: list[Operation] = [Replace(self._entity(customer), read.version)]
        before = name_row(read.value)
        if before != name_row(customer):
            operations.append(Delete(PARTITION, before))
        operations += [Put(self._named(customer)), self._all.changed()]
        try:
            versions = self._entries.table.transact(operations)
        except ConflictError as error:
            raise StaleVersionError(str(error)) from error
        return Versioned(customer, versions[0])

    def list(self, continuation: str | None = None, limit: int = 100) -> Page[Customer]:
        return self._entries.page(PARTITION, continuation, limit, _BY_NAME, beyond=BY_NAME)

    def all(self) -> tuple[Customer, ...]:
        return self._all.get()

    def _read_all(self) -> tuple[Customer, ...]:
        found = (one.value for one in self._entries.all(PARTITION, _BY_ID))
        return tuple(sorted(found, key=by_name))

    def _entity(self, customer: Customer) -> Entity:
        return self._entries.entity(PARTITION, key(customer.customer_id), customer)

    def _named(self, customer: Customer) -> Entity:
        return self._entries.entity(PARTITION, name_row(customer), customer)


def name_row(customer: Customer) -> str:
    """Return the key of the second entity, by which customers are listed."""
    # What ends the name sorts before all that may follow in a longer one.
    return BY_NAME + key(f"{sorted_as(customer.name)[:LONGEST_NAME]}--", customer.customer_id)
