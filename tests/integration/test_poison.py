"""Messages that nobody can work on end as failed items with a reason; nothing is lost."""

import json
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from local.simulators.common.faults import Fault, Kind
from tests.integration.stack import QUEUES, Stack

pytestmark = pytest.mark.stack


def failed_items(stack: Stack) -> list[dict[str, Any]]:
    """Return the failed items of all runs."""
    found = []
    for run in stack.get("/api/runs").json()["items"]:
        found += stack.get(f"/api/runs/{run['run_id']}/items?state=failed").json()["items"]
    return found


def stored_items(stack: Stack) -> str:
    """Return all items of runs as they are stored: the API does not show messages."""
    storage = stack.environment["AzureWebJobsStorage"]
    with TableServiceClient.from_connection_string(storage) as tables:
        return json.dumps(
            [dict(row) for row in tables.get_table_client("runitems").list_entities()], default=str
        )


def the_failed_item(stack: Stack) -> dict[str, Any]:
    """Wait until one item has failed and all queues are empty, and return it."""
    item = stack.eventually(lambda: failed_items(stack), seconds=60)[0]
    stack.idle()
    stack.eventually(
        lambda: not any(stack.depth(f"{queue}-poison") for queue in QUEUES), seconds=60
    )
    assert len(failed_items(stack)) == 1
    return item


def a_tenant_message(customer_id: str, run_id: str) -> dict[str, Any]:
    return {
        "version": 1,
        "run_id": run_id,
        "tenant_id": "00000000-0000-4000-8000-00000000aaaa",
        "microsoft": "main",
        "customer_ids": [customer_id],
        "row_id": None,
        "attempt": 1,
    }


def a_license_message(customer_id: str, run_id: str) -> dict[str, Any]:
    return {
        "version": 1,
        "run_id": run_id,
        "customer_id": customer_id,
        "group_id": "0123456789abcdef",
        "agreement_id": "7001",
        "agreement": None,
        "text": None,
        "approval_id": None,
        "undo_of": None,
        "attempt": 1,
    }


MESSAGES = [
    pytest.param("tenant-sync", a_tenant_message, id="tenant-sync"),
    pytest.param("license-sync", a_license_message, id="license-sync"),
    pytest.param("sync-now", a_tenant_message, id="sync-now, a tenant"),
    pytest.param("sync-now", a_license_message, id="sync-now, a line group"),
]


def test_messages_that_cannot_be_read_are_kept_each_with_its_reason(stack: Stack):
    stack.start_host()
    unreadable = {"{not JSON": "json invalid", '{"version": 9}': "version: ", "[]": "body: model"}

    for queue in QUEUES:
        for text in unreadable:
            stack.put_message(queue, text)

    items = stack.eventually(
        lambda: (
            found if len(found := failed_items(stack)) == len(QUEUES) * len(unreadable) else None
        )
    )
    stack.idle()
    details = [item["detail"].lower() for item in items]
    for queue in QUEUES:
        for reason in unreadable.values():
            assert len([one for one in details if f" {queue} " in one and reason in one]) == 1
    [alert] = stack.get("/api/alerts").json()["items"]
    assert alert["text"] in {item["detail"] for item in items}
    kept = stored_items(stack)
    for text in unreadable:
        assert kept.count(json.dumps(json.dumps(text)[1:-1])[1:-1]) >= len(QUEUES)


@pytest.mark.parametrize(("queue", "message"), MESSAGES)
def test_a_message_that_names_nobody_fails_in_its_run(stack: Stack, queue, message):
    story = stack.mapped_contoso()
    run_id = stack.sync(story.customer_id)["run_id"]

    stack.put_message(queue, json.dumps(message("c-nobody", run_id)))

    item = the_failed_item(stack)
    assert "c-nobody" in item["detail"]
    assert "does not exist" in item["detail"]
    assert item["run_id"] == run_id


@pytest.mark.parametrize(("queue", "message"), MESSAGES)
def test_a_message_for_a_deleted_customer_writes_nothing(stack: Stack, queue, message):
    story = stack.mapped_contoso()
    run_id = stack.sync(story.customer_id)["run_id"]
    stack.host.call("DELETE", f"/api/customers/{story.customer_id}").raise_for_status()
    written = len(stack.psa.audit)

    stack.put_message(queue, json.dumps(message(story.customer_id, run_id)))

    def told() -> bool:
        items = stack.get(f"/api/runs/{run_id}/items").json()["items"]
        return any("deleted" in item["detail"] for item in items)

    stack.eventually(told)
    stack.idle()
    assert len(stack.psa.audit) == written


def test_a_line_that_fails_each_time_is_given_up_with_its_last_reason_and_can_be_retried(
    stack: Stack,
):
    story = stack.mapped_contoso()
    stack.psa_simulator.faults.add(Fault(kind=Kind.STATUS, method="POST", status=503))

    run = stack.sync(story.customer_id, seconds=60)

    assert run["items"]["failed"] == 1
    item = the_failed_item(stack)
    assert "503" in item["detail"]
    assert stack.lines() == []
    alerts = stack.get("/api/alerts").json()["items"]
    assert [(one["kind"], one["customer_id"]) for one in alerts] == [("failed", story.customer_id)]

    stack.psa_simulator.faults.clear()
    again = stack.post(f"/api/runs/{run['run_id']}/retry-failed")
    assert again.status_code == 202, again.text
    assert stack.finished(again.json()["run_id"])["items"]["changed"] == 1
    assert [quantity for quantity, _, _ in stack.lines()] == [10]
    assert stack.get("/api/alerts").json()["items"] == []


def test_a_tenant_that_fails_each_time_is_given_up_with_its_last_reason(stack: Stack):
    story = stack.mapped_contoso()
    graph = stack.microsoft_simulator.faults
    graph.add(Fault(kind=Kind.STATUS, method="POST", path="**batch", status=502))

    run = stack.sync(story.customer_id, seconds=60)

    assert run["items"]["failed"] == 1
    item = the_failed_item(stack)
    assert "502" in item["detail"]
    assert item["customer_id"] == story.customer_id
    assert stack.lines() == []


def test_text_that_the_host_cannot_decode_stays_in_the_poison_queue(stack: Stack):
    story = stack.mapped_contoso()

    stack.put_raw("license-sync", "not Base64!")

    stack.eventually(lambda: stack.depth("license-sync-poison") == 1)
    assert stack.sync(story.customer_id)["items"]["changed"] == 1
    assert stack.depth("license-sync-poison") == 1
