"""Graph's lists: numbers, permissions, filters, paging, counts."""

from __future__ import annotations

import pytest

from local.simulators.microsoft.builders import (
    CLIENT_ID,
    PARTNER_TENANT_ID,
    a_contract,
    a_device,
    a_group,
    a_state,
    a_subscription,
    a_tenant,
    a_user,
    an_id,
)
from local.simulators.microsoft.state import RawOverride, Sku
from tests.unit.local.simulators.microsoft.conftest import EVENTUAL, error_of

SPB = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
E3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
LICENSED = "$filter=assignedLicenses/$count ne 0&$count=true"


def units(row):
    prepaid = row["prepaidUnits"]
    return tuple(prepaid[name] for name in ("enabled", "warning", "suspended", "lockedOut"))


# --- who may read what --------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer", "Bearer made-up"])
def test_a_call_without_a_token_it_knows_is_401(cloud_with, header):
    cloud = cloud_with(a_tenant("Contoso"))
    cloud.session.headers["Authorization"] = header

    assert error_of(cloud.get("/organization")) == (401, "InvalidAuthenticationToken")


def test_a_token_expires(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"))
    cloud.clock.forward(seconds=3598)
    assert cloud.get("/organization").status_code == 200

    cloud.clock.forward(seconds=1)

    assert error_of(cloud.get("/organization")) == (401, "InvalidAuthenticationToken")


def test_tokens_can_be_revoked_by_hand(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"))

    cloud.session.delete("http://microsoft/_sim/tokens")

    assert cloud.get("/organization").status_code == 401


def test_a_token_is_good_for_its_own_tenant_only(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"), a_tenant("Fabrikam"))

    assert [row["displayName"] for row in cloud.value("/organization")] == ["Contoso"]
    assert error_of(cloud.get(f"/organization/{an_id('tenant-Fabrikam')}"))[0] == 404


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/subscribedSkus", "LicenseAssignment.Read.All"),
        ("/subscribedSkus", "Organization.Read.All"),
        ("/directory/subscriptions", "Organization.Read.All"),
        ("/organization", "Organization.Read.All"),
        ("/users", "User.Read.All"),
        ("/groups", "GroupMember.Read.All"),
        ("/contracts", "Directory.Read.All"),
        (
            "/tenantRelationships/delegatedAdminCustomers",
            "DelegatedAdminRelationship.Read.All",
        ),
    ],
)
def test_each_list_opens_with_its_permission_and_not_without(cloud_with, path, permission):
    with_it = cloud_with(a_tenant("Contoso", consents={CLIENT_ID: [permission]}))
    without = cloud_with(a_tenant("Contoso", consents={CLIENT_ID: ["Mail.Read"]}))

    assert with_it.get(path).status_code == 200
    assert error_of(without.get(path)) == (403, "Authorization_RequestDenied")


def test_licence_assignment_permission_does_not_cover_subscriptions(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", consents={CLIENT_ID: ["LicenseAssignment.Read.All"]}))

    assert cloud.get("/subscribedSkus").status_code == 200
    assert cloud.get("/directory/subscriptions").status_code == 403


def test_a_tenant_that_is_gone_takes_its_tokens_along(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"))
    cloud.vendor.load_state(a_state().model_dump(mode="json"))

    assert cloud.get("/organization").status_code == 401


# --- the numbers --------------------------------------------------------------------------------


def test_units_follow_from_the_subscriptions_by_status(cloud_with):
    cloud = cloud_with(
        a_tenant(
            "Contoso",
            [
                a_subscription(SPB, 20),
                a_subscription(SPB, 5, status="Warning"),
                a_subscription(SPB, 3, status="Suspended"),
                a_subscription(SPB, 2, status="LockedOut"),
                a_subscription(SPB, 99, status="Deleted"),
            ],
            users=[a_user("Ann", sku_ids=[SPB.upper()]), a_user("Bo")],
        )
    )

    [row] = cloud.value("/subscribedSkus")

    assert units(row) == (20, 5, 3, 2)
    assert row["consumedUnits"] == 1
    assert row["capabilityStatus"] == "Enabled"
    rows = cloud.value("/directory/subscriptions")
    assert row["subscriptionIds"] == [one["id"] for one in rows]
    assert sum(one["totalLicenses"] for one in rows) == 129


@pytest.mark.parametrize("status", ["Warning", "Suspended", "LockedOut", "Deleted"])
def test_a_sku_has_the_healthiest_status_of_its_subscriptions(cloud_with, status):
    cloud = cloud_with(a_tenant("Contoso", [a_subscription(SPB, 5, status=status)]))

    assert cloud.value("/subscribedSkus")[0]["capabilityStatus"] == status


def test_given_numbers_stand_whatever_the_subscriptions_say(cloud_with):
    grace = Sku(
        sku_id=SPB,
        sku_part_number="ENTERPRISEPACK",
        capability_status="Enabled",
        enabled=0,
        warning=1100,
        consumed=1100,
    )
    cloud = cloud_with(a_tenant("Contoso", skus=[grace]))

    [row] = cloud.value("/subscribedSkus")

    assert (units(row), row["consumedUnits"]) == ((0, 1100, 0, 0), 1100)
    assert row["capabilityStatus"] == "Enabled"


def test_one_sku_in_two_accounts_has_two_rows(cloud_with):
    other = an_id("another account")
    cloud = cloud_with(
        a_tenant("Contoso", [a_subscription(SPB, 20), a_subscription(SPB, 4, account_id=other)])
    )

    rows = cloud.value("/subscribedSkus")

    assert [(row["skuId"], row["prepaidUnits"]["enabled"]) for row in rows] == [(SPB, 20), (SPB, 4)]
    assert len({row["id"] for row in rows}) == 2


def test_trials_and_direct_purchases_are_marked_on_their_subscription(cloud_with):
    tenant = a_tenant("Contoso", [a_subscription(SPB, 25, trial=True), a_subscription(SPB, 5)])
    tenant.subscriptions[1].owner_tenant_id = tenant.id
    cloud = cloud_with(tenant)

    rows = cloud.value("/directory/subscriptions")

    assert [row["isTrial"] for row in rows] == [True, False]
    assert [row["ownerTenantId"] for row in rows] == [PARTNER_TENANT_ID, tenant.id]


def test_a_subscription_is_found_by_either_of_its_ids(cloud_with):
    bought = a_subscription(SPB, 5)
    cloud = cloud_with(a_tenant("Contoso", [bought]))

    by_id = cloud.get(f"/directory/subscriptions/{bought.id.upper()}")
    commerce = (
        f"/directory/subscriptions(commerceSubscriptionId='{bought.commerce_subscription_id}')"
    )

    assert by_id.json()["id"] == cloud.get(commerce).json()["id"] == bought.id
    assert error_of(cloud.get("/directory/subscriptions/none")) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    "override",
    [
        RawOverride(put={"prepaidUnits": None}),
        RawOverride(put={"prepaidUnits.enabled": None, "consumedUnits": None}),
        RawOverride(put={"prepaidUnits.enabled": 7.5}),
        RawOverride(put={"prepaidUnits.enabled": "seven", "skuId": "not a guid"}),
        RawOverride(remove=["prepaidUnits", "skuId"]),
        RawOverride(remove=["prepaidUnits.enabled"]),
    ],
)
def test_raw_overrides_break_a_row_on_purpose(cloud_with, override):
    tenant = a_tenant("Contoso", [a_subscription(SPB, 5)], raw_sku_overrides={SPB: override})
    cloud = cloud_with(tenant)

    [row] = cloud.value("/subscribedSkus")

    for path, value in override.put.items():
        holder, _, name = path.rpartition(".")
        assert (row[holder] if holder else row)[name] == value
    for path in override.remove:
        holder, _, name = path.rpartition(".")
        assert name not in (row[holder] if holder else row)
    assert cloud.simulator.violations == []


# --- query rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["$filter=skuPartNumber eq 'SPB'", "$top=5", "$orderby=skuId", "$expand=x"]
)
def test_skus_take_no_query_but_select(cloud_with, query):
    cloud = cloud_with(a_tenant("Contoso", [a_subscription(SPB, 5)]))

    assert error_of(cloud.get(f"/subscribedSkus?{query}")) == (400, "Request_UnsupportedQuery")
    assert set(cloud.value("/subscribedSkus?$select=skuId,prepaidUnits")[0]) == {
        "skuId",
        "prepaidUnits",
    }


def test_an_argument_that_graph_does_not_know_breaks_the_contract(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"))

    assert error_of(cloud.get("/users?$skip=5")) == (400, "Request_BadRequest")
    assert cloud.simulator.violations[0].direction == "request"


def people():
    everyone = [
        a_user("Ann", sku_ids=[SPB, E3]),
        a_user("Bo", sku_ids=[E3]),
        a_user("Cy O'Neil", sku_ids=[SPB]),
        a_user("Di"),
    ]
    everyone[1].account_enabled = False
    everyone[2].department = "Sales"
    everyone[3].user_type = "Guest"
    return everyone


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"assignedLicenses/any(l:l/skuId eq {SPB})", ["Ann", "Cy O'Neil"]),
        (f"assignedLicenses/any(x:x/skuId eq {SPB.upper()})", ["Ann", "Cy O'Neil"]),
        ("accountEnabled eq false", ["Bo"]),
        ("userType eq 'Guest'", ["Di"]),
        ("department eq 'SALES'", ["Cy O'Neil"]),
        ("department eq null and accountEnabled eq true", ["Ann", "Di"]),
        ("displayName eq 'Cy O''Neil' or startswith(displayName,'d')", ["Cy O'Neil", "Di"]),
        ("(displayName eq 'Bo' or displayName eq 'Di') and userType eq 'Member'", ["Bo"]),
    ],
)
def test_plain_filters_need_no_header(cloud_with, text, names):
    cloud = cloud_with(a_tenant("Contoso", users=people()))

    found = cloud.value("/users", params={"$filter": text})

    assert [row["displayName"] for row in found] == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("assignedLicenses/$count ne 0", ["Ann", "Bo", "Cy O'Neil"]),
        ("assignedLicenses/$count eq 0", ["Di"]),
        ("assignedLicenses/$count ge 2", ["Ann"]),
        ("department ne 'Sales'", ["Ann", "Bo", "Di"]),
        ("not(userType eq 'Guest')", ["Ann", "Bo", "Cy O'Neil"]),
        ("endswith(displayName,'neil')", ["Cy O'Neil"]),
    ],
)
def test_advanced_filters_need_the_header_and_count(cloud_with, text, names):
    cloud = cloud_with(a_tenant("Contoso", users=people()))
    counted = {"$filter": text, "$count": "true"}

    found = cloud.get("/users", params=counted, headers=EVENTUAL).json()

    assert [row["displayName"] for row in found["value"]] == names
    assert found["@odata.count"] == len(names)
    for params, headers in (({"$filter": text}, EVENTUAL), (counted, {})):
        response = cloud.get("/users", params=params, headers=headers)
        assert error_of(response) == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "colour eq 'red'",
        "displayName",
        "displayName is 'Ann'",
        "displayName eq",
        "displayName eq 'Ann' and",
        "assignedLicenses/any(l:m/skuId eq 1)",
        "(displayName eq 'Ann'",
        "displayName eq 'Ann' displayName eq 'Bo'",
        "displayName eq ~",
    ],
)
def test_a_filter_that_cannot_be_read_is_400(cloud_with, text):
    cloud = cloud_with(a_tenant("Contoso", users=people()))

    response = cloud.get("/users", params={"$filter": text or " "})

    assert error_of(response) == (400, "Request_UnsupportedQuery")


