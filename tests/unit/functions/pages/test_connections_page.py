"""Connections, as somebody tests them, looks ahead and takes over from another tool."""

import pytest

from shared.domain.alerts import AlertKind
from tests.api_client import EDITOR, Api
from tests.builders import a_line, an_alert
from tests.page_client import Browser

LIST = "/connections"
FOREIGN = f"{LIST}/main/foreign-lines"
THEIRS = {"marker_prefix": "ACME-", "last_day": "2026-03-31", "agreement_ids": ""}


@pytest.fixture
def theirs(browser: Browser) -> Browser:
    """An agreement with a line that another tool made."""
    browser.api.house.psa.add(a_line(marker="ACME-501"))
    return browser


def test_connections_are_listed_with_what_can_be_done(browser: Browser):
    page = browser.get(LIST)

    assert "Microsoft" in page.text
    assert {f"{LIST}/main/preflight", FOREIGN} <= set(page.links)
    assert f"{LIST}/main/test" in [one.action for one in page.forms]


@pytest.mark.parametrize("kind", [AlertKind.SIGN_IN_BROKEN, AlertKind.TENANT_UNREADABLE])
def test_a_tenant_that_lets_nobody_in_is_shown_with_the_link_for_its_admin(
    browser: Browser, kind: AlertKind
):
    text = "let an admin consent to it, at https://login.example/t1/adminconsent?client_id=c1"
    alert = an_alert(kind, text=text)
    browser.api.house.services.alerts.put([alert])

    page = browser.get(LIST)

    assert "https://login.example/t1/adminconsent?client_id=c1" in page.links
    assert "Contoso" in page.text


def test_a_connection_is_tested(browser: Browser):
    page = browser.send(f"{LIST}/main/test")

    assert browser.status == 200
    assert "it works" in page.text
    browser.send(f"{LIST}/elsewhere/test")
    assert browser.status == 404


def test_the_pre_flight_says_what_is_in_the_way_and_writes_nothing(theirs: Browser):
    page = theirs.get(f"{LIST}/main/preflight")

    assert "Cloud services" in page.text
    assert "Contoso" in page.text
    assert theirs.api.house.psa.writes == []


def test_lines_of_another_tool_are_shown_first_and_then_ended_exactly(theirs: Browser):
    shown = theirs.submit(theirs.get(FOREIGN), FOREIGN, **THEIRS, what="preview")

    assert "1 line of the other tool" in shown.text
    assert "ACME-501" in shown.text
    assert theirs.api.house.psa.writes == []
    form = shown.forms[-1]
    theirs.send(FOREIGN, {**dict(form.fields), "note": "moving", "what": "end"})
    assert theirs.location.startswith("/runs/")
    theirs.api.house.drain()
    assert [str(one.ends) for one in theirs.api.house.lines] == ["2026-03-31"]


def test_lines_that_are_not_those_that_were_shown_stay(theirs: Browser):
    given = {**THEIRS, "fingerprint": "0" * 32, "note": "moving", "what": "end"}

    page = theirs.send(FOREIGN, given)

    assert theirs.status == 409
    assert "look at the preview again" in page.text
    assert theirs.api.house.services.license_queue.messages == []


@pytest.mark.parametrize(("field", "value"), [("marker_prefix", "A"), ("last_day", "soon")])
def test_what_cannot_be_meant_is_said_beside_its_field(theirs: Browser, field, value):
    page = theirs.send(FOREIGN, {**THEIRS, field: value, "what": "preview"})

    assert theirs.status == 422
    assert ("input", "aria-invalid", "true") in page.attributes


def test_a_pre_flight_of_what_is_no_psa_is_told_as_an_error(browser: Browser):
    browser.get(f"{LIST}/elsewhere/preflight")
    assert browser.status == 404
    browser.get(f"{LIST}/elsewhere/foreign-lines")
    assert browser.status == 404


def test_an_editor_is_offered_the_pre_flight_alone(in_azure: Api):
    page = Browser(in_azure, headers=EDITOR).get(LIST)

    assert f"{LIST}/main/preflight" in page.links
    assert FOREIGN not in page.links
    assert not [one for one in page.forms if one.action.startswith(LIST)]
