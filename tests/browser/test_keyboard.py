"""A day's work by keyboard alone: Tab, Enter, Space and letters; the focus is never lost."""

import re

import pytest
from playwright.sync_api import expect

from local.simulators.connectwise.builders import a_company
from local.simulators.microsoft.builders import a_subscription, a_tenant
from tests.browser.desk import PREMIUM, Client, Desk
from tests.integration.stack import BUSINESS_PREMIUM, E5

pytestmark = pytest.mark.stack

LICENCE = "Microsoft 365 Business Premium"
ROW = f"sku-{BUSINESS_PREMIUM}"
ENTERPRISE = f"sku-{E5}"


def premium(seats: int):
    return a_subscription(BUSINESS_PREMIUM, seats)


def on_the_page_of(client: Client) -> None:
    """Open the customer's page and go to its content, past the header."""
    page = client.desk.page
    page.goto(f"/customers/{client.customer_id}")
    client.desk.press(".skip-link")


def mapped(desk: Desk, seats: int, *, line: int | None = None) -> Client:
    """Return a customer whose licence is mapped and in step."""
    client = desk.customer(premium(seats), line=line)
    profile = desk.stack.get("/api/billing-profiles").json()["items"]
    wanted = next(one["profile_id"] for one in profile if one["name"] == PREMIUM)
    desk.stack.map_row(client.customer_id, ROW, wanted, str(client.agreement))
    desk.stack.sync(client.customer_id)
    return client


def test_a_licence_is_mapped_in_its_row_and_synced(desk: Desk):
    client = desk.customer(premium(4))
    page = desk.page
    on_the_page_of(client)

    desk.press(f"#quick-{ROW}")
    expect(page.locator(f"#quick-profile-{ROW}")).to_be_focused()
    page.keyboard.type("Business P")
    desk.tab_to(f"#quick-agreement-{ROW}")
    page.keyboard.type(client.agreement_name)
    desk.press(f"#quick-save-{ROW}")
    desk.told("Saved.")
    # What was pressed is gone; the focus is still in its row.
    expect(page.locator(f"#row-{ROW} :focus")).to_have_count(1)

    desk.press(f"#sync-{ROW}")
    expect(page.locator("#sync-progress")).to_contain_text("is done", timeout=40_000)
    expect(client.row(LICENCE)).to_contain_text("In step")
    expect(page.locator(f"#sync-{ROW}")).to_be_focused()
    assert client.lines == [(4, "2026-03-17", None)]


def test_a_customer_is_synced_and_the_focus_stays_where_it_was(desk: Desk):
    client = mapped(desk, 3)
    client.seats(5)
    page = desk.page
    on_the_page_of(client)

    desk.press("#sync")
    expect(page.locator("#sync-progress")).to_contain_text("is done", timeout=40_000)
    expect(client.row(LICENCE)).to_contain_text("In step")

    expect(page.locator("#sync")).to_be_focused()
    assert client.lines[0][0] == 5


def test_a_licence_is_split_and_merged(desk: Desk):
    client = desk.customer(
        a_subscription(E5, 4, name="monthly", part_number="SPE_E5"),
        a_subscription(E5, 6, name="annual", part_number="SPE_E5"),
    )
    page = desk.page
    on_the_page_of(client)

    desk.press(f"#split-{ENTERPRISE}")
    desk.told("Split.")
    expect(page.locator("#licenses tbody tr")).to_have_count(2)
    expect(page.locator("#licenses :focus")).to_have_count(1)

    desk.press("[id^=merge-sub-]")
    expect(desk.drawer).to_be_visible()
    desk.press("#drawer button.btn-primary, #drawer button.btn-danger")
    desk.told("Merged")
    expect(desk.drawer).to_have_count(0)
    expect(page.locator("#licenses tbody tr")).to_have_count(1)
    expect(page.locator("#licenses :focus")).to_have_count(1)


def test_what_was_just_loaded_can_be_pressed_at_once(desk: Desk):
    client = desk.customer(a_subscription(E5, 4, name="monthly", part_number="SPE_E5"))
    page = desk.page
    on_the_page_of(client)
    desk.press(f"#split-{ENTERPRISE}")
    desk.told("Split.")
    # A page that is loaded anew, as a form does that htmx knows nothing of yet, forgets this.
    page.evaluate(
        """() => {
            window.same = true;
            document.addEventListener("htmx:afterSwap", () =>
                setTimeout(() => document.getElementById("merge-now").click()), { once: true });
        }"""
    )

    desk.press("[id^=merge-sub-]")

    desk.told("Merged")
    expect(page.locator(f"#row-{ENTERPRISE} :focus")).to_have_count(1)
    assert page.evaluate("window.same") is True