def test_users_come_without_licences_unless_selected(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=people()))

    assert "assignedLicenses" not in cloud.value("/users")[0]
    [first, *_] = cloud.value("/users?$select=id,assignedLicenses")
    assert [one["skuId"] for one in first["assignedLicenses"]] == [SPB, E3]
    assert set(first) == {"id", "assignedLicenses"}


# --- paging -------------------------------------------------------------------------------------


def crowd(size):
    return [a_user(f"User {number:04}", sku_ids=[SPB]) for number in range(size)]


def test_pages_hold_a_hundred_and_the_next_links_lead_to_the_end(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(250)))
    sizes, ids, link = [], set(), "/users?$select=id"

    while link:
        page = cloud.get(link).json()
        sizes.append(len(page["value"]))
        ids |= {row["id"] for row in page["value"]}
        link = page.get("@odata.nextLink")

    assert sizes == [100, 100, 50]
    assert len(ids) == 250


@pytest.mark.parametrize("size", ["0", "1000"])
def test_a_page_size_beyond_999_is_refused(cloud_with, size):
    response = cloud_with(a_tenant("Contoso")).get(f"/users?$top={size}")

    assert error_of(response) == (400, "Request_BadRequest")
    assert f"Invalid page size specified: '{size}'" in response.json()["error"]["message"]


