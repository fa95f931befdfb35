"""Custom licences, user filters and coverage as an HTTP client sees them."""

import json

import pytest

from tests.api_client import Api
from tests.builders import BUSINESS_PREMIUM, CUSTOMER, E5, E5_ROW, TENANT, a_user
from tests.fakes.microsoft import Person

ADDRESS = f"/api/customers/{CUSTOMER}"
CUSTOMS = f"{ADDRESS}/custom-licenses"
GROUP = "44444444-4444-4444-8444-44444444444A"
USERS = {"kind": "entra_users"}
A_MAPPING = {"profile_id": "e5-monthly", "agreement_id": "7001"}


def made(api, source=None, name="Managed users"):
    answer = api.post(CUSTOMS, {"name": name, "source": source or USERS})
    assert answer.status == 201, answer.text
    return answer


def row(api, row_id):
    items = api.get(f"{ADDRESS}/licenses").json["items"]
    return next(one for one in items if one["row_id"] == row_id)


@pytest.fixture
def api(api: Api) -> Api:
    api.house.microsoft.counts.hold(TENANT, [Person(f"{n}@contoso.example") for n in range(7)])
    return api


def test_a_custom_licence_is_made_read_changed_and_deleted(api: Api):
    added = made(api, name=" Managed users ")
    address = added.headers["location"]

    assert address == f"{CUSTOMS}/{added.json['license_id']}"
    assert added.json["row_id"] == f"custom-{added.json['license_id']}"
    assert added.json["name"] == "Managed users"
    assert added.json["source"] == {
        "kind": "entra_users",
        "licensed_only": False,
        "domain": None,
        "enabled_only": False,
    }
    assert api.get(address).json == added.json
    assert api.get(address).headers["etag"] == added.headers["etag"] == added.json["etag"]
    assert api.get(CUSTOMS).json["items"] == [added.json]

    wanted = {"name": "Staff", "source": {"kind": "group_members", "group_id": GROUP}}
    changed = api.put(address, wanted, headers={"If-Match": added.headers["etag"]})
    assert changed.json["source"] == {
        "kind": "group_members",
        "group_id": GROUP.lower(),
        "include_disabled": False,
        "nested": False,
    }
    assert api.put(address, wanted, headers={"If-Match": added.headers["etag"]}).status == 412
    late = api.call("DELETE", address, headers={"If-Match": added.headers["etag"]})
    assert late.status == 412

    assert api.call("DELETE", address).status == 204
    assert api.get(address).status == 404
    assert api.get(CUSTOMS).json["items"] == []


def test_it_is_a_row_that_is_previewed_and_mapped_like_any(api: Api):
    row_id = made(api).json["row_id"]

    shown = row(api, row_id)
    preview = api.post(f"{ADDRESS}/mappings/{row_id}/preview", A_MAPPING).json["items"]
    saved = api.put(f"{ADDRESS}/mappings/{row_id}", A_MAPPING)

    assert (shown["kind"], shown["active"], shown["sku_id"]) == ("custom", 7, None)
    assert (shown["consumed"], shown["unassigned"]) == (None, None)
    assert preview[0]["needed"] == 17, "the mapped licence's ten and the seven people"
    assert saved.status == 200
    api.house.sync_now()
    assert api.house.quantities == [17]
    assert row(api, row_id)["state"] == "in_step"


def test_a_mapped_one_is_deleted_only_with_a_word_on_its_line(api: Api):
    added = made(api)
    address = added.headers["location"]
    api.put(f"{ADDRESS}/mappings/{added.json['row_id']}", A_MAPPING)

    refused = api.call("DELETE", address)

    assert refused.status == 409
    assert "line=end" in refused.json["detail"]
    assert api.call("DELETE", address, line="sideways").status == 422
    assert api.call("DELETE", address, line="end").status == 204


def test_a_copy_adds_up_rows_and_names_them_once(api: Api):
    first = made(api).json["row_id"]
    copy = made(api, {"kind": "copy", "row_ids": [E5_ROW.upper(), E5_ROW, first]}, "Bundle").json

    assert copy["source"]["row_ids"] == [E5_ROW, first]
    assert row(api, copy["row_id"])["active"] == 17


