"""``python -m local backup --to FILE``: all tables of the app, in one file.

Refresh tokens are left out unless they are asked for: they are secrets, and a sign-in that is
younger than the backup takes their place. Leases are left out, for they last a minute.
"""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.backup.account import add_arguments, service_of
from local.backup.file import (
    FORM,
    TABLES,
    BackupError,
    Header,
    Row,
    is_intent,
    is_secret,
    write,
)
from local.hosting.settings import SettingsError
from shared.adapters.storage import translated
from shared.adapters.tables.codec import SCHEMA
from shared.adapters.tables.keys import OPEN_PREFIX
from shared.adapters.tables.table import LARGEST_PAGE, Entity
from shared.domain.errors import SeatsyncError
from shared.version import VERSION

LEASES = "leases"


def backup(
    service: TableServiceClient, path: Path, *, with_refresh_tokens: bool = False
) -> Counter[str]:
    """Write a backup and return how many entities each table gave; see ``at_work`` too.

    Raises:
        BackupError: The file is there already.
        SeatsyncError: A table cannot be read.
    """
    counts: Counter[str] = Counter()

    def rows() -> Iterator[Row]:
        for name in TABLES:
            for entity in _entities(service, name):
                secret = is_secret((name, entity))
                if name == LEASES or (secret and not with_refresh_tokens):
                    continue
                counts[name] += 1
                if name == "runs" and entity.row.startswith(OPEN_PREFIX):
                    counts["runs at work"] += 1
                if is_intent((name, entity)):
                    counts["open writes"] += 1
                yield name, entity

    header = Header(FORM, SCHEMA, VERSION, datetime.now(UTC).isoformat())
    write(path, header, rows())
    return counts


def at_work(counts: Counter[str]) -> str:
    """Return what a person should know when the app wrote meanwhile; empty when it was at rest."""
    if not counts["runs at work"] and not counts["open writes"]:
        return ""
    return (
        f"the app was at work ({counts['runs at work']} runs, {counts['intents']} open writes): "
        "stop it and take the backup again for one that is of one moment"
    )


def main(argv: Sequence[str]) -> int:
    """Take a backup and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m local backup")
    parser.add_argument("--to", type=Path, required=True, help="the file to write")
    parser.add_argument("--with-refresh-tokens", action="store_true", help="secrets too")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        with service_of(arguments) as service:
            counts = backup(
                service, arguments.to, with_refresh_tokens=arguments.with_refresh_tokens
            )
    except (BackupError, SettingsError, SeatsyncError) as error:
        print(error, file=sys.stderr)
        return 1
    for name in TABLES:
        print(f"{name:16}{counts[name]:>8}")
    print(f"{arguments.to}: {sum(counts[name] for name in TABLES)} entities")
    if warning := at_work(counts):
        print(warning, file=sys.stderr)
    return 0


def _entities(service: TableServiceClient, name: str) -> Iterator[Entity]:
    with translated(f"reading from {name}"), contextlib.suppress(ResourceNotFoundError):
        client = service.get_table_client(name)
        for stored in client.list_entities(results_per_page=LARGEST_PAGE):
            yield Entity(stored["PartitionKey"], stored["RowKey"], stored)
