"""A story told to each simulated PSA is held by it as it was told."""

from dataclasses import replace
from datetime import date

import pytest

from local.sites.known import SITES
from local.sites.site import (
    DAY,
    Agreement,
    Company,
    Held,
    Line,
    Product,
    Story,
    Terms,
    changes_something,
)
from shared import exact_json

MARCH = Terms(
    starts=date(2023, 3, 1),
    period_start=date(2026, 3, 1),
    period_end=date(2026, 3, 31),
    invoiced_through=date(2026, 3, 31),
    next_invoice=date(2026, 4, 1),
)
STORY = Story(
    companies=[Company(250, "Contoso")],
    products=[Product(101, "Business Premium", "22.00")],
    agreements=[Agreement(7001, 250, MARCH)],
    lines=[Line(501, 7001, 101, 10, MARCH.starts)],
)
ON = date(2026, 3, 17)


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_a_line_is_held_as_it_was_told(site):
    state = exact_json.loads(exact_json.dumps(site.dumped(STORY)))

    starts = None if site.name == "syncro" else MARCH.starts
    assert site.held(state) == [Held(7001, 101, 10, starts)]


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_the_settings_name_the_connection(site):
    found = site.settings("http://psa.test", "second")

    assert found["PSA__second__PROVIDER"] == site.name
    assert found["PSA__second__URL"] == "http://psa.test"
    assert all(name.startswith("PSA__second__") for name in found)


def test_units_that_change_are_held_by_day_and_changes_of_a_day_are_one():
    site = SITES["autotask"]
    state = site.new_state()
    state.seed(**site.records(STORY))
    adjustments = state.lines[501].adjustments
    for number, (day, units) in enumerate([(ON, 3), (ON, -1), (ON + DAY, 0)], start=1):
        adjustments.append(type(adjustments[0])(number, day, units))

    assert site.held(state.dump()) == [
        Held(7001, 101, 10, MARCH.starts, ON - DAY),
        Held(7001, 101, 12, ON),
    ]


def test_rows_wait_beside_the_quantity_unless_they_count_as_it_does():
    site = SITES["halopsa"]
    state = site.new_state()
    state.seed(**site.records(STORY))
    state.lines[501]["prorata_data"] = [
        {"id": 1, "date": "2026-03-17T00:00:00", "quantity": 2},
        {"id": 2, "date": "2026-04-01T00:00:00", "quantity": 3},
        {"id": 3, "date": "2026-02-05T00:00:00", "quantity": 9, "isinvoiced": True},
    ]

    assert site.held(state.dump()) == [Held(7001, 101, 13, MARCH.starts), Held(7001, 101, 2, ON)]


@pytest.mark.parametrize("psa", ["connectwise", "halopsa"])
def test_another_tools_mark_is_found_again(psa):
    lines = [Line(501, 7001, 101, 10, MARCH.starts, mark="OTHER-1")]

    [held] = SITES[psa].held(SITES[psa].dumped(replace(STORY, lines=lines)))

    assert held.mark == "OTHER-1"


def test_a_schedules_mark_is_the_reference_at_the_end_of_the_text():
    state = SITES["syncro"].dumped(STORY)
    state["lines"][0]["description"] = "Business Premium\nRef. SEATSYNC-1"

    assert SITES["syncro"].held(state)[0].mark == "SEATSYNC-1"


@pytest.mark.parametrize(
    ("method", "path", "changes"),
    [
        ("GET", "/api/recurringinvoice", False),
        ("POST", "/api/recurringinvoice", True),
        ("POST", "/v1.0/ContractServiceUnits/query", False),
        ("POST", "/v1.0/ContractServiceUnits/query/next", False),
        ("POST", "/v1.0/ContractServiceAdjustments", True),
        ("PATCH", "/finance/agreements/7001/additions/501", True),
    ],
)
def test_a_query_and_its_further_pages_change_nothing(method, path, changes):
    assert changes_something(method, path) is changes
