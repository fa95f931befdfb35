"""Table ``headers``: a partition for each run and PSA, by agreement."""

from collections.abc import Iterable

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.table import Tables, Where
from shared.domain.agreements import Agreement
from shared.domain.ids import AgreementId, ConnectionName, RunId
from shared.ports import Versioned

MOST_SINGLE_READS = 8
"""Up to so many headers are read one by one; more of them in one query of the partition."""


class HeaderTable:
    """A ``HeaderRepository``."""

    def __init__(self, tables: Tables) -> None:
        codec = Codec[Agreement](Agreement, "an agreement's header")
        self._entries = Entries(tables.table("headers"), codec)

    def put(self, run_id: RunId, psa: ConnectionName, agreements: Iterable[Agreement]) -> None:
        self._entries.table.put_all(
            self._entries.entity(key(run_id, psa), key(agreement.agreement_id), agreement)
            for agreement in agreements
        )

    def get_many(
        self, run_id: RunId, psa: ConnectionName, agreement_ids: Iterable[AgreementId]
    ) -> dict[AgreementId, Agreement]:
        wanted = set(agreement_ids)
        found: Iterable[Versioned[Agreement] | None]
        if len(wanted) <= MOST_SINGLE_READS:
            found = [self._entries.get(key(run_id, psa), key(one)) for one in sorted(wanted)]
        else:
            found = self._entries.all(key(run_id, psa))
        headers = [header.value for header in found if header is not None]
        return {header.agreement_id: header for header in headers if header.agreement_id in wanted}

    def forget(self, run_id: RunId) -> None:
        start = key(run_id) + SEPARATOR
        partitions = Where(
            "PartitionKey gt @start and PartitionKey lt @end",
            {"start": start, "end": start + SEPARATOR},
        )
        table = self._entries.table
        table.delete_all(table.scan(partitions, select=["PartitionKey", "RowKey"]))
