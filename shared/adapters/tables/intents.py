"""Open intents in table ``books``, by line group."""

from dataclasses import dataclass
from datetime import date, datetime

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Entity, Tables
from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    CreateLine,
    EndLine,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import OperatorActionError, StaleVersionError
from shared.domain.history import Change
from shared.domain.ids import CustomerId, GroupId
from shared.domain.intents import Intent
from shared.domain.ledger import Ledger
from shared.ports import Versioned


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """An operation under its name; told apart by their fields alone, some would look the same."""

    create_line: CreateLine | None = None
    set_quantity: SetQuantity | None = None
    end_line: EndLine | None = None
    remove_line: RemoveLine | None = None
    set_description: SetDescription | None = None
    set_price: SetPrice | None = None
    adjust_quantity: AdjustQuantity | None = None
    add_prorata: AddProrata | None = None


@dataclass(frozen=True, slots=True)
class StoredIntent:
    """An intent as it is stored."""

    change: Change
    operations: tuple[StoredOperation, ...]
    ledger: Ledger
    first_uninvoiced: date
    created_at: datetime
    follows: str | None = None


class IntentTable:
    """An ``IntentRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[StoredIntent](StoredIntent, "an intent")
        self._entries = Entries(tables.table(book_rows.TABLE), codec)

    def get(self, customer_id: CustomerId, group_id: GroupId) -> Versioned[Intent] | None:
        found = self._entries.get(key(customer_id), _row(group_id))
        return None if found is None else Versioned(_intent(found.value), found.version)

    def of_customer(self, customer_id: CustomerId) -> tuple[Intent, ...]:
        of_kind = book_rows.of_kind(book_rows.INTENT)
        found = self._entries.all(key(customer_id), of_kind)
        return tuple(_intent(one.value) for one in found)

    def open(self, intent: Intent) -> Versioned[Intent]:
        change = intent.change
        saved = self._entries.save(
            key(change.customer_id), _row(change.group_id), None, _stored(intent)
        )
        return Versioned(intent, saved.version)

    def close(self, read: Versioned[Intent]) -> None:
        change = read.value.change
        try:
            self._entries.table.delete(key(change.customer_id), _row(change.group_id), read.version)
        except StaleVersionError:
            return  # this one is gone; a later intent of the group is not ours to close

    def value(self, entity: Entity) -> Versioned[Intent]:
        """Return the intent that an entity holds."""
        found = self._entries.value(entity)
        return Versioned(_intent(found.value), found.version)


def _row(group_id: GroupId) -> str:
    return key(book_rows.INTENT, group_id)


def _stored(intent: Intent) -> StoredIntent:
    return StoredIntent(
        change=intent.change,
        operations=tuple(_named(operation) for operation in intent.operations),
        ledger=intent.ledger,
        first_uninvoiced=intent.first_uninvoiced,
        created_at=intent.created_at,
        follows=intent.follows,
    )


def _intent(stored: StoredIntent) -> Intent:
    return Intent(
        change=stored.change,
        operations=tuple(_operation(operation) for operation in stored.operations),
        ledger=stored.ledger,
        first_uninvoiced=stored.first_uninvoiced,
        created_at=stored.created_at,
        follows=stored.follows,
    )


def _named(operation: Operation) -> StoredOperation:
    if isinstance(operation, CreateLine):
        return StoredOperation(create_line=operation)
    if isinstance(operation, SetQuantity):
        return StoredOperation(set_quantity=operation)
    if isinstance(operation, EndLine):
        return StoredOperation(end_line=operation)
    if isinstance(operation, RemoveLine):
        return StoredOperation(remove_line=operation)
    if isinstance(operation, SetDescription):
        return StoredOperation(set_description=operation)
    if isinstance(operation, AdjustQuantity):
        return StoredOperation(adjust_quantity=operation)
    if isinstance(operation, AddProrata):
        return StoredOperation(add_prorata=operation)
    return StoredOperation(set_price=operation)


def _operation(stored: StoredOperation) -> Operation:
    found = (
        stored.create_line
        or stored.set_quantity
        or stored.end_line
        or stored.remove_line
        or stored.set_description
        or stored.set_price
        or stored.adjust_quantity
        or stored.add_prorata
    )
    if found is None:
        raise OperatorActionError("an intent is stored with an operation this Seatsync lacks")
    return found
