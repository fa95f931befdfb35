"""The hand pages change the numbers that Graph then tells."""

from __future__ import annotations

import re

import pytest

from local.simulators.microsoft.builders import a_state, a_subscription, a_tenant, a_user
from local.simulators.microsoft.state import RawOverride, Sku, add_seats

URL = "http://microsoft"
SPB = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"


@pytest.fixture
def tenant():
    return a_tenant(
        "Contoso <b>", [a_subscription(SPB, 10)], users=[a_user("Ann"), a_user("Bo <i>")]
    )


@pytest.fixture
def cloud(cloud_with, tenant):
    return cloud_with(tenant)


def seats(cloud):
    """Return what both Graph lists say: enabled units and the subscription's licences."""
    [sku] = cloud.value("/subscribedSkus")
    [bought] = cloud.value("/directory/subscriptions")
    return sku["prepaidUnits"]["enabled"], bought["totalLicenses"]


def change(cloud, tenant, **fields):
    [bought] = tenant.subscriptions
    path = f"/tenants/{tenant.id}/subscriptions/{bought.id}"
    headers = fields.pop("headers", {})
    return cloud.session.post(URL + path, data=fields, headers=headers)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"add": "-1"}, 9), ({"add": "1"}, 11), ({"add": "2"}, 12), ({"set": "40"}, 40)],
)
def test_a_button_moves_both_numbers_of_graph(cloud, tenant, fields, expected):
    response = change(cloud, tenant, **fields)

    assert response.status_code == 200  # after the redirect to the tenant's page
    assert response.url == f"{URL}/tenants/{tenant.id}"
    assert seats(cloud) == (expected, expected)


def test_every_form_on_the_page_works_as_it_stands(cloud, tenant):
    html = cloud.session.get(f"{URL}/tenants/{tenant.id}").text
    [bought] = tenant.subscriptions

    assert html.count(f'action="/tenants/{tenant.id}/subscriptions/{bought.id}"') == 3
    assert re.findall(r'name="add" value="(-?\d+)"', html) == ["-1", "1", "2"]
    assert 'name="set" min="0" value="10"' in html
    assert '<select name="status"' in html


def test_a_status_moves_the_seats_along(cloud, tenant):
    change(cloud, tenant, status="Warning")

    [sku] = cloud.value("/subscribedSkus")
    assert (sku["prepaidUnits"]["enabled"], sku["prepaidUnits"]["warning"]) == (0, 10)
    assert sku["capabilityStatus"] == "Warning"


@pytest.mark.parametrize(
    "fields", [{"add": "-11"}, {"set": "-1"}, {"set": "many"}, {"status": "Gone"}, {}]
)
def test_a_change_that_cannot_be_is_refused_on_the_page(cloud, tenant, fields):
    response = change(cloud, tenant, **fields)

    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert seats(cloud) == (10, 10)


def test_a_form_from_another_site_is_refused(cloud, tenant):
    response = change(cloud, tenant, add="2", headers={"Origin": "https://elsewhere.example"})

    assert response.status_code == 403
    assert seats(cloud) == (10, 10)
    assert change(cloud, tenant, add="2", headers={"Origin": URL}).status_code == 200


def test_a_licence_is_given_and_taken(cloud, tenant):
    path = f"{URL}/tenants/{tenant.id}/users/{tenant.users[0].id}"

    cloud.session.post(path, data={"sku_id": SPB})
    assert cloud.value("/subscribedSkus")[0]["consumedUnits"] == 1

    cloud.session.post(path, data={"sku_id": SPB})
    assert cloud.value("/subscribedSkus")[0]["consumedUnits"] == 0


def test_names_are_escaped(cloud, tenant):
    for path in ("/", f"/tenants/{tenant.id}"):
        html = cloud.session.get(URL + path).text
        assert "Contoso &lt;b&gt;" in html
        assert "<b>" not in html
        assert "<i>" not in html


@pytest.mark.parametrize("path", ["/tenants/none", "/tenants/none/subscriptions/x"])
def test_an_unknown_tenant_has_no_page(cloud, path):
    method = "POST" if "subscriptions" in path else "GET"

    assert cloud.session.request(method, URL + path, data={"add": "1"}).status_code == 404


def test_an_empty_simulator_says_how_to_fill_it(cloud_of):
    cloud = cloud_of(a_state())
    cloud.vendor.load_state({})

    assert "_sim/state" in cloud.session.get(URL + "/").text


def test_seats_added_in_python_move_given_units_too():
    given = Sku(sku_id=SPB, sku_part_number="SPB", enabled=10)
    tenant = a_tenant("Contoso", [a_subscription(SPB, 10)], skus=[given])

    add_seats(tenant, SPB.upper(), 2)

    assert (tenant.skus[0].enabled, tenant.subscriptions[0].total_licenses) == (12, 12)


def test_seats_cannot_be_added_where_none_are_enabled():
    tenant = a_tenant("Contoso", [a_subscription(SPB, 10, status="Suspended")])

    with pytest.raises(LookupError, match="Contoso"):
        add_seats(tenant, SPB, 2)


def test_the_state_survives_a_round_trip(cloud, tenant):
    fraction = RawOverride(put={"prepaidUnits": {"warning": [1.5, None, "x"]}}, remove=["skuId"])
    tenant.raw_sku_overrides["another"] = fraction
    dumped = cloud.session.get(f"{URL}/_sim/state").json()

    assert cloud.session.put(f"{URL}/_sim/state", json=dumped).status_code == 204

    assert cloud.session.get(f"{URL}/_sim/state").json() == dumped
    assert seats(cloud) == (10, 10)


def test_a_state_with_an_unknown_field_is_refused_and_changes_nothing(cloud):
    response = cloud.session.put(f"{URL}/_sim/state", json={"tennants": []})

    assert response.status_code == 400
    assert seats(cloud) == (10, 10)
