"""Reads that threads ask for at the same time, made as one.

Source: docs/adr/0033-reads-made-together.md
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Condition
from typing import Final, Generic, TypeVar

from shared.domain.errors import RetryableError

K = TypeVar("K")
V = TypeVar("V")

PATIENCE: Final = 2.0
"""How many seconds a read is put off at most while others are under way."""
GATHERING: Final = 0.25
"""How many seconds a read waits at most for as many as were answered together a moment ago."""


class GatheredReads(Generic[K, V]):
    """Answers each read from a query that was sent after it was asked for. Safe for threads.

    One query is under way at a time. Those who ask meanwhile, or while ``held_back``, are answered
    together by the next one, which one of them sends. Who is alone never waits.
    """

    def __init__(
        self,
        read_all: Callable[[Sequence[K]], Sequence[V]],
        *,
        patience: float = PATIENCE,
        gathering: float = GATHERING,
    ) -> None:
        """Take what reads for several at once, and returns their values in the same order."""
        self._read_all = read_all
        self._patience = patience
        self._gathering = gathering
        self._changed = Condition()
        self._waiting: list[_Asked[K, V]] = []
        self._under_way = 0
        self._holding = 0
        self._company = 1
        self._last_asked = 0.0

    def read(self, key: K) -> V:
        """Return what a query of after this call says.

        Raises:
            RetryableError: As the query for all raised it, each asker an error of its own.
            Exception: As a query for this key alone raises it: one for several that ends in any
                other way is nobody's in particular, so each asks again for itself.
        """
        asked = _Asked[K, V](key)
        together = self._gathered(asked)
        if together:
            self._answer(together)
        error = asked.answer.exception()
        if isinstance(error, _AskAloneError):
            (value,) = self._read_all([key])
            return value
        if error is not None:
            raise another_like(error)
        return asked.answer.result()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let reads wait for this block, if it does not take too long: one is asked for after it,
        and all can be made together.
        """
        with self._changed:
            self._holding += 1
        try:
            yield
        finally:
            with self._changed:
                self._holding -= 1
                self._changed.notify_all()

    def _gathered(self, asked: "_Asked[K, V]") -> "list[_Asked[K, V]]":
        """Return all who wait when it is time to ask; none where somebody else asks for this."""
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify_all()
            try:
                self._changed.wait_for(
                    lambda: asked.taken or (self._quiet and len(self._waiting) >= self._expected),
                    self._gathering,
                )
                self._changed.wait_for(
                    lambda: asked.taken or self._quiet, self._patience - self._gathering
                )
            except BaseException:
                if not asked.taken:
                    self._waiting.remove(asked)
                raise
            if asked.taken:
                return []
            together, self._waiting = self._waiting, []
            for one in together:
                one.taken = True
            self._under_way += 1
            self._changed.notify_all()
            return together

    @property
    def _quiet(self) -> bool:
        return not self._under_way and not self._holding

    @property
    def _expected(self) -> int:
        """How many are likely to ask at once: as many as did a moment ago."""
        lately = time.monotonic() - self._last_asked < self._patience
        return self._company if lately else 1

    def _answer(self, together: "list[_Asked[K, V]]") -> None:
        """Send one query for all of them. Whatever becomes of it, each of them is told."""
        failed: BaseException = _AskAloneError()
        try:
            values = self._read_all([one.key for one in together])
            for one, value in zip(together, values, strict=True):
                one.answer.set_result(value)
        except Exception as error:
            if len(together) == 1:
                raise
            if isinstance(error, RetryableError):
                failed = error
        finally:
            with self._changed:
                self._under_way -= 1
                self._company, self._last_asked = len(together), time.monotonic()
                self._changed.notify_all()
            for one in together:
                if not one.answer.done():
                    one.answer.set_exception(failed)


class _Asked(Generic[K, V]):
    """One read that somebody waits for."""

    def __init__(self, key: K) -> None:
        self.key = key
        self.taken = False
        self.answer: Future[V] = Future()


class _AskAloneError(Exception):
    """The query for several failed, and says nothing about one of them."""


def another_like(error: BaseException) -> BaseException:
    """Return another error like this one: threads that raise the same one would share its trace."""
    # Not by its class: an error of ours need not take what it hands on as ``args``.
    again = type(error).__new__(type(error), *error.args)
    again.__dict__.update(error.__dict__)
    again.__cause__ = error
    return again
