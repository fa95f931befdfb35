"""A customer's page: its licences, the drawer, and what is done to rows."""

import re
from dataclasses import replace

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.errors import AccessDeniedError, UpstreamUnavailableError
from shared.domain.ids import CustomerId, sku_row
from shared.domain.mappings import RowExclusion
from shared.usecases.edit_mapping import delete_mapping
from tests.api_client import EDITOR, VIEWER, Api
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    E5,
    NOW,
    OTHER_CUSTOMER,
    OTHER_SUBSCRIPTION,
    PROFILE,
    TENANT,
    a_customer,
    a_line,
    a_mapping,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
    an_alert,
)
from tests.page_client import Browser

PAGE = f"/customers/{CUSTOMER}"
ROW = f"{PAGE}/licenses/{sku_row(E5)}"
MAPPING = f"{ROW}/mapping"
FILLED = {
    "bill": "map",
    "profile_id": PROFILE,
    "agreement_id": AGREEMENT,
    "included": "2",
    "minimum": "5",
    "usernames": "comma",
    "show_users_as": "name",
    "grace": "only_without_active",
    "existing_line": "adopt",
    "on_drift": "hold",
    "etag": "",
}


@pytest.fixture
def unmapped(browser: Browser) -> Browser:
    """A browser on an MSP whose customer has ten seats and no mapping."""
    house = browser.api.house
    delete_mapping(CUSTOMER, sku_row(E5), house.services, if_match=None, leave_line=True)
    return browser


def stored(browser: Browser):
    found = browser.api.house.services.mappings.get(CUSTOMER, sku_row(E5))
    return None if found is None else found.value


def test_the_page_shows_each_licence_with_its_numbers_its_line_and_why(browser: Browser):
    page = browser.get(PAGE)

    for words in ("Microsoft 365 E5", "Will change", "Why 10?", "10 enabled"):
        assert words in page.text
    assert MAPPING in page.links


def test_what_needs_a_person_stands_above_the_licences(browser: Browser):
    house = browser.api.house
    assert "of this customer" not in browser.get(PAGE).text
    house.psa.add(a_line(quantity=40))
    house.holds(40).cycle()
    house.holds(10).cycle()
    house.services.alerts.put([an_alert(AlertKind.DRIFT, text="somebody set 7")])
    house.services.alerts.put([an_alert(AlertKind.STALE, customer_id=OTHER_CUSTOMER)])

    page = browser.get(PAGE)

    assert "1 plan needs approval , 2 alerts of this customer" in page.text
    assert "40 to 10" in page.text
    assert "somebody set 7" in page.text
    assert {f"/approvals?customer={CUSTOMER}", f"/alerts?customer={CUSTOMER}"} <= set(page.links)


def test_a_tenant_that_lets_nobody_in_shows_the_link_for_its_admin(browser: Browser):
    house = browser.api.house
    house.microsoft.fail(TENANT, AccessDeniedError("no consent", "Consent again."))

    page = browser.get(PAGE)

    link = f"https://login.example/{TENANT}/adminconsent?client_id=c1"
    assert ("input", "value", link) in page.attributes


def test_a_row_can_be_searched_and_filtered(browser: Browser):
    assert "Microsoft 365 E5" in browser.part(f"{PAGE}?q=e5", "licenses").text
    assert "No licence fits" in browser.part(f"{PAGE}?q=visio", "licenses").text
    assert "No licence fits" in browser.part(f"{PAGE}?state=held", "licenses").text


def test_a_tenant_that_cannot_be_read_is_told_and_nothing_else_breaks(browser: Browser):
    microsoft = browser.api.house.microsoft
    microsoft.fail(TENANT, UpstreamUnavailableError("main", "Graph answered 503"))

    page = browser.get(PAGE)

    assert browser.status == 200
    assert "unknown is not zero" in page.text


