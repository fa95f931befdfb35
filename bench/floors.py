"""How few calls a cycle can need: reading in bulk, and writing only differences.

Each PSA's floor is what its API allows at best, whatever we do: how many records it gives at once,
and whether it gives many agreements' lines together. Sign-ins are not counted. A change costs a
read of what is there now, and its write.

What a change that is never billed twice needs may be more. A rise within a period that ConnectWise
has invoiced is two lines, so two writes. Autotask tells nothing about an adjustment, and nothing
takes one back: the units are read before it and after it, for all that are made at once together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.fleet import LICENCES
from bench.rig import AT_ONCE, GRAPH_SECONDS, PSA_SECONDS


@dataclass(frozen=True, slots=True)
class Floor:
    """The fewest calls of a cycle."""

    graph: int
    psa: int
    safe: int
    """Calls more that changes need so that none is ever billed twice, or in part."""

    @property
    def calls(self) -> int:
        """Of both, without what safe changes need more."""
        return self.graph + self.psa

    def seconds(self, at_once: int) -> float:
        """Return how long the calls take when so many of them always run at once."""
        return (self.graph * GRAPH_SECONDS + self.psa * PSA_SECONDS) / at_once


def floor_of(psa: str, tenants: int, changes: int = 0) -> Floor:
    """Return the floor of a cycle with so many changed lines; each tenant has one agreement."""
    # One call lists tenants once a day; it is no part of a cycle.
    fewest = _PSAS[psa](tenants, changes)
    safe = _SAFE[psa](changes) if psa in _SAFE else 0
    return Floor(graph=tenants, psa=fewest, safe=safe)


def _connectwise(tenants: int, changes: int) -> int:
    """Agreements by the thousand; lines by agreement."""
    return _pages(tenants, 1000) + tenants + 2 * changes


def _autotask(tenants: int, changes: int) -> int:
    """Contracts, services and units by 500; what changed is read again in bulk."""
    lines = tenants * LICENCES
    read_again = 2 * _pages(changes, 500)
    return _pages(tenants, 500) + 2 * _pages(lines, 500) + read_again + changes


def _halopsa(tenants: int, changes: int) -> int:
    """Recurring invoices by 100, with their lines."""
    return _pages(tenants, 100) + 2 * changes


def _syncro(tenants: int, changes: int) -> int:
    """Schedules by 25, without their lines; lines by schedule."""
    return _pages(tenants, 25) + tenants + 2 * changes


_PSAS: dict[str, Callable[[int, int], int]] = {
    "connectwise": _connectwise,
    "autotask": _autotask,
    "halopsa": _halopsa,
    "syncro": _syncro,
}


_SAFE: dict[str, Callable[[int], int]] = {
    "connectwise": lambda changes: changes,
    "autotask": lambda changes: 2 * (_pages(changes, AT_ONCE) - _pages(changes, 500)),
}
"""Calls more for so many changes."""


def _pages(records: int, most: int) -> int:
    return -(-records // most)
