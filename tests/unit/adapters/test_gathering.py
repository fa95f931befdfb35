"""Reads that are asked for at the same time are made as one. Nothing here sleeps."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import SimpleQueue
from threading import Event

import pytest

from shared.adapters.gathering import GatheredReads
from shared.domain.errors import RateLimitError, UnexpectedPayloadError
from tests.calling import SOON, Calling

LONG = 60.0
"""Longer than any test may take: who waits so long fails its test."""


class DiedError(BaseException):
    """The thread was ended."""


class Source:
    """Answers a key with itself and the number of the query; ``holds`` lets queries hang."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, ...]] = []
        self.errors: dict[int, BaseException] = {}
        self.refused = ""
        self.begun = SimpleQueue[int]()
        self.goes_on = Event()
        self.goes_on.set()

    def holds(self) -> None:
        self.goes_on.clear()

    def read_all(self, keys: Sequence[str]) -> list[tuple[str, int]]:
        self.queries.append(tuple(sorted(keys)))
        number = len(self.queries)
        self.begun.put(number)
        assert self.goes_on.wait(SOON)
        if number in self.errors:
            raise self.errors[number]
        if self.refused in keys:
            raise UnexpectedPayloadError(f"{self.refused} is odd")
        return [(key, number) for key in keys]


Asking = Calling[tuple[str, int]]


def ask(reads: GatheredReads, key: str) -> Asking:
    """Let a thread read a key."""
    return Calling(lambda: reads.read(key))


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def reads(source):
    return GatheredReads(source.read_all, patience=LONG, gathering=LONG)


def waits(reads: GatheredReads, *keys: str) -> list[Asking]:
    """Let threads ask, and return once all of them wait for their turn."""
    asking = [ask(reads, key) for key in keys]
    with reads._changed:
        assert reads._changed.wait_for(lambda: len(reads._waiting) == len(keys), SOON)
    return asking


def together(source: Source, reads: GatheredReads, *keys: str) -> tuple[Asking, list[Asking]]:
    """Let one read hang, others ask meanwhile, and all go on; return the one and the others."""
    source.holds()
    first = ask(reads, "first")
    source.begun.get(timeout=SOON)
    others = waits(reads, *keys)
    source.goes_on.set()
    return first.ends(), [one.ends() for one in others]


# Together ----------------------------------------------------------------------------------------


def test_who_is_alone_waits_for_nobody(source, reads):
    assert [reads.read("a"), reads.read("a")] == [("a", 1), ("a", 2)]


def test_those_who_ask_during_a_query_are_answered_by_the_next_one(source, reads):
    first, others = together(source, reads, "a", "b", "b")

    assert source.queries == [("first",), ("a", "b", "b")]
    assert first.answer == ("first", 1)
    assert [one.answer for one in others] == [("a", 2), ("b", 2), ("b", 2)]


def test_nobody_is_answered_by_a_query_that_was_sent_before_he_asked(source, reads):
    _, (again,) = together(source, reads, "first")

    assert again.answer == ("first", 2)


def test_reads_wait_for_what_holds_them_back(source, reads):
    with reads.held_back():
        with reads.held_back():
            asking = waits(reads, "a", "b")
        assert source.queries == []

    assert [one.ends().answer for one in asking] == [("a", 1), ("b", 1)]


def test_what_fails_while_it_holds_reads_back_lets_them_go(reads):
    asking = []

    def fails() -> None:
        with reads.held_back():
            asking.extend(waits(reads, "a"))
            raise DiedError

    with pytest.raises(DiedError):
        fails()

    assert asking[0].ends().answer == ("a", 1)


def test_as_many_are_waited_for_as_were_together_a_moment_ago(source, reads):
    together(source, reads, "a", "b")

    (early,) = waits(reads, "c")
    assert len(source.queries) == 2
    late = ask(reads, "d")

    assert (early.ends().answer, late.ends().answer) == (("c", 3), ("d", 3))


