"""Sync Now from a person's hand at Microsoft to the PSA's line, on the real stack."""

import pytest
import requests

from local.simulators.connectwise.builders import an_addition
from local.simulators.microsoft.state import Tenant
from tests.integration.scenes import ROW
from tests.integration.stack import Stack

pytestmark = pytest.mark.stack


def buy_by_hand(stack: Stack, tenant: Tenant, seats: int) -> None:
    """Post the form of the Microsoft simulator's page, as a person's browser does."""
    [subscription] = tenant.subscriptions
    site = stack.environment["MICROSOFT__main__GRAPH_URL"]
    page = requests.get(f"{site}/tenants/{tenant.id}", timeout=30)
    form = f"/tenants/{tenant.id}/subscriptions/{subscription.id}"
    assert form in page.text
    requests.post(site + form, data={"add": str(seats)}, timeout=30).raise_for_status()


def test_two_seats_bought_on_microsofts_page_are_on_the_addition_after_sync_now(stack: Stack):
    tenant = stack.contoso(seats=10)
    stack.psa.seed(additions=[an_addition(501, quantity=10)])
    customer_id = stack.add_customer(tenant)
    stack.map_row(customer_id, ROW, stack.add_profile())
    stack.sync(customer_id)
    assert stack.lines() == [(10, "2026-01-01", None)]
    buy_by_hand(stack, tenant, 2)

    answer = stack.post(f"/api/customers/{customer_id}/sync")

    # The promise is 3 s; a machine that is busy with other tests gets more.
    stack.eventually(lambda: stack.lines()[0] == (12, "2026-01-01", None))
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/runs/{answer.json()['run_id']}"
    stack.finished(answer.json()["run_id"])
    entries = stack.get(f"/api/customers/{customer_id}/history").json()["items"]
    [entry] = [one for one in entries if one["run_id"] == answer.json()["run_id"]]
    assert entry["actor"] == "developer"
    assert entry["at"] == stack.now.isoformat()
    assert (entry["before"], entry["after"]) == (10, 12)
    assert entry["row_id"] == ROW
    assert stack.lines()[1:] == [(2, "2026-03-17", "2026-03-31")]
    assert any("12 enabled" in step for step in entry["why"])
