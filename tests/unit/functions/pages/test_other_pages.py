"""Overview, customers, approvals, runs and custom licences, as somebody reads and works them."""

import re
from dataclasses import replace
from datetime import date

import pytest

from shared import bootstrap
from shared.domain.agreements import QuantityStep
from shared.domain.alerts import AlertKind
from shared.domain.customers import CustomerState
from shared.domain.ids import CustomerId, TenantId
from shared.usecases.alerts import dismiss_alert
from shared.usecases.close_runs import close_runs
from shared.usecases.health import next_cycle
from tests.api_client import ON_A_LAPTOP
from tests.builders import (
    CUSTOMER,
    NOW,
    a_company,
    a_customer,
    a_directory_tenant,
    a_line,
    an_alert,
    dollars,
)
from tests.page_client import Browser
from tests.property.adjusted import AUTOTASK

NORTHWIND = TenantId("99999999-0000-4000-8000-000000000009")
ZEBRA = TenantId("99999999-0000-4000-8000-000000000008")


def held_fall(browser: Browser) -> Browser:
    """Let a fall from 40 seats to 10 wait for a person."""
    house = browser.api.house
    house.psa.add(a_line(quantity=40))
    house.holds(40).cycle()
    house.on(date(2026, 3, 18)).holds(10).cycle()
    return browser


# Overview ----------------------------------------------------------------------------------------


def test_the_overview_begins_with_what_needs_a_person(browser: Browser):
    page = held_fall(browser).get("/")

    assert page.text.index("needs approval") < page.text.index("Last cycle")
    assert "Microsoft 365 E5, 40 to 10" in page.text
    assert "1 needs approval" in page.text
    assert f"/customers/{CUSTOMER}" in page.links


def test_an_msp_that_has_just_begun_is_told_how_to_go_on(browser: Browser):
    page = browser.get("/")

    assert "No cycle has run yet" in page.text
    assert "Nothing waits for a decision" in page.text


def test_the_next_cycle_is_told(browser: Browser, monkeypatch):
    schedule = replace(ON_A_LAPTOP, sync_schedule="0 30 2 * * *")
    monkeypatch.setattr(bootstrap, "environment", lambda: schedule)

    assert "The next one starts 18 March 2026, 02:30 UTC" in browser.get("/").text


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 0 2 * * *", "2026-03-18T02:00:00+00:00"),
        ("0 30 9 * * *", "2026-03-18T09:30:00+00:00"),
        ("1 30 9 * * *", "2026-03-17T09:30:01+00:00"),
        ("0 0 */6 * * *", None),
        ("0 0 2 * * 1-5", None),
        ("", None),
    ],
)
def test_a_daily_schedule_tells_its_next_moment(schedule, expected):
    found = next_cycle(schedule, NOW)

    assert (None if found is None else found.isoformat()) == expected


def test_alerts_stand_by_cause_with_the_customers_name(browser: Browser):
    services = browser.api.house.services
    services.alerts.put([an_alert(subject=f"group-{n}") for n in range(7)])
    services.alerts.put([an_alert(AlertKind.DRIFT, text="somebody set 7")])

    page = browser.get("/")

    assert "Changed by hand in the PSA" in page.text
    assert "Contoso : somebody set 7" in page.text


def test_no_kind_of_alert_is_left_out_but_what_is_held_which_stands_above(browser: Browser):
    services = browser.api.house.services
    services.alerts.put([an_alert(kind, text=f"text of {kind} .") for kind in AlertKind])

    page = browser.get("/")

    missing = [kind for kind in AlertKind if f"text of {kind} " not in page.text]
    assert missing == [AlertKind.HELD]


def test_a_dismissed_alert_is_not_among_what_needs_a_person(browser: Browser):
    services = browser.api.house.services
    alert = an_alert(AlertKind.DRIFT, text="somebody set 7")
    services.alerts.put([alert])
    dismiss_alert(alert.alert_id, services, reason="known", days=3, actor="editor")

    assert "somebody set 7" not in browser.get("/").text


