"""What earlier releases left in queues and tables is read by this one."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.tables.repositories import repositories
from shared.domain.errors import OperatorActionError
from shared.messages import decode_license, decode_tenant
from shared.version import VERSION
from tests.fakes.clock import FakeClock
from tests.fakes.memory_tables import MemoryTables
from tests.releases import RELEASES, lists_of, on, plain, read

DECODERS = {"tenant-sync": decode_tenant, "license-sync": decode_license}
WITH_A_FORM = {*lists_of(on(MemoryTables()))} - {"alerts, news"}  # those hold a name alone
OF_EACH_RELEASE = pytest.mark.parametrize(
    "release", sorted(RELEASES.iterdir()), ids=lambda release: release.name
)


def content(release: Path, name: str) -> Any:
    return json.loads((release / f"{name}.json").read_text("utf-8"))


def tables_of(release: Path) -> MemoryTables:
    tables = MemoryTables()
    tables.load(content(release, "tables"))
    return tables


def lost(then: Any, now: Any, where: str = "") -> list[str]:
    """Return what an old value said and the new one does not; a new one may say more."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            found
            for name, value in then.items()
            for found in (
                lost(value, now[name], f"{where}.{name}") if name in now else [f"{where}.{name}"]
            )
        ]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            found
            for number, (one, other) in enumerate(zip(then, now, strict=True))
            for found in lost(one, other, f"{where}.{number}")
        ]
    return [] if then == now else [where]


def test_what_is_lost_is_noticed():
    then = {"seats": 10, "rows": [{"id": "a"}, {"id": "b"}]}

    assert lost(then, {**then, "later": 1}) == []
    assert lost(then, {"seats": 11, "rows": then["rows"]}) == [".seats"]
    assert lost(then, {"seats": 10, "rows": [{"id": "a"}, {}]}) == [".rows.1.id"]
    assert lost(then, {"seats": 10, "rows": [{"id": "a"}]}) == [".rows"]


def test_this_release_has_left_its_traces():
    assert (RELEASES / VERSION).is_dir(), "run make fixtures"


@OF_EACH_RELEASE
def test_its_messages_are_understood(release: Path):
    found = content(release, "messages")

    assert set(found) == set(DECODERS)
    for queue, messages in found.items():
        for text, meant in messages:
            assert lost(meant, plain(DECODERS[queue](text))) == []


@OF_EACH_RELEASE
def test_what_it_stored_is_read_as_it_was_meant(release: Path):
    values = read(on(tables_of(release)))

    assert lost(content(release, "values"), values) == []


@OF_EACH_RELEASE
def test_it_stored_something_of_every_kind(release: Path):
    values = content(release, "values")

    assert [name for name, found in values.items() if not all(found) or not found] == []
    assert {name.split(",")[0] for name in values} == set(content(release, "tables"))


def test_every_table_has_its_traces():
    tables = MemoryTables()
    repositories(tables, FakeClock())  # type: ignore[arg-type]  # stands for Tables

    known = set(content(RELEASES / VERSION, "tables"))
    assert set(tables.stored) == known, "write and read it in tests/releases.py, and run that"


def newer_form(release: Path) -> MemoryTables:
    tables = content(release, "tables")
    entities = [entity for found in tables.values() for entity in found]
    for entity in entities:
        if "schema" in entity:
            entity["schema"] += 1
    newer = MemoryTables()
    newer.load(tables)
    return newer


@pytest.mark.parametrize("name", sorted(WITH_A_FORM))
def test_what_a_newer_release_stored_is_refused_and_stays(name: str):
    tables = newer_form(RELEASES / VERSION)
    before = tables.dump()

    with pytest.raises(OperatorActionError, match="run the newer version"):
        list(lists_of(on(tables))[name]())

    assert tables.dump() == before
