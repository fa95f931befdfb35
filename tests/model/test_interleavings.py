"""Every order of two workers and one fault ends with the PSA billed once; without any one of the
protections, some order does not.
"""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain import intents
from shared.domain.ids import CustomerId, GroupId
from shared.domain.intents import Intent, Recovery
from shared.ports import Services, Versioned
from shared.usecases import write_operations
from shared.usecases.write_operations import OperationWriter
from tests.house import House
from tests.model.interleavings import LONGER_THAN_A_LEASE, SEATS, SEATS_BEFORE, explore


def judged(house: House) -> str:
    """Say what is wrong once a last, undisturbed sync has come after everything else."""
    house.clock.real += LONGER_THAN_A_LEASE
    house.sync_now()
    lines = sorted((line.quantity or 0, line.ends is None) for line in house.lines)
    if lines != [(SEATS - SEATS_BEFORE, False), (SEATS, True)]:
        return f"lines {lines}"
    written = [one for one in house.history() if one.result == "written"]
    if len(written) != 1:
        return f"{len(written)} entries in the history"
    if house.services.intents.of_customer(written[0].customer_id):
        return "an intent is left"
    return ""


class NoLease:
    """Lets everybody in."""

    lasts = LONGER_THAN_A_LEASE

    def take(self, _customer_id: CustomerId, _group_id: GroupId) -> "NoLease":
        return self

    def keep(self) -> None:
        """Always."""

    def release(self) -> None:
        """Nothing."""


class NoIntents:
    """Forgets every intent."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def get(self, _customer_id: CustomerId, _group_id: GroupId) -> None:
        return None

    def open(self, intent: Intent) -> Versioned[Intent]:
        return Versioned(intent, "v")

    def close(self, _intent: Versioned[Intent]) -> None:
        """Nothing."""


def without_lease(services: Services) -> Services:
    return replace(services, leases=NoLease())  # type: ignore[arg-type]  # planted


def without_intents(services: Services) -> Services:
    return replace(services, intents=NoIntents(services.intents))  # type: ignore[arg-type]  # planted


@pytest.mark.timeout(600)
def test_every_order_ends_with_one_line_of_each_kind():
    found = explore(judged)

    assert found.wrong == []
    assert found.ends > 100
    assert found.places > 5000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("alter", [without_lease, without_intents])
def test_without_a_protection_some_order_goes_wrong(alter):
    assert explore(judged, alter=alter).wrong


@pytest.mark.timeout(300)
def test_repeating_without_reading_goes_wrong_in_some_order(monkeypatch):
    monkeypatch.setattr(
        write_operations, "recovery", lambda intent, *_: Recovery(intent.operations, intent.ledger)
    )
    monkeypatch.setattr(write_operations, "left_of", lambda *_: ())

    assert explore(judged).wrong


@pytest.mark.timeout(300)
def test_finishing_what_another_worker_overtook_goes_wrong_in_some_order(monkeypatch):
    for module in (intents, write_operations):
        monkeypatch.setattr(module, "overtaken", lambda *_: False)

    assert explore(judged).wrong


@pytest.mark.timeout(300)
def test_judging_an_intent_after_the_lease_was_lost_goes_wrong_in_some_order(monkeypatch):
    real = OperationWriter.recover

    def without_keeping(self, *given):
        *others, lease = given
        return real(self, *others, _Trusting(lease))

    monkeypatch.setattr(OperationWriter, "recover", without_keeping)

    assert explore(judged).wrong


class _Trusting:
    """A lease whose first check is left out."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._first = True

    def keep(self) -> None:
        if not self._first:
            self._real.keep()
        self._first = False

    def release(self) -> None:
        self._real.release()
