"""Export, lose everything, import, sync: the PSA sees no write, on the real stack."""

from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from local.simulators.connectwise.builders import an_addition, an_agreement
from local.simulators.microsoft.builders import a_subscription
from tests.integration.scenes import ROW
from tests.integration.stack import BUSINESS_PREMIUM, E5, Stack

pytestmark = pytest.mark.stack

E5_ROW = f"sku-{E5}"


def lose_everything(stack: Stack) -> int:
    """Remove every entity of every table, and return how many there were."""
    removed = 0
    storage = stack.environment["AzureWebJobsStorage"]
    with TableServiceClient.from_connection_string(storage) as service:
        for table in service.list_tables():
            client = service.get_table_client(table.name)
            for entity in client.list_entities(select=["PartitionKey", "RowKey"]):
                client.delete_entity(entity)
                removed += 1
    return removed


def test_after_export_loss_and_import_a_sync_writes_nothing(stack: Stack, tmp_path: Path):
    tenant = stack.contoso(seats=10)
    tenant.subscriptions.append(a_subscription(E5, 5, part_number="SPE_E5", name="E5"))
    # One agreement is invoiced through March, the other is not: each has lines of its own kind.
    stack.psa.seed(
        agreements=[an_agreement(7002, next_invoice="2026-03-01")],
        additions=[an_addition(501, agreement=7001, quantity=10)],
    )
    customer_id = stack.add_customer(tenant)
    profile_id = stack.add_profile()
    stack.map_row(customer_id, ROW, profile_id)
    stack.map_row(customer_id, E5_ROW, profile_id, "7002", description={"changes": True})
    stack.sync(customer_id)
    stack.buy(tenant, BUSINESS_PREMIUM, 2)
    stack.buy(tenant, E5, 1)
    stack.sync(customer_id)
    stack.idle()
    lines = stack.lines(7001), stack.lines(7002)
    assert (2, "2026-03-17", "2026-03-31") in lines[0]
    assert len(lines[1]) >= 1
    file = stack.get("/api/configuration")
    (tmp_path / "seatsync.json").write_bytes(file.content)

    assert lose_everything(stack) > 0
    stack.host.stop()  # and with it what the process remembers
    assert stack.get("/api/customers").json()["items"] == []
    answer = stack.post("/api/configuration", file.json())
    assert answer.status_code == 200, answer.text
    stack.psa_wire.taken()
    first = stack.sync(customer_id)
    second = stack.sync(customer_id)

    assert stack.psa_wire.taken() == []
    assert first["items"]["failed"] == first["items"]["blocked"] == first["items"]["held"] == 0
    assert second["items"]["unchanged"] == second["items"]["total"] == 2
    assert (stack.lines(7001), stack.lines(7002)) == lines
    assert stack.get("/api/configuration").content == file.content

    # And it goes on: one more seat is one more seat.
    stack.travel(stack.now.replace(day=20))
    stack.buy(tenant, BUSINESS_PREMIUM, 1)
    stack.sync(customer_id)
    assert (1, "2026-03-20", "2026-03-31") in stack.lines(7001)