def test_a_held_fall_is_approved(desk: Desk):
    client = mapped(desk, 40, line=40)
    client.seats(5)
    desk.stack.sync(client.customer_id)
    page = desk.page
    page.goto(f"/approvals?customer={client.customer_id}")
    desk.press(".skip-link")
    held = page.get_by_role("row").filter(has_text=client.name)
    expect(held).to_contain_text("on the next invoice")

    desk.press("input[name=approval_id]", "Space")
    desk.tab_to("#f-note")
    page.keyboard.type("asked the customer")
    desk.press("button[value=approve]")

    desk.told("1 approved: it is being written now.")
    expect(page.locator("#main")).to_be_focused()
    assert f"customer={client.customer_id}" in page.url, "still this customer's list"
    desk.stack.eventually(lambda: client.lines[0][0] == 5)


def test_an_alert_is_dismissed_and_taken_back(desk: Desk):
    client = desk.customer(premium(7))
    desk.stack.sync(client.customer_id)
    page = desk.page
    page.goto(f"/alerts?customer={client.customer_id}")
    desk.press(".skip-link")

    desk.press("#dismiss-1")
    expect(desk.drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(desk.drawer).to_have_count(0)
    expect(page.locator("#dismiss-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#drawer-title")).to_be_focused()
    desk.tab_to("#f-reason")
    page.keyboard.type("they pay us directly")
    page.keyboard.press("Enter")
    desk.told("The alert is dismissed for 14 days.")
    expect(page).to_have_url(re.compile(f"customer={client.customer_id}"))

    desk.press("#f-state")
    page.keyboard.press("Escape")
    page.keyboard.type("Dismissed")
    desk.press("form.toolbar button")
    expect(page.locator("main")).to_contain_text("they pay us directly")
    desk.press("form[action$='/restore'] button")
    desk.told("the alert is open again")


def test_tenants_are_added_as_customers(desk: Desk):
    with desk.stack.psa.lock:
        desk.stack.psa.seed(companies=[a_company(4712, name="Wombat Sample Ltd")])
    desk.stack.add_tenant(a_tenant("Wombat Sample", [premium(3)]))
    page = desk.page
    page.goto("/customers/add?q=Wombat")
    desk.press(".skip-link")

    desk.tab_to("input[name=add]")
    expect(page.locator("input[name=add]")).to_be_checked()
    desk.tab_to("input[list=companies]")
    expect(page.locator("input[list=companies]")).to_have_value("Wombat Sample Ltd (4712)")
    desk.press("main .sticky-actions .btn-primary")

    desk.told("1 customer added.")
    desk.tab_to("#f-q")
    page.keyboard.type("wombat")
    expect(page.locator("#customers")).to_contain_text("1 customer found")
    desk.tab_to("#customers a[href^='/customers/']")
    page.keyboard.press("Enter")
    desk.heading("Wombat Sample")


def test_the_reconciliation_is_narrowed_to_one_state(desk: Desk):
    mapped(desk, 2)
    waiting = desk.customer(premium(9))
    desk.stack.sync(waiting.customer_id)
    page = desk.page
    page.goto("/reconciliation")
    desk.press(".skip-link")

    desk.tab_to("#f-state")
    page.keyboard.type("Not mapped")
    desk.press("form.toolbar button")

    expect(page).to_have_url(re.compile("state=unmapped"))
    expect(page.get_by_role("row").filter(has_text=waiting.name)).to_contain_text("Not mapped")
    expect(page.locator("main .badge.tone-good")).to_have_count(0)


def test_customers_are_reviewed_one_after_the_other(desk: Desk):
    first, second = (desk.customer(premium(seats)) for seats in (1, 2))
    desk.stack.sync(second.customer_id)
    page = desk.page
    on_the_page_of(first)

    desk.press("#next-customer")
    desk.heading(second.name)
    desk.press(".skip-link")
    desk.press("#attention summary")
    expect(page.locator("#attention")).to_contain_text("no billing profile")
