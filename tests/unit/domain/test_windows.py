"""When seats can be given back, and which renewals are news."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain.commerce import joined
from shared.domain.ids import subscription_row
from shared.domain.licensing import SubscriptionStatus, rows_of
from shared.domain.movements import Movement, SeatChange
from shared.domain.terms import TermLength
from shared.domain.windows import reducible, renewal
from tests.builders import NOW, SUBSCRIPTION, TODAY, a_sku, a_snapshot, a_subscription

ROW = subscription_row(SUBSCRIPTION)
DAY = timedelta(days=1)


def a_row(subscription, *, consumed=8, enabled=10):
    snapshot = a_snapshot(
        skus=[a_sku(enabled=enabled, consumed=consumed)], subscriptions=[subscription]
    )
    return rows_of(snapshot, {})[0]


def came(before, after, at=NOW):
    return Movement(at, (SeatChange(ROW, before, after),))


def found(subscription=None, *, movements=(), consumed=8, now=NOW, said=None):
    subscription = subscription or a_subscription()
    row = a_row(subscription, consumed=consumed)
    return reducible(row, [joined(subscription, None, said)], movements, now)


def renewed(length_days=365, ago=DAY):
    last = NOW - ago
    return replace(
        a_subscription(),
        lifecycles=(last, last + timedelta(days=length_days)),
        next_lifecycle_at=last + timedelta(days=length_days),
        renewed_at=NOW,
    )


def test_seats_that_nobody_has_are_no_news_while_microsoft_keeps_them():
    assert found() is None


def test_seats_that_came_lately_can_be_given_back_for_seven_days_less_the_day_until_we_saw_them():
    seen = found(movements=[came(9, 10)])

    assert seen.seats == 1
    assert [window.until for window in seen.windows] == [NOW + 6 * DAY]
    assert found(movements=[came(9, 10)], now=NOW + 6 * DAY) is None


@pytest.mark.parametrize(("consumed", "seats"), [(8, 2), (5, 4), (10, None), (12, None)])
def test_only_unassigned_seats_that_came_count(consumed, seats):
    seen = found(movements=[came(6, 10)], consumed=consumed)

    assert (seen and seen.seats) == seats


def test_seats_of_a_row_that_cannot_be_counted_are_unknown():
    row = replace(a_row(a_subscription()), counts=None)

    assert reducible(row, [joined(a_subscription(), None)], [came(6, 10)], NOW) is None


def test_a_renewed_commitment_opens_a_window_for_all_seats():
    seen = found(renewed(), consumed=0)

    assert (seen.seats, seen.windows[0].until) == (10, NOW - DAY + 7 * DAY)
    assert found(renewed(ago=8 * DAY), consumed=0) is None


def test_a_monthly_renewal_is_no_news():
    assert found(renewed(length_days=30), consumed=0) is None


@pytest.mark.parametrize(
    "fields",
    [{"status": SubscriptionStatus.WARNING}, {"is_trial": True}, {"total_licenses": 0}],
)
def test_what_is_not_a_running_purchase_is_not_given_back(fields):
    assert found(replace(a_subscription(), **fields), movements=[came(6, 10)]) is None


@pytest.mark.parametrize(
    ("said", "days", "tells"),
    [
        (TermLength.ANNUAL, 20, True),
        (TermLength.TRIENNIAL, 0, True),
        (TermLength.ANNUAL, 31, False),
        (TermLength.ANNUAL, -1, False),
        (TermLength.MONTHLY, 20, False),
        (None, 20, False),  # the builder's dates only let one guess a year
    ],
)
def test_only_real_commitments_that_end_soon_are_told(said, days, tells):
    one = a_subscription(next_lifecycle_at=NOW + timedelta(days=days))

    assert (renewal(joined(one, None, said), TODAY) is not None) is tells


def test_a_renewal_names_its_day_and_its_seats():
    one = a_subscription(next_lifecycle_at=datetime(2026, 3, 31, tzinfo=UTC))

    near = renewal(joined(one, None, TermLength.ANNUAL), TODAY)

    assert (near.on, near.seats, near.renews) == (date(2026, 3, 31), 10, None)
