"""Table ``customers``: one partition, by customer id."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.customers import Customer
from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.ids import CustomerId
from shared.ports import Page, Versioned

PARTITION = "customers"


class CustomerTable:
    """A ``CustomerRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Customer](Customer, "a customer")
        self._entries = Entries(tables.table("customers"), codec)

    def add(self, customer: Customer) -> Versioned[Customer]:
        try:
            return self._entries.create(PARTITION, key(customer.customer_id), customer)
        except ConflictError as error:
            raise ConflictError(f"customer {customer.customer_id} exists") from error

    def get(self, customer_id: CustomerId) -> Versioned[Customer]:
        found = self._entries.get(PARTITION, key(customer_id))
        if found is None:
            raise NotFoundError(f"there is no customer {customer_id}")
        return found

    def save(self, read: Versioned[Customer], customer: Customer) -> Versioned[Customer]:
        return self._entries.save(PARTITION, key(customer.customer_id), read, customer)

    def list(self, continuation: str | None = None, limit: int = 100) -> Page[Customer]:
        return self._entries.page(PARTITION, continuation, limit)

    def all(self) -> tuple[Customer, ...]:
        return tuple(found.value for found in self._entries.all(PARTITION))