def test_a_full_last_page_has_no_next_link(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(4)))

    first = cloud.get("/users?$top=2").json()
    second = cloud.get(first["@odata.nextLink"]).json()

    assert len(second["value"]) == 2
    assert "@odata.nextLink" not in second


def test_the_count_stands_on_the_first_page_only(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(4)))

    first = cloud.get(f"/users?{LICENSED}&$top=2", headers=EVENTUAL).json()
    second = cloud.get(first["@odata.nextLink"], headers=EVENTUAL).json()

    assert (first["@odata.count"], "@odata.count" in second) == (4, False)
    assert [row["displayName"] for row in second["value"]] == ["User 0002", "User 0003"]


def test_an_advanced_query_needs_its_header_on_every_page(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(4)))
    first = cloud.get(f"/users?{LICENSED}&$top=2", headers=EVENTUAL).json()

    response = cloud.get(first["@odata.nextLink"])

    assert error_of(response) == (400, "Request_UnsupportedQuery")


def test_count_without_the_header_is_silently_ignored(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(1)))

    assert "@odata.count" not in cloud.get("/users?$count=true").json()


def test_a_skip_token_of_another_list_or_tenant_is_refused(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=crowd(4)), a_tenant("Fabrikam", users=crowd(4)))
    link = cloud.get("/users?$top=2").json()["@odata.nextLink"]
    elsewhere = link.replace("/users", "/groups")

    assert error_of(cloud.get("/users?$skiptoken=x"))[1] == "Directory_ExpiredPageToken"
    assert error_of(cloud.get(elsewhere))[1] == "Directory_ExpiredPageToken"
    cloud.sign_in("fabrikam.example")
    assert error_of(cloud.get(link))[1] == "Directory_ExpiredPageToken"


