"""The file of a backup: gzipped lines of JSON, a header, the entities, and a count.

A file that was cut off lacks the count, and is refused. Values that JSON tells apart (text, 32-bit
numbers, true and false) stand as they are; others under the storage's name of their type, such as
``{"Edm.Int64": "5"}``.
"""

import gzip
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty

from shared.adapters.tables import book_rows
from shared.adapters.tables.codec import SCHEMA
from shared.adapters.tables.refresh_tokens import PARTITION as REFRESH_TOKENS
from shared.adapters.tables.table import Entity, Properties

FORM = 1
TABLES = (
    "alerts",
    "approvals",
    "books",
    "changes",
    "connections",
    "customers",
    "deliveries",
    "exclusions",
    "headers",
    "leases",
    "lines",
    "profiles",
    "reconciliation",
    "runitems",
    "runs",
    "settings",
    "snapshots",
    "trends",
)
"""Every table of the app."""

_KEYS = frozenset({"PartitionKey", "RowKey"})
_ONLY_WE = 0o600


class BackupError(Exception):
    """A file cannot be written, or is not a whole backup that this Seatsync reads."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line.

    Attributes:
        form: Of the file.
        schema: The newest form of entities that may be in it.
        version: The Seatsync that wrote it.
        taken_at: ISO moment, UTC.
    """

    form: int
    schema: int
    version: str
    taken_at: str


Row = tuple[str, Entity]
"""An entity and its table."""


def is_charged(row: Row) -> bool:
    """Return whether an entity tells what was charged, or what was about to be."""
    name, entity = row
    return name == book_rows.TABLE and book_rows.kind_of(entity.row) in book_rows.CHARGED


def is_intent(row: Row) -> bool:
    """Return whether an entity is a write that was begun."""
    name, entity = row
    return name == book_rows.TABLE and book_rows.kind_of(entity.row) == book_rows.INTENT


def is_secret(row: Row) -> bool:
    """Return whether an entity holds a refresh token."""
    name, entity = row
    return name == "connections" and entity.partition == REFRESH_TOKENS


def write(path: Path, header: Header, rows: Iterable[Row]) -> int:
    """Write a backup and return how many entities it has; only its owner may read the file.

    Raises:
        BackupError: The file is there already.
    """
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        raise BackupError(f"{path} is there already; give another name")
    count = 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _ONLY_WE)
    try:
        with os.fdopen(descriptor, "wb") as raw, gzip.open(raw, "wt", encoding="utf-8") as file:
            _line(cast("TextIO", file), asdict(header))
            for table, entity in rows:
                _line(cast("TextIO", file), _told(table, entity))
                count += 1
            _line(cast("TextIO", file), {"entities": count})
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
    return count


def header_of(path: Path) -> Header:
    """Return a file's header.

    Raises:
        BackupError: It is no backup, or a newer Seatsync wrote it.
    """
    for line in _lines(path):
        try:
            header = Header(**line)
        except TypeError:
            break
        if header.form > FORM or header.schema > SCHEMA:
            raise BackupError(
                f"{path}: Seatsync {header.version} wrote it in a form that this one does not "
                "read; restore with that version or a later one"
            )
        return header
    raise BackupError(f"{path} is no backup of Seatsync")


def rows_of(path: Path) -> Iterator[Row]:
    """Return the entities one after another.

    Raises:
        BackupError: The file was cut off, or is damaged; perhaps only after many entities.
    """
    count = 0
    lines = _lines(path)
    next(lines, None)
    for line in lines:
        if "entities" in line:
            if line["entities"] != count:
                raise BackupError(f"{path}: {count} of {line['entities']} entities are in it")
            next(lines, None)  # reads to the end, where the checksum is
            return
        try:
            keys = line["keys"]
            properties = {name: _value(value) for name, value in line["properties"].items()}
            row = line["table"], Entity(keys[0], keys[1], cast("Properties", properties))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise BackupError(f"{path} is damaged after {count} entities") from error
        yield row
        count += 1
    raise BackupError(f"{path} was cut off after {count} entities")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise BackupError(f"{path} is no backup of Seatsync")
                yield line
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{path} cannot be read: {error}") from error


def _line(file: TextIO, content: Mapping[str, Any]) -> None:
    file.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def _told(table: str, entity: Entity) -> dict[str, Any]:
    properties = {
        name: _plain(value) for name, value in entity.properties.items() if name not in _KEYS
    }
    return {"table": table, "keys": [entity.partition, entity.row], "properties": properties}


def _plain(value: object) -> object:
    if isinstance(value, EntityProperty):
        return {EdmType(value.edm_type).value: str(value.value)}
    if isinstance(value, datetime):
        exact = getattr(value, "tables_service_value", None) or value.isoformat()
        return {EdmType.DATETIME.value: exact}
    if isinstance(value, float):
        return {EdmType.DOUBLE.value: repr(value)}
    if isinstance(value, bytes):
        return {EdmType.BINARY.value: b64encode(value).decode()}
    if isinstance(value, UUID):
        return {EdmType.GUID.value: str(value)}
    return value


def _value(told: object) -> object:
    if not isinstance(told, dict):
        return told
    ((name, text),) = told.items()
    kind = EdmType(name)
    if kind is EdmType.DOUBLE:
        return float(text)
    if kind is EdmType.BINARY:
        return b64decode(text)
    if kind is EdmType.GUID:
        return UUID(text)
    return EntityProperty(int(text) if kind is EdmType.INT64 else text, kind)
