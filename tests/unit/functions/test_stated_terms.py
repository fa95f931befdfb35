"""A person states a subscription's term: shown as stated, and on the invoice."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.customers import CustomerState
from shared.domain.ids import SubscriptionId, subscription_row
from shared.domain.mappings import DescriptionOptions
from tests.api_client import Api
from tests.builders import (
    CUSTOMER,
    E5_ROW,
    MAIN,
    NOW,
    SUBSCRIPTION_ROW,
    a_directory_tenant,
    a_snapshot,
    a_subscription,
)
from tests.fakes.microsoft import FakePartnerCenter
from tests.unit.functions.test_subscriptions import COMMITTED

LICENSES = f"/api/customers/{CUSTOMER}/licenses"
TERM = f"{LICENSES}/{SUBSCRIPTION_ROW}/term"
NOBODYS_ROW = subscription_row(SubscriptionId("aaaaaaaa-0000-4000-8000-0000000000ff"))


def state(api: Api, length: str, **headers: str):
    return api.call("PUT", TERM, {"length": length}, headers=headers)


def subscription(api: Api) -> dict:
    [row] = api.get(LICENSES).json["items"]
    [found] = row["subscriptions"]
    return found


def with_partner_center(api: Api, **fields: object) -> None:
    found = FakePartnerCenter()
    found.hold(a_directory_tenant(), replace(COMMITTED, commerce_id="COMMERCE-0001", **fields))
    api.house.services.connections.partner_centers[MAIN] = found


@pytest.mark.parametrize("length", ["monthly", "annual", "triennial"])
def test_a_persons_word_is_shown_as_stated_with_who_said_it(api: Api, length):
    api.house.sync_now()

    saved = state(api, length)

    assert saved.status == 200
    assert saved.json["terms"][0]["length"] == length
    found = subscription(api)
    assert found["term"] == {"length": length, "certainty": "stated"}
    assert found["stated_by_person"]["said_by"] == saved.json["terms"][0]["said_by"] != ""


def test_the_last_word_counts_and_can_be_taken_back(api: Api):
    api.house.sync_now()
    guessed = subscription(api)["term"]
    state(api, "monthly")
    assert len(state(api, "triennial").json["terms"]) == 1

    assert api.call("DELETE", TERM).status == 204

    assert subscription(api)["term"] == guessed
    assert subscription(api)["stated_by_person"] is None
    assert api.call("DELETE", TERM).status == 404


def test_partner_centers_word_comes_first_and_the_other_is_named(api: Api):
    with_partner_center(api, next_quantity=None)
    api.house.sync_now()

    state(api, "monthly")

    found = subscription(api)
    assert found["term"] == {"length": "annual", "certainty": "stated"}
    assert found["notes"] == ["Partner Center says annual, which counts; a person said monthly"]


def test_a_persons_word_counts_where_partner_center_names_no_term(api: Api):
    with_partner_center(api, term=None, next_quantity=None)
    api.house.sync_now()

    state(api, "triennial")

    assert subscription(api)["term"] == {"length": "triennial", "certainty": "stated"}
    assert subscription(api)["notes"] == []


def test_a_word_against_renewals_that_were_seen_says_so(api: Api):
    for ends in (date(2026, 4, 6), date(2026, 5, 6)):
        moment = NOW.replace(year=ends.year, month=ends.month, day=ends.day)
        renewed = replace(a_subscription(), next_lifecycle_at=moment)
        api.house.microsoft.hold(a_snapshot(subscriptions=[renewed]))
        api.house.sync_now()

    state(api, "annual")

    assert subscription(api)["term"] == {"length": "annual", "certainty": "stated"}
    [note] = subscription(api)["notes"]
    assert note == "its renewals look monthly; a person said annual, which counts"


def test_only_a_subscription_that_is_there_has_a_term(api: Api):
    api.house.sync_now()

    assert api.put(f"{LICENSES}/{E5_ROW}/term", {"length": "annual"}).status == 409
    assert api.put(f"{LICENSES}/{NOBODYS_ROW}/term", {"length": "annual"}).status == 404
    assert api.get(f"/api/customers/{CUSTOMER}").json["terms"] == []


@pytest.mark.parametrize("body", [{}, {"length": "P1Y"}, {"length": "annual", "since": "2026"}])
def test_a_term_that_is_not_sold_is_refused(api: Api, body):
    api.house.sync_now()

    assert api.put(TERM, body).status == 422


def test_the_version_of_the_customer_is_honoured(api: Api):
    api.house.sync_now()
    seen = api.get(f"/api/customers/{CUSTOMER}").headers["etag"]
    fresh = state(api, "annual", **{"If-Match": seen}).headers["etag"]

    assert state(api, "monthly", **{"If-Match": seen}).status == 412
    assert api.call("DELETE", TERM, headers={"If-Match": seen}).status == 412
    assert subscription(api)["term"]["length"] == "annual"
    assert api.call("DELETE", TERM, headers={"If-Match": fresh}).status == 204


def test_a_deleted_customer_takes_no_word(api: Api):
    api.house.sync_now()
    read = api.house.services.customers.get(CUSTOMER)
    api.house.services.customers.save(read, replace(read.value, state=CustomerState.DELETED))

    assert state(api, "annual").status == 409


def test_a_persons_word_is_on_the_invoice(api: Api):
    api.get(LICENSES)
    read = api.house.services.mappings.get(CUSTOMER, E5_ROW)
    mapping = replace(
        read.value,
        row_id=SUBSCRIPTION_ROW,
        description=DescriptionOptions(term_and_end_date=True),
    )
    api.house.services.mappings.put(read, None)
    api.house.services.mappings.put(None, mapping)
    state(api, "triennial")

    api.house.sync_now()

    assert api.house.lines[0].description.endswith("Three years, term ends 6 April 2026")
