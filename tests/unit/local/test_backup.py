"""The file of a backup: everything comes back as it was, and half a file is refused."""

import argparse
import gzip
import json
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from azure.data.tables import EdmType, EntityProperty

from local.backup.account import add_arguments, service_of
from local.backup.file import (
    FORM,
    TABLES,
    BackupError,
    Header,
    header_of,
    rows_of,
    write,
)
from local.backup.restore import main as restore_main
from local.backup.take import main as backup_main
from shared.adapters.tables.codec import SCHEMA
from shared.adapters.tables.repositories import repositories
from shared.adapters.tables.table import Entity
from tests.fakes.clock import FakeClock
from tests.fakes.memory_tables import MemoryTables

HEADER = Header(FORM, SCHEMA, "0.1.0", "2026-03-17T12:00:00+00:00")
ROWS = [
    ("customers", Entity("customers", "contoso", {"schema": 1, "data": '{"name":"Ünï"}'})),
    ("alerts", Entity("alerts", "~a", {"kind": "held", "cleared": False})),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "seatsync.backup"


def lines(file: Path) -> list[str]:
    return gzip.decompress(file.read_bytes()).decode().splitlines(keepends=True)


def rewrite(file: Path, content: list[str]) -> None:
    file.write_bytes(gzip.compress("".join(content).encode()))


def test_a_backup_holds_every_table_that_a_repository_has():
    tables = MemoryTables()
    repositories(tables, FakeClock())  # type: ignore[arg-type]  # stands for Tables

    assert sorted(tables.stored) == list(TABLES)


def test_what_is_written_comes_back(file: Path):
    assert write(file, HEADER, ROWS) == 2
    assert header_of(file) == HEADER
    assert list(rows_of(file)) == ROWS


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (EntityProperty(5, EdmType.INT64), {"Edm.Int64": "5"}),
        (datetime(2026, 3, 17, tzinfo=UTC), {"Edm.DateTime": "2026-03-17T00:00:00+00:00"}),
        (0.1, {"Edm.Double": "0.1"}),
        (b"\x00\xff", {"Edm.Binary": "AP8="}),
        (UUID(int=7), {"Edm.Guid": "00000000-0000-0000-0000-000000000007"}),
        (True, True),
        (1, 1),
        ("1", "1"),
    ],
)
def test_types_are_told_apart(file: Path, value: object, told: object):
    write(file, HEADER, [("runs", Entity("p", "r", {"x": value}))])  # type: ignore[dict-item]  # types of others

    assert json.loads(lines(file)[1])["properties"] == {"x": told}
    (found,) = rows_of(file)
    back = found[1].properties["x"]
    if isinstance(value, datetime):
        assert back == EntityProperty("2026-03-17T00:00:00+00:00", EdmType.DATETIME)
    else:
        assert (back, type(back)) == (value, type(value))


@pytest.mark.skipif(sys.platform == "win32", reason="rights of POSIX")
def test_only_its_owner_may_read_it(file: Path):
    write(file, HEADER, ROWS)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_kept(file: Path):
    file.write_text("precious", "utf-8")

    with pytest.raises(BackupError, match="is there already"):
        write(file, HEADER, ROWS)

    assert file.read_text("utf-8") == "precious"


def test_what_fails_half_way_leaves_no_file(file: Path):
    def broken():
        yield ROWS[0]
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="network"):
        write(file, HEADER, broken())

    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_file_that_was_cut_between_lines_is_refused(file: Path, kept: int):
    write(file, HEADER, ROWS)
    rewrite(file, lines(file)[:kept])

    with pytest.raises(BackupError, match=f"cut off after {kept - 1} entities"):
        list(rows_of(file))


def test_a_file_that_was_cut_anywhere_is_refused(file: Path):
    write(file, HEADER, ROWS)
    file.write_bytes(file.read_bytes()[:-9])

    with pytest.raises(BackupError, match="cannot be read"):
        list(rows_of(file))


def test_a_file_that_lacks_an_entity_is_refused(file: Path):
    write(file, HEADER, ROWS)
    first, _, *rest = lines(file)
    rewrite(file, [first, *rest])

    with pytest.raises(BackupError, match="1 of 2 entities"):
        list(rows_of(file))


@pytest.mark.parametrize("newer", [{"form": FORM + 1}, {"schema": SCHEMA + 1}])
def test_a_backup_of_a_newer_seatsync_is_refused(file: Path, newer: dict[str, int]):
    write(file, HEADER, ROWS)
    first, *rest = lines(file)
    rewrite(file, [json.dumps(json.loads(first) | newer) + "\n", *rest])

    with pytest.raises(BackupError, match=r"Seatsync 0\.1\.0 wrote it in a form"):
        header_of(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"[]\n"), gzip.compress(b"{}\n")],
    ids=["empty", "plain", "a list", "an object"],  # the bytes hold the time, which differs
)
def test_another_file_is_no_backup(file: Path, content: bytes):
    file.write_bytes(content)

    with pytest.raises(BackupError, match=r"no backup|cannot be read"):
        header_of(file)


@pytest.mark.parametrize(("command", "option"), [(backup_main, "--to"), (restore_main, "--from")])
def test_without_an_account_it_says_what_is_missing(monkeypatch, capsys, file, command, option):
    for name in ("AzureWebJobsStorage", "AzureWebJobsStorage__accountName"):
        monkeypatch.delenv(name, raising=False)

    assert command([option, str(file)]) == 1
    assert "AzureWebJobsStorage" in capsys.readouterr().err


def test_an_account_is_entered_by_its_name():
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    with service_of(parser.parse_args(["--account", "contososeatsync"])) as service:
        assert service.url == "https://contososeatsync.table.core.windows.net"


def test_settings_of_a_file_name_the_account_too(tmp_path, monkeypatch):
    monkeypatch.delenv("AzureWebJobsStorage", raising=False)
    settings = tmp_path / "local.settings.json"
    values = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    settings.write_text(json.dumps({"Values": values}), "utf-8")
    parser = argparse.ArgumentParser()
    add_arguments(parser)

    with service_of(parser.parse_args(["--settings", str(settings)])) as service:
        assert "127.0.0.1:10002" in service.url
