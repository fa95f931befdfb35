"""What the company page tells of subscriptions, and that looking at them changes no bill."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.errors import RateLimitError, UpstreamUnavailableError
from shared.domain.ids import ProfileId, SubscriptionId, sku_row, subscription_row
from shared.domain.mappings import DescriptionOptions
from shared.domain.terms import TermLength
from shared.usecases.pauses import tenant_key
from tests.api_client import Api
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5,
    E5_ROW,
    MAIN,
    NOW,
    OTHER_PRODUCT,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SUBSCRIPTION_ROW,
    TENANT,
    a_directory_tenant,
    a_product,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
)
from tests.fakes.microsoft import FakePartnerCenter

LICENSES = f"/api/customers/{CUSTOMER}/licenses"
OTHER_ROW = subscription_row(OTHER_SUBSCRIPTION)
NEW_SUBSCRIPTION = SubscriptionId("aaaaaaaa-0000-4000-8000-000000000003")
COMMITTED = PartnerSubscription(
    commerce_id="commerce-0001",
    friendly_name="Microsoft 365 E5",
    term=TermLength.ANNUAL,
    billing_cycle=BillingCycle.MONTHLY,
    commitment_end=date(2027, 1, 13),
    auto_renew=True,
    quantity=12,
    status=CommitmentStatus.ACTIVE,
    is_trial=False,
    next_quantity=8,
)


@pytest.fixture
def partner_center(api: Api) -> FakePartnerCenter:
    """Partner Center with the customer's subscription, in other letters, and one more."""
    found = FakePartnerCenter()
    other = replace(COMMITTED, commerce_id="elsewhere", friendly_name="Azure plan", quantity=None)
    ended = replace(COMMITTED, commerce_id="ended", status=CommitmentStatus.DELETED)
    mine = replace(COMMITTED, commerce_id="COMMERCE-0001")
    found.hold(a_directory_tenant(), mine, other, ended)
    api.house.services.connections.partner_centers[MAIN] = found
    return found


def rows(api: Api) -> dict:
    return {row["row_id"]: row for row in api.get(LICENSES).json["items"]}


def subscription(api: Api) -> dict:
    [found] = rows(api)[E5_ROW]["subscriptions"]
    return found


def hold(api: Api, *subscriptions, **sku) -> None:
    enabled = sum(s.total_licenses for s in subscriptions)
    skus = [a_sku(**{"enabled": enabled, **sku})]
    api.house.microsoft.hold(a_snapshot(skus=skus, subscriptions=subscriptions))


def test_a_subscription_tells_status_owner_and_a_guessed_term(api: Api):
    api.house.sync_now()

    found = subscription(api)

    assert (found["status"], found["is_trial"], found["owned_by"]) == ("Enabled", False, "partner")
    assert found["next_lifecycle_at"] == (NOW + timedelta(days=20)).isoformat()
    assert found["term"] == {"length": "annual", "certainty": "guessed"}
    assert found["ends"] == "2026-04-06"
    assert found["partner"] is None


@pytest.mark.parametrize(("owner", "whose"), [(TENANT, "customer"), (OTHER_TENANT, "other")])
def test_a_subscription_tells_who_sold_it(api: Api, owner, whose):
    hold(api, replace(a_subscription(), owner_tenant_id=owner))
    api.house.sync_now()

    assert subscription(api)["owned_by"] == whose


def test_a_subscription_past_its_term_has_no_end_of_it(api: Api):
    warning = replace(a_subscription(), status=a_subscription().status.WARNING)
    hold(api, warning, enabled=0, warning=10)
    api.house.sync_now()

    assert subscription(api)["ends"] is None


def test_partner_center_states_the_term_whatever_the_letters_of_the_id(api: Api, partner_center):
    api.house.sync_now()

    found = subscription(api)

    assert found["term"] == {"length": "annual", "certainty": "stated"}
    assert found["ends"] == "2027-01-13"
    assert found["partner"]["billing_cycle"] == "monthly"
    assert (found["partner"]["quantity"], found["partner"]["auto_renew"]) == (12, True)


