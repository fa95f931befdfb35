"""What keeps a month in order, step by step in a real browser: profiles, alerts, exclusions."""

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