def test_the_drawer_offers_every_option_with_a_preview(browser: Browser):
    page = browser.part(MAPPING, "drawer-body")
    form = next(one for one in page.forms if one.action == MAPPING)

    assert {
        "profile_id",
        "agreement_id",
        "included",
        "minimum",
        "override_start",
        "overwrite",
        "usernames",
        "show_users_as",
        "grace",
        "existing_line",
        "on_drift",
        "etag",
        "form_token",
        "bill",
    } <= form.names()
    boxes = {value for tag, name, value in page.attributes if tag == "input" and name == "name"}
    assert {
        "negative_prorate",
        "count_trials",
        "term_and_end_date",
        "unassigned",
        "changes",
    } <= boxes
    assert "Exclude license" in page.text
    assert "Will be written" in page.text
    assert "new line of 10" in page.text


def test_the_drawer_is_a_page_of_its_own_without_a_script(browser: Browser):
    page = browser.get(MAPPING)

    assert "Skip to the content" in page.text
    assert any(one.action == MAPPING for one in page.forms)


def test_a_licence_is_mapped_and_the_page_says_what_follows(unmapped: Browser):
    unmapped.send(MAPPING, FILLED)

    assert unmapped.status == 303
    assert unmapped.location.startswith(PAGE)
    assert "Sync Now writes it at once" in unmapped.follow().text
    assert stored(unmapped).included == 2
    assert stored(unmapped).minimum == 5
    assert stored(unmapped).description.usernames == "comma"
    assert stored(unmapped).saved_by == "developer"


def test_saving_in_the_drawer_gives_the_table_back_and_closes_it(unmapped: Browser):
    part = {"hx-request": "true", "hx-target": "drawer-body"}
    page = unmapped.send(MAPPING, FILLED, **part)

    assert unmapped.answer is not None
    assert unmapped.answer.headers["hx-retarget"] == "#licenses"
    assert unmapped.answer.headers["hx-trigger-after-settle"] == "seatsync:saved"
    assert "licenses" in page.ids
    assert "Saved." in page.text


def test_what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost(unmapped: Browser):
    page = unmapped.send(
        MAPPING, {**FILLED, "profile_id": "", "included": "x", "overwrite": "Mine"}
    )

    assert unmapped.status == 422
    assert "choose a billing profile" in page.text
    assert "Mine" in page.text
    assert ("input", "value", "5") in page.attributes
    assert stored(unmapped) is None


def test_a_number_that_is_none_is_refused_beside_its_field(unmapped: Browser):
    page = unmapped.send(MAPPING, {**FILLED, "included": "x"})

    assert unmapped.status == 422
    assert "whole number" in page.text
    assert ("input", "aria-describedby", "f-included-hint f-included-error") in page.attributes


def test_a_stale_save_shows_both_and_loses_nothing(browser: Browser):
    form = next(x for x in browser.get(MAPPING).forms if x.action == MAPPING)
    services = browser.api.house.services
    read = services.mappings.get(CUSTOMER, sku_row(E5))
    assert read is not None
    services.mappings.put(read, replace(read.value, minimum=7, saved_by="somebody@msp.example"))

    page = browser.send(MAPPING, {**dict(form.fields), "minimum": "3"})

    assert browser.status == 412
    assert "Stored by somebody@msp.example" in page.text
    assert stored(browser).minimum == 7
    again = next(x for x in page.forms if x.action == MAPPING)
    assert dict(again.fields)["minimum"] == "3"
    browser.send(MAPPING, dict(again.fields))
    assert browser.status == 303
    assert stored(browser).minimum == 3


def test_a_form_of_an_unmapped_row_does_not_replace_what_somebody_saved_since(unmapped: Browser):
    unmapped.api.house.with_mapping(minimum=7)

    unmapped.send(MAPPING, FILLED)

    assert unmapped.status == 412
    assert stored(unmapped).minimum == 7


