"""Table ``alerts``, partition ``dismissals``: by alert id."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.alerts import Dismissal

PARTITION = "dismissals"


class DismissalTable:
    """A ``DismissalRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Dismissal](Dismissal, "a dismissal")
        self._entries = Entries(tables.table("alerts"), codec)

    def all(self) -> dict[str, Dismissal]:
        return {one.value.alert_id: one.value for one in self._entries.all(PARTITION)}

    def get(self, alert_id: str) -> Dismissal | None:
        found = self._entries.get(PARTITION, key(alert_id))
        return None if found is None else found.value

    def put(self, dismissal: Dismissal) -> None:
        row = key(dismissal.alert_id)
        self._entries.table.put_all([self._entries.entity(PARTITION, row, dismissal)])

    def remove(self, alert_id: str) -> None:
        self._entries.table.delete(PARTITION, key(alert_id))
