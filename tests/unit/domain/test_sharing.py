"""Tenants that several customers share."""

import pytest

from shared.domain.customers import CustomerState, UserFilter
from shared.domain.ids import CustomerId
from shared.domain.licensing import UserDetails, rows_of
from shared.domain.sharing import (
    FILTER_CHANGED,
    NOT_BY_SUBSCRIPTION,
    NOT_COUNTED,
    OF_THE_TENANT,
    Held,
    Overlap,
    matches,
    shared_row,
    tally,
    users_of,
)
from tests.builders import (
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5,
    NOW,
    OTHER_CUSTOMER,
    PRODUCT_NAMES,
    a_customer,
    a_sku,
    a_snapshot,
    a_subscription,
    a_user,
)

SALES, LABS = UserFilter(department=("Sales",)), UserFilter(department=("Labs",))
CONTOSO = a_customer(user_filter=SALES)
FABRIKAM = a_customer(OTHER_CUSTOMER, name="Fabrikam", user_filter=LABS)
ANN = a_user("Ann Abel", E5, BUSINESS_PREMIUM, department="Sales", city="Köln")
BOB = a_user("Bob Baker", E5, department="Labs", enabled=False)
CID = a_user("Cid Cook", E5, guest=True)


@pytest.mark.parametrize(
    ("user_filter", "details", "expected"),
    [
        (None, UserDetails(), True),
        (SALES, UserDetails(department="Sales"), True),
        (SALES, UserDetails(department=" sALES "), True),
        (UserFilter(city=(" STRASSE",)), UserDetails(city="straße"), True),
        (SALES, UserDetails(), False),
        (SALES, UserDetails(department="Sales EMEA"), False),
        (UserFilter(department=("Labs", "Sales")), UserDetails(department="Sales"), True),
        (UserFilter(department=("Sales",), city=("Köln",)), UserDetails("Sales", "", "Köln"), True),
        (UserFilter(department=("Sales",), city=("Köln",)), UserDetails("Sales"), False),
        (UserFilter(office=("1",), state=("NRW",)), UserDetails("", "1", "", "nrw"), True),
    ],
)
def test_every_field_that_is_given_must_have_one_of_its_values(user_filter, details, expected):
    assert matches(user_filter, details) is expected


def test_each_customer_gets_the_licences_of_its_users():
    found = tally([ANN, BOB, CID], [CONTOSO, FABRIKAM], NOW)

    assert found.share_of(CUSTOMER).held == (Held(E5, 1), Held(BUSINESS_PREMIUM, 1))
    assert found.share_of(OTHER_CUSTOMER).held == (Held(E5, 1, disabled=1),)
    assert (found.users, found.users_in_none, found.users_in_several) == (3, 1, 0)
    assert found.held_in_none == (Held(E5, 1, guests=1),)
    assert found.total(E5) == Held(E5, 3, disabled=1, guests=1)
    assert found.overlaps == ()


def test_a_user_of_two_customers_is_an_overlap_of_both():
    cologne = a_customer(OTHER_CUSTOMER, name="Fabrikam", user_filter=UserFilter(city=("köln",)))

    found = tally([ANN, BOB], [CONTOSO, cologne], NOW)

    assert found.overlaps == (Overlap((CUSTOMER, OTHER_CUSTOMER), 1),)
    assert found.overlaps_of(CUSTOMER) == (("Fabrikam", 1),)
    assert found.overlaps_of(OTHER_CUSTOMER) == (("Contoso", 1),)
    assert found.users_in_several == 1
    assert found.in_several(BUSINESS_PREMIUM).seats == 1


def test_a_customer_without_a_filter_has_everybody():
    whole = a_customer(CustomerId("whole"))

    found = tally([ANN, BOB, CID], [CONTOSO, whole], NOW)

    assert found.share_of(whole.customer_id).users == 3
    assert found.overlaps == (Overlap((CUSTOMER, whole.customer_id), 1),)