def test_seats_and_money_under_management_are_those_of_the_last_cycle(browser: Browser):
    house = browser.api.house
    house.psa.add(a_line(quantity=10, unit_price=dollars("36.00")))
    house.cycle()
    close_runs(house.services)
    house.on(date(2026, 3, 18)).holds(12).cycle()
    close_runs(house.services)

    page = browser.get("/")

    assert "12 seats billed" in page.text
    assert "432.00 billed a month" in page.text
    assert "not known of" not in page.text
    assert [v for _, name, v in page.attributes if name == "data-value"] == ["10", "12"]


def test_money_that_the_psa_does_not_know_is_never_zero(browser: Browser):
    house = browser.api.house
    house.psa.add(a_line(quantity=10, unit_price=None))
    house.cycle()
    close_runs(house.services)

    page = browser.get("/")

    assert "not known billed a month" in page.text
    assert "not known of 1 of 1 lines" in page.text
    assert "0.00" not in page.text


def test_every_kind_of_alert_is_on_the_overview_however_many_there_are_of_another(
    browser: Browser,
):
    alerts = browser.api.house.services.alerts
    missing = [an_alert(AlertKind.MISSING_PROFILE, subject=f"g{n}") for n in range(300)]
    alerts.put([*missing, an_alert(AlertKind.CONNECTION, customer_id=None, subject="z")])

    page = browser.get("/")

    assert "1 Connection" in page.text
    assert "300 Missing billing profile" in page.text
    assert page.text.index("1 Connection") < page.text.index("300 Missing")


# Customers ---------------------------------------------------------------------------------------


def test_customers_are_found_by_name_and_state(browser: Browser):
    customers = browser.api.house.services.customers
    for number in range(60):
        name = f"Sample {number:02}"
        state = CustomerState.PAUSED if number == 7 else CustomerState.ACTIVE
        customers.add(a_customer(CustomerId(f"s{number}"), name=name, state=state))
    customers.add(a_customer(CustomerId("gone"), name="Gone", state=CustomerState.DELETED))

    first = browser.get("/customers")
    assert first.text.index("Contoso") < first.text.index("Sample 00")
    assert "Sample 59" not in first.text
    assert "Gone" not in first.text
    shown, page = [first.text], first
    while following := [one for one in page.links if one.startswith("/customers?after=")]:
        page = browser.part(following[0], "customers")
        shown.append(page.text)
    names = re.findall(r"Sample \d\d|Contoso", " ".join(shown))
    assert names == ["Contoso", *(f"Sample {number:02}" for number in range(60))]
    assert len(shown) == 3
    assert "1 customer found for “sample 33”" in browser.get("/customers?q=sample+33").text
    assert "Sample 07" in browser.get("/customers?state=paused").text
    assert "Gone" in browser.get("/customers?state=deleted").text
    assert browser.get("/customers?page=x&state=y").text.count("Contoso") == 1


def offered(browser: Browser) -> Browser:
    house = browser.api.house
    house.microsoft.tenants = (
        a_directory_tenant(),
        a_directory_tenant(NORTHWIND, name="Northwind"),
        a_directory_tenant(ZEBRA, name="Zebra"),
    )
    house.psa.add(a_company("400", name="Northwind Inc."), a_company("401", name="Other"))
    return browser


def test_tenants_are_added_with_the_company_that_fits_and_unsure_ones_are_marked(browser: Browser):
    page = offered(browser).get("/customers/add")
    assert "Contoso" not in " ".join(page.words[20:])
    assert ("input", "value", "Northwind Inc. (400)") in page.attributes
    assert "Unsure:" in page.text

    browser.submit(page, "/customers/add")

    assert "1 customer added" in browser.follow().text
    added = {one.name: one.company_id for one in browser.api.house.services.customers.all()}
    assert added["Northwind"] == "400"
    assert "Zebra" not in added


def test_what_cannot_be_added_stays_with_its_reason_and_the_rest_is_added(browser: Browser):
    page = offered(browser).get("/customers/add")

    answer = browser.submit(
        page,
        "/customers/add",
        add=[f"main~{NORTHWIND}", f"main~{ZEBRA}"],
        **{f"company-main~{ZEBRA}": "No such (999)"},
    )

    assert "1 added." in answer.text
    assert "no such company" in answer.text
    assert ("input", "value", "No such (999)") in answer.attributes
    assert {one.name for one in browser.api.house.services.customers.all()} >= {"Northwind"}


