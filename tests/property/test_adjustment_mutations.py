"""Faults in the planning of adjustments, planted one by one: the histories must show each.

A fault shows as an invoice that differs from the oracle's, as an adjustment that the contract
refuses, or as a second plan that is not in step.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from shared.domain.agreements import AgreementLine, ChangeKind
from shared.domain.changing import adjustments, kinds
from shared.domain.changing.facts import GroupFacts
from shared.domain.planning import plan
from tests.property.adjusted import AUTOTASK, POSTED_TOO, AdjustedWalk
from tests.property.histories import AFTER, History, Step
from tests.property.simulated import ARREARS_LATE
from tests.property.test_mutations import some_histories

Patch = Callable[[pytest.MonkeyPatch], None]


LAST_DAY = History(
    anchor=date(2026, 1, 1),
    months=1,
    timing=ARREARS_LATE,
    invoices=AFTER,
    opening=0,
    steps=(Step(0, 10), Step(30, 12), Step(0, 15), Step(1, 9)),
)
"""Two changes on a period's last day, and one on the next one's first."""


def check_histories() -> None:
    """Walk the same forty years on both kinds of site."""
    for site in (AUTOTASK, POSTED_TOO):
        for history in (*some_histories(), LAST_DAY):
            walk = AdjustedWalk(history, site).run()
            assert walk.differences() == {}
            last = history.steps[-1].seats
            assert plan(walk.driver.request(walk.last, last)).operations == ()


def patched(name: str, replacement: Callable[..., object]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adjustments, name, replacement)

    return patch


def only_today(facts: GroupFacts) -> tuple[date, ...]:
    return (facts.today,)


def only_now(facts: GroupFacts) -> tuple[date, ...]:
    changes = facts.capabilities.changes_invoiced
    return (facts.today if changes else max(facts.today, facts.first_uninvoiced),)


def nothing_ahead(facts: GroupFacts) -> tuple[date, ...]:
    return tuple(day for day in _bases(facts) if day <= facts.today) or (facts.today,)


def all_that_is_needed(
    facts: GroupFacts,
    _line: AgreementLine,
    day: date,
    level: int,
) -> int:
    needed = facts.seats_on(max(day, facts.today))
    return level if needed is None else needed


def never_less(facts: GroupFacts, line: AgreementLine, day: date, level: int) -> int:
    return max(level, _allowed(facts, line, day, level))


def todays_seats(facts: GroupFacts, day: date) -> int | None:
    return facts.seats_on(max(day, facts.today))


def posted_or_not(facts: GroupFacts, given: date | None) -> object:
    everything = replace(facts.capabilities, changes_invoiced=True)
    return _opened(replace(facts, capabilities=everything), given)


_bases, _allowed, _opened = adjustments._bases, adjustments._allowed, adjustments.opened

FAULTS: dict[str, Patch] = {
    "posted periods are changed": patched("_bases", only_today),
    "a period's first day is forgotten": patched("_bases", only_now),
    "nothing is written for a period that may be posted before it begins": patched(
        "_bases", nothing_ahead
    ),
    "a fall always counts at once": patched("_allowed", all_that_is_needed),
    "nothing ever falls": patched("_allowed", never_less),
    "there is no high-water mark": patched("_high_water", lambda *_: 0),
    "a period begins with today's seats": patched("_needed", todays_seats),
    "a second change spills into the next period": patched("_may_hold", lambda *_: True),
    "a day takes two changes": patched("DAY", adjustments.DAY * 0),
}


def test_without_a_fault_all_is_well():
    check_histories()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault, monkeypatch):
    FAULTS[fault](monkeypatch)

    with pytest.raises(AssertionError):
        check_histories()


def test_a_new_line_in_a_posted_period_is_seen(monkeypatch):
    kind = kinds.Kind(posted_or_not, adjustments.changed)  # type: ignore[arg-type]  # a fault
    monkeypatch.setitem(kinds.KINDS, ChangeKind.DATED_ADJUSTMENTS, kind)  # type: ignore[arg-type]

    with pytest.raises(AssertionError):
        check_histories()
