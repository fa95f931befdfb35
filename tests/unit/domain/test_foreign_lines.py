"""Which lines another tool made, and what ending them would mean on an invoice."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.agreements import AgreementLine, standing_marker
from shared.domain.foreign_lines import (
    LineEnding,
    OwnBilling,
    fingerprint_of,
    foreign_lines,
    judged,
    may_be_foreign,
    not_as_shown,
)
from tests.builders import (
    CUSTOMER,
    LINE,
    OTHER_LINE,
    OTHER_PRODUCT,
    PRODUCT,
    a_group,
    a_line,
    an_agreement,
)

MARCH_END = date(2026, 3, 31)
NOTHING = OwnBilling((), frozenset())
THEIRS = a_line(marker="ACME-501")


def shown(line: AgreementLine = THEIRS, own: OwnBilling = NOTHING, **options: object):
    given = {"last_day": MARCH_END, "can_end": True, **options}
    return judged(line, an_agreement(), CUSTOMER, own, **given)  # type: ignore[arg-type]  # by name


def test_only_lines_whose_mark_begins_so_are_foreign():
    lines = (
        THEIRS,
        a_line(OTHER_LINE, marker="acme-1"),
        a_line(OTHER_LINE, marker="X-ACME-1"),
        a_line(OTHER_LINE, marker=None),
        a_line(OTHER_LINE, marker=standing_marker(a_group().group_id, 1)),
        a_line(OTHER_LINE, marker="ACME-2", ends=date(2025, 12, 31)),
    )

    assert foreign_lines(lines, "ACME-", NOTHING) == (THEIRS,)


def test_a_line_that_was_adopted_is_nobody_elses_whatever_its_mark():
    assert foreign_lines((THEIRS,), "ACME-", OwnBilling((THEIRS,), frozenset())) == ()


@pytest.mark.parametrize("prefix", ["SEATSYNC-", "seatsync-0123", "SEA", "SeatSync"])
def test_a_prefix_that_may_be_ours_is_never_taken(prefix):
    assert not may_be_foreign(prefix)


def test_another_tools_prefix_is_taken():
    assert may_be_foreign("ACME-")
    assert may_be_foreign("SEATS-")


@pytest.mark.parametrize(
    ("fields", "options", "outcome"),
    [
        ({}, {}, "ends"),
        ({"ends": date(2026, 6, 30)}, {}, "ends"),
        ({"ends": MARCH_END}, {}, "ended"),
        ({"ends": date(2026, 2, 28)}, {"can_end": False}, "ended"),
        ({"starts": MARCH_END}, {}, "ends"),
        ({"starts": date(2026, 4, 1)}, {}, "refused"),
        ({"computed": True}, {}, "refused"),
        ({}, {"can_end": False}, "refused"),
        ({}, {"refused": "the customer is paused"}, "refused"),
    ],
)
def test_what_would_happen_is_said_for_each_line(fields, options, outcome):
    found = shown(replace(THEIRS, **fields), **options)

    assert found.outcome == outcome
    assert found.text


def test_an_end_on_the_last_invoiced_day_bills_nothing_twice():
    assert shown().warnings == ()


def test_an_end_inside_what_is_invoiced_warns_of_paying_twice():
    [warning] = shown(last_day=date(2026, 3, 17)).warnings

    assert "invoiced through 2026-03-31" in warning


def test_a_line_of_ours_for_the_same_product_and_days_is_billed_twice():
    ours = a_line(OTHER_LINE, starts=date(2026, 3, 18))

    [warning] = shown(own=OwnBilling((ours,), frozenset())).warnings

    assert "line 502" in warning
    assert "until 2026-03-31" in warning


@pytest.mark.parametrize(
    ("starts", "warned"),
    [(date(2026, 4, 1), False), (date(2026, 4, 2), True)],
    ids=["the day after", "a day too late"],
)
def test_days_that_nobody_bills_are_told(starts, warned):
    ours = a_line(OTHER_LINE, starts=starts)

    found = shown(own=OwnBilling((ours,), frozenset())).warnings

    assert bool(found) is warned
    assert all("nobody bills from 2026-04-01 to 2026-04-01" in one for one in found)


def test_other_products_and_ended_lines_of_ours_do_not_matter():
    others = (
        a_line(OTHER_LINE, product_id=OTHER_PRODUCT),
        a_line(OTHER_LINE, starts=date(2026, 1, 1), ends=date(2025, 12, 31)),
    )

    assert shown(own=OwnBilling(others, frozenset())).warnings == ()


def test_a_row_that_makes_its_own_line_is_to_wait():
    [warning] = shown(own=OwnBilling((), frozenset({PRODUCT}))).warnings

    assert "override start date after 2026-03-31" in warning


@pytest.mark.parametrize(
    "other",
    [
        shown(replace(THEIRS, quantity=11)),
        shown(replace(THEIRS, ends=date(2026, 12, 31))),
        shown(replace(THEIRS, marker="ACME-502")),
        shown(own=OwnBilling((), frozenset({PRODUCT}))),
        shown(can_end=False),
    ],
    ids=["quantity", "end", "mark", "warning", "outcome"],
)
def test_what_a_person_would_see_differently_has_another_fingerprint(other):
    def name(*found, day=MARCH_END, problems=()):
        return fingerprint_of(found, "ACME-", day, problems)

    assert name(shown()) == name(shown())
    assert name(shown()) != name(other)
    assert name(shown()) != name()
    assert name(shown()) != name(shown(), day=date(2026, 4, 30))
    assert name(shown()) != name(shown(), problems=["7002: 503"])


@pytest.mark.parametrize(
    ("line", "left_alone"),
    [
        (THEIRS, False),
        (replace(THEIRS, quantity=12), False),
        (replace(THEIRS, marker="ACME-502"), True),
        (replace(THEIRS, marker=None), True),
        (replace(THEIRS, ends=date(2026, 12, 31)), True),
        (None, True),
    ],
    ids=["as shown", "another quantity", "another mark", "no mark", "another end", "gone"],
)
def test_a_line_that_changed_since_is_left_alone(line, left_alone):
    ending = LineEnding(LINE, "ACME-501", None, MARCH_END, "E5", "moving")

    assert (not_as_shown(ending, line) is not None) is left_alone