def test_an_empty_page_can_come_first(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", [a_subscription(SPB, 5)]))
    cloud.break_with({"kind": "empty_page", "path": "/subscribedSkus", "times": 1})

    first = cloud.get("/subscribedSkus").json()
    second = cloud.get(first["@odata.nextLink"]).json()

    assert first["value"] == []
    assert len(second["value"]) == 1
    assert "@odata.nextLink" not in second


# --- counts and groups --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/users/$count", "/groups/{group}/members/$count", "/directory/subscriptions/$count"]
)
def test_a_bare_count_needs_the_header(cloud_with, path):
    group = a_group("All")
    cloud = cloud_with(a_tenant("Contoso", groups=[group]))

    response = cloud.get(path.format(group=group.id))

    assert error_of(response) == (400, "Request_BadRequest")
    assert response.json()["error"]["message"] == "$count is not currently supported."


def test_a_count_is_plain_text_and_takes_a_filter(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", users=people()))

    response = cloud.get(
        "/users/$count", params={"$filter": "assignedLicenses/$count ne 0"}, headers=EVENTUAL
    )

    assert (response.text, response.headers["Content-Type"]) == ("3", "text/plain")


@pytest.fixture
def grouped(cloud_with):
    """Sales holds Ann, a laptop and Nested, which holds Ann, Bo and, in a circle, Sales."""
    ann, bo, laptop = a_user("Ann"), a_user("Bo"), a_device("LAPTOP-1")
    nested = a_group("Nested", [ann, bo])
    sales = a_group("Sales", [ann, laptop, nested])
    nested.member_ids.append(sales.id)
    cloud = cloud_with(
        a_tenant("Contoso", users=[ann, bo], groups=[sales, nested], things=[laptop])
    )
    return cloud, f"/groups/{sales.id}"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/members", ["Ann", "LAPTOP-1", "Nested"]),
        ("/members/microsoft.graph.user", ["Ann"]),
        ("/members/microsoft.graph.group", ["Nested"]),
        ("/transitiveMembers", ["Ann", "LAPTOP-1", "Nested", "Bo", "Sales"]),
        ("/transitiveMembers/microsoft.graph.user", ["Ann", "Bo"]),
    ],
)
def test_members_are_listed_and_counted_each_way(grouped, path, names):
    cloud, group = grouped

    rows = cloud.value(group + path)

    assert [row["displayName"] for row in rows] == names
    assert cloud.get(f"{group}{path}/$count", headers=EVENTUAL).text == str(len(names))


