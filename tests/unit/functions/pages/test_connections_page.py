"""Connections, as somebody tests them, looks ahead and takes over from another tool."""

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.errors import AccessDeniedError, UpstreamUnavailableError
from shared.domain.ids import CustomerId, TenantId
from tests.api_client import EDITOR, Api
from tests.builders import (
    OTHER_TENANT,
    TENANT,
    a_customer,
    a_directory_tenant,
    a_line,
    a_snapshot,
    an_alert,
)
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


TENANTS = f"{LIST}/main/tenants"
NORTHWIND = TenantId("99999999-0000-4000-8000-000000000009")


def test_every_tenant_has_its_link_and_those_that_cannot_be_read_come_first(browser: Browser):
    house = browser.api.house
    house.services.customers.add(
        a_customer(CustomerId("aa"), name="Aardvark", tenant_id=OTHER_TENANT)
    )
    house.microsoft.hold(a_snapshot(tenant_id=OTHER_TENANT))
    house.microsoft.tenants = (a_directory_tenant(NORTHWIND, name="Northwind"),)
    house.microsoft.fail(TENANT, AccessDeniedError("no consent", "Consent again."))
    house.cycle()

    page = browser.get(TENANTS)

    order = [page.text.index(name) for name in ("Contoso", "Northwind", "Aardvark")]
    assert order == sorted(order)
    assert page.text.count("Cannot be read") == 1
    assert "no consent" in page.text
    links = [value for tag, name, value in page.attributes if (tag, name) == ("input", "value")]
    for tenant in (TENANT, OTHER_TENANT, NORTHWIND):
        assert f"https://login.example/{tenant}/adminconsent?client_id=c1" in links
    assert "/customers/add?q=Northwind" in page.links


def test_a_tenant_is_searched_for_and_one_that_was_read_says_when(browser: Browser):
    browser.api.house.cycle()

    page = browser.get(f"{TENANTS}?q=conto")

    assert "1 tenant found for “conto”" in page.text
    assert "Can be read read 17 March 2026" in page.text
    assert "0 tenants found" in browser.get(f"{TENANTS}?q=nobody").text


def test_customers_are_listed_although_microsoft_does_not_list_its_tenants(browser: Browser):
    browser.api.house.microsoft.listing_error = UpstreamUnavailableError("main", "503")

    page = browser.get(TENANTS)

    assert "only customers are listed" in page.text
    assert "Contoso" in page.text


def test_the_api_lists_the_same_tenants_a_page_at_a_time(api: Api):
    api.house.microsoft.tenants = (a_directory_tenant(NORTHWIND, name="Northwind"),)
    path = "/api/connections/main/tenants"

    first = api.get(path, limit="1").json
    second = api.get(path, limit="1", continuation=first["continuation"]).json

    assert [one["name"] for one in first["items"] + second["items"]] == ["Northwind", "Contoso"]
    assert (first["total"], second["continuation"], second["problem"]) == (2, None, "")
    assert first["items"][0]["access"] == "not_added"
    assert api.get(path, continuation="x").status == 422
    assert api.get("/api/connections/elsewhere/tenants").status == 404


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
