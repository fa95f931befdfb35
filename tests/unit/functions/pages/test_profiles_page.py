"""Billing profiles, as somebody makes, changes and deletes them on their page."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.domain.ids import ProductId
from shared.domain.mappings import Billable, PriceKind
from tests.api_client import VIEWER, Api
from tests.builders import OTHER_PRODUCT, PRODUCT, PROFILE, a_product, a_profile
from tests.page_client import Browser

LIST = "/billing-profiles"
EDIT = f"{LIST}/{PROFILE}/edit"
FILLED = {
    "name": "Exchange - Monthly",
    "psa": "main",
    "product_id": "Exchange Online (102)",
    "price": "percent",
    "amount": "-5",
    "billable": "no_charge",
    "agreement_types": "Managed services; Cloud ;",
}


@pytest.fixture
def selling(browser: Browser) -> Browser:
    """A PSA that sells a second product, and one that it does not sell any more."""
    browser.api.house.psa.add(
        a_product(OTHER_PRODUCT, code="EXO", name="Exchange Online", price=Decimal(4)),
        a_product(ProductId("103"), code="OLD", name="Retired thing", active=False),
    )
    return browser


def names(browser: Browser) -> list[str]:
    return [one.value.name for one in browser.api.house.services.profiles.all()]


def test_profiles_are_listed_with_what_the_psa_calls_the_product(browser: Browser):
    page = browser.get(LIST)

    assert "Microsoft 365 E5 - Monthly" in page.text
    assert "What the PSA says" in page.text
    assert EDIT in page.links


def test_a_viewer_reads_profiles_and_cannot_change_them(in_azure: Api):
    page = Browser(in_azure, headers=VIEWER).get(LIST)

    assert "Microsoft 365 E5 - Monthly" in page.text
    assert not [one for one in page.links if one.startswith(f"{LIST}/")]


def test_every_product_is_offered_with_a_name_that_says_how_long_it_is_bought_for(
    selling: Browser,
):
    page = selling.get(f"{LIST}/add")
    annual = selling.get(f"{LIST}/add?ending=Annual")

    values = {value for _, name, value in page.attributes if name == "value"}
    assert {"Microsoft 365 E5 - Monthly", "Exchange Online - Monthly"} <= values
    assert "Retired thing" not in page.text
    assert "has a billing profile" in page.text
    assert ("input", "value", "Exchange Online - Annual") in annual.attributes
    assert "Exchange" not in selling.get(f"{LIST}/add?q=e5").text


def test_the_ticked_products_become_profiles(selling: Browser):
    page = selling.get(f"{LIST}/add")

    selling.submit(page, f"{LIST}/add", add=[OTHER_PRODUCT])

    assert names(selling) == ["Exchange Online - Monthly", "Microsoft 365 E5 - Monthly"]
    assert "1 billing profile was added" in selling.follow().text


def test_when_one_of_several_cannot_be_used_none_is_added_and_its_row_says_why(selling: Browser):
    page = selling.get(f"{LIST}/add")

    shown = selling.submit(page, f"{LIST}/add", add=[PRODUCT, "999"], **{"name-999": "Ghost"})

    assert "the PSA has no such product" in shown.text
    assert names(selling) == ["Microsoft 365 E5 - Monthly"]
    assert "Tick the products" in selling.submit(page, f"{LIST}/add").text


def test_a_profile_is_made_by_hand(selling: Browser):
    selling.send(f"{LIST}/new", FILLED)

    added = selling.api.house.services.profiles.all()[0].value
    assert selling.status == 303
    assert (added.name, added.product_id) == ("Exchange - Monthly", OTHER_PRODUCT)
    assert (added.price.kind, added.price.amount) == (PriceKind.PERCENT, Decimal(-5))
    assert added.billable is Billable.NO_CHARGE
    assert added.agreement_types == ("Managed services", "Cloud")


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(selling: Browser):
    page = selling.send(f"{LIST}/new", {**FILLED, "amount": "five", "product_id": "102"})

    assert selling.status == 422
    assert "must be a number" in page.text
    assert ("input", "value", "five") in page.attributes
    assert (
        "the PSA has no such product"
        in selling.send(f"{LIST}/new", {**FILLED, "product_id": "999"}).text
    )


def test_a_profile_is_renamed(browser: Browser):
    browser.submit(browser.get(EDIT), EDIT, name="E5 - Annual", agreement_types="Cloud")

    assert browser.status == 303
    assert names(browser) == ["E5 - Annual"]


def test_a_profile_that_bills_lines_keeps_its_product(selling: Browser):
    page = selling.submit(selling.get(EDIT), EDIT, product_id=OTHER_PRODUCT)

    assert selling.status == 409
    assert "would move their lines" in page.text
    assert ("input", "value", OTHER_PRODUCT) in page.attributes


def test_a_stale_edit_shows_what_is_stored_beside_what_was_typed(browser: Browser):
    form = browser.get(EDIT)
    services = browser.api.house.services
    read = services.profiles.get(PROFILE)
    services.profiles.save(read, replace(read.value, name="Somebody else's"))

    page = browser.submit(form, EDIT, name="Mine")

    assert browser.status == 412
    assert "Somebody else's" in page.text
    assert ("input", "value", "Mine") in page.attributes
    browser.submit(page, EDIT)
    assert names(browser) == ["Mine"]


def test_only_a_profile_that_nothing_is_mapped_to_is_deleted(browser: Browser):
    services = browser.api.house.services
    free = services.profiles.add(a_profile(profile_id="free", name="Free")).value
    mapped, unused = f"{LIST}/{PROFILE}/delete", f"{LIST}/{free.profile_id}/delete"

    page = browser.submit(browser.get(EDIT), mapped)
    assert "rows are mapped to this billing profile" in page.text
    browser.submit(browser.get(f"{LIST}/{free.profile_id}/edit"), unused)

    assert "Free was deleted" in browser.follow().text
    assert names(browser) == ["Microsoft 365 E5 - Monthly"]
