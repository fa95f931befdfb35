"""What each address answers, field by field where others rely on it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.domain.approvals import ApprovalState
from shared.domain.customers import UserFilter
from shared.domain.errors import AccessDeniedError
from tests.api_client import Api
from tests.builders import CUSTOMER, E5, E5_ROW, OTHER_TENANT, TENANT, a_directory_tenant

CUSTOMER_PATH = f"/api/customers/{CUSTOMER}"
MAPPING = f"{CUSTOMER_PATH}/mappings/{E5_ROW}"
LICENSES = f"{CUSTOMER_PATH}/licenses"
A_MAPPING = {"profile_id": "e5-monthly", "agreement_id": "7001"}
A_PROFILE = {"name": "Premium", "psa": "main", "product_id": "101", "price": {"kind": "psa"}}


def synced(api: Api) -> Api:
    api.house.sync_now()
    return api


def test_health_tells_the_last_cycle_and_no_names(api: Api):
    run_id = api.house.cycle()

    answer = api.get("/api/health")

    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["last_cycle"]["run_id"] == run_id
    assert answer.json["last_cycle"]["state"] == "finished"
    assert "Contoso" not in answer.text


def test_health_without_storage_is_unhealthy(api: Api, monkeypatch):
    down = {"tables": "no answer", "queues": "ok"}
    monkeypatch.setattr(api.house.services.storage_health, "check", lambda: down, raising=False)

    answer = api.get("/api/health")

    assert answer.status == 503
    assert answer.json["storage"] == "no answer"


def test_a_customer_is_added_found_changed_and_removed(api: Api):
    body = {
        "name": " Fabrikam ",
        "microsoft": "main",
        "tenant_id": OTHER_TENANT.upper(),
        "psa": "main",
        "company_id": "250",
        "filter": {"department": ["Sales"]},
    }
    added = api.post("/api/customers", body)
    assert added.status == 201
    address = added.headers["location"]
    assert address == f"/api/customers/{added.json['customer_id']}"
    assert added.json["name"] == "Fabrikam"
    assert added.json["tenant_id"] == OTHER_TENANT
    assert added.json["filter"] == {"department": ["Sales"]}
    assert added.json["added_by"] == "developer"
    assert api.get(address).headers["etag"] == added.headers["etag"]

    paused = api.call("PATCH", address, {"state": "paused"})
    assert (paused.json["state"], paused.json["name"]) == ("paused", "Fabrikam")
    late = api.call("PATCH", address, {"name": "x"}, headers={"If-Match": added.headers["etag"]})
    assert late.status == 412

    assert api.call("DELETE", address).status == 204
    assert api.get(address).json["state"] == "deleted"
    listed = [one["customer_id"] for one in api.get("/api/customers").json["items"]]
    assert listed == [CUSTOMER]
    everybody = api.get("/api/customers", deleted="true").json["items"]
    assert len(everybody) == 2
    assert api.post(f"{address}/sync").status == 409


def test_the_same_tenant_twice_is_a_conflict(api: Api):
    body = {
        "name": "Again",
        "microsoft": "main",
        "tenant_id": TENANT,
        "psa": "main",
        "company_id": "250",
    }

    answer = api.post("/api/customers", body)

    assert answer.status == 409
    assert "Contoso" in answer.json["detail"]


def test_a_list_goes_on_where_it_stopped(api: Api):
    for number in range(3):
        first = api.house.services.customers.get(CUSTOMER).value
        api.house.services.customers.add(replace(first, customer_id=f"c{number}"))

    page = api.get("/api/customers", limit="3").json
    rest = api.get("/api/customers", limit="3", continuation=page["continuation"]).json

    seen = [one["customer_id"] for one in page["items"] + rest["items"]]
    assert sorted(seen) == ["c0", "c1", "c2", CUSTOMER]
    assert rest["continuation"] is None


def test_candidates_come_with_the_company_that_fits(api: Api):
    api.house.microsoft.tenants = (
        a_directory_tenant(TENANT),
        a_directory_tenant(OTHER_TENANT, name="Contoso"),
    )

    [found] = api.get("/api/customers/candidates").json["items"]

    assert found["tenant_id"] == OTHER_TENANT
    assert found["company"]["company_id"] == "250"
    assert found["score"] == 100
    assert found["why"]


def test_a_row_says_what_is_held_billed_and_planned(api: Api):
    [row] = api.get(LICENSES).json["items"]

    assert row["customer_id"] == CUSTOMER
    assert row["row_id"] == E5_ROW
    assert (row["kind"], row["name"], row["sku_id"]) == ("license", "Microsoft 365 E5", E5)
    assert (row["active"], row["consumed"], row["unassigned"]) == (10, 0, 10)
    assert row["state"] == "change"
    assert row["planned"]["quantity"] == 10
    assert row["planned"]["explanation"]
    assert row["psa_quantity"] is None
    assert row["mapping"]["agreement_id"] == "7001"
    assert row["mapping"]["etag"] == api.get(MAPPING).headers["etag"]
    assert row["subscriptions"][0]["total_licenses"] == 10
    assert row["reasons"] == []


def test_a_row_in_step_shows_what_the_psa_has(api: Api):
    synced(api)

    [row] = api.get(LICENSES).json["items"]

    assert (row["state"], row["psa_quantity"], row["planned"]["quantity"]) == ("in_step", 10, 10)


def test_a_row_of_a_customer_whose_users_cannot_be_read_is_unknown_and_not_billed(
    api: Api, monkeypatch
):
    services = api.house.services
    read = services.customers.get(CUSTOMER)
    services.customers.save(read, replace(read.value, filter=UserFilter(department=("Sales",))))

    def refused(tenant_id, *, details):
        raise AccessDeniedError("403", remedy="Grant User.Read.All.")

    monkeypatch.setattr(api.house.microsoft, "assigned_users", refused)

    api.house.sync_now()
    [row] = api.get(LICENSES).json["items"]

    assert (row["active"], row["planned"], row["state"]) == (None, None, "unknown")
    assert "Grant User.Read.All." in row["reasons"][0]
    assert api.house.psa.writes == []


def test_an_excluded_row_is_shown_as_such_until_it_is_included(api: Api):
    exclude = f"{LICENSES}/{E5_ROW}/exclude"
    assert api.post(exclude, {"line": "leave"}).status == 204
    assert api.get(LICENSES).json["items"][0]["state"] == "excluded"
    assert api.put(MAPPING, A_MAPPING).status == 409

    assert api.post(f"{LICENSES}/{E5_ROW}/include").status == 204

    assert api.get(LICENSES).json["items"][0]["state"] == "unmapped"


def test_a_licence_is_split_into_its_subscriptions_and_merged_again(api: Api):
    api.get(LICENSES)
    assert api.post(f"{LICENSES}/{E5_ROW}/split").status == 204
    kinds = {row["kind"] for row in api.get(LICENSES).json["items"]}
    assert kinds == {"subscription"}

    assert api.post(f"{LICENSES}/{E5_ROW}/merge").status == 204

    assert [row["row_id"] for row in api.get(LICENSES).json["items"]] == [E5_ROW]


def test_a_mapping_is_given_back_as_it_was_sent(api: Api):
    sent = {
        **A_MAPPING,
        "included": 2,
        "minimum": 5,
        "negative_prorate": True,
        "override_start": "2026-12-01",
        "description": {
            "overwrite": "Zwei\nZeilen",
            "usernames": "comma",
            "show_users_as": "address",
            "term_and_end_date": True,
            "unassigned": True,
            "changes": False,
        },
        "grace": "include",
        "count_trials": True,
        "existing_line": "create",
        "on_drift": "enforce",
    }
    api.get(LICENSES)

    saved = api.put(MAPPING, sent)

    assert saved.status == 200
    assert {name: saved.json[name] for name in sent} == sent
    assert saved.json["saved_by"] == "developer"
    assert api.get(MAPPING).json == saved.json
    assert api.get(MAPPING).headers["etag"] == saved.headers["etag"]


def test_a_mapping_of_a_row_that_is_not_there_is_not_found(api: Api):
    api.get(LICENSES)
    ghost = "sku-00000000-0000-4000-8000-000000000000"

    assert api.put(f"{CUSTOMER_PATH}/mappings/{ghost}", A_MAPPING).status == 404
    assert api.get(f"{CUSTOMER_PATH}/mappings/{ghost}").status == 404


def test_a_preview_of_an_unsaved_mapping_saves_nothing(api: Api):
    before = api.get(MAPPING).json
    api.get(LICENSES)

    [shown] = api.post(f"{MAPPING}/preview", {**A_MAPPING, "included": 4}).json["items"]
    [stored] = api.post(f"{MAPPING}/preview").json["items"]

    assert (shown["needed"], stored["needed"]) == (6, 10)
    assert api.get(MAPPING).json == before
    assert api.house.psa.writes == []


def test_a_preview_shows_the_operations_as_they_would_be_sent(api: Api):
    api.get(LICENSES)

    [shown] = api.get(f"{CUSTOMER_PATH}/preview").json["items"]
    synced(api)

    sent = api.house.psa.writes
    assert [one["operation"] for one in shown["operations"]] == [type(one).__name__ for one in sent]
    for operation, write in zip(shown["operations"], sent, strict=True):
        assert operation["quantity"] == write.quantity
        assert operation["starts"] == write.starts.isoformat()
        assert operation["marker"] == write.marker
        assert operation["in_words"]
    assert shown["rows"][0]["row_id"] == E5_ROW
    assert shown["rows"][0]["quantity"] == 10
    assert shown["status"] == "change"
    assert shown["explanation"]


def test_an_agreement_that_cannot_be_read_is_a_reason_and_no_error(api: Api):
    api.get(LICENSES)
    api.house.psa.agreements.clear()

    [shown] = api.get(f"{CUSTOMER_PATH}/preview").json["items"]
    [row] = api.get(LICENSES).json["items"]

    assert (shown["status"], shown["operations"], shown["needed"]) == ("unknown", [], None)
    assert "no agreement" in shown["reasons"][0]["text"]
    assert row["state"] == "unknown"


def test_sync_now_says_where_to_look(api: Api):
    started = api.post(f"{CUSTOMER_PATH}/licenses/{E5_ROW}/sync")

    assert started.status == 202
    run_id = started.json["run_id"]
    assert started.headers["location"] == f"/api/runs/{run_id}"
    running = api.get(f"/api/runs/{run_id}").json
    assert (running["state"], running["reason"]) == ("running", "sync_now")
    api.house.drain()
    done = api.get(f"/api/runs/{run_id}").json
    assert done["state"] == "finished"
    assert done["items"]["changed"] == done["items"]["total"] == 1
    assert done["requested_by"] == "developer"
    [item] = api.get(f"/api/runs/{run_id}/items", state="changed").json["items"]
    assert (item["row_id"], item["after"]) == (E5_ROW, 10)
    assert "message" not in item


def test_items_of_a_run_come_in_pages(api: Api):
    run_id = api.house.cycle()
    everything = api.get(f"/api/runs/{run_id}/items").json["items"]

    page = api.get(f"/api/runs/{run_id}/items", limit="1").json
    rest = api.get(f"/api/runs/{run_id}/items", continuation=page["continuation"]).json

    assert page["items"] + rest["items"] == everything
    assert api.get(f"/api/runs/{run_id}/items", state="lost").status == 422
    assert api.get("/api/runs/nothing/items").status == 404


def test_a_requested_cycle_is_a_run_of_all_customers(api: Api):
    started = api.post("/api/runs")

    assert started.status == 202
    [run] = api.get("/api/runs").json["items"]
    assert (run["run_id"], run["reason"]) == (started.json["run_id"], "requested")
    assert api.post(f"/api/runs/{run['run_id']}/retry-failed").status == 409


def test_history_tells_who_when_before_after_and_why(api: Api):
    synced(api)

    [change] = api.get(f"{CUSTOMER_PATH}/history", row_id=E5_ROW).json["items"]

    assert (change["before"], change["after"], change["actor"]) == (None, 10, "editor@msp.example")
    assert change["customer_id"] == CUSTOMER
    assert change["row_id"] == E5_ROW
    assert change["at"].startswith("2026-03-17T")
    assert change["why"]
    assert change["operations"]
    assert api.get("/api/customers/nobody/history").status == 404


def test_a_held_plan_is_approved_or_rejected_once(api: Api):
    synced(api)
    api.house.holds(0)
    api.house.sync_now()
    [held] = api.get("/api/approvals").json["items"]
    address = f"/api/approvals/{held['approval_id']}"
    assert (held["customer_id"], held["row_id"], held["before"], held["after"]) == (
        CUSTOMER,
        E5_ROW,
        10,
        0,
    )

    assert api.post(f"{address}/reject", {"note": "ask first"}).status == 204

    stored = api.house.services.approvals.get(held["approval_id"]).value
    assert (stored.state, stored.note, stored.decided_by) == (
        ApprovalState.REJECTED,
        "ask first",
        "developer",
    )
    assert api.post(f"{address}/approve", {}).status == 409
    assert api.get("/api/approvals").json["items"] == []
    assert len(api.get("/api/approvals", all="true").json["items"]) == 1


def test_an_approval_starts_a_run(api: Api):
    synced(api)
    api.house.holds(0)
    api.house.sync_now()
    [held] = api.get("/api/approvals").json["items"]

    started = api.post(f"/api/approvals/{held['approval_id']}/approve")

    assert started.status == 202
    assert api.get(started.headers["location"]).json["reason"] == "approval"


def test_alerts_name_customer_and_row(api: Api):
    api.call("DELETE", MAPPING)
    api.house.cycle()

    [alert] = api.get("/api/alerts").json["items"]

    assert (alert["kind"], alert["customer_id"], alert["row_id"]) == (
        "missing_profile",
        CUSTOMER,
        E5_ROW,
    )
    assert alert["alert_id"]


@pytest.mark.parametrize("amount", ["12.50", "0.10", "-7.5", "123456.7891", "100"])
def test_an_amount_is_given_back_digit_by_digit(api: Api, amount):
    raw = (
        '{"name": "Percent", "psa": "main", "product_id": "101", '
        f'"price": {{"kind": "percent", "amount": {amount}}}}}'
    )

    added = api.call("POST", "/api/billing-profiles", raw=raw.encode())
    as_text = api.post(
        "/api/billing-profiles", {**A_PROFILE, "price": {"kind": "percent", "amount": amount}}
    )

    for answer in (added, as_text):
        assert answer.status == 201
        assert f'"amount":{amount}}}' in answer.text
        stored = api.house.services.profiles.get(answer.json["profile_id"]).value
        assert stored.price.amount == Decimal(amount)


def test_a_billing_profile_is_added_replaced_and_removed(api: Api):
    added = api.post("/api/billing-profiles", A_PROFILE)
    address = added.headers["location"]
    assert added.status == 201
    assert added.json["billable"] == "billable"
    etag = {"If-Match": added.headers["etag"]}

    replaced = api.put(address, {**A_PROFILE, "name": "Other"}, headers=etag)

    assert (replaced.status, replaced.json["name"]) == (200, "Other")
    assert api.put(address, A_PROFILE, headers=etag).status == 412
    assert api.call("DELETE", address).status == 204
    assert api.get(address).status == 404
    assert api.call("DELETE", "/api/billing-profiles/e5-monthly").status == 409


def test_several_billing_profiles_are_added_at_once(api: Api):
    answer = api.post("/api/billing-profiles", [A_PROFILE, {**A_PROFILE, "name": "Second"}])

    assert answer.status == 201
    assert [one["name"] for one in answer.json["items"]] == ["Premium", "Second"]
    assert all(one["etag"] for one in answer.json["items"])
    assert api.house.psa.reads.count("list_products") == 1


def test_global_exclusions_are_replaced_as_one_list(api: Api):
    empty = api.get("/api/exclusions")
    items = [{"sku_id": E5, "reason": "free"}]

    saved = api.put(
        "/api/exclusions", {"items": items}, headers={"If-Match": empty.headers["etag"]}
    )

    assert saved.json["items"] == [{**items[0], "name": "Microsoft 365 E5"}]
    late = api.put("/api/exclusions", {"items": []}, headers={"If-Match": empty.headers["etag"]})
    assert late.status == 412
    assert api.get(LICENSES).json["items"][0]["state"] == "excluded"


def test_a_psa_offers_companies_agreements_and_products(api: Api):
    companies = api.get("/api/psa/main/companies").json["items"]
    agreements = api.get("/api/psa/main/agreements", company="250").json["items"]
    products = api.get("/api/psa/main/products").json["items"]

    assert companies == [{"company_id": "250", "name": "Contoso", "website": ""}]
    assert (agreements[0]["agreement_id"], agreements[0]["cycle"]) == ("7001", "Monthly")
    assert (products[0]["product_id"], products[0]["price"]) == ("101", 31.0)
    assert api.get("/api/psa/main/agreements", company="999").json["items"] == []
    assert api.get("/api/psa/other/companies").status == 404


def test_connections_are_listed_and_tried(api: Api):
    listed = api.get("/api/connections").json["items"]
    assert [(one["name"], one["kind"]) for one in listed] == [
        ("main", "microsoft"),
        ("main", "psa"),
    ]

    tried = api.post("/api/connections/main/test").json

    assert tried["works"] is True
    assert [one["detail"] for one in tried["items"]] == ["0 customer tenants", "Fake PSA 1.0"]
    assert api.post("/api/connections/other/test").status == 404
