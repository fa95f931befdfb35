"""Alerts, as somebody reads, dismisses and takes them up again."""

from datetime import timedelta

import pytest

from shared.domain.alerts import AlertKind
from tests.api_client import VIEWER, Api
from tests.builders import CUSTOMER, NOW, an_alert
from tests.page_client import Browser

DRIFT = an_alert(AlertKind.DRIFT, text="somebody set 7")
RENEWAL = an_alert(AlertKind.RENEWAL, text="renews on 1 April")
GONE = an_alert(AlertKind.FAILED, text="the PSA said no", cleared_at=NOW)
DISMISS = f"/alerts/{DRIFT.alert_id}/dismiss"


@pytest.fixture
def alarmed(browser: Browser) -> Browser:
    services = browser.api.house.services
    services.alerts.put([DRIFT, RENEWAL, GONE])
    return browser


def test_open_alerts_are_listed_with_their_customer(alarmed: Browser):
    page = alarmed.get("/alerts")

    assert "Contoso" in page.text
    assert "somebody set 7" in page.text
    assert "the PSA said no" not in page.text
    assert DISMISS in page.links


def test_alerts_are_chosen_by_kind_state_and_customer(alarmed: Browser):
    assert "somebody set 7" not in alarmed.get("/alerts?kind=renewal").text
    assert "renews on 1 April" in alarmed.get("/alerts?kind=renewal").text
    assert "the PSA said no" in alarmed.get("/alerts?state=cleared").text
    assert "somebody set 7" in alarmed.get("/alerts?state=all").text
    assert "somebody set 7" in alarmed.get(f"/alerts?customer={CUSTOMER}").text
    assert "no such alerts" in alarmed.get("/alerts?customer=other").text


def test_many_alerts_come_page_after_page(browser: Browser):
    alerts = [an_alert(AlertKind.DRIFT, subject=f"g{n}", text=f"text {n:02}") for n in range(40)]
    browser.api.house.services.alerts.put(alerts)

    first = browser.get("/alerts?kind=drift")
    [more] = [one for one in first.links if "continuation=" in one]
    second = browser.get(more)

    shown = [f"text {n:02}" in first.text for n in range(40)]
    assert sum(shown) == 25
    assert all(shown[n] is not (f"text {n:02}" in second.text) for n in range(40))


def test_an_alert_is_dismissed_for_some_days_and_taken_back(alarmed: Browser):
    asked = alarmed.part(DISMISS, "drawer-body")
    alarmed.submit(asked, DISMISS, reason="the customer keeps them", days="14")

    assert "dismissed for 14 days" in alarmed.follow().text
    assert "somebody set 7" not in alarmed.get("/alerts").text
    shown = alarmed.get("/alerts?state=dismissed")
    assert "the customer keeps them" in shown.text
    assert alarmed.api.house.services.dismissals.all()[DRIFT.alert_id].until == NOW + timedelta(14)
    alarmed.submit(shown, f"/alerts/{DRIFT.alert_id}/restore")
    assert "open again" in alarmed.follow().text
    assert "somebody set 7" in alarmed.get("/alerts").text


@pytest.mark.parametrize(("field", "value"), [("reason", ""), ("days", "0"), ("days", "soon")])
def test_a_dismissal_needs_a_reason_and_days(alarmed: Browser, field, value):
    given = {"reason": "known", "days": "3", field: value}
    part = {"hx-request": "true", "hx-target": "drawer-body"}

    page = alarmed.send(DISMISS, given, **part)

    assert alarmed.status == 422
    assert "Nothing was saved" in page.text
    assert ("input", "aria-invalid", "true") in page.attributes
    assert alarmed.api.house.services.dismissals.all() == {}


def test_what_is_gone_by_itself_is_not_dismissed(alarmed: Browser):
    page = alarmed.send(f"/alerts/{GONE.alert_id}/dismiss", {"reason": "known", "days": "3"})

    assert alarmed.status == 409
    assert "the alert's cause is gone" in page.text


def test_a_viewer_reads_alerts_and_is_offered_nothing_to_do(in_azure: Api):
    in_azure.house.services.alerts.put([DRIFT])
    page = Browser(in_azure, headers=VIEWER).get("/alerts")

    assert "somebody set 7" in page.text
    assert DISMISS not in page.links


def test_the_overview_leads_to_the_alerts_of_a_kind_that_it_does_not_list(browser: Browser):
    alerts = [an_alert(AlertKind.DRIFT, subject=f"g{n}") for n in range(7)]
    browser.api.house.services.alerts.put(alerts)

    assert "/alerts?kind=drift" in browser.get("/").links
