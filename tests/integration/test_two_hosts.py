"""Two hosts on one storage: they share the work, and never do any of it twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from tests.integration.expected import EXPECTED
from tests.integration.scenes import Line, Scenes, scenes_in
from tests.integration.stack import Host

pytestmark = pytest.mark.stack

CUSTOMERS = 8
EACH = 3
"""Sync Nows of each host for one customer."""
TICK_SECONDS = 2
ONE_BY_ONE = {
    "AzureFunctionsJobHost__extensions__queues__batchSize": "1",
    "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": "0",
}
CHANGED = [
    Line(12, "2026-01-01", None, marked=False),
    Line(4, "2026-03-17", "2026-03-31", marked=True),
]


@pytest.fixture
def scenes(tmp_path) -> Iterator[Scenes]:
    """A stack whose hosts take one message at a time, so that both get some."""
    with scenes_in(tmp_path, **ONE_BY_ONE) as scenes:
        yield scenes


def worked_on(host: Host, run_id: str) -> bool:
    """Return whether the host finished a message of the run."""
    return f"run {run_id}: done" in host.log


def test_one_run_on_two_hosts_writes_each_line_once(scenes):
    stack = scenes.stack
    customers = [scenes.arrange(seats=10) for _ in range(CUSTOMERS)]
    hosts = [stack.host, stack.start_host()]

    run_id = stack.post("/api/runs").json()["run_id"]
    run = stack.finished(run_id, seconds=120)
    stack.idle()

    assert run["items"]["changed"] == CUSTOMERS
    assert [worked_on(host, run_id) for host in hosts] == [True, True]
    for scene in customers:
        assert scene.lines == [Line(10, "2026-03-17", None, marked=True)]
        assert scene.history == [(None, 10)]
        assert scene.left_over() == []


def test_sync_nows_of_one_customer_at_the_same_time_write_once(scenes):
    stack = scenes.stack
    scene = scenes.adopted(seats=8)
    hosts = [stack.host, stack.start_host()]
    scene.buy(4)

    def ask(host: Host) -> str:
        answer = host.call("POST", f"/api/customers/{scene.customer_id}/sync", json={})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    with ThreadPoolExecutor(EACH * len(hosts)) as people:
        runs = list(people.map(ask, hosts * EACH))
    for run_id in runs:
        assert stack.finished(run_id, seconds=120)["items"]["failed"] == 0
    stack.idle(seconds=120)

    assert scene.lines == CHANGED
    assert len(set(scene.markers)) == 1
    assert sorted(scene.history, key=str) == [(8, 12), (8, 8)]
    assert scene.left_over() == []
    assert scene.planned == [("in_step", [])]


@pytest.mark.parametrize("psa", EXPECTED)
def test_two_hosts_write_each_line_once_in_every_psa(tmp_path, psa):
    with scenes_in(tmp_path, psa=psa, **ONE_BY_ONE) as scenes:
        stack, expected = scenes.stack, EXPECTED[psa]
        created = scenes.arrange(seats=10)
        changed = scenes.adopted(seats=8)
        hosts = [stack.host, stack.start_host()]
        changed.buy(4)

        def ask(host: Host) -> str:
            answer = host.call("POST", "/api/runs", json={})
            assert answer.status_code == 202, answer.text
            return str(answer.json()["run_id"])

        with ThreadPoolExecutor(len(hosts)) as people:
            runs = list(people.map(ask, hosts))
        for run_id in runs:
            assert stack.finished(run_id, seconds=120)["items"]["failed"] == 0
        stack.idle(seconds=120)

        assert (created.lines, created.history) == (expected.created, [(None, 10)])
        assert changed.lines == expected.changed
        assert sorted(changed.history) == [(8, 8), (8, 12)]
        for scene in (created, changed):
            assert scene.planned == [("in_step", [])]
            assert scene.left_over() == []


def test_a_line_group_waits_for_the_host_that_has_it(scenes):
    stack = scenes.stack
    scene = scenes.adopted(seats=8)
    stack.start_host()
    scene.buy(4)
    scenes.gate.watch()

    with scenes.gate.holding("tables books POST") as reached:
        first = stack.post(f"/api/customers/{scene.customer_id}/sync").json()["run_id"]
        assert reached.wait(30)
        second = stack.post(f"/api/customers/{scene.customer_id}/sync").json()["run_id"]
        # Each run puts its message, and the second one's is put back at least once.
        stack.eventually(lambda: scenes.gate.steps.count("queues sync-now group POST") >= 3, 15)
        assert [line.quantity for line in scene.lines] == [8]
    runs = [stack.finished(run_id, seconds=60) for run_id in (first, second)]
    stack.idle()

    assert [run["items"]["changed"] for run in runs] == [1, 0]
    assert scene.lines == CHANGED
    assert sorted(scene.history, key=str) == [(8, 12), (8, 8)]


def test_a_timer_fires_on_one_of_two_hosts(scenes):
    stack = scenes.stack
    stack.environment["SYNC_SCHEDULE"] = f"*/{TICK_SECONDS} * * * * *"
    stack.start_host()
    stack.start_host()

    def ticks() -> list[int] | None:
        runs = stack.get("/api/runs").json()["items"]
        moments = [datetime.fromisoformat(run["started_at"]) for run in runs]
        found = [int(moment.timestamp()) // TICK_SECONDS for moment in moments]
        return found if len(found) >= 4 else None

    found = stack.eventually(ticks)

    assert len(set(found)) == len(found)
