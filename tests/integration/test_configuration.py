"""Export, lose everything, import, sync: the PSA sees no write, on the real stack."""

from datetime import date
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from local.simulators.connectwise.builders import an_addition, an_agreement
from local.simulators.microsoft.builders import a_subscription, a_tenant
from tests.integration.scenes import ROW
from tests.integration.stack import BUSINESS_PREMIUM, E5, Stack, stack_in

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


def go_on_after_a_loss(stack: Stack) -> None:
    """Take the configuration out, lose the storage, and take it in again."""
    file = stack.get("/api/configuration")
    assert file.status_code == 200, file.text
    assert lose_everything(stack) > 0
    stack.host.stop()  # and with it what the process remembers
    assert stack.get("/api/customers").json()["items"] == []
    answer = stack.post("/api/configuration", file.json())
    assert answer.status_code == 200, answer.text
    assert stack.get("/api/configuration").content == file.content
    stack.psa_wire.taken()


def test_after_export_loss_and_import_a_sync_writes_nothing(stack: Stack):
    # One agreement is invoiced through March, the other is not: each has lines of its own kind.
    stack.contoso()
    stack.psa.seed(
        agreements=[an_agreement(7002, next_invoice=date(2026, 3, 1))],
        additions=[an_addition(501, agreement=7001, quantity=10)],
    )
    bought = [
        a_subscription(BUSINESS_PREMIUM, 10),
        a_subscription(E5, 5, part_number="SPE_E5", name="E5"),
    ]
    tenant = stack.add_tenant(a_tenant("Contoso and more", bought))
    customer_id = stack.add_customer(tenant)
    profile_id = stack.add_profile()
    stack.map_row(customer_id, ROW, profile_id)
    stack.map_row(customer_id, E5_ROW, profile_id, "7002", description={"changes": True})
    stack.sync(customer_id)
    stack.travel(stack.now.replace(day=19))
    stack.buy(tenant, BUSINESS_PREMIUM, 2)
    stack.buy(tenant, E5, 1)
    stack.sync(customer_id)
    stack.idle()
    lines = stack.lines(7001), stack.lines(7002)
    assert lines == (
        [(12, "2026-01-01", None), (2, "2026-03-19", "2026-03-31")],
        [(5, "2026-03-17", None), (1, "2026-03-19", "2026-03-31")],
    )

    go_on_after_a_loss(stack)
    first = stack.sync(customer_id)
    second = stack.sync(customer_id)

    assert stack.psa_wire.taken() == []
    assert first["items"]["failed"] == first["items"]["blocked"] == first["items"]["held"] == 0
    assert second["items"]["unchanged"] == second["items"]["total"] == 2
    assert (stack.lines(7001), stack.lines(7002)) == lines

    # And it goes on: one more seat of each is one more seat.
    stack.travel(stack.now.replace(day=25))
    stack.buy(tenant, BUSINESS_PREMIUM, 1)
    stack.buy(tenant, E5, 1)
    stack.sync(customer_id)
    assert stack.lines(7001) == [
        (13, "2026-01-01", None),
        lines[0][1],
        (1, "2026-03-25", "2026-03-31"),
    ]
    assert stack.lines(7002) == [*lines[1], (1, "2026-03-25", "2026-03-31")]


@pytest.mark.parametrize("psa", ["autotask", "syncro"])
def test_another_psa_sees_no_write_either(tmp_path: Path, psa: str):
    with stack_in(tmp_path, psa) as stack:
        contoso = stack.mapped_contoso(seats=10)
        stack.sync(contoso.customer_id)
        stack.buy(contoso.tenant, BUSINESS_PREMIUM, 2)
        stack.sync(contoso.customer_id)
        held = stack.held()
        assert held[-1].quantity == 12

        go_on_after_a_loss(stack)
        run = stack.sync(contoso.customer_id)

        assert stack.psa_wire.taken() == []
        assert run["items"]["held"] == run["items"]["blocked"] == run["items"]["failed"] == 0
        assert stack.held() == held
