"""The product's help articles, step by step, in a real browser on the running app."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from local.simulators.microsoft.builders import a_subscription, a_tenant, a_user
from tests.browser.desk import ANNUAL, MONTHLY, PREMIUM, Desk
from tests.integration.stack import BUSINESS_PREMIUM, E5

pytestmark = pytest.mark.stack

LICENCE = "Microsoft 365 Business Premium"
ENTERPRISE = "Microsoft 365 E5"
ROW = f"sku-{BUSINESS_PREMIUM}"


def premium(seats: int):
    return a_subscription(BUSINESS_PREMIUM, seats)


def named_users():
    return [
        a_user("Ada Example", sku_ids=[BUSINESS_PREMIUM]),
        a_user("Bo Example", sku_ids=[BUSINESS_PREMIUM]),
    ]


def test_a_licence_is_linked_to_an_agreement_and_synced_now(desk: Desk):
    client = desk.customer(premium(10), users=named_users())
    page = desk.page

    client.open()
    row = client.row(LICENCE)
    expect(row).to_contain_text("Not mapped")
    row.get_by_role("link", name=LICENCE, exact=True).click()
    expect(desk.drawer.get_by_role("heading", name=LICENCE)).to_be_visible()
    desk.preview("Choose a billing profile and an agreement")
    desk.drawer.get_by_label("Billing profile").select_option(PREMIUM)
    client.choose_agreement()
    desk.preview("new line of 10 from 2026-03-17")
    desk.drawer.get_by_label("Add usernames to invoice description").select_option(
        label="Separated by commas"
    )
    desk.drawer.get_by_label("Show unassigned licences").check()
    desk.drawer.get_by_label("Allow negative prorate").check()
    desk.preview("Users: Ada Example, Bo Example")
    desk.preview("Unassigned: 8")
    desk.preview("Next invoice")
    client.save()
    desk.told("Saved.")
    expect(client.row(LICENCE)).to_contain_text(PREMIUM)
    # The focus goes back to what opened the drawer, although the table was replaced.
    expect(page.locator(f"#name-{ROW}")).to_be_focused()

    client.sync_now()

    assert client.lines == [(10, "2026-03-17", None)]
    assert "Unassigned: 8" in client.texts[0]
    assert client.mapping(ROW)["negative_prorate"] is True
    assert client.agreement_name in client.psa_page()
    expect(client.row(LICENCE)).to_contain_text("In step")
    client.row(LICENCE).get_by_text("Why 10?").click()
    expect(client.row(LICENCE)).to_contain_text("10 enabled")


def test_two_more_seats_are_seen_explained_and_written_by_the_rows_own_sync(desk: Desk):
    client = desk.customer(premium(10), line=10)
    client.open()
    client.map(LICENCE, PREMIUM)
    client.sync_now()
    client.seats(12)

    desk.page.get_by_role("button", name="Refresh data").click()
    desk.told("Read again")
    expect(client.row(LICENCE)).to_contain_text("Will change")
    client.sync_by(f"Sync {LICENCE} now")

    assert [line[0] for line in client.lines] == [12, 2]
    expect(client.row(LICENCE)).to_contain_text("In step")
    desk.page.get_by_role("link", name="History").click()
    # Both changes are of the same stopped moment, so either may stand first.
    written = desk.page.get_by_role("row").filter(has_text="line of 2 from 2026-03-17")
    expect(written).to_contain_text("developer")
    expect(written).to_contain_text("Why 12?")


def test_a_licence_is_mapped_in_its_row(desk: Desk):
    client = desk.customer(premium(3))
    client.open()

    desk.page.get_by_role("link", name=f"Quick map {LICENCE}").click()
    client.row(LICENCE).get_by_label("Billing profile").select_option(PREMIUM)
    client.row(LICENCE).get_by_label("Agreement").select_option(client.agreement_name)
    client.row(LICENCE).get_by_role("button", name="Save").click()

    desk.told("Saved.")
    expect(client.row(LICENCE)).to_contain_text("Will change")
    assert client.mapping(ROW)["agreement_id"] == str(client.agreement)


def test_a_licence_is_split_its_subscriptions_are_mapped_apart_and_merged_again(desk: Desk):
    client = desk.customer(
        a_subscription(E5, 4, name="monthly", part_number="SPE_E5"),
        a_subscription(E5, 6, name="annual", part_number="SPE_E5"),
    )
    client.open()
    desk.page.get_by_role("button", name=f"Split {ENTERPRISE}").click()
    desk.told("Split.")
    expect(desk.page.get_by_role("rowheader").filter(has_text=ENTERPRISE)).to_have_count(2)

    client.map(ENTERPRISE, MONTHLY, number=0)
    client.map(ENTERPRISE, ANNUAL, number=1)
    client.sync_now()

    assert sorted(line[0] for line in client.lines) == [4, 6]
    desk.page.get_by_role("link", name=f"Merge {ENTERPRISE}").first.click()
    expect(desk.drawer).to_contain_text("This mapping ends")
    expect(desk.drawer).to_contain_text("nothing bills it until you map it")
    desk.drawer.get_by_role("button", name="Merge").click()
    desk.told("Merged")
    expect(desk.page.get_by_role("rowheader").filter(has_text=ENTERPRISE)).to_have_count(1)


def test_a_licence_is_excluded_instead_of_mapped(desk: Desk):
    client = desk.customer(premium(5))
    client.open()

    desk.page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
    desk.drawer.get_by_label("Exclude license").check()
    expect(desk.drawer.get_by_label("Billing profile")).to_be_hidden()
    client.save()

    desk.told("Excluded: it is never billed")
    expect(client.row(LICENCE)).to_contain_text("Excluded")
    expect(client.row(LICENCE)).to_contain_text("Never billed")
    client.sync_now()
    assert client.lines == []


def test_the_override_start_date_keeps_everything_until_then(desk: Desk):
    client = desk.customer(premium(5))
    client.open()
    desk.page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
    desk.drawer.get_by_label("Billing profile").select_option(PREMIUM)
    client.choose_agreement()
    desk.drawer.get_by_label("Override start date").fill("2026-04-01")
    desk.preview("starts on 1 April 2026")
    client.save()

    expect(client.row(LICENCE)).to_contain_text("Waiting")
    client.sync_now()
    assert client.lines == []


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Separated by commas", "Users: Ada Example, Bo Example"),
        ("As a list", "Users:\n- Ada Example\n- Bo Example"),
        ("As a numbered list", "Users:\n1. Ada Example\n2. Bo Example"),
    ],
)
def test_usernames_stand_on_the_invoice_as_they_are_wanted(desk: Desk, label, text):
    client = desk.customer(premium(2), users=named_users())
    client.open()
    desk.page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
    desk.drawer.get_by_label("Billing profile").select_option(PREMIUM)
    client.choose_agreement()
    desk.drawer.get_by_label("Overwrite invoice description").fill("Your Office")
    desk.drawer.get_by_label("Add usernames to invoice description").select_option(label=label)
    desk.preview("Ada Example")
    client.save()

    client.sync_now()

    assert client.texts == [f"Your Office\n{text}"]


def test_included_and_minimum_are_previewed_and_billed(desk: Desk):
    client = desk.customer(premium(10))
    client.open()
    desk.page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
    desk.drawer.get_by_label("Billing profile").select_option(PREMIUM)
    client.choose_agreement()
    desk.drawer.get_by_label("Included quantity").fill("2")
    desk.preview("new line of 8")
    desk.drawer.get_by_label("Minimum quantity").fill("9")
    desk.preview("new line of 9")
    client.save()
    client.sync_now()

    assert client.lines == [(9, "2026-03-17", None)]


def test_a_held_fall_is_approved(desk: Desk):
    client = desk.customer(premium(40), line=40)
    client.open()
    client.map(LICENCE, PREMIUM)
    client.sync_now()
    client.seats(5)
    client.sync_now()
    expect(client.row(LICENCE)).to_contain_text("Needs approval")
    client.row(LICENCE).get_by_role("link", name="Decide").click()
    desk.heading("Approvals")
    held = desk.page.get_by_role("row").filter(has_text=client.name)
    expect(held).to_contain_text("40")
    expect(held).to_contain_text("on the next invoice")

    desk.page.get_by_label("Note").fill("asked the customer")
    held.get_by_role("button", name="Approve").click()

    desk.told("1 approved: it is being written now.")
    desk.stack.eventually(lambda: client.lines[0][0] == 5)


def test_tenants_are_added_as_customers_with_the_company_that_fits(desk: Desk):
    from local.simulators.connectwise.builders import a_company  # noqa: PLC0415 - only here

    with desk.stack.psa.lock:
        desk.stack.psa.seed(companies=[a_company(4711, name="Quokka Sample GmbH")])
    for name in ("Quokka Sample", "Wholly Other"):
        desk.stack.add_tenant(a_tenant(name, [premium(3)]))
    page = desk.page
    page.goto("/customers")
    page.get_by_role("link", name="Add customers").click()
    quokka = page.get_by_role("row").filter(has_text="Quokka Sample")
    expect(quokka.get_by_label("Company for Quokka Sample")).to_have_value(
        "Quokka Sample GmbH (4711)"
    )
    other = page.get_by_role("row").filter(has_text="Wholly Other")
    expect(other).to_contain_text("Unsure")
    expect(other.get_by_role("checkbox")).not_to_be_checked()

    page.get_by_role("button", name="Add the ticked tenants").click()

    desk.told("customer")
    page.get_by_label("Search").fill("Quokka")
    expect(page.get_by_role("link", name="Quokka Sample")).to_be_visible()


def test_a_custom_licence_is_made_and_mapped(desk: Desk):
    client = desk.customer(premium(2), users=named_users())
    client.open()
    desk.page.get_by_role("link", name="Custom licences").click()
    desk.page.get_by_label("Name", exact=False).first.fill("Managed users")
    desk.page.get_by_label("Only those with a licence").check()
    desk.page.get_by_role("button", name="Add", exact=True).click()
    desk.told("Managed users was made")

    client.map("Managed users", PREMIUM)
    client.sync_now()

    assert client.lines == [(2, "2026-03-17", None)]


def test_two_people_at_one_mapping_lose_nothing(desk: Desk, context: BrowserContext):
    client = desk.customer(premium(10))
    client.open()
    client.map(LICENCE, PREMIUM)
    desk.page.get_by_role("link", name=f"Mapping of {LICENCE}").click()
    desk.drawer.get_by_label("Minimum quantity").fill("3")
    stored = client.mapping(ROW)
    other = {
        "profile_id": stored["profile_id"],
        "agreement_id": stored["agreement_id"],
        "minimum": 7,
    }
    path = f"/api/customers/{client.customer_id}/mappings/{ROW}"
    desk.stack.put(path, other).raise_for_status()

    desk.drawer.get_by_role("button", name="Save").click()

    expect(desk.drawer).to_contain_text("nothing of yours is lost")
    expect(desk.drawer.get_by_role("row").filter(has_text="Minimum")).to_contain_text("7")
    expect(desk.drawer.get_by_label("Minimum quantity")).to_have_value("3")
    client.save()
    assert client.mapping(ROW)["minimum"] == 3


def test_what_was_typed_stays_when_the_session_ends(desk: Desk):
    client = desk.customer(premium(10))
    client.open()
    desk.page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
    desk.drawer.get_by_label("Billing profile").select_option(PREMIUM)
    client.choose_agreement()
    desk.preview("new line of 10")
    desk.drawer.get_by_label("Overwrite invoice description").fill("Typed for a long time")
    desk.preview("Typed for a long time")
    desk.page.context.clear_cookies()

    desk.drawer.get_by_role("button", name="Save").click()

    expect(desk.drawer.locator("#toasts")).to_contain_text("open for too long")
    expect(desk.drawer.get_by_label("Overwrite invoice description")).to_have_value(
        "Typed for a long time"
    )


def test_one_whole_mapping_by_keyboard_alone(desk: Desk):
    client = desk.customer(premium(6))
    page = desk.page
    page.goto(f"/customers/{client.customer_id}")

    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    desk.tab_to(f"#map-{ROW}")
    page.keyboard.press("Enter")
    expect(desk.drawer).to_be_visible()
    expect(page.locator("#drawer-title")).to_be_focused()
    desk.tab_to("#f-profile_id")
    page.keyboard.type("Business P")
    desk.tab_to("#f-agreement_id")
    page.keyboard.press("ArrowDown") if not page.locator("#f-agreement_id").input_value() else None
    desk.preview("new line of 6")
    desk.tab_to("#f-included")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    desk.preview("new line of 5")
    expect(page.locator("#f-included")).to_be_focused()
    desk.tab_to("#save")
    page.keyboard.press("Enter")
    expect(desk.drawer).to_have_count(0)
    desk.told("Saved.")
    expect(page.locator(f"#map-{ROW}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(desk.drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(desk.drawer).to_have_count(0)
    expect(page.locator(f"#map-{ROW}")).to_be_focused()
    assert client.mapping(ROW)["included"] == 1


def test_everything_can_be_read_without_a_script(desk: Desk, chrome):
    client = desk.customer(premium(6))
    context = chrome.new_context(base_url=desk.stack.host.url, java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto("/")
        page.get_by_role("link", name="Customers", exact=True).click()
        page.get_by_label("Search").fill(client.name)
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=client.name).click()
        expect(page.get_by_role("rowheader").filter(has_text=LICENCE)).to_be_visible()
        page.get_by_role("link", name=f"Map {LICENCE}", exact=True).click()
        expect(page.get_by_role("heading", level=1, name=LICENCE)).to_be_visible()
        expect(page.get_by_label("Minimum quantity")).to_be_visible()
        page.get_by_role("link", name="Runs").click()
        expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()
    finally:
        context.close()


def test_the_readers_time_and_theme_are_followed(desk: Desk, chrome):
    client = desk.customer(premium(1), line=1)
    client.open()
    client.map(LICENCE, PREMIUM)
    client.sync_now()
    context = chrome.new_context(
        base_url=desk.stack.host.url,
        locale="de-DE",
        timezone_id="Europe/Berlin",
        color_scheme="dark",
    )
    page = context.new_page()
    try:
        page.goto(f"/customers/{client.customer_id}/history")
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
        # Noon in UTC; the PSA's own dates stay as they are.
        expect(page.locator("tbody time").first).to_have_text(re.compile(r"17\.03\.2026, 13:00"))
        page.get_by_role("button", name="Theme").click()
        page.get_by_role("button", name="Theme").click()
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"
        page.reload()
        assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"
    finally:
        context.close()
