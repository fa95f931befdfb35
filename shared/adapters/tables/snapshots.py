"""Table ``snapshots``: a partition for each tenant, with its last complete read."""

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.ids import TenantId
from shared.ports import TenantRecord, Versioned

ROW = "latest"


class SnapshotTable:
    """A ``SnapshotRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[TenantRecord](TenantRecord, "a tenant's snapshot")
        self._entries = Entries(tables.table("snapshots"), codec)

    def get(self, tenant_id: TenantId) -> Versioned[TenantRecord] | None:
        return self._entries.get(key(tenant_id), ROW)

    def save(self, read: Versioned[TenantRecord] | None, record: TenantRecord) -> None:
        self._entries.save(key(record.tenant_id), ROW, read, record)
