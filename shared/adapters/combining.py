"""Changes of one stored value that threads make at the same time, saved as one.

Source: docs/adr/0035-changes-of-a-run-are-counted-together.md
"""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Condition
from typing import Generic, TypeVar

from shared.adapters.gathering import another_like

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Change = Callable[[V], V]


class CombinedChanges(Generic[K, V]):
    """Saves the changes of a value one after the other, and those that met meanwhile in one go.

    Safe for threads. Who is alone never waits, and everybody returns after his change was saved.
    """

    def __init__(self, save: Callable[[K, Change[V]], object]) -> None:
        """Take what reads the value of a key, and saves what a change makes of it.

        It may call the change again, with a value that it read anew.
        """
        self._save = save
        self._changed = Condition()
        self._waiting: dict[K, list[_Asked[V]]] = {}
        self._saving: set[K] = set()

    def change(self, key: K, change: Change[V]) -> tuple[V, V]:
        """Return the value right before this change and right after it.

        Raises:
            Exception: As saving raised it, each of those that were saved together an error of its
                own. Whether they were saved is not known then.
        """
        asked = _Asked(change)
        together = self._gathered(key, asked)
        if together:
            self._save_all(key, together)
        error = asked.answer.exception()
        if error is not None:
            raise another_like(error)
        return asked.answer.result()

    def _gathered(self, key: K, asked: "_Asked[V]") -> "list[_Asked[V]]":
        """Return all who wait when it is time to save; none where somebody else saved this."""
        with self._changed:
            self._waiting.setdefault(key, []).append(asked)
            self._changed.wait_for(lambda: asked.answer.done() or key not in self._saving)
            if asked.answer.done():
                return []
            self._saving.add(key)
            return self._waiting.pop(key)

    def _save_all(self, key: K, together: "list[_Asked[V]]") -> None:
        """Save for all of them. Whatever becomes of it, each of them is told."""
        found: list[tuple[V, V]] = []

        def all_of_them(value: V) -> V:
            found.clear()
            for one in together:
                before, value = value, one.change(value)
                found.append((before, value))
            return value

        try:
            self._save(key, all_of_them)
            for one, answer in zip(together, found, strict=True):
                one.answer.set_result(answer)
        except BaseException as error:
            for one in together:
                one.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._changed:
                self._saving.discard(key)
                self._changed.notify_all()


class _Asked(Generic[V]):
    """One change that a thread waits for."""

    def __init__(self, change: Change[V]) -> None:
        self.change = change
        self.answer: Future[tuple[V, V]] = Future()
