"""What a call of the storage's library costs the processor: most of what a cycle costs is this."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.azurite import azurite
from shared.adapters.storage import StorageAccount, table_service
from shared.adapters.tables.table import Entity, Tables

ROUNDS = 100
_ENTITIES = 9
_BYTES = 500


@dataclass(frozen=True, slots=True)
class StoragePrice:
    """Processor milliseconds of one call, without the way there and back."""

    read: float
    query: float
    write: float
    transaction: float


def storage_price() -> StoragePrice:
    """Measure each kind of call against the emulator."""
    entities = [
        Entity("p", f"r{number}", {"schema": 1, "data": "x" * _BYTES})
        for number in range(_ENTITIES)
    ]
    with (
        tempfile.TemporaryDirectory(prefix="seatsync-") as directory,
        azurite(log=Path(directory) / "azurite.log") as storage,
        table_service(StorageAccount(storage.connection_string)) as service,
    ):
        table = Tables(service).table("things")
        table.put_all(entities)
        return StoragePrice(
            read=_milliseconds(lambda: table.get("p", "r1")),
            query=_milliseconds(lambda: table.query("p")),
            write=_milliseconds(lambda: table.put_all(entities[:1])),
            transaction=_milliseconds(lambda: table.put_all(entities)),
        )


def _milliseconds(call: Callable[[], object]) -> float:
    call()
    # Of the whole process: the library's transactions work in threads of their own.
    began = time.process_time()
    for _ in range(ROUNDS):
        call()
    return (time.process_time() - began) / ROUNDS * 1000