def test_a_coming_decrease_is_announced_and_not_applied(api: Api, partner_center):
    api.house.sync_now()

    assert subscription(api)["notes"] == [
        "12 seats fall to 8 with the next term after 13 January 2027: announced, not applied"
    ]
    assert rows(api)[E5_ROW]["active"] == 10
    assert api.house.quantities == [10]


def test_a_subscription_on_both_sides_counts_once_and_the_others_are_listed(
    api: Api, partner_center
):
    api.house.sync_now()

    page = api.get(LICENSES).json

    assert [row["active"] for row in page["items"]] == [10]
    assert [one["friendly_name"] for one in page["not_in_tenant"]] == ["Azure plan"]
    assert page["partner_center"]["problem"] == ""


@pytest.mark.parametrize(
    "error",
    [UpstreamUnavailableError("main", "503"), RateLimitError("main", timedelta(seconds=60))],
)
def test_partner_center_that_fails_changes_no_quantity_and_keeps_what_it_said(
    api: Api, partner_center, error
):
    api.house.sync_now()
    read_at = api.get(LICENSES).json["partner_center"]["read_at"]
    partner_center.error = error
    hold(api, a_subscription(total_licenses=11))

    api.house.on(date(2026, 3, 18)).cycle()
    page = api.get(LICENSES).json

    assert page["partner_center"]["read_at"] == read_at
    assert "Partner Center could not be read" in page["partner_center"]["problem"]
    assert subscription(api)["term"]["certainty"] == "stated"
    assert page["items"][0]["active"] == 11
    assert alerts(api, "stale", "tenant_unreadable", "blocked", "failed") == []
    states = api.house.services.connection_states
    assert states.paused_until(tenant_key(MAIN, TENANT)) is None


def test_partner_center_that_does_not_answer_is_not_asked_for_each_tenant(api: Api, partner_center):
    partner_center.error = UpstreamUnavailableError("main", "503")
    asked = []
    real = partner_center.subscriptions
    partner_center.subscriptions = lambda tenant_id: asked.append(tenant_id) or real(tenant_id)

    api.house.sync_now()
    api.house.sync_now()

    assert asked == [TENANT]


# Invoice text ------------------------------------------------------------------------------------


def with_dates(api: Api) -> None:
    read = api.house.services.mappings.get(CUSTOMER, E5_ROW)
    mapping = replace(
        read.value,
        row_id=SUBSCRIPTION_ROW,
        description=DescriptionOptions(term_and_end_date=True),
    )
    api.house.services.mappings.put(read, None)
    api.house.services.mappings.put(None, mapping)


def test_a_stated_term_and_the_commitments_end_are_on_the_invoice(api: Api, partner_center):
    with_dates(api)
    api.house.sync_now()

    assert "Annual, billed monthly, term ends 13 January 2027" in api.house.lines[0].description


def test_a_guessed_term_is_not_on_the_invoice(api: Api):
    with_dates(api)
    api.house.sync_now()

    assert api.house.lines[0].description.endswith("\nterm ends 6 April 2026")


# The view ----------------------------------------------------------------------------------------


def set_view(api: Api, view: str) -> None:
    answer = api.put("/api/settings", {"default_view": view})
    assert answer.status == 200, answer.text


def test_the_default_view_is_a_setting_beside_the_thresholds(api: Api):
    assert api.get("/api/settings").json["default_view"] == "licenses"
    set_view(api, "subscriptions")

    shown = api.get("/api/settings")

    assert shown.json["default_view"] == "subscriptions"
    assert shown.json["guards"]["fall_seats"] == 5
    refused = api.put("/api/settings", {"default_view": "tiles"})
    assert refused.status == 422


def test_under_subscriptions_rows_are_split_unless_they_were_merged_by_hand(api: Api):
    hold(api, a_subscription(), a_subscription(OTHER_SUBSCRIPTION, total_licenses=3))
    api.house.sync_now()
    assert list(rows(api)) == [E5_ROW]

    set_view(api, "subscriptions")
    assert set(rows(api)) == {SUBSCRIPTION_ROW, OTHER_ROW}

    assert api.post(f"{LICENSES}/{E5_ROW}/merge").status == 204
    assert list(rows(api)) == [E5_ROW]

    set_view(api, "licenses")
    assert api.post(f"{LICENSES}/{E5_ROW}/split").status == 204
    assert set(rows(api)) == {SUBSCRIPTION_ROW, OTHER_ROW}
    set_view(api, "subscriptions")
    assert set(rows(api)) == {SUBSCRIPTION_ROW, OTHER_ROW}


