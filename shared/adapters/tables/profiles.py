"""Table ``profiles``: one partition, by profile id."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.ids import ProfileId
from shared.domain.mappings import BillingProfile
from shared.ports import Versioned

PARTITION = "profiles"


class ProfileTable:
    """A ``ProfileRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[BillingProfile](BillingProfile, "a billing profile")
        self._entries = Entries(tables.table("profiles"), codec)

    def add(self, profile: BillingProfile) -> Versioned[BillingProfile]:
        try:
            return self._entries.create(PARTITION, key(profile.profile_id), profile)
        except ConflictError as error:
            raise ConflictError(f"billing profile {profile.profile_id} exists") from error

    def get(self, profile_id: ProfileId) -> Versioned[BillingProfile]:
        found = self._entries.get(PARTITION, key(profile_id))
        if found is None:
            raise NotFoundError(f"there is no billing profile {profile_id}")
        return found

    def save(
        self, read: Versioned[BillingProfile], profile: BillingProfile
    ) -> Versioned[BillingProfile]:
        return self._entries.save(PARTITION, key(profile.profile_id), read, profile)

    def delete(self, read: Versioned[BillingProfile]) -> None:
        self._entries.table.delete(PARTITION, key(read.value.profile_id), read.version)

    def all(self) -> tuple[Versioned[BillingProfile], ...]:
        found = self._entries.all(PARTITION)
        return tuple(sorted(found, key=lambda x: (x.value.name.casefold(), x.value.profile_id)))