def test_members_say_what_they_are(grouped):
    cloud, group = grouped

    kinds = [row["@odata.type"].rpartition(".")[2] for row in cloud.value(group + "/members")]

    assert kinds == ["user", "device", "group"]


def test_an_unknown_group_is_404(grouped):
    cloud, _ = grouped

    assert error_of(cloud.get("/groups/none/members")) == (404, "Request_ResourceNotFound")
    assert error_of(cloud.get("/groups/none/members/$count", headers=EVENTUAL))[0] == 404


# --- the partner's view -------------------------------------------------------------------------


def test_the_partner_sees_its_contracts_with_their_stale_names(cloud_of):
    contoso, fabrikam = a_tenant("Contoso"), a_tenant("Fabrikam")
    state = a_state(contoso)
    stale = a_contract(fabrikam, contract_type="BreadthPartner")
    stale.display_name = "Fabrikam before the rename"
    state.contracts.append(stale)
    cloud = cloud_of(state)
    cloud.sign_in(PARTNER_TENANT_ID)

    rows = cloud.value("/contracts")

    assert [(row["customerId"], row["contractType"]) for row in rows] == [
        (contoso.id, "ResellerPartner"),
        (fabrikam.id, "BreadthPartner"),
    ]
    one = cloud.value("/contracts", params={"$filter": f"customerId eq {fabrikam.id}"})
    assert [row["displayName"] for row in one] == ["Fabrikam before the rename"]


def test_the_partner_sees_its_delegated_customers(cloud_of):
    contoso = a_tenant("Contoso")
    cloud = cloud_of(a_state(contoso))
    cloud.sign_in(PARTNER_TENANT_ID)

    rows = cloud.value("/tenantRelationships/delegatedAdminCustomers?$top=300")

    assert [(row["tenantId"], row["displayName"]) for row in rows] == [(contoso.id, "Contoso")]
    too_many = cloud.get("/tenantRelationships/delegatedAdminCustomers?$top=301")
    assert too_many.status_code == 400


def test_a_customer_has_no_contracts(cloud_with):
    cloud = cloud_with(a_tenant("Contoso"))

    assert cloud.value("/contracts") == []


@pytest.mark.parametrize("path", ["/users/delta", "/users/someone/licenseDetails"])
def test_what_the_simulator_does_not_play_is_501(cloud_with, path):
    cloud = cloud_with(a_tenant("Contoso"))

    assert error_of(cloud.get(path)) == (501, "NotImplemented")