def test_a_paused_customer_keeps_its_users_and_overlaps_with_nobody():
    paused = a_customer(OTHER_CUSTOMER, user_filter=SALES, state=CustomerState.PAUSED)
    deleted = a_customer(CustomerId("gone"), user_filter=SALES, state=CustomerState.DELETED)

    found = tally([ANN], [CONTOSO, paused, deleted], NOW)

    assert [share.customer_id for share in found.shares] == [CUSTOMER, OTHER_CUSTOMER]
    assert found.overlaps == ()


def test_an_invoice_names_the_customers_own_users_only():
    assert list(users_of(CONTOSO, [ANN, BOB])) == [ANN]
    assert list(users_of(a_customer(), [ANN, BOB])) == [ANN, BOB]


# Rows --------------------------------------------------------------------------------------------


def row_of(sku, *subscriptions, split=()):
    return rows_of(a_snapshot([sku], subscriptions), PRODUCT_NAMES, split)[0]


SHARE = tally([ANN, BOB], [CONTOSO, FABRIKAM], NOW).share_of(CUSTOMER)
ONE_OF_FABRIKAM = tally([BOB], [FABRIKAM], NOW).shares[0]
FIVE = tally([a_user(f"U{n}", department="Sales") for n in range(5)], [CONTOSO], NOW).shares[0]


def test_a_shared_row_counts_what_is_assigned_not_what_is_bought():
    row = shared_row(row_of(a_sku(enabled=20, consumed=2)), CONTOSO, SHARE)

    assert (row.counts.enabled, row.counts.consumed, row.counts.unassigned) == (1, 1, 0)
    assert row.how == ("1 assigned to users of the customer's filter",)
    assert (row.disabled, row.guests) == (0, 0)


def test_a_licence_that_none_of_the_users_has_is_zero():
    row = shared_row(row_of(a_sku(BUSINESS_PREMIUM)), FABRIKAM, ONE_OF_FABRIKAM)

    assert row.counts.enabled == 0


@pytest.mark.parametrize(
    ("units", "state"),
    [
        ({"enabled": 9, "warning": 4}, "enabled"),
        ({"enabled": 0, "warning": 9}, "warning"),
        ({"enabled": 0, "suspended": 9}, "suspended"),
        ({"enabled": 0, "locked_out": 9}, "locked_out"),
    ],
)
def test_assigned_licences_are_in_the_state_of_the_tenants(units, state):
    counts = shared_row(row_of(a_sku(**units)), CONTOSO, FIVE).counts

    states = ("enabled", "warning", "suspended", "locked_out")
    assert {name: getattr(counts, name) for name in states if getattr(counts, name)} == {state: 5}


def test_licences_are_on_trial_when_all_of_the_tenants_are():
    trial = a_subscription(total_licenses=25, is_trial=True)

    all_on_trial = shared_row(row_of(a_sku(enabled=25), trial), CONTOSO, FIVE).counts
    some_on_trial = shared_row(row_of(a_sku(enabled=30), trial), CONTOSO, FIVE).counts

    assert (all_on_trial.trial_enabled, some_on_trial.trial_enabled) == (5, 0)


def test_subscriptions_of_a_shared_tenant_are_unknown():
    split = row_of(a_sku(), a_subscription(), split=[E5])

    assert shared_row(split, CONTOSO, FIVE).unknown == NOT_BY_SUBSCRIPTION


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"share": None}, NOT_COUNTED),
        ({"share": None, "problem": "403"}, "the tenant's users could not be read: 403"),
        ({"problem": "403"}, "the tenant's users could not be read: 403"),
        ({"customer": FABRIKAM}, FILTER_CHANGED),
        ({"of_users": False}, OF_THE_TENANT),
    ],
)
def test_unknown_is_never_zero(given, why):
    arguments = {"customer": CONTOSO, "share": FIVE, **given}

    row = shared_row(row_of(a_sku()), **arguments)

    assert (row.counts, row.unknown) == (None, why)


def test_a_licence_that_microsoft_left_out_stays_unknown():
    row = shared_row(row_of(a_sku(absent_since=NOW)), CONTOSO, FIVE)

    assert row.counts is None
    assert "came without this licence" in row.unknown
