"""What a process remembers is never older than what another one has stored."""

from dataclasses import dataclass, replace

import pytest

from shared.adapters.tables.repositories import Repositories, repositories
from shared.domain.errors import StaleVersionError
from tests.builders import CUSTOMER, NOW, OTHER_CUSTOMER, a_customer, an_alert
from tests.fakes.clock import FakeClock
from tests.fakes.memory_tables import MemoryTables


@dataclass
class TwoHosts:
    """Two processes on one storage, and how often either read the customers or the alerts."""

    tables: MemoryTables
    one: Repositories
    other: Repositories
    reads: list[str]


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> TwoHosts:
    tables = MemoryTables()
    reads: list[str] = []
    clock = FakeClock()
    found = TwoHosts(tables, repositories(tables, clock), repositories(tables, clock), reads)
    for name in ("customers", "alerts"):
        table = tables.table(name)

        def query(*args, _query=table.query, _name=name, **kwargs):
            reads.append(_name)
            return _query(*args, **kwargs)

        monkeypatch.setattr(table, "query", query)
    return found


def test_what_nobody_changed_is_read_once(hosts: TwoHosts):
    hosts.one.customers.add(a_customer())
    hosts.one.alerts.put([an_alert()])
    first = hosts.other.customers.all(), hosts.other.alerts.open()
    hosts.reads.clear()

    assert (hosts.other.customers.all(), hosts.other.alerts.open()) == first
    assert first == ((a_customer(),), (an_alert(),))
    assert hosts.reads == []


def test_customers_that_another_host_adds_and_changes_are_seen_at_once(hosts: TwoHosts):
    read = hosts.one.customers.add(a_customer())
    assert len(hosts.other.customers.all()) == 1

    hosts.one.customers.add(a_customer(OTHER_CUSTOMER))
    assert len(hosts.other.customers.all()) == 2

    hosts.one.customers.save(read, replace(read.value, name="Renamed"))
    assert {c.customer_id: c.name for c in hosts.other.customers.all()}[CUSTOMER] == "Renamed"


def test_alerts_that_another_host_raises_and_clears_are_seen_at_once(hosts: TwoHosts):
    assert hosts.other.alerts.open() == ()

    hosts.one.alerts.put([an_alert()])
    assert hosts.other.alerts.open() == (an_alert(),)

    hosts.one.alerts.put([an_alert(cleared_at=NOW)])
    assert hosts.other.alerts.open() == ()


def test_a_change_while_everything_is_read_is_seen_by_the_next_read(
    hosts: TwoHosts, monkeypatch: pytest.MonkeyPatch
):
    hosts.one.customers.add(a_customer())
    table = hosts.tables.table("customers")

    def query(*args, _query=table.query, **kwargs):
        found = _query(*args, **kwargs)
        monkeypatch.undo()
        hosts.one.customers.add(a_customer(OTHER_CUSTOMER))  # just behind the read
        return found

    monkeypatch.setattr(table, "query", query)

    assert len(hosts.other.customers.all()) == 1
    assert len(hosts.other.customers.all()) == 2


def test_what_was_stored_without_a_mark_is_read_each_time(hosts: TwoHosts):
    hosts.one.customers.add(a_customer())
    table = hosts.tables.table("customers")
    [stamp] = [place for place in table.rows if place[1].startswith("~~~")]
    del table.rows[stamp]
    hosts.other.customers.all()
    hosts.reads.clear()

    hosts.other.customers.all()

    assert hosts.reads == ["customers"]


def test_the_mark_is_no_customer_and_no_alert(hosts: TwoHosts):
    read = hosts.one.customers.add(a_customer())
    hosts.one.alerts.put([an_alert()], news=[an_alert().alert_id])
    with pytest.raises(StaleVersionError):
        hosts.one.customers.save(replace(read, version="v0"), read.value)

    assert len(hosts.one.customers.list().items) == 1
    assert hosts.one.alerts.list(open_only=True).items == (an_alert(),)
    assert hosts.one.alerts.list().items == (an_alert(),)
    assert hosts.one.alerts.news() == (an_alert().alert_id,)
