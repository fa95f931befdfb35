"""Table ``settings``: one entity with everything that the Admins set."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.table import Tables
from shared.domain.preferences import Preferences
from shared.ports import Versioned

PARTITION = "settings"
ROW = "preferences"


class SettingsTable:
    """A ``SettingsRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Preferences](Preferences, "the settings")
        self._entries = Entries(tables.table("settings"), codec)

    def get(self) -> Versioned[Preferences]:
        return self._entries.get(PARTITION, ROW) or Versioned(Preferences(), "")

    def save(
        self, read: Versioned[Preferences], preferences: Preferences
    ) -> Versioned[Preferences]:
        return self._entries.save(PARTITION, ROW, read, preferences)
