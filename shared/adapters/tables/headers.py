"""Tables ``headers`` and ``lines``: a partition for each run and PSA, by agreement."""

from collections.abc import Iterable
from typing import TypeVar

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.table import Tables, Where
from shared.domain.agreements import Agreement
from shared.domain.ids import AgreementId, ConnectionName, RunId
from shared.ports import KeptLines

T = TypeVar("T")

MOST_SINGLE_READS = 8
"""Up to so many headers are read one by one; more of them in one query of the partition."""


class HeaderTable:
    """A ``HeaderRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Agreement](Agreement, "an agreement's header")
        lines = Codec[KeptLines](KeptLines, "an agreement's lines")
        self._entries = Entries(tables.table("headers"), codec)
        self._lines = Entries(tables.table("lines"), lines)

    def put(self, run_id: RunId, psa: ConnectionName, agreements: Iterable[Agreement]) -> None:
        self._entries.table.put_all(
            self._entries.entity(key(run_id, psa), key(agreement.agreement_id), agreement)
            for agreement in agreements
        )

    def get_many(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, Agreement]:
        wanted = set(agreement_ids)
        found = _of(self._entries, key(run_id, psa), wanted)
        return {one.agreement_id: one for one in found if one.agreement_id in wanted}

    def put_lines(self, run_id: RunId, psa: ConnectionName, kept: Iterable[KeptLines]) -> None:
        for one in kept:  # one by one: a batch of long agreements would be too large to send
            entity = self._lines.entity(key(run_id, psa), key(one.agreement_id), one)
            self._lines.table.put_all([entity])

    def get_lines(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, KeptLines]:
        wanted = set(agreement_ids)
        found = _of(self._lines, key(run_id, psa), wanted)
        return {one.agreement_id: one for one in found if one.agreement_id in wanted}

    def forget(self, run_id: RunId) -> None:
        start = key(run_id) + SEPARATOR
        partitions = Where(
            "PartitionKey gt @start and PartitionKey lt @end",
            {"start": start, "end": start + SEPARATOR},
        )
        for table in (self._entries.table, self._lines.table):
            table.delete_all(table.scan(partitions, select=["PartitionKey", "RowKey"]))


def _of(entries: Entries[T], partition: str, wanted: set[AgreementId]) -> list[T]:
    """What is kept of these agreements, and where they are many, of others too."""
    if len(wanted) > MOST_SINGLE_READS:
        return [one.value for one in entries.all(partition)]
    found = [entries.get(partition, key(one)) for one in sorted(wanted)]
    return [one.value for one in found if one is not None]