def test_a_company_of_several_tenants_is_taken_when_a_person_says_so(browser: Browser):
    page = offered(browser).get("/customers/add")
    wanted = {"add": f"main~{ZEBRA}", f"company-main~{ZEBRA}": "Northwind Inc. (400)"}
    browser.submit(page, "/customers/add")
    page = browser.get("/customers/add")

    answer = browser.submit(page, "/customers/add", **wanted)
    assert "This company is that of several tenants" in answer.text
    assert browser.status == 200
    browser.submit(answer, "/customers/add", share=f"main~{ZEBRA}")

    assert browser.status == 303
    added = {one.name: one.company_id for one in browser.api.house.services.customers.all()}
    assert added["Zebra"] == "400"


def test_a_customer_of_a_shared_tenant_is_added_by_hand(browser: Browser):
    page = offered(browser).get("/customers/new")
    options = {value for tag, _, value in page.attributes if tag == "option"}
    assert f"Northwind ({NORTHWIND})" in options

    browser.submit(
        page,
        "/customers/new",
        name="Northwind Sales",
        microsoft="main",
        psa="main",
        tenant_id=f"Northwind ({NORTHWIND})",
        company_id="Northwind Ltd (400)",
        filter_department="Sales; Support",
    )

    [added] = [x for x in browser.api.house.services.customers.all() if x.filter]
    assert added.filter is not None
    assert added.filter.department == ("Sales", "Support")
    answer = browser.submit(page, "/customers/new", name="", tenant_id="x", company_id="400")
    assert "must be a GUID" in answer.text


def test_a_customer_is_renamed_and_a_stale_save_keeps_what_was_typed(browser: Browser):
    at = f"/customers/{CUSTOMER}/edit"
    page = browser.get(at)
    browser.submit(page, at, name="Contoso Ltd")
    assert "Contoso Ltd was saved" in browser.follow().text

    answer = browser.submit(page, at, name="Mine")

    assert "somebody saved this customer first" in answer.text
    assert ("input", "value", "Mine") in answer.attributes
    browser.submit(answer, at)
    assert browser.status == 303


def test_deleting_a_customer_says_first_what_it_means(browser: Browser):
    at = f"/customers/{CUSTOMER}/delete"
    page = browser.get(at)
    assert "stay as they are and go on being invoiced" in page.text
    assert "1 mapped licence" in page.text

    browser.submit(page, at)

    assert "Contoso was deleted" in browser.follow().text


def test_pause_and_resume(browser: Browser):
    for action, words in (("pause", "is paused"), ("resume", "is synced again")):
        page = browser.get(f"/customers/{CUSTOMER}/edit")
        browser.submit(page, f"/customers/{CUSTOMER}/{action}")
        assert words in browser.follow().text


# Approvals ---------------------------------------------------------------------------------------


def test_a_held_change_is_shown_with_before_after_why_and_money(browser: Browser):
    page = held_fall(browser).get("/approvals")

    for words in ("Contoso", "40", "10", "Why 10?", "line"):
        assert words in page.text
    money = next(link for link in page.links if link.endswith("/money"))
    assert "on the next invoice" in browser.part(money, "money-1").text
    assert "on the next invoice" in browser.get(money).text
    assert "Microsoft 365 E5" in browser.get(f"/approvals?customer={CUSTOMER}").text


@pytest.mark.parametrize("many", [True, False])
def test_a_held_change_is_approved_with_a_note(browser: Browser, many):
    page = held_fall(browser).get("/approvals")
    house = browser.api.house
    [approval] = house.services.approvals.open_of(CUSTOMER)
    chosen = {"decision": "approve", "approval_id": approval.approval_id}
    if not many:
        chosen = {"decision": f"approve {approval.approval_id}"}

    browser.submit(page, "/approvals", note="asked the customer", **chosen)
    house.drain()

    assert "1 approved" in browser.follow().text
    assert house.quantities == [10]
    decided = house.services.approvals.get(approval.approval_id).value
    assert (decided.note, decided.decided_by) == ("asked the customer", "developer")
    assert "asked the customer" in browser.get("/approvals?all=true").text


