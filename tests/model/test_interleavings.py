"""Every order of two workers and one fault ends with the PSA billed once; without any one of the
three protections, some order does not.
"""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.intents import Recovery
from shared.ports import Services
from shared.usecases import write_operations
from tests.house import House
from tests.model.interleavings import LONGER_THAN_A_LEASE, SEATS, SEATS_BEFORE, explore


def judged(house: House) -> str:
    """Say what is wrong once a last, undisturbed sync has come after everything else."""
    house.clock.real += LONGER_THAN_A_LEASE
    house.sync_now()
    lines = sorted((line.quantity, line.ends is None) for line in house.lines)
    if lines != [(SEATS - SEATS_BEFORE, False), (SEATS, True)]:
        return f"lines {lines}"
    marks = [line.marker for line in house.lines if line.marker]
    if len(marks) != len(set(marks)):
        return "a mark stands on two lines"
    written = [one for one in house.history() if one.result == "written"]
    if len(written) != 1:
        return f"{len(written)} entries in the history"
    return ""


def test_every_order_ends_with_one_line_of_each_kind():
    found = explore(judged)

    assert found.wrong == []
    assert found.ends > 50
    assert found.places > 500