@pytest.mark.parametrize("view", ["licenses", "subscriptions"])
def test_the_view_never_changes_what_is_billed(api: Api, view):
    hold(api, a_subscription(), a_subscription(OTHER_SUBSCRIPTION, total_licenses=3))
    api.house.sync_now()
    written = list(api.house.psa.writes)

    set_view(api, view)
    api.house.on(date(2026, 3, 18)).cycle()

    assert (api.house.quantities, api.house.psa.writes) == ([13], written)
    assert api.house.services.alerts.open_of(CUSTOMER) == ()


def test_only_a_subscriptions_own_mapping_moves_seats(api: Api):
    hold(api, a_subscription(), a_subscription(OTHER_SUBSCRIPTION, total_licenses=3))
    api.house.services.profiles.add(a_profile(ProfileId("annual"), product_id=OTHER_PRODUCT))
    api.house.psa.add(a_product(OTHER_PRODUCT))
    set_view(api, "subscriptions")
    api.house.sync_now()
    assert rows(api)[OTHER_ROW]["proposal"]["profile_id"] == "e5-monthly"

    body = {"profile_id": "annual", "agreement_id": AGREEMENT}
    assert api.put(f"/api/customers/{CUSTOMER}/mappings/{OTHER_ROW}", body).status == 200
    api.house.sync_now()

    assert [(x.product_id, x.quantity) for x in api.house.lines if x.ends is None] == [
        ("101", 10),
        (OTHER_PRODUCT, 3),
    ]


# Renewals, conversions, transfers ----------------------------------------------------------------


def alerts(api: Api, *kinds: str) -> list[str]:
    return [a.text for a in api.house.services.alerts.open_of(CUSTOMER) if a.kind in kinds]


def test_a_renewal_keeps_the_row_and_its_line(api: Api):
    api.house.sync_now()
    later = a_subscription(next_lifecycle_at=NOW + timedelta(days=385))
    hold(api, later)

    api.house.on(date(2026, 4, 7)).cycle()

    assert rows(api)[E5_ROW]["state"] == "in_step"
    assert subscription(api)["term"] == {"length": "annual", "certainty": "proven"}
    assert api.house.quantities == [10]
    # Nobody has the ten seats, and the renewal is when they can be given back.
    [alert] = api.house.services.alerts.open_of(CUSTOMER)
    assert alert.kind == "seats_reducible"


def test_a_conversion_is_a_new_row_that_is_offered_the_old_rows_profile(api: Api):
    api.house.sync_now()
    bought = a_subscription(OTHER_SUBSCRIPTION, sku_id=BUSINESS_PREMIUM)
    skus = [a_sku(BUSINESS_PREMIUM)]
    api.house.microsoft.hold(a_snapshot(skus=skus, subscriptions=[bought]))

    api.house.on(date(2026, 3, 18)).cycle()

    [text] = alerts(api, "missing_profile")
    assert "Microsoft 365 Business Premium has 10 seats" in text
    assert "Microsoft 365 E5 fell from 10 to 0" in text
    offered = rows(api)[BUSINESS_PREMIUM_ROW]["proposal"]
    assert (offered["profile_id"], offered["agreement_id"]) == ("e5-monthly", AGREEMENT)
    assert offered["from_row"] == E5_ROW
    assert api.house.quantities == [10], "what is gone is no zero yet"


