"""``/api/alerts``: listed, dismissed with a reason, and taken back."""

from datetime import timedelta

import pytest

from shared.domain.alerts import AlertKind
from tests.api_client import Api
from tests.builders import CUSTOMER, NOW, OTHER_CUSTOMER, an_alert

ADDRESS = f"/api/alerts/{an_alert().alert_id}"


@pytest.fixture
def stored(api: Api) -> Api:
    """A held line and a drift of one customer, one of another, and one that is over."""
    api.house.services.alerts.put(
        [
            an_alert(),
            an_alert(AlertKind.DRIFT),
            an_alert(customer_id=OTHER_CUSTOMER),
            an_alert(AlertKind.STALE, cleared_at=NOW),
        ]
    )
    return api


def listed(api: Api, **query: str) -> set[tuple[str, str]]:
    items = api.get("/api/alerts", **query).json["items"]
    return {(one["kind"], one["customer_id"]) for one in items}


def test_alerts_are_found_by_kind_customer_and_state(stored: Api):
    mine, drift = ("held", CUSTOMER), ("drift", CUSTOMER)
    theirs, over = ("held", OTHER_CUSTOMER), ("stale", CUSTOMER)

    assert listed(stored) == {mine, drift, theirs}
    assert listed(stored, kind="held") == {mine, theirs}
    assert listed(stored, customer_id=CUSTOMER) == {mine, drift}
    assert listed(stored, state="cleared") == {over}
    assert listed(stored, state="dismissed") == set()
    assert listed(stored, state="all") == listed(stored, all="true") == {mine, drift, theirs, over}


def test_an_alert_is_dismissed_for_some_days_with_who_and_why(stored: Api):
    answer = stored.post(f"{ADDRESS}/dismiss", {"reason": "agreed by phone", "days": 14})

    assert answer.status == 200
    assert answer.json["state"] == "dismissed"
    said = answer.json["dismissal"]
    assert (said["reason"], said["by"]) == ("agreed by phone", "developer")
    assert said["until"] == (stored.house.clock.now() + timedelta(days=14)).isoformat()
    assert ("held", CUSTOMER) not in listed(stored)
    assert listed(stored, state="dismissed") == {("held", CUSTOMER)}


def test_a_dismissal_is_taken_back(stored: Api):
    stored.post(f"{ADDRESS}/dismiss", {"reason": "a mistake", "days": 14})

    answer = stored.post(f"{ADDRESS}/restore", {})

    assert (answer.json["state"], answer.json["dismissal"]) == ("open", None)
    assert ("held", CUSTOMER) in listed(stored)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "", "days": 1}, "reason"),
        ({"reason": "   ", "days": 1}, "reason"),
        ({"days": 1}, "reason"),
        ({"reason": "x", "days": 0}, "days"),
        ({"reason": "x", "days": 3651}, "days"),
        ({"reason": "x", "days": 1.5}, "days"),
        ({"reason": "x"}, "days"),
    ],
)
def test_a_dismissal_says_why_and_for_how_long(stored: Api, body, field):
    answer = stored.post(f"{ADDRESS}/dismiss", body)

    assert answer.status == 422
    assert field in answer.json["errors"]


def test_what_is_over_or_was_never_there_cannot_be_dismissed(stored: Api):
    over = an_alert(AlertKind.STALE).alert_id
    body = {"reason": "x", "days": 1}

    assert stored.post(f"/api/alerts/{over}/dismiss", body).status == 409
    assert stored.post("/api/alerts/none/dismiss", body).status == 404
    assert stored.post("/api/alerts/none/restore", {}).status == 404
