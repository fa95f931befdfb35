"""An unchanged tenant asks the storage for little: what a cycle costs is mostly this."""

from collections import Counter
from dataclasses import fields
from datetime import timedelta

import pytest

from shared.adapters.tables.repositories import repositories
from shared.domain.runs import RunReason
from shared.usecases.start_run import start_cycle
from shared.usecases.sync_tenant import sync_tenant
from tests.fakes.memory_tables import MemoryTables
from tests.fakes.services import fake_services
from tests.house import House

ALL_AT_ONCE = ("put_all", "add_all", "delete_all")
CALLS = ("get", "query", "create", "replace", "delete", "transact", *ALL_AT_ONCE)


@pytest.fixture
def asked():
    """Calls by table and method; what is empty is no call."""
    return Counter()


@pytest.fixture
def house(asked):
    """A customer in step, on the real repositories."""
    tables = MemoryTables()
    house = House()
    kept = repositories(tables, house.clock)
    real = {one.name: getattr(kept, one.name) for one in fields(kept)}
    del real["refresh_tokens"]
    house.services = fake_services(house.psa, house.microsoft, clock=house.clock, **real)
    house.with_customer().with_mapping().holds(10)
    house.cycle()
    house.cycle()
    for name, table in tables.stored.items():
        for call in CALLS:
            setattr(table, call, counted(getattr(table, call), f"{name}: {call}", asked))
    return house


def counted(call, name, asked):
    def count(first, *rest, **more):
        given = list(first) if name.endswith("_all") else first
        asked[name] += bool(given)
        return call(given, *rest, **more)

    return count


def test_an_unchanged_tenant_makes_nine_calls(house, asked):
    house.clock.pass_time(timedelta(days=1))
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    message = house.services.tenant_queue.take()
    # The first message of a run reads profiles, exclusions and settings for all of them.
    sync_tenant(message, house.services)
    asked.clear()

    sync_tenant(message, house.services)

    assert dict(+asked) == {
        "customers: get": 1,
        "snapshots: get": 1,
        "snapshots: replace": 1,
        "books: query": 1,
        "alerts: query": 1,
        "approvals: query": 1,
        "reconciliation: query": 1,
        "reconciliation: put_all": 1,
        "runitems: put_all": 1,
    }
    assert house.services.license_queue.waiting == []
