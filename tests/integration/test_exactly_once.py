"""Each change is written once, whatever breaks on the way: on real storage, hosts and HTTP.

Crashes: a host is killed outright after each step of a Sync Now, from the request on to the last
row that is stored, and another one is started. A step's call has then landed and was not answered;
dying before a step is the same as dying after the one before it, so each state that a crash can
leave behind is seen once. The customers of all cases share one stack, with short leases; one case
waits for the real ones.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.simulators.common.faults import Fault, Kind
from tests.integration.scenes import Line, Scene, Scenes, scenes_in

pytestmark = pytest.mark.stack

CREATED = [Line(10, "2026-03-17", None, marked=True)]
ADOPTED = [Line(8, "2026-01-01", None, marked=False)]
CHANGED = [
    Line(12, "2026-01-01", None, marked=False),
    Line(4, "2026-03-17", "2026-03-31", marked=True),
]
STEPS_OF_A_CREATION = 19
STEPS_OF_A_CHANGE = 22
CHANGE_STEPS = range(1, STEPS_OF_A_CHANGE + 1)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    """One stack for all cases, warmed up: tables and queues that a step would create are there."""
    with scenes_in(
        tmp_path_factory.mktemp("scenes"), LEASE_SECONDS="1", LOCAL_HOST_MESSAGE_LEASE_SECONDS="2"
    ) as scenes:
        for scene in (scenes.arrange(seats=10), scenes.adopted(seats=8)):
            scene.buy(4)
            scene.sync()
        scenes.stack.idle()
        yield scenes


def to_create(scenes: Scenes) -> Scene:
    """Return a customer that needs a new line of 10."""
    return scenes.arrange(seats=10)


def to_change(scenes: Scenes) -> Scene:
    """Return a customer with an adopted line of 8, which needs 4 more from today."""
    scene = scenes.adopted(seats=8)
    scene.buy(4)
    return scene


def crash_and_go_on(scenes: Scenes, scene: Scene, step: int) -> dict[str, Any]:
    """Sync Now with a host that dies after the step; return the run that another one finishes.

    Who asked and got no answer asks again.
    """
    stack = scenes.stack
    scenes.gate.kill_after(step, stack.host)
    run_id = ask(scene)
    assert scenes.gate.blown.wait(30), f"only {len(scenes.gate.steps)} steps"
    stack.start_host()
    run_id = run_id or ask(scene)
    assert run_id is not None
    run = stack.finished(run_id, seconds=60)
    stack.idle(seconds=60)
    return run


def ask(scene: Scene) -> str | None:
    """Ask for a Sync Now, and return its run; ``None`` when there was none for now."""
    try:
        answer = scene.stack.post(f"/api/customers/{scene.customer_id}/sync")
    except requests.ConnectionError:
        return None
    if answer.status_code == requests.codes.unavailable:
        return None
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


def assert_written_once(scene: Scene, lines: list[Line], history: list[tuple[Any, Any]]) -> None:
    """Check that lines and history are right, that nothing is left over and nothing left to do."""
    assert scene.lines == lines
    assert len(set(scene.markers)) == len(scene.markers)
    assert sorted(scene.history, key=str) == history
    assert scene.left_over() == []
    assert scene.planned == [("in_step", [])]


# Crashes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(1, STEPS_OF_A_CREATION + 1))
def test_a_crash_after_any_step_of_a_creation_ends_with_one_line(scenes, step):
    scene = to_create(scenes)

    run = crash_and_go_on(scenes, scene, step)

    assert run["items"]["failed"] == 0
    assert_written_once(scene, CREATED, [(None, 10)])


@pytest.mark.parametrize("step", CHANGE_STEPS)
def test_a_crash_after_any_step_of_a_change_ends_with_one_line_of_each_kind(scenes, step):
    scene = to_change(scenes)

    run = crash_and_go_on(scenes, scene, step)

    assert run["items"]["failed"] == 0
    assert_written_once(scene, CHANGED, [(8, 12), (8, 8)])


@pytest.mark.parametrize(
    ("arrange", "steps", "writes"),
    [
        (to_create, STEPS_OF_A_CREATION, ["psa additions POST"]),
        (to_change, STEPS_OF_A_CHANGE, ["psa additions POST", "psa additions PATCH"]),
    ],
)
def test_every_step_is_tried(scenes, arrange, steps, writes):
    scene = arrange(scenes)

    scenes.gate.watch()
    scene.sync()
    scenes.stack.idle()

    assert [step for step in scenes.gate.steps if step.startswith("psa")] == writes
    # On a slow machine a lease is renewed meanwhile; that changes nothing of what a crash leaves.
    taken = [step for step in scenes.gate.steps if step != "tables leases PUT"]
    assert len(taken) == steps, " | ".join(taken)


def test_a_line_group_of_a_dead_worker_is_free_after_the_real_lease(tmp_path):
    with scenes_in(tmp_path) as scenes:
        scene = to_change(scenes)
        scenes.gate.kill_after("psa additions POST", scenes.stack.host)
        began = time.monotonic()
        run_id = ask(scene)
        assert scenes.gate.blown.wait(30)
        assert scenes.gate.steps[-1] == "psa additions POST"
        assert run_id is not None

        scenes.stack.start_host()
        run = scenes.stack.finished(run_id, seconds=120)
        scenes.stack.idle()

        assert time.monotonic() - began > 50
        assert run["items"]["failed"] == 0
        assert_written_once(scene, CHANGED, [(8, 12), (8, 8)])


# Lost answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.LOST_ANSWER, Kind.DROP, Kind.THROTTLE, Kind.TRUNCATED])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_without_a_usable_answer_is_not_repeated_blindly(scenes, method, kind):
    scene = to_change(scenes)
    psa = scenes.stack.psa_simulator
    path = f"**/finance/agreements/{scene.agreement_id}/additions**"
    psa.faults.add(Fault(kind=kind, method=method, path=path, times=1, retry_after=1))
    psa.calls.clear()

    run = scene.sync()
    scenes.stack.idle()

    assert run["items"]["changed"] == 1
    assert_written_once(scene, CHANGED, [(8, 12), (8, 8)])
    sent = [call for call in psa.calls.records() if call.method == method]
    landed = kind in {Kind.LOST_ANSWER, Kind.TRUNCATED}
    assert len(sent) == (1 if landed else 2)
    psa.faults.clear()


def test_a_creation_whose_answer_is_lost_makes_one_line(scenes):
    scene = to_create(scenes)
    psa = scenes.stack.psa_simulator
    psa.faults.add(Fault(kind=Kind.LOST_ANSWER, method="POST", times=1))
    psa.calls.clear()

    run = scene.sync()
    scenes.stack.idle()

    assert run["items"]["changed"] == 1
    assert_written_once(scene, CREATED, [(None, 10)])
    assert psa.calls.counts()["connectwise.additions.create"] == 1
    psa.faults.clear()


@pytest.mark.parametrize("step", range(1, STEPS_OF_A_CHANGE + 1))
def test_the_answer_to_any_step_of_a_change_may_be_lost(scenes, step):
    scene = to_change(scenes)
    scenes.gate.lose_answer(step)

    run_id = ask(scene) or ask(scene)
    assert scenes.gate.blown.wait(30)
    assert run_id is not None
    run = scenes.stack.finished(run_id, seconds=60)
    scenes.stack.idle(seconds=60)

    assert run["items"]["failed"] == 0
    assert_written_once(scene, CHANGED, [(8, 12), (8, 8)])


# Messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "lines", "history"),
    [(to_create, CREATED, [(None, 10)]), (to_change, CHANGED, [(8, 12), (8, 8)])],
)
def test_messages_that_come_twice_are_worked_on_once(scenes, arrange, lines, history):
    scene = arrange(scenes)
    scenes.gate.carries_messages_twice = True

    try:
        run = scene.sync()
        scenes.stack.idle()
    finally:
        scenes.gate.carries_messages_twice = False

    assert run["items"]["failed"] == 0
    assert_written_once(scene, lines, history)


def test_messages_that_come_again_much_later_change_nothing(scenes):
    scene = to_create(scenes)
    stack = scenes.stack
    scenes.gate.watch()
    run_id = scene.sync()["run_id"]
    stack.idle()
    late = list(scenes.gate.messages)
    assert [queue for queue, _ in late] == ["sync-now", "sync-now"]
    scene.buy(2)
    scene.sync()
    lines, history = scene.lines, scene.history
    written = len(stack.psa.audit)

    for queue, content in late * 2:
        stack.put_raw(queue, content)
    stack.idle()

    assert (scene.lines, scene.history) == (lines, history)
    assert len(stack.psa.audit) == written
    run = stack.get(f"/api/runs/{run_id}").json()
    assert (run["state"], run["items"]["changed"]) == ("finished", 1)


@pytest.mark.parametrize(
    "overtaken",
    [
        "tables snapshots PUT",
        "queues sync-now group POST",
        "tables leases POST",
        "tables books POST",
    ],
)
def test_an_older_run_that_is_overtaken_takes_nothing_back(scenes, overtaken):
    scene = to_change(scenes)
    stack = scenes.stack

    with scenes.gate.holding(overtaken) as reached:
        older = ask(scene)
        assert reached.wait(30)
        stack.travel(timedelta(seconds=1))  # so that the newer snapshot is newer
        scene.buy(3)
        newer = scene.sync()
        assert newer["items"]["changed"] == 1
    assert older is not None
    run = stack.finished(older)
    stack.idle()

    assert run["items"]["failed"] == 0
    assert [line.quantity for line in scene.lines] == [15, 7]
    assert sorted(scene.history, key=str) == [(8, 15), (8, 8)]
    assert scene.planned == [("in_step", [])]
    assert scene.left_over() == []
