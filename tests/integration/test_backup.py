"""A backup on the real stack: after everything is lost, nothing is written twice or forgotten."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from azure.data.tables import EdmType, EntityProperty, TableServiceClient

from local.backup.file import TABLES, BackupError
from local.backup.restore import restore
from local.backup.take import backup
from shared.adapters.tables.refresh_tokens import PARTITION as REFRESH_TOKENS
from tests.integration.accounts import own_account
from tests.integration.nursery import ROOT
from tests.integration.stack import BUSINESS_PREMIUM, Stack


@pytest.fixture
def service():
    """An account of the test's own: a restore looks at all tables."""
    with TableServiceClient.from_connection_string(own_account().connection_string) as tables:
        yield tables


def contents(service: TableServiceClient, table: str) -> dict[tuple[str, str], dict[str, object]]:
    client = service.get_table_client(table)
    return {(one["PartitionKey"], one["RowKey"]): dict(one) for one in client.list_entities()}


def test_every_type_comes_back_as_it_was(service, tmp_path):
    entity = {
        "PartitionKey": "p",
        "RowKey": "r",
        "text": "Ünï",
        "number": 7,
        "yes": True,
        "long": EntityProperty(2**40, EdmType.INT64),
        "double": 0.1,
        "moment": datetime(2026, 3, 17, 9, 30, 0, 123456, tzinfo=UTC),
        "bytes": b"\x00\xff",
        "guid": UUID(int=7),
    }
    service.create_table("runs").create_entity(entity)
    before = contents(service, "runs")
    backup(service, tmp_path / "b")

    restore(service, tmp_path / "b", replace=True)

    after = contents(service, "runs")
    assert after == before
    assert {name: type(value) for name, value in after["p", "r"].items()} == {
        name: type(value) for name, value in before["p", "r"].items()
    }


def test_large_partitions_come_back_in_transactions(service, tmp_path):
    table = service.create_table("changes")
    for partition in ("a", "b"):
        for start in (0, 100, 200):
            rows = range(start, min(start + 100, 201))
            table.submit_transaction(
                [
                    ("create", {"PartitionKey": partition, "RowKey": f"{row:04}", "n": row})
                    for row in rows
                ]
            )
    before = contents(service, "changes")
    assert backup(service, tmp_path / "b") == {"changes": 402}

    # What came after the backup goes.
    table.create_entity({"PartitionKey": "a", "RowKey": "later"})
    assert restore(service, tmp_path / "b", replace=True) == {"changes": 402}

    assert contents(service, "changes") == before


def test_tables_that_hold_something_are_left_alone_unless_told(service, tmp_path):
    service.create_table("customers").create_entity({"PartitionKey": "c", "RowKey": "1", "n": 1})
    backup(service, tmp_path / "b")
    client = service.get_table_client("customers")
    client.upsert_entity({"PartitionKey": "c", "RowKey": "1", "n": 2})

    with pytest.raises(BackupError, match="these tables hold something: customers"):
        restore(service, tmp_path / "b")

    assert contents(service, "customers")["c", "1"]["n"] == 2


def test_refresh_tokens_are_in_it_only_when_asked_for_and_leases_never(service, tmp_path):
    connections = service.create_table("connections")
    connections.create_entity({"PartitionKey": REFRESH_TOKENS, "RowKey": "main", "data": "secret"})
    connections.create_entity({"PartitionKey": "connections", "RowKey": "main", "data": "{}"})
    service.create_table("leases").create_entity({"PartitionKey": "c", "RowKey": "g"})

    assert backup(service, tmp_path / "without") == {"connections": 1}
    assert backup(service, tmp_path / "with", with_refresh_tokens=True) == {"connections": 2}


@pytest.mark.parametrize("with_tokens", [False, True])
def test_the_newest_refresh_token_stays_where_the_backup_holds_none(service, tmp_path, with_tokens):
    connections = service.create_table("connections")
    token = {"PartitionKey": REFRESH_TOKENS, "RowKey": "main"}
    connections.create_entity({**token, "data": "old"})
    backup(service, tmp_path / "b", with_refresh_tokens=with_tokens)
    connections.upsert_entity({**token, "data": "new"})

    restore(service, tmp_path / "b", replace=with_tokens)

    kept = contents(service, "connections")[REFRESH_TOKENS, "main"]["data"]
    assert kept == ("old" if with_tokens else "new")


@pytest.mark.stack
def test_after_backup_loss_and_restore_a_cycle_writes_nothing_and_history_is_kept(
    stack: Stack, tmp_path: Path
):
    mapped = stack.mapped_contoso(seats=10)
    stack.sync(mapped.customer_id)
    stack.buy(mapped.tenant, BUSINESS_PREMIUM, 2)
    stack.travel(timedelta(days=1))
    stack.sync(mapped.customer_id)
    stack.idle()
    lines, history = stack.lines(), history_of(stack, mapped.customer_id)
    assert len(history) == 2
    stack.host.stop()
    command(stack, "backup", "--to", str(tmp_path / "b"))

    lose_everything(stack)
    stack.start_host()
    assert stack.get("/api/customers").json()["items"] == []
    stack.host.stop()
    command(stack, "restore", "--from", str(tmp_path / "b"), "--replace")
    stack.start_host()
    stack.travel(timedelta(days=1))
    written = len(stack.psa.audit)
    run = stack.finished(stack.post("/api/runs").json()["run_id"])
    stack.idle()

    assert run["items"]["unchanged"] == 1
    assert run["items"]["failed"] == run["items"]["blocked"] == run["items"]["held"] == 0
    assert len(stack.psa.audit) == written
    assert stack.lines() == lines
    assert history_of(stack, mapped.customer_id) == history


@pytest.mark.stack
def test_a_backup_older_than_the_last_write_finds_lines_again_and_bills_nothing_twice(
    stack: Stack, tmp_path: Path
):
    mapped = stack.mapped_contoso(seats=10)
    stack.sync(mapped.customer_id)
    stack.idle()
    command(stack, "backup", "--to", str(tmp_path / "b"))
    stack.buy(mapped.tenant, BUSINESS_PREMIUM, 2)
    stack.travel(timedelta(days=1))
    stack.sync(mapped.customer_id)
    stack.idle()
    lines = stack.lines()
    stack.host.stop()

    lose_everything(stack)
    command(stack, "restore", "--from", str(tmp_path / "b"), "--without-ledgers")
    stack.start_host()
    written = len(stack.psa.audit)
    cycles = []
    for _ in range(2):
        stack.travel(timedelta(days=1))
        cycles.append(stack.finished(stack.post("/api/runs").json()["run_id"])["items"])
        stack.idle()

    assert [items["failed"] + items["blocked"] for items in cycles] == [0, 0]
    assert stack.lines() == lines
    assert len(stack.psa.audit) == written
    assert len(history_of(stack, mapped.customer_id)) >= 1


def history_of(stack: Stack, customer_id: str) -> list[object]:
    found: list[object] = stack.get(f"/api/customers/{customer_id}/history").json()["items"]
    return found


def command(stack: Stack, *arguments: str) -> None:
    """Run a command as an operator would, on the stack's storage."""
    subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={"AzureWebJobsStorage": stack.environment["AzureWebJobsStorage"]},
        check=True,
        capture_output=True,
        timeout=60,
    )


def lose_everything(stack: Stack) -> None:
    storage = stack.environment["AzureWebJobsStorage"]
    with TableServiceClient.from_connection_string(storage) as tables:
        for name in TABLES:
            tables.delete_table(name)  # a missing one is no error