@pytest.mark.parametrize(("line", "left"), [("end", False), ("leave", True)])
def test_a_licence_is_excluded_from_the_drawer_and_included_again(browser: Browser, line, left):
    form = next(x for x in browser.get(MAPPING).forms if x.action == MAPPING)

    browser.send(MAPPING, {**dict(form.fields), "bill": "exclude", "line": line})

    [exclusion] = browser.api.house.services.mappings.exclusions(CUSTOMER)
    assert exclusion.leave_line is left
    assert "Never billed" in browser.follow().text
    browser.send(MAPPING, {**FILLED, "excluded": "true"})
    assert browser.status == 303
    assert browser.api.house.services.mappings.exclusions(CUSTOMER) == ()
    assert stored(browser) is not None


def test_the_mapping_is_taken_away(browser: Browser):
    form = next(x for x in browser.get(MAPPING).forms if x.action == MAPPING)

    browser.send(MAPPING, {**dict(form.fields), "bill": "unmap", "line": "leave"})

    assert browser.status == 303
    assert stored(browser) is None


def test_the_preview_is_of_what_is_in_the_form(unmapped: Browser):
    address = f"{MAPPING}/preview"

    page = unmapped.send(address, {**FILLED, "included": "4", "minimum": "0"})

    assert "new line of 6" in page.text
    assert stored(unmapped) is None
    assert "Choose a billing profile" in unmapped.send(address, {**FILLED, "agreement_id": ""}).text
    assert "no such agreement" in unmapped.send(address, {**FILLED, "agreement_id": "1"}).text


def test_the_quick_map_offers_profile_and_agreement_alone(unmapped: Browser):
    page = unmapped.part(f"{ROW}/quick", f"billed-{sku_row(E5)}")

    unmapped.submit(page, MAPPING, profile_id=PROFILE, agreement_id=AGREEMENT)

    assert unmapped.status == 303
    assert stored(unmapped).agreement_id == AGREEMENT


def test_a_licence_is_split_and_merged_again(browser: Browser):
    house = browser.api.house
    house.microsoft.hold(
        a_snapshot(
            skus=[a_sku(E5, enabled=10)],
            subscriptions=[
                a_subscription(total_licenses=4),
                a_subscription(subscription_id=OTHER_SUBSCRIPTION, total_licenses=6),
            ],
        )
    )
    browser.send(f"{PAGE}/refresh")

    browser.send(f"{ROW}/split")
    page = browser.follow()
    rows = [one for one in page.ids if one.startswith("row-sub-")]
    assert len(rows) == 2
    assert "billed as before" in page.text

    merge = f"{PAGE}/licenses/{rows[0].removeprefix('row-')}/merge"
    asked = browser.part(merge, "drawer-body")
    assert "no mapping of its own" in asked.text
    browser.submit(asked, merge)
    assert [x for x in browser.follow().ids if x.startswith("row-s")] == [f"row-{sku_row(E5)}"]


def test_sync_now_shows_its_progress_until_the_run_is_done(browser: Browser):
    house = browser.api.house
    part = {"hx-request": "true", "hx-target": "progress"}
    page = browser.send(f"{PAGE}/sync", **part)
    [poll] = [v for _, name, v in page.attributes if name == "hx-get"]
    assert "at work" in browser.part(poll, "sync-progress").text

    house.drain()

    page = browser.part(poll, "sync-progress")
    assert "1 changed" in page.text
    assert ("div", "hx-get", PAGE) in page.attributes
    assert house.quantities == [10]


def test_sync_now_without_a_script_leads_to_the_run(browser: Browser):
    browser.send(f"{ROW}/sync")

    assert re.match(r"/runs/[^/]+\?said=", browser.location)


def test_a_paused_customer_offers_no_sync(browser: Browser):
    form = next(x for x in browser.get(f"{PAGE}/edit").forms if x.action == f"{PAGE}/pause")
    browser.send(f"{PAGE}/pause", dict(form.fields))

    page = browser.follow()

    assert "is paused" in page.text
    assert f"{PAGE}/sync" not in [one.action for one in page.forms]
    browser.send(f"{PAGE}/sync")
    assert browser.status == 409