def test_a_circle_of_copies_is_refused(api: Api):
    first = made(api)
    made(api, {"kind": "copy", "row_ids": [first.json["row_id"]]}, "Bundle")
    second = api.get(CUSTOMS).json["items"][0]["row_id"]

    body = {"name": "x", "source": {"kind": "copy", "row_ids": [second]}}
    answer = api.put(first.headers["location"], body)

    assert answer.status == 422
    assert "would count itself" in answer.json["errors"]["source"]


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"kind": "mailboxes"},
        {"kind": "entra_users", "domain": "@contoso.example"},
        {"kind": "entra_users", "domain": "x' or 1 eq 1"},
        {"kind": "entra_users", "domain": ""},
        {"kind": "entra_users", "licensed_only": "yes"},
        {"kind": "entra_users", "group_id": GROUP},
        {"kind": "group_members"},
        {"kind": "group_members", "group_id": "Sales"},
        {"kind": "copy", "row_ids": []},
        {"kind": "copy", "row_ids": ["sku-1"]},
        {"kind": "copy", "row_ids": ["custom-none"]},
        None,
        "entra_users",
    ],
)
def test_a_source_that_cannot_be_counted_is_bad_input(api: Api, source):
    answer = api.post(CUSTOMS, {"name": "Managed users", "source": source})

    assert answer.status == 422
    assert answer.json["errors"]
    assert api.get(CUSTOMS).json["items"] == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_custom_licence_that_is_not_there_is_not_found(api: Api, method):
    body = {"name": "x", "source": USERS}
    for address in (f"{CUSTOMS}/none", "/api/customers/none/custom-licenses/none"):
        assert api.call(method, address, body).status == 404


# Shared tenants ----------------------------------------------------------------------------------


@pytest.fixture
def shared(api: Api) -> Api:
    """Contoso has Sales; Fabrikam has Köln; Ann works at Sales in Köln."""
    api.house.microsoft.users(
        TENANT,
        [
            a_user("Ann Abel", E5, BUSINESS_PREMIUM, department="Sales", city="Köln"),
            a_user("Bob Baker", department="Sales", enabled=False),
            a_user("Cid Cook", city="Köln", guest=True),
            a_user("Dee Dunn"),
        ],
    )
    assert api.call("PATCH", ADDRESS, {"filter": {"department": ["sales"]}}).status == 200
    body = {
        "name": "Fabrikam",
        "microsoft": "main",
        "tenant_id": TENANT,
        "psa": "main",
        "company_id": "250",
        "filter": {"city": ["Köln"]},
    }
    assert api.post("/api/customers", body).status == 201
    return api


def test_a_filter_is_set_and_taken_away(api: Api):
    first = api.call("PATCH", ADDRESS, {"filter": {"department": ["Sales"], "city": []}})
    assert first.json["filter"] == {"department": ["Sales"]}
    assert api.call("PATCH", ADDRESS, {"name": "Contoso"}).json["filter"] == first.json["filter"]
    assert api.call("PATCH", ADDRESS, {"filter": None}).json["filter"] is None
    assert api.call("PATCH", ADDRESS, {"filter": {"planet": ["Mars"]}}).status == 422


def test_rows_of_a_filtered_customer_tell_what_its_users_hold(shared: Api):
    shown = row(shared, E5_ROW)

    assert (shown["active"], shown["consumed"], shown["unassigned"]) == (2, 2, 0)
    assert (shown["held_by_disabled"], shown["held_by_guests"]) == (1, 0)


def test_an_overlap_blocks_until_it_is_accepted(shared: Api):
    shared.house.sync_now()

    blocked = row(shared, E5_ROW)
    [alert] = shared.get("/api/alerts", kind="overlap").json["items"]
    assert blocked["state"] == "blocked"
    assert "1 with Fabrikam" in blocked["reasons"][0]
    assert (alert["kind"], alert["customer_id"]) == ("overlap", CUSTOMER)

    accepted = shared.call("PATCH", ADDRESS, {"accept_overlap": True})
    assert accepted.json["accept_overlap"] is True
    shared.house.sync_now()
    assert shared.house.quantities == [2]
    assert shared.get("/api/alerts", kind="overlap").json["items"] == []


def test_coverage_is_told_in_numbers_only(shared: Api):
    answer = shared.get(f"{ADDRESS}/coverage")

    assert answer.status == 200
    found = answer.json
    other = next(c["customer_id"] for c in found["customers"] if c["customer_id"] != CUSTOMER)
    assert found["shared"] is True
    assert found["users"] == {"licensed": 4, "in_none": 1, "in_several": 1}
    assert {c["name"]: c["users"] for c in found["customers"]} == {"Contoso": 2, "Fabrikam": 2}
    assert found["overlaps"] == [{"customer_ids": sorted([CUSTOMER, other]), "users": 1}]
    e5 = next(one for one in found["skus"] if one["sku_id"] == E5)
    assert (e5["assigned"], e5["in_customers"], e5["in_none"], e5["in_several"]) == (4, 4, 1, 1)
    assert (e5["held_by_disabled"], e5["held_by_guests"]) == (1, 1)
    assert {one["customer_id"]: one["seats"] for one in e5["customers"]} == {CUSTOMER: 2, other: 2}
    assert found["total"]["assigned"] == 5
    for person in ("Ann", "Bob", "Cid", "Dee", "contoso.example"):
        assert person not in json.dumps(found)


def test_coverage_of_a_customer_that_is_not_there_is_not_found(api: Api):
    assert api.get("/api/customers/none/coverage").status == 404
