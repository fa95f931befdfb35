"""Evidence of terms, and falls that Microsoft's rules do not allow."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from shared.domain.ledger import InForce
from shared.domain.licensing import merged
from shared.domain.plausibility import unlikely_fall
from shared.domain.terms import Certainty, Term, TermLength, term_of
from tests.builders import TODAY, a_snapshot, a_subscription


def at(year, month, day):
    return datetime(year, month, day, tzinfo=UTC)


def seen(*moments, created=None):
    """A subscription after snapshots that showed these lifecycle dates, a month apart."""
    snapshot = None
    for number, moment in enumerate(moments):
        fresh = a_snapshot(
            subscriptions=[replace(a_subscription(), next_lifecycle_at=moment, created_at=created)],
            taken_at=at(2026, 1, 1) + timedelta(days=30 * number),
        )
        snapshot = merged(fresh, snapshot)
    return snapshot.subscriptions[0]


@pytest.mark.parametrize(
    ("stored", "length"),
    [
        ("P1M", TermLength.MONTHLY),
        ("P1Y", TermLength.ANNUAL),
        ("P3Y", TermLength.TRIENNIAL),
        ("annual", TermLength.ANNUAL),
    ],
)
def test_a_length_that_was_stored_as_a_duration_is_still_read(stored, length):
    assert TypeAdapter(TermLength).validate_json(f'"{stored}"', strict=True) is length


@pytest.mark.parametrize("nothing", ["P2Y", "", None, 12])
def test_no_other_length_is_made_up(nothing):
    with pytest.raises(ValueError, match="is not a valid TermLength"):
        TermLength(nothing)


@pytest.mark.parametrize(
    ("moments", "length"),
    [
        ([at(2026, 1, 31), at(2026, 2, 28)], TermLength.MONTHLY),
        ([at(2026, 2, 28), at(2026, 3, 31)], TermLength.MONTHLY),
        ([at(2026, 5, 12), at(2027, 5, 12)], TermLength.ANNUAL),
        ([at(2027, 5, 12), at(2028, 5, 12)], TermLength.ANNUAL),
        ([at(2026, 5, 12), at(2029, 5, 12)], TermLength.TRIENNIAL),
    ],
)
def test_two_dates_that_differ_by_a_term_prove_it(moments, length):
    assert term_of(seen(*moments)) == Term(length, Certainty.PROVEN)


def test_an_odd_jump_proves_nothing():
    assert term_of(seen(at(2026, 5, 12), at(2026, 9, 1))) is None


def test_a_single_date_is_a_guess():
    subscription = seen(at(2026, 5, 12), created=at(2025, 5, 12))

    assert term_of(subscription) == Term(TermLength.ANNUAL, Certainty.GUESSED)


def test_a_monthly_subscription_of_a_year_ago_is_not_called_annual_once_a_jump_was_seen():
    subscription = seen(at(2026, 4, 12), at(2026, 5, 12), created=at(2025, 5, 12))

    assert term_of(subscription) == Term(TermLength.MONTHLY, Certainty.PROVEN)


def test_a_statement_wins():
    subscription = seen(at(2026, 4, 12), at(2026, 5, 12))

    assert term_of(subscription, TermLength.ANNUAL) == Term(TermLength.ANNUAL, Certainty.STATED)


def test_a_date_that_moved_on_is_a_renewal():
    assert seen(at(2026, 4, 12)).renewed_at is None
    assert seen(at(2026, 4, 12), at(2026, 5, 12)).renewed_at == at(2026, 1, 31)
    assert seen(at(2026, 4, 12), at(2026, 5, 12), at(2026, 5, 12)).renewed_at == at(2026, 1, 31)


def test_only_the_last_dates_are_kept():
    subscription = seen(*[at(2026, month, 1) for month in range(1, 11)])

    assert subscription.lifecycles[0] == at(2026, 5, 1)
    assert subscription.lifecycles[-1] == at(2026, 10, 1)


# Falls -------------------------------------------------------------------------------------------

LONG_AGO = InForce(date(2026, 1, 1), 10)


def test_a_fall_in_the_middle_of_a_term_is_marked():
    mark = unlikely_fall(8, (LONG_AGO,), [], TODAY)

    assert mark is not None
    assert "0 of these 2" in mark


def test_seats_added_within_a_week_may_be_given_back():
    entries = (LONG_AGO, InForce(TODAY - timedelta(days=7), 12))

    assert unlikely_fall(10, entries, [], TODAY) is None
    assert unlikely_fall(9, entries, [], TODAY) is not None


def test_seats_added_eight_days_ago_may_not():
    entries = (LONG_AGO, InForce(TODAY - timedelta(days=8), 12))

    assert unlikely_fall(10, entries, [], TODAY) is not None


def test_a_renewal_allows_any_fall_for_a_week():
    renewed = seen(at(2026, 4, 12), at(2026, 5, 12))

    assert unlikely_fall(1, (LONG_AGO,), [renewed], date(2026, 2, 7)) is None
    assert unlikely_fall(1, (LONG_AGO,), [renewed], date(2026, 2, 8)) is not None


def test_a_rise_is_never_marked():
    assert unlikely_fall(11, (LONG_AGO,), [], TODAY) is None