def test_the_row_that_lost_as_many_seats_is_offered_first(api: Api):
    api.house.services.profiles.add(a_profile(ProfileId("annual"), product_id=OTHER_PRODUCT))
    api.house.psa.add(a_product(OTHER_PRODUCT))
    api.house.with_mapping(row_id=BUSINESS_PREMIUM_ROW, profile_id=ProfileId("annual"))
    new = "4b9405b0-7788-4568-add1-99614e613b69"
    before = [a_sku(E5, enabled=30), a_sku(BUSINESS_PREMIUM, enabled=20)]
    after = [a_sku(E5, enabled=15), a_sku(BUSINESS_PREMIUM, enabled=16), a_sku(new, enabled=4)]
    api.house.microsoft.hold(a_snapshot(skus=before))
    api.house.sync_now()
    api.house.microsoft.hold(a_snapshot(skus=after))

    api.house.sync_now()

    assert rows(api)[sku_row(new)]["proposal"]["from_row"] == BUSINESS_PREMIUM_ROW


def test_seats_that_went_from_one_row_to_another_look_like_a_transfer(api: Api):
    api.house.services.profiles.add(a_profile(ProfileId("other"), product_id=OTHER_PRODUCT))
    api.house.psa.add(a_product(OTHER_PRODUCT))
    api.house.with_mapping(row_id=BUSINESS_PREMIUM_ROW, profile_id=ProfileId("other"))
    api.house.microsoft.hold(a_snapshot(skus=[a_sku(), a_sku(BUSINESS_PREMIUM, enabled=5)]))
    api.house.sync_now()
    moved = [a_sku(enabled=7), a_sku(BUSINESS_PREMIUM, enabled=8)]
    api.house.microsoft.hold(a_snapshot(skus=moved))

    api.house.sync_now()
    api.house.sync_now()

    [text] = alerts(api, "looks_like_transfer")
    assert "3 seats went from Microsoft 365 E5 to Microsoft 365 Business Premium" in text
    api.house.on(date(2026, 3, 26)).cycle()
    assert alerts(api, "looks_like_transfer") == []


def test_rows_of_one_line_exchange_seats_without_an_alert(api: Api):
    api.house.with_mapping(row_id=BUSINESS_PREMIUM_ROW)
    api.house.microsoft.hold(a_snapshot(skus=[a_sku(), a_sku(BUSINESS_PREMIUM, enabled=5)]))
    api.house.sync_now()
    moved = [a_sku(enabled=7), a_sku(BUSINESS_PREMIUM, enabled=8)]
    api.house.microsoft.hold(a_snapshot(skus=moved))

    api.house.sync_now()

    assert alerts(api, "looks_like_transfer") == []
    assert api.house.quantities == [15]


def test_a_subscription_that_is_gone_becomes_zero_like_a_licence(api: Api):
    mapping = {"profile_id": "e5-monthly", "agreement_id": AGREEMENT}
    hold(api, a_subscription(total_licenses=2), a_subscription(OTHER_SUBSCRIPTION))
    api.post(f"{LICENSES}/{E5_ROW}/split")
    for row in (SUBSCRIPTION_ROW, OTHER_ROW):
        assert api.put(f"/api/customers/{CUSTOMER}/mappings/{row}", mapping).status == 200
    api.house.sync_now()
    assert api.house.quantities == [12]
    hold(api, a_subscription(OTHER_SUBSCRIPTION))

    api.house.sync_now()
    assert rows(api)[SUBSCRIPTION_ROW]["state"] == "unknown"
    assert "came without this subscription" in rows(api)[SUBSCRIPTION_ROW]["reasons"][0]
    assert api.house.quantities == [12]

    api.house.on(date(2026, 3, 18)).cycle()
    assert rows(api)[SUBSCRIPTION_ROW]["active"] == 0
    assert rows(api)[SUBSCRIPTION_ROW]["state"] == "in_step"
    assert [x.quantity for x in api.house.lines if x.ends is None] == [10]


def test_a_subscription_that_is_gone_and_not_mapped_is_shown_no_more(api: Api):
    hold(api, a_subscription(), a_subscription(NEW_SUBSCRIPTION, total_licenses=2))
    api.post(f"{LICENSES}/{E5_ROW}/split")
    api.house.sync_now()
    hold(api, a_subscription())

    api.house.sync_now()
    api.house.on(date(2026, 3, 18)).cycle()

    assert list(rows(api)) == [SUBSCRIPTION_ROW]
