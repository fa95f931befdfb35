"""What keeps a month in order, step by step in a real browser: profiles, alerts, exclusions."""

import re

import pytest
from playwright.sync_api import expect

from local.simulators.microsoft.builders import a_subscription
from tests.browser.desk import Desk
from tests.integration.stack import BUSINESS_PREMIUM, E5

pytestmark = pytest.mark.stack

LICENCE = "Microsoft 365 Business Premium"
ENTERPRISE = "Microsoft 365 E5"


def go(desk: Desk, name: str) -> None:
    """Go to a page by the header."""
    desk.page.goto("/")
    desk.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    desk.heading(name)


def test_billing_profiles_are_made_from_the_products_of_the_psa(desk: Desk):
    page = desk.page
    go(desk, "Billing profiles")
    page.get_by_role("link", name="Add from the PSA’s products").click()
    page.get_by_label("Search products").fill("annual")
    page.get_by_label("Names end with").select_option("Annual")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Add M365 E5 annual").check()
    name = page.get_by_label("Name for M365 E5 annual")
    expect(name).to_have_value("M365 E5 annual")
    name.fill("M365 E5 for a year")
    page.get_by_role("button", name="Add the ticked ones").click()

    desk.told("1 billing profile was added")
    page.get_by_role("link", name="M365 E5 for a year").click()
    page.get_by_role("button", name="Delete M365 E5 for a year").click()
    desk.told("was deleted")


def test_an_alert_is_dismissed_for_some_days_and_taken_back(desk: Desk):
    client = desk.customer(a_subscription(BUSINESS_PREMIUM, 5))
    desk.stack.sync(client.customer_id)
    page = desk.page
    page.goto(f"/alerts?customer={client.customer_id}")
    dismiss = page.get_by_role("link", name=f"Dismiss Missing billing profile, {client.name}")
    dismiss.click()
    expect(desk.drawer).to_contain_text(LICENCE)
    desk.drawer.get_by_label("For how many days").fill("14")
    desk.drawer.get_by_label("Reason").fill("the customer leaves this month")
    desk.drawer.get_by_role("button", name="Dismiss").click()

    desk.told("dismissed for 14 days")
    page.goto(f"/alerts?customer={client.customer_id}")
    expect(dismiss).to_have_count(0)
    page.get_by_label("State").select_option("dismissed")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("table")).to_contain_text("the customer leaves this month")
    page.get_by_role("button", name="Take back").click()
    desk.told("open again")


def test_a_licence_is_excluded_for_everybody_and_its_line_ends(desk: Desk):
    client = desk.customer(a_subscription(E5, 3, part_number="SPE_E5"))
    page = desk.page
    client.open()
    client.map(ENTERPRISE, "E5 monthly")
    client.sync_now()
    go(desk, "Exclusions")

    page.get_by_label("Licence").fill(f"{ENTERPRISE} ({E5})")
    page.get_by_label("Reason").fill("not resold any more")
    page.get_by_role("button", name="Exclude", exact=True).click()
    desk.heading(f"What becomes of the lines of {ENTERPRISE}?")
    expect(page.get_by_role("table")).to_contain_text(client.name)
    page.get_by_label("Each line ends").check()
    page.get_by_role("button", name=f"Exclude {ENTERPRISE}").click()

    desk.told("billed to nobody from now on")
    try:
        client.open()
        expect(client.row(ENTERPRISE)).to_contain_text("Excluded")
        client.sync_now()
        assert client.lines == [(3, "2026-03-17", "2026-03-31")]
    finally:
        # The other tests share the list.
        go(desk, "Exclusions")
        page.get_by_role("button", name=f"Bill again: {ENTERPRISE} ({E5})").click()
        desk.told("can be billed again")


def test_the_default_view_lists_each_subscription_by_itself(desk: Desk):
    client = desk.customer(
        a_subscription(E5, 4, name="monthly", part_number="SPE_E5"),
        a_subscription(E5, 6, name="annual", part_number="SPE_E5"),
    )
    page = desk.page
    rows = page.get_by_role("rowheader").filter(has_text=ENTERPRISE)
    client.open()
    expect(rows).to_have_count(1)
    go(desk, "Settings")
    page.get_by_label("Default licences view").select_option("subscriptions")
    page.get_by_role("button", name="Save").click()
    desk.told("The settings were saved")
    try:
        client.open()
        expect(rows).to_have_count(2)
    finally:
        # The other tests share the settings.
        go(desk, "Settings")
        page.get_by_label("Default licences view").select_option("licenses")
        page.get_by_role("button", name="Save").click()
        desk.told("The settings were saved")


def test_a_configuration_is_exported_and_brought_in_after_a_look(desk: Desk):
    page = desk.page
    go(desk, "Settings")
    with page.expect_download() as loading:
        page.get_by_role("link", name="Export the configuration").click()
    page.get_by_role("link", name="Import one").click()
    page.get_by_label("Choose a file").set_input_files(loading.value.path())
    expect(page.get_by_label("Configuration")).to_have_value(re.compile('"schema"'))
    page.get_by_role("button", name="Show what would change").click()

    expect(page.get_by_role("heading", name="What would change")).to_be_visible()
    expect(page.get_by_text("unchanged")).to_be_visible()


def test_a_connection_is_tested_and_the_reconciliation_shows_a_line(desk: Desk):
    client = desk.customer(a_subscription(BUSINESS_PREMIUM, 6))
    page = desk.page
    client.open()
    client.map(LICENCE, "Business Premium")
    client.sync_now()
    go(desk, "Connections")
    page.get_by_role("button", name="Test main (psa)").click()
    expect(page.get_by_text("Psa: it works.")).to_be_visible()

    page.goto(f"/reconciliation?customer={client.customer_id}")
    row = page.get_by_role("row").filter(has_text=client.name)
    expect(row).to_contain_text("In step")
    expect(row).to_contain_text("120.00")
    expect(page.locator("#totals")).to_contain_text("120.00")


def test_a_tenants_consent_link_is_copied_for_its_admin(desk: Desk):
    client = desk.customer(a_subscription(BUSINESS_PREMIUM, 2))
    page = desk.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    go(desk, "Connections")
    page.get_by_role("link", name="Tenants and consent links of main").click()
    page.get_by_label("Search tenants").fill(client.name)
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row").filter(has_text=client.name)
    expect(row).to_contain_text("Not read yet")

    row.get_by_role("button", name=f"Copy consent link of {client.name}").click()

    desk.told("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"/{client.tenant.id}/adminconsent?client_id=" in copied
