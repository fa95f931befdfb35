"""Takes a protection away from the hosts, to see that the suite notices: ``--without lease``.

Only here: the app has no such switch.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.adapters.tables.intents import IntentTable
from shared.adapters.tables.leases import LeaseTable
from shared.domain.intents import Recovery
from shared.ports import Versioned
from shared.usecases import write_operations


class _FreeForAll:
    """A lease that everybody has."""

    def keep(self) -> None:
        """Always."""

    def release(self) -> None:
        """Nothing."""


def _without_lease() -> None:
    _replace(LeaseTable, "_take", lambda *_: _FreeForAll())


def _without_intent() -> None:
    _replace(IntentTable, "get", lambda *_: None)
    _replace(IntentTable, "of_customer", lambda *_: ())
    _replace(IntentTable, "open", lambda _self, intent: Versioned(intent, "none"))
    _replace(IntentTable, "close", lambda *_: None)


def _without_reading() -> None:
    """What was interrupted is sent again, whether it has landed or not."""
    again = lambda intent, *_: Recovery(intent.operations, intent.ledger)  # noqa: E731 - as the others
    _replace(write_operations, "recovery", again)
    _replace(write_operations, "left_of", lambda *_: ())


def _replace(owner: Any, name: str, by: Any) -> None:
    getattr(owner, name)  # it has to be there to be taken away
    setattr(owner, name, by)


PLANTED: Mapping[str, Callable[[], None]] = {
    "lease": _without_lease,
    "intent": _without_intent,
    "reading": _without_reading,
}