# How long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gathering", [0.0, 0.001])
def test_nobody_waits_for_others_for_ever(source, gathering):
    reads = GatheredReads(source.read_all, patience=gathering, gathering=gathering)
    with reads.held_back():
        assert reads.read("a") == ("a", 1)
    source.begun.get(timeout=SOON)

    source.holds()
    slow = ask(reads, "slow")
    source.begun.get(timeout=SOON)
    quick = ask(reads, "quick")
    source.begun.get(timeout=SOON)
    assert source.queries[1:] == [("slow",), ("quick",)]
    source.goes_on.set()
    assert (slow.ends().answer, quick.ends().answer) == (("slow", 2), ("quick", 3))


def test_those_who_do_not_come_again_are_not_waited_for_long(source):
    reads = GatheredReads(source.read_all, patience=LONG, gathering=0.001)
    source.holds()
    first = ask(reads, "first")
    source.begun.get(timeout=SOON)
    others = waits(reads, "a", "b")
    source.goes_on.set()
    for one in (first, *others):
        one.ends()

    assert reads.read("a") == ("a", 3)
    reads._gathering = LONG
    assert reads.read("a") == ("a", 4)  # one came last time: one is enough


def test_company_of_long_ago_is_forgotten(source):
    reads = GatheredReads(source.read_all, patience=0.0, gathering=LONG)
    together(source, reads, "a", "b")

    assert reads.read("c") == ("c", 3)


# What fails --------------------------------------------------------------------------------------


def test_what_may_pass_reaches_each_asker_as_an_error_of_its_own(source, reads):
    source.errors[2] = RateLimitError("main", timedelta(seconds=7))

    _, others = together(source, reads, "a", "b")

    errors = [one.error for one in others]
    assert len(source.queries) == 2
    assert errors[0] is not errors[1]
    for error in errors:
        assert isinstance(error, RateLimitError)
        assert (str(error), error.retry_after) == (str(source.errors[2]), timedelta(seconds=7))
        assert error.__cause__ is source.errors[2]


def test_a_refusal_harms_only_the_one_who_is_refused_alone(source, reads):
    source.refused = "odd"

    _, (good, odd) = together(source, reads, "good", "odd")

    assert source.queries[1] == ("good", "odd")
    assert sorted(source.queries[2:]) == [("good",), ("odd",)]
    assert good.answer is not None
    assert isinstance(odd.error, UnexpectedPayloadError)


def test_the_error_of_a_lone_read_is_raised_as_it_is(source, reads):
    source.errors[1] = RateLimitError("main", timedelta(seconds=7))

    with pytest.raises(RateLimitError) as raised:
        reads.read("a")

    assert raised.value is source.errors[1]
    assert reads.read("a") == ("a", 2)


def test_who_dies_while_he_reads_for_others_leaves_them_their_answers(source, reads):
    source.errors[2] = DiedError()

    _, others = together(source, reads, "a", "b", "c")

    assert source.queries[1] == ("a", "b", "c")
    assert sorted(one.answer[0] for one in others if one.answer) == sorted(
        {"a", "b", "c"} - {dead(others)}
    )


def dead(asking: Sequence[Asking]) -> str:
    """The key of the one thread that died."""
    (found,) = [
        key
        for key, one in zip("abc", asking, strict=True)
        if isinstance(one.error, DiedError) and one.answer is None
    ]
    return found


def test_who_dies_while_he_waits_is_not_read_for(source, reads, monkeypatch):
    whole: Callable[..., bool] = reads._changed.wait_for

    def dies(*_args: object) -> bool:
        raise DiedError

    with reads.held_back():
        (stays,) = waits(reads, "a")
        monkeypatch.setattr(reads._changed, "wait_for", dies)
        dying = ask(reads, "b").ends()
        monkeypatch.setattr(reads._changed, "wait_for", whole)

    assert isinstance(dying.error, DiedError)
    assert stays.ends().answer == ("a", 1)
    assert source.queries == [("a",)]