def test_a_rejected_change_is_not_written(browser: Browser):
    page = held_fall(browser).get("/approvals")
    [approval] = browser.api.house.services.approvals.open_of(CUSTOMER)

    browser.submit(page, "/approvals", decision=f"reject {approval.approval_id}")
    browser.api.house.drain()

    assert browser.api.house.quantities == [40]
    assert "Nothing waits" in browser.get("/approvals").text


def test_what_was_decided_by_somebody_else_is_said_and_the_rest_goes_on(browser: Browser):
    page = held_fall(browser).get("/approvals")
    [approval] = browser.api.house.services.approvals.open_of(CUSTOMER)
    browser.submit(page, "/approvals", decision=f"reject {approval.approval_id}")

    answer = browser.submit(page, "/approvals", decision=f"approve {approval.approval_id}")

    assert "could not be decided" in answer.text
    assert browser.submit(page, "/approvals", decision="approve").text.count("Tick what") == 1


# Runs --------------------------------------------------------------------------------------------


def test_a_run_is_shown_live_and_by_state(browser: Browser):
    house = browser.api.house
    browser.send("/runs")
    at = browser.location.partition("?")[0]
    running = browser.get(at)
    assert "Running" in running.text
    assert ("div", "hx-trigger", "load delay:1500ms") in running.attributes

    house.drain()

    done = browser.part(at, "live")
    assert "Finished" in done.text
    assert ("div", "hx-trigger", "load delay:1500ms") not in done.attributes
    assert "No item is in this state" in browser.get(f"{at}?state=failed").text
    assert "Contoso" in browser.get(f"{at}?state=changed").text
    assert at in browser.get("/runs").links


def test_a_run_is_undone_after_it_was_said_what_is_set_back(browser: Browser):
    house = browser.api.house
    house.psa.add(a_line(quantity=10))
    house.cycle()
    run_id = house.on(date(2026, 3, 18)).holds(12).cycle()
    at = f"/runs/{run_id}/undo"
    page = browser.get(at)
    assert "12 10" in page.text

    refused = browser.submit(page, at, until="2020-01-01")
    assert "lies in the past" in refused.text
    browser.submit(page, at, until="2026-04-30", note="bought by mistake")
    house.drain()

    assert house.quantities[0] == 10
    said = browser.follow().text
    assert "set back" in said
    assert "Mind" not in page.text + said


def test_where_nothing_takes_a_change_back_an_undo_says_so_before_and_after(browser: Browser):
    house = browser.api.house
    house.psa.capabilities = AUTOTASK
    house.psa.add(replace(a_line(quantity=10), steps=(QuantityStep(date(2026, 1, 1), 10),)))
    house.cycle()
    run_id = house.on(date(2026, 3, 18)).holds(12).cycle()
    at = f"/runs/{run_id}/undo"

    page = browser.get(at)
    browser.submit(page, at, until="2026-04-30")

    for text in (page.text, browser.follow().text):
        assert "Mind that nothing takes an adjustment back: an opposite one counts" in text


# Custom licences ---------------------------------------------------------------------------------


def test_a_custom_licence_is_made_changed_and_deleted(browser: Browser):
    at = f"/customers/{CUSTOMER}/custom-licenses"
    page = browser.get(at)
    browser.submit(page, at, name="Managed users", kind="entra_users", licensed_only="true")
    assert browser.status == 303
    [made] = browser.api.house.services.custom_licenses.of_customer(CUSTOMER)
    one = f"{at}/{made.value.license_id}"

    wrong = browser.submit(browser.get(one), one, kind="group_members", group_id="x")
    assert "must be a GUID" in wrong.text
    browser.submit(browser.get(one), one, name="Users")
    assert "Users was saved" in browser.follow().text
    browser.send(one, {"what": "delete", "etag": ""})
    assert "was deleted" in browser.follow().text
