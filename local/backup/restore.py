"""``python -m local restore --from FILE``: what a backup holds, back into the tables.

The whole file is checked before the first entity is written. Tables that hold something are
refused unless ``--replace`` says that their content may go; then what is there is removed first.
Refresh tokens that are there stay where the backup holds none: they cannot be read anew.
Restoring again after an interruption needs ``--replace`` too, and ends in the same.

A backup that is older than the last write to the PSA would say that less was charged than was:
``--without-ledgers`` leaves out what was charged. Lines are then found again by their marks, and
the first thing that would be written to each waits for a person.

Source:
    docs/adr/0028-a-backup-of-the-tables.md
"""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.backup.account import add_arguments, service_of
from local.backup.file import (
    TABLES,
    BackupError,
    Row,
    header_of,
    is_charged,
    is_secret,
    rows_of,
)
from local.hosting.settings import SettingsError
from shared.adapters.storage import translated
from shared.adapters.tables.table import LARGEST_PAGE, MOST_OPERATIONS, Entity, Tables
from shared.domain.errors import SeatsyncError


def restore(
    service: TableServiceClient, path: Path, *, replace: bool = False, ledgers: bool = True
) -> Counter[str]:
    """Write what a backup holds and return how many entities each table got.

    Args:
        replace: Remove what the tables hold.
        ledgers: Restore what was charged too; only from a backup that no write followed.

    Raises:
        BackupError: The file is no whole backup, a table of it is not ours, or tables hold
            something and ``replace`` was not given; nothing is written then.
        SeatsyncError: A table cannot be written.
    """
    header_of(path)
    names: set[str] = set()
    keep_secrets = True
    for row in rows_of(path):
        names.add(row[0])
        keep_secrets = keep_secrets and not is_secret(row)
    if unknown := names - set(TABLES):
        raise BackupError(f"{path} holds tables that are not Seatsync's: {', '.join(unknown)}")

    def present(name: str) -> Iterator[Entity]:
        found = _keys(service, name)
        return (entity for entity in found if not (keep_secrets and is_secret((name, entity))))

    filled = [name for name in TABLES if any(True for _ in present(name))]
    if filled and not replace:
        raise BackupError(
            f"these tables hold something: {', '.join(filled)}; restore into an empty account, "
            "or give --replace to remove it"
        )
    tables = Tables(service)
    for name in filled:
        for chunk in _chunks(present(name)):
            tables.table(name).delete_all(chunk)
    counts: Counter[str] = Counter()
    wanted = (row for row in rows_of(path) if ledgers or not is_charged(row))
    for (name, _), rows in groupby(wanted, key=_place):
        for chunk in _chunks(entity for _, entity in rows):
            tables.table(name).put_all(chunk)
            counts[name] += len(chunk)
    return counts


def main(argv: Sequence[str]) -> int:
    """Restore a backup and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m local restore")
    parser.add_argument("--from", dest="file", type=Path, required=True, help="the backup")
    parser.add_argument("--replace", action="store_true", help="remove what the tables hold")
    parser.add_argument(
        "--without-ledgers", action="store_true", help="for a backup older than the last write"
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        with service_of(arguments) as service:
            counts = restore(
                service,
                arguments.file,
                replace=arguments.replace,
                ledgers=not arguments.without_ledgers,
            )
    except (BackupError, SettingsError, SeatsyncError) as error:
        print(error, file=sys.stderr)
        return 1
    for name in TABLES:
        print(f"{name:16}{counts[name]:>8}")
    print(f"{counts.total()} entities are back")
    return 0


def _place(row: Row) -> tuple[str, str]:
    name, entity = row
    return name, entity.partition


def _keys(service: TableServiceClient, name: str) -> Iterator[Entity]:
    """What a table holds, its keys alone."""
    with translated(f"reading from {name}"), contextlib.suppress(ResourceNotFoundError):
        client = service.get_table_client(name)
        found = client.list_entities(
            results_per_page=LARGEST_PAGE, select=["PartitionKey", "RowKey"]
        )
        for stored in found:
            yield Entity(stored["PartitionKey"], stored["RowKey"], {})


def _chunks(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """As many at once as one transaction takes; memory holds no more."""
    waiting = iter(entities)
    while chunk := list(islice(waiting, MOST_OPERATIONS)):
        yield chunk
