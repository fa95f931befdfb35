"""Custom licences in table ``books``, by their ids."""

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Entity, Tables
from shared.domain.custom import CustomLicense
from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.ids import CustomerId, CustomLicenseId
from shared.ports import Versioned


class CustomLicenseTable:
    """A ``CustomLicenseRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[CustomLicense](CustomLicense, "a custom licence")
        self._entries = Entries(tables.table(book_rows.TABLE), codec)

    def add(self, license_: CustomLicense) -> Versioned[CustomLicense]:
        try:
            return self._entries.create(*_keys(license_), license_)
        except ConflictError as error:
            raise ConflictError(f"custom licence {license_.license_id} exists") from error

    def get(self, customer_id: CustomerId, license_id: CustomLicenseId) -> Versioned[CustomLicense]:
        found = self._entries.get(key(customer_id), _row(license_id))
        if found is None:
            raise NotFoundError(f"there is no custom licence {license_id}")
        return found

    def save(
        self, read: Versioned[CustomLicense], license_: CustomLicense
    ) -> Versioned[CustomLicense]:
        return self._entries.save(*_keys(license_), read, license_)

    def delete(self, read: Versioned[CustomLicense]) -> None:
        self._entries.table.delete(*_keys(read.value), read.version)

    def of_customer(self, customer_id: CustomerId) -> tuple[Versioned[CustomLicense], ...]:
        return self._entries.all(key(customer_id), book_rows.of_kind(book_rows.CUSTOM))

    def value(self, entity: Entity) -> Versioned[CustomLicense]:
        """Return the custom licence that an entity holds."""
        return self._entries.value(entity)


def _keys(license_: CustomLicense) -> tuple[str, str]:
    return key(license_.customer_id), _row(license_.license_id)


def _row(license_id: CustomLicenseId) -> str:
    return key(book_rows.CUSTOM, license_id)
