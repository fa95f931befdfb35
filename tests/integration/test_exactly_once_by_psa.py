"""Each change is written once, whatever breaks on the way: in the PSAs other than ConnectWise.

``test_exactly_once.py`` tries every step of a Sync Now. Most of them are the same whatever the PSA;
here are those that are not: a host dies after the intent, after each write, and after each step
that keeps what was written.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.integration.expected import EXPECTED, Expected
from tests.integration.scenes import Line, Scene, Scenes, scenes_in
from tests.integration.test_exactly_once import ask, assert_written_once, crash_and_go_on

pytestmark = pytest.mark.stack

BEFORE = ("tables leases POST", "tables books POST")


@dataclass(frozen=True)
class There:
    """A stack with one PSA, and what to expect of it."""

    scenes: Scenes
    expected: Expected

    def case(self, name: str) -> tuple[Scene, list[Line], list[tuple[int | None, int]]]:
        """Return a customer that waits for a sync, and the lines and the history after it."""
        if name == "creation":
            return self.scenes.arrange(seats=10), self.expected.created, [(None, 10)]
        scene = self.scenes.adopted(seats=8)
        scene.buy(4)
        return scene, self.expected.changed, [(8, 12), (8, 8)]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], There]]:
    """One stack for all cases of a PSA, warmed up by the first of them.

    Cases come in any order, and pytest would end a fixture with parameters at each turn.
    """
    short = {"LEASE_SECONDS": "1", "LOCAL_HOST_MESSAGE_LEASE_SECONDS": "2"}
    with contextlib.ExitStack() as running:

        @functools.cache
        def of(psa: str) -> There:
            directory = tmp_path_factory.mktemp(psa)
            scenes = running.enter_context(scenes_in(directory, psa=psa, **short))
            for scene in (scenes.arrange(seats=10), scenes.adopted(seats=8)):
                scene.buy(4)
                scene.sync()
            scenes.stack.idle()
            return There(scenes, EXPECTED[psa])

        yield of


@pytest.fixture(params=EXPECTED)
def there(request: pytest.FixtureRequest, everywhere: Callable[[str], There]) -> There:
    return everywhere(request.param)


def points(psa: str, name: str) -> list[str]:
    """The steps of a case after which a host dies."""
    expected = EXPECTED[psa]
    writes = expected.creating if name == "creation" else expected.changing
    kept = "tables books POST" if name == "creation" else "tables books PUT"
    return [*BEFORE, *writes, kept, "tables changes POST", "tables books DELETE"]


CRASHES = [
    pytest.param(psa, name, step, id=f"{psa}-{name}-{step}")
    for psa in EXPECTED
    for name in ("creation", "change")
    for step in points(psa, name)
]
WRITES = [case for case in CRASHES if str(case.values[2]).startswith("psa ")]


@pytest.mark.parametrize(("there", "name", "step"), CRASHES, indirect=["there"])
def test_a_crash_after_a_step_ends_with_what_one_sync_would_have_written(there, name, step):
    scene, lines, history = there.case(name)

    run = crash_and_go_on(there.scenes, scene, step)

    assert run["items"]["failed"] == 0
    assert_written_once(scene, lines, history)


@pytest.mark.parametrize(("there", "name", "step"), WRITES, indirect=["there"])
def test_a_write_whose_answer_is_lost_is_not_sent_again(there, name, step):
    scene, lines, history = there.case(name)
    there.scenes.gate.lose_answer(step)

    run = scene.sync()
    there.scenes.stack.idle(seconds=60)

    assert there.scenes.gate.blown.is_set()
    assert run["items"]["changed"] == 1
    assert there.scenes.gate.steps.count(step) == 1
    assert_written_once(scene, lines, history)


@pytest.mark.parametrize(("there", "name", "step"), WRITES, indirect=["there"])
def test_a_write_that_never_arrives_is_sent_again(there, name, step):
    scene, lines, history = there.case(name)
    there.scenes.gate.swallow(step)

    run = scene.sync()
    there.scenes.stack.idle(seconds=60)

    assert run["items"]["changed"] == 1
    assert there.scenes.gate.steps.count(step) == 2
    assert_written_once(scene, lines, history)


@pytest.mark.parametrize("name", ["creation", "change"])
def test_messages_that_come_twice_are_worked_on_once(there, name):
    scene, lines, history = there.case(name)
    there.scenes.gate.carries_messages_twice = True

    try:
        run = scene.sync()
        there.scenes.stack.idle(seconds=60)
    finally:
        there.scenes.gate.carries_messages_twice = False

    assert run["items"]["failed"] == 0
    assert_written_once(scene, lines, history)


def test_messages_that_come_again_much_later_change_nothing(there):
    scene, _, _ = there.case("change")
    stack = there.scenes.stack
    there.scenes.gate.watch()
    scene.sync()
    stack.idle()
    late = list(there.scenes.gate.messages)
    scene.buy(2)
    scene.sync()
    stack.idle()
    lines, history = scene.lines, scene.history
    stack.psa_wire.taken()

    for queue, content in late * 2:
        stack.put_raw(queue, content)
    stack.idle()

    assert (scene.lines, scene.history) == (lines, history)
    assert stack.psa_wire.taken() == []


@pytest.mark.parametrize("overtaken", ["queues sync-now group POST", "tables books POST"])
def test_an_older_run_that_is_overtaken_takes_nothing_back(there, overtaken):
    scene, _, _ = there.case("change")
    stack = there.scenes.stack

    with there.scenes.gate.holding(overtaken) as reached:
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
    assert_written_once(scene, there.expected.overtaken, [(8, 15), (8, 8)])


def test_the_simulator_saw_no_call_that_breaks_its_contract(there):
    assert there.scenes.stack.psa_simulator.violations == []


@pytest.mark.parametrize("there", ["autotask"], indirect=True)
def test_a_difference_is_not_sent_twice_although_reads_do_not_show_it_yet(there):
    scene, lines, history = there.case("change")
    switches = there.scenes.stack.psa.switches
    there.scenes.gate.lose_answer("psa ContractServiceAdjustments POST")
    switches.lag_reads = 4

    try:
        run = scene.sync()
        there.scenes.stack.idle(seconds=60)
    finally:
        switches.lag_reads = 0

    assert run["items"]["changed"] == 1
    assert there.scenes.gate.steps.count("psa ContractServiceAdjustments POST") == 1
    assert_written_once(scene, lines, history)
