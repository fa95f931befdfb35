"""Alerts: one for each cause, raised once, cleared by itself, dismissed for some days."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind, AlertState
from shared.domain.customers import StatedTerm
from shared.domain.errors import AccessDeniedError, ConflictError
from shared.domain.ids import sku_row
from shared.domain.licensing import SubscriptionStatus
from shared.domain.mappings import RowExclusion
from shared.domain.terms import TermLength
from shared.usecases.alert_board import tell_preflight
from shared.usecases.alerts import dismiss_alert, list_alerts, open_alerts, restore_alert
from shared.usecases.connections import try_connection
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5_ROW,
    EDITOR,
    MAIN,
    NOW,
    OTHER_CUSTOMER,
    TENANT,
    a_line,
    a_sku,
    a_snapshot,
    a_subscription,
    an_alert,
)
from tests.house import House


@pytest.fixture
def house():
    return House().with_customer().with_mapping().holds(10)


def kinds(house, customer_id=CUSTOMER):
    return [alert.kind for alert in house.services.alerts.open_of(customer_id)]


def texts(house, kind, customer_id=CUSTOMER):
    found = house.services.alerts.open_of(customer_id)
    return [alert.text for alert in found if alert.kind is kind]


def hold(house, *, subscription, sku=None):
    sku = sku or a_sku(enabled=subscription.total_licenses, consumed=subscription.total_licenses)
    house.microsoft.hold(a_snapshot(skus=[sku], subscriptions=[subscription]))


class Counting:
    """An ``AlertRepository`` that counts what is written."""

    def __init__(self, real):
        self.real = real
        self.writes = 0

    def put(self, alerts, news=()):
        self.writes += 1
        self.real.put(alerts, news)

    def __getattr__(self, name):
        return getattr(self.real, name)


# Causes ------------------------------------------------------------------------------------------


def test_seats_in_grace_are_told_with_their_last_day_until_they_are_renewed(house):
    expired = a_subscription(status=SubscriptionStatus.WARNING)
    hold(house, subscription=expired, sku=a_sku(enabled=0, warning=10, consumed=10))
    house.cycle()

    [text] = texts(house, AlertKind.IN_GRACE)
    assert "10 seats of Microsoft 365 E5 expired and are in grace until 6 April 2026" in text

    house.holds(10).cycle()
    assert AlertKind.IN_GRACE not in kinds(house)


def test_a_minimum_that_is_billed_for_nobody_is_told():
    house = House().with_customer().with_mapping(minimum=5).holds(0)
    house.cycle()

    [text] = texts(house, AlertKind.MINIMUM_FOR_NONE)
    assert "has no active seats, and its minimum of 5 is billed" in text

    house.holds(6).cycle()
    assert AlertKind.MINIMUM_FOR_NONE not in kinds(house)


def test_a_line_of_ours_that_no_mapping_keeps_right_is_told_until_it_ends(house):
    house.cycle()
    stray = replace(a_line("999", quantity=4), marker="SEATSYNC-0123456789abcdef")
    house.psa.add(stray)
    house.cycle()

    [text] = texts(house, AlertKind.ORPHAN_LINE)
    assert f"line 999 on agreement {AGREEMENT}" in text

    house.psa.add(replace(stray, ends=date(2026, 3, 31)))
    house.cycle()
    assert AlertKind.ORPHAN_LINE not in kinds(house)


def test_lines_of_ours_that_are_mapped_are_no_orphans(house):
    house.cycle()
    house.holds(12).on(date(2026, 3, 20)).cycle()
    house.cycle()

    assert AlertKind.ORPHAN_LINE not in kinds(house)


def test_a_renewal_of_a_stated_commitment_is_told_and_is_gone_once_it_is_renewed(house):
    customer = house.services.customers.get(CUSTOMER)
    term = StatedTerm(a_subscription().subscription_id, TermLength.ANNUAL, EDITOR, NOW)
    house.services.customers.save(customer, replace(customer.value, terms=(term,)))
    hold(house, subscription=a_subscription())
    house.cycle()

    [text] = texts(house, AlertKind.RENEWAL)
    assert "the annual commitment of 10 seats of Microsoft 365 E5 renews on 6 April 2026" in text

    hold(house, subscription=a_subscription(next_lifecycle_at=NOW + timedelta(days=385)))
    house.on(date(2026, 4, 7)).cycle()
    assert AlertKind.RENEWAL not in kinds(house)


def test_seats_that_can_be_given_back_are_told_for_as_long_as_they_can(house):
    house.cycle()
    sku = a_sku(enabled=12, consumed=10)
    hold(house, subscription=a_subscription(total_licenses=12), sku=sku)
    house.on(date(2026, 3, 18)).cycle()

    [text] = texts(house, AlertKind.SEATS_REDUCIBLE)
    assert "2 seats of Microsoft 365 E5 are assigned to nobody" in text

    house.on(date(2026, 3, 25)).cycle()
    assert AlertKind.SEATS_REDUCIBLE not in kinds(house)


def test_an_excluded_row_is_no_cause(house):
    hold(house, subscription=a_subscription(sku_id=BUSINESS_PREMIUM), sku=a_sku(BUSINESS_PREMIUM))
    house.cycle()
    assert AlertKind.MISSING_PROFILE in kinds(house)

    row = sku_row(BUSINESS_PREMIUM)
    house.services.mappings.exclude(RowExclusion(CUSTOMER, row, False, EDITOR, NOW))
    house.cycle()
    assert AlertKind.MISSING_PROFILE not in kinds(house)


def test_a_secret_that_expired_is_told_once_and_not_for_each_customer(house):
    house.with_customer(customer_id=OTHER_CUSTOMER)
    error = AccessDeniedError("the secret expired", remedy="Renew it.", everywhere=True)
    house.microsoft.fail(TENANT, error)
    house.cycle()

    assert texts(house, AlertKind.SIGN_IN_BROKEN, None) == [
        f"Microsoft connection {MAIN} lets us in nowhere: the secret expired. Renew it."
    ]
    assert kinds(house) == kinds(house, OTHER_CUSTOMER) == []

    try_connection(MAIN, house.services)
    assert AlertKind.SIGN_IN_BROKEN not in kinds(house, None)


def test_what_a_preflight_found_is_told_and_taken_back(house):
    found = {"prorate": "switch proration on", "cycle": "an odd cycle"}
    tell_preflight(CUSTOMER, AGREEMENT, found, house.services)
    assert len(texts(house, AlertKind.PREFLIGHT)) == 2

    del found["cycle"]
    tell_preflight(CUSTOMER, AGREEMENT, found, house.services)
    assert texts(house, AlertKind.PREFLIGHT) == ["switch proration on"]


# Raised once -------------------------------------------------------------------------------------


def test_nothing_is_written_while_nothing_changes(house):
    house.with_customer(customer_id=OTHER_CUSTOMER)
    house.psa.add(replace(a_line("999", quantity=4), marker="SEATSYNC-0123456789abcdef"))
    house.cycle()
    counting = Counting(house.services.alerts)
    house.services = replace(house.services, alerts=counting)

    house.cycle()

    assert len(kinds(house)) + len(kinds(house, OTHER_CUSTOMER)) >= 2
    assert counting.writes == 0


def test_an_alert_is_announced_once_until_its_matter_changes(house):
    house.with_customer(customer_id=OTHER_CUSTOMER)
    house.cycle()
    [alert] = house.services.alerts.open_of(OTHER_CUSTOMER)
    assert alert.alert_id in house.services.alerts.news()
    house.services.alerts.forget_news(house.services.alerts.news())

    house.cycle()
    assert house.services.alerts.news() == ()

    house.holds(11).cycle()
    assert alert.alert_id in house.services.alerts.news()


# Dismissed ---------------------------------------------------------------------------------------


def dismissed(house, days=14):
    house.with_customer(customer_id=OTHER_CUSTOMER)
    house.cycle()
    [alert] = house.services.alerts.open_of(OTHER_CUSTOMER)
    return dismiss_alert(
        alert.alert_id, house.services, reason="a test tenant", days=days, actor=EDITOR
    )


def test_a_dismissed_alert_asks_for_nobody_until_its_days_are_over(house):
    view = dismissed(house)
    house.cycle()

    assert (view.state, view.dismissal.by) == (AlertState.DISMISSED, EDITOR)
    assert view.alert not in open_alerts(house.services)
    house.clock.pass_time(timedelta(days=14))
    assert view.alert.alert_id in {a.alert_id for a in open_alerts(house.services)}


def test_a_dismissed_alert_is_back_when_its_matter_changes(house):
    view = dismissed(house)

    house.holds(11).cycle()

    [back] = [a for a in open_alerts(house.services) if a.alert_id == view.alert.alert_id]
    assert "11 seats" in back.text


def test_a_cause_that_comes_and_goes_stays_dismissed(house):
    view = dismissed(house)
    house.microsoft.hold(a_snapshot(skus=[a_sku(enabled=0)]))
    house.cycle()
    assert house.services.alerts.get(view.alert.alert_id).value.cleared_at is not None

    house.holds(10).cycle()

    assert view.alert.alert_id not in {a.alert_id for a in open_alerts(house.services)}


def test_a_dismissal_can_be_taken_back(house):
    view = dismissed(house)

    back = restore_alert(view.alert.alert_id, house.services)

    assert (back.state, back.dismissal) == (AlertState.OPEN, None)
    assert view.alert in open_alerts(house.services)


def test_what_is_cleared_cannot_be_dismissed(house):
    house.services.alerts.put([an_alert(cleared_at=NOW)])

    with pytest.raises(ConflictError):
        dismiss_alert(an_alert().alert_id, house.services, reason="no", days=1, actor=EDITOR)


def test_a_page_is_full_although_some_are_dismissed(house):
    alerts = [an_alert(subject=f"group-{number}") for number in range(9)]
    house.services.alerts.put([*alerts, an_alert(AlertKind.DRIFT, cleared_at=NOW)])
    for alert in alerts[::2]:
        dismiss_alert(alert.alert_id, house.services, reason="x", days=1, actor=EDITOR)

    def listed(state, limit):
        seen, continuation = [], None
        while True:
            page = list_alerts(house.services, state=state, continuation=continuation, limit=limit)
            seen.append(len(page.items))
            continuation = page.continuation
            if continuation is None:
                return seen

    assert sum(listed(AlertState.OPEN, 3)) == 4
    assert listed(AlertState.OPEN, 3)[0] == 3
    assert sum(listed(AlertState.DISMISSED, 2)) == 5
    assert sum(listed(AlertState.CLEARED, 2)) == 1
    assert sum(listed(None, 4)) == 10


def test_alerts_are_filtered_by_kind_and_customer(house):
    mine, theirs = an_alert(), an_alert(customer_id=OTHER_CUSTOMER)
    house.services.alerts.put([mine, theirs, an_alert(AlertKind.DRIFT)])

    page = list_alerts(house.services, kind=AlertKind.HELD, customer_id=CUSTOMER)

    assert [view.alert for view in page.items] == [mine]
    assert {v.alert.row_id for v in page.items} == {E5_ROW}
