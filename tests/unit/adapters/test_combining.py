"""Changes that meet are saved as one. Nothing here sleeps."""

from queue import SimpleQueue
from threading import Event
from time import monotonic

import pytest

from shared.adapters.combining import Change, CombinedChanges
from shared.domain.errors import UpstreamUnavailableError
from tests.calling import SOON, Calling


class Store:
    """Numbers by key; ``holds`` lets saves hang until told."""

    def __init__(self) -> None:
        self.values = {"a": 0, "b": 0}
        self.saves: list[str] = []
        self.errors: dict[int, BaseException] = {}
        self.faster = 0
        self.begun = SimpleQueue[str]()
        self.goes_on = Event()
        self.goes_on.set()

    def save(self, key: str, change: Change[int]) -> None:
        self.saves.append(key)
        number = len(self.saves)
        self.begun.put(key)
        assert self.goes_on.wait(SOON)
        if number in self.errors:
            raise self.errors[number]
        while self.faster:
            change(self.values[key])
            self.values[key] += 100
            self.faster -= 1
        self.values[key] = change(self.values[key])


Changing = Calling[tuple[int, int]]


def changing(changes: CombinedChanges[str, int], key: str, added: int) -> Changing:
    """Let a thread add to a key's number."""
    return Calling(lambda: changes.change(key, lambda value: value + added))


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def changes(store):
    return CombinedChanges[str, int](store.save)


def waiting(changes: CombinedChanges[str, int], key: str, most: int) -> None:
    """Return once so many wait behind the one that saves."""
    deadline = monotonic() + SOON
    while len(changes._waiting.get(key, ())) < most:
        assert monotonic() < deadline
        Event().wait(0)


def meeting(store: Store, changes: CombinedChanges[str, int], amounts: list[int]) -> list[Changing]:
    """Threads of which the first saves while the others come."""
    store.goes_on.clear()
    first = changing(changes, "a", amounts[0])
    store.begun.get(timeout=SOON)
    others = []
    for place, amount in enumerate(amounts[1:], 1):
        others.append(changing(changes, "a", amount))
        waiting(changes, "a", place)
    return [first, *others]


def test_who_is_alone_saves_at_once_and_learns_of_before_and_after(store, changes):
    assert changes.change("a", lambda value: value + 5) == (0, 5)
    assert changes.change("a", lambda value: value + 2) == (5, 7)

    assert store.saves == ["a", "a"]


def test_those_that_come_meanwhile_are_saved_in_one_go_in_their_order(store, changes):
    threads = meeting(store, changes, [1, 10, 100, 1000])

    store.goes_on.set()

    answers = [thread.ends().answer for thread in threads]
    assert answers == [(0, 1), (1, 11), (11, 111), (111, 1111)]
    assert store.values["a"] == 1111
    assert store.saves == ["a", "a"]


def test_another_key_is_saved_meanwhile(store, changes):
    store.goes_on.clear()
    first = changing(changes, "a", 1)
    store.begun.get(timeout=SOON)

    other = changing(changes, "b", 2)
    assert store.begun.get(timeout=SOON) == "b"

    store.goes_on.set()
    assert (first.ends().answer, other.ends().answer) == ((0, 1), (0, 2))


def test_changes_begin_anew_when_somebody_else_was_faster(store, changes):
    threads = meeting(store, changes, [1, 10, 100])
    store.faster = 2

    store.goes_on.set()

    answers = [thread.ends().answer for thread in threads]
    assert answers == [(200, 201), (201, 211), (211, 311)]


def test_an_error_is_told_to_each_of_those_that_were_saved_together_and_to_no_other(store, changes):
    threads = meeting(store, changes, [1, 10, 100])
    store.errors[2] = UpstreamUnavailableError("storage", "503")

    store.goes_on.set()

    first, *others = [thread.ends() for thread in threads]
    assert first.answer == (0, 1)
    assert [type(other.error) for other in others] == [UpstreamUnavailableError] * 2
    assert others[0].error is not others[1].error
    assert changes.change("a", lambda value: value + 1) == (1, 2)


def test_nothing_is_kept_of_a_key_that_nobody_changes(store, changes):
    store.errors[2] = UpstreamUnavailableError("storage", "503")
    changes.change("a", lambda value: value)
    with pytest.raises(UpstreamUnavailableError):
        changes.change("a", lambda value: value)

    assert not changes._waiting
    assert not changes._saving
