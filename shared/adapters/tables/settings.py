"""Table ``settings``: one partition, an entity for each kind of setting."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.table import Tables
from shared.domain.guards import GuardSettings
from shared.ports import Versioned

PARTITION = "settings"
GUARDS = "guards"


class SettingsTable:
    """A ``SettingsRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[GuardSettings](GuardSettings, "the thresholds")
        self._guards = Entries(tables.table("settings"), codec)

    def guards(self) -> Versioned[GuardSettings]:
        return self._guards.get(PARTITION, GUARDS) or Versioned(GuardSettings(), "")

    def save_guards(
        self, read: Versioned[GuardSettings], guards: GuardSettings
    ) -> Versioned[GuardSettings]:
        return self._guards.save(PARTITION, GUARDS, read, guards)