def test_a_viewer_sees_everything_and_no_button(in_azure: Api):
    browser = Browser(in_azure, headers=VIEWER)
    page = browser.get(PAGE)
    drawer = browser.get(MAPPING)

    assert "Microsoft 365 E5" in page.text
    assert {one.action for one in page.forms} <= {PAGE, f"{PAGE}/refresh"}
    assert "Will be written" in drawer.text
    assert "Save" not in [word.strip() for word in drawer.words]
    assert ("fieldset", "disabled", "") in drawer.attributes


def test_the_history_says_what_was_sent_and_why(browser: Browser):
    house = browser.api.house
    house.sync_now()

    page = browser.get(f"{PAGE}/history")

    assert "new line of 10" in page.text
    assert "Why 10?" in page.text
    assert "No" not in browser.get(f"{PAGE}/history?row_id={sku_row(E5)}").text.split()[:3]


def test_coverage_is_shown(browser: Browser):
    assert "The whole tenant is this customer’s" in browser.get(f"{PAGE}/coverage").text


def test_a_term_is_stated_and_forgotten(browser: Browser):
    browser.send(f"{ROW}/split")
    sub = next(x for x in browser.follow().ids if x.startswith("row-sub-")).removeprefix("row-")
    at = f"{PAGE}/licenses/{sub}"
    for length, words in (("annual", "by the word of developer"), ("", "Term of the subscription")):
        browser.submit(browser.get(f"{at}/mapping"), f"{at}/term", length=length)
        assert browser.status == 303
        assert words in browser.get(f"{at}/mapping").text
    assert browser.api.house.services.customers.get(CUSTOMER).value.terms == ()


def test_a_sku_that_is_excluded_for_everybody_cannot_be_mapped_here(browser: Browser):
    services = browser.api.house.services
    services.mappings.exclude(RowExclusion(CUSTOMER, sku_row(E5), False, "x", NOW))
    assert "excluded for everybody" not in browser.get(MAPPING).text


def test_two_profiles_of_another_psa_are_not_offered(browser: Browser):
    services = browser.api.house.services
    services.profiles.add(a_profile(profile_id="other", name="Elsewhere", psa="second"))

    assert "Elsewhere" not in browser.get(MAPPING).text


def test_an_editor_may_do_what_a_viewer_may_not(in_azure: Api):
    viewer, editor = Browser(in_azure, headers=VIEWER), Browser(in_azure, headers=EDITOR)

    viewer.send(MAPPING, FILLED)
    assert viewer.status == 403
    editor.send(f"{ROW}/sync")
    assert editor.status == 303
    assert a_mapping().customer_id == CUSTOMER


def test_the_next_customers_and_the_next_that_asks_for_somebody_are_one_step_away(
    browser: Browser,
):
    services = browser.api.house.services
    for name in ("Zebra", "Aardvark", "Delta", "Echo"):
        services.customers.add(a_customer(CustomerId(name.lower()), name=name))
    services.alerts.put([an_alert(AlertKind.DRIFT, customer_id=CustomerId("echo"))])

    first = browser.get("/customers/aardvark")
    middle = browser.get(PAGE)
    last = browser.get("/customers/zebra")

    assert ("Previous:" in first.text, "Next: Contoso" in first.text) == (False, True)
    assert "Previous: Aardvark" in middle.text
    assert "Next: Delta" in middle.text
    assert "Next that asks for you: Echo" in middle.text
    assert "Next that asks for you: Echo" in last.text, "from the start again"
    assert {"/customers/aardvark", "/customers/delta", "/customers/echo"} <= set(middle.links)


def test_customers_that_ask_for_somebody_are_listed_alone(browser: Browser):
    services = browser.api.house.services
    services.customers.add(a_customer(CustomerId("echo"), name="Echo"))
    services.alerts.put([an_alert(AlertKind.DRIFT, customer_id=CustomerId("echo"))])

    page = browser.get("/customers?state=asking")

    assert "1 customer found" in page.text
    assert "Contoso" not in page.text
    assert "/alerts?customer=echo" in page.links
