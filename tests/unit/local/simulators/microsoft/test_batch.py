"""``$batch``: its own rules, and each part on its own feet."""

from __future__ import annotations

import pytest

from local.simulators.microsoft.builders import CLIENT_ID, a_subscription, a_tenant, a_user
from tests.unit.local.simulators.microsoft.conftest import EVENTUAL, error_of

SPB = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
BOTH = ("/subscribedSkus", "/directory/subscriptions")


@pytest.fixture
def cloud(cloud_with):
    users = [a_user(f"User {number}", sku_ids=[SPB]) for number in range(3)]
    return cloud_with(a_tenant("Contoso", [a_subscription(SPB, 5)], users=users))


def parts(response):
    assert response.status_code == 200, response.text
    return {part["id"]: part for part in response.json()["responses"]}


def statuses(response):
    return {name: part["status"] for name, part in parts(response).items()}


def test_each_part_has_its_own_status_headers_and_body(cloud):
    answer = parts(cloud.batch(*BOTH, "/organization?$select=id", "directory/subscriptions/none"))

    assert {name: part["status"] for name, part in answer.items()} == {
        "/subscribedSkus": 200,
        "/directory/subscriptions": 200,
        "/organization?$select=id": 200,
        "directory/subscriptions/none": 404,
    }
    assert answer["/subscribedSkus"]["body"]["value"][0]["prepaidUnits"]["enabled"] == 5
    assert answer["/subscribedSkus"]["headers"]["Content-Type"].startswith("application/json")


def test_answers_come_in_an_order_of_their_own_that_repeats(cloud, cloud_with):
    urls = [f"/organization?$select=id&$top={number}" for number in range(1, 21)]
    again = cloud_with(a_tenant("Contoso"))

    first = [part["id"] for part in cloud.batch(*urls).json()["responses"]]
    same = [part["id"] for part in again.batch(*urls).json()["responses"]]

    assert sorted(first) == sorted(urls)
    assert first != urls
    assert first == same


@pytest.mark.parametrize("count", [0, 21])
def test_a_batch_has_one_to_twenty_parts(cloud, count):
    urls = [f"/organization?$select=id&$top={number + 1}" for number in range(count)]

    assert cloud.batch(*urls).status_code == 400


def test_ids_are_unique_whatever_their_case(cloud):
    first = {"id": "a", "method": "GET", "url": "/organization"}

    assert error_of(cloud.batch(first, first | {"id": "A"})) == (400, "BadRequest")


@pytest.mark.parametrize("url", ["https://graph.microsoft.com/v1.0/organization", "/$batch"])
def test_a_part_names_a_relative_url_that_is_no_batch(cloud, url):
    assert statuses(cloud.batch(url, "/organization")) == {url: 400, "/organization": 200}


def test_a_part_that_depends_on_a_failed_one_is_424(cloud):
    answer = cloud.batch(
        "/directory/subscriptions/none",
        {
            "id": "after",
            "method": "GET",
            "url": "/organization",
            "dependsOn": ["/directory/subscriptions/none"],
        },
    )

    assert statuses(answer)["after"] == 424


def test_a_part_carries_its_own_consistency_level(cloud):
    url = "/users?$select=id&$filter=assignedLicenses/$count ne 0&$count=true&$top=2"
    with_it = {"id": "with", "method": "GET", "url": url, "headers": EVENTUAL}

    answer = parts(cloud.batch(with_it, {"id": "without", "method": "GET", "url": url}))

    assert answer["without"]["status"] == 400
    assert answer["with"]["body"]["@odata.count"] == 3
    link = answer["with"]["body"]["@odata.nextLink"]
    assert link.startswith("http://microsoft/v1.0/users?")
    assert len(cloud.get(link, headers=EVENTUAL).json()["value"]) == 1


def test_a_count_in_a_batch_is_text(cloud):
    part = {"id": "n", "method": "GET", "url": "/users/$count", "headers": EVENTUAL}

    answer = parts(cloud.batch(part))["n"]

    assert (answer["body"], answer["headers"]["Content-Type"]) == ("3", "text/plain")


def test_a_missing_permission_hits_its_part_only(cloud_with):
    cloud = cloud_with(a_tenant("Contoso", consents={CLIENT_ID: ["LicenseAssignment.Read.All"]}))

    answer = parts(cloud.batch(*BOTH))

    assert answer["/subscribedSkus"]["status"] == 200
    assert answer["/directory/subscriptions"]["status"] == 403
    code = answer["/directory/subscriptions"]["body"]["error"]["code"]
    assert code == "Authorization_RequestDenied"


@pytest.mark.parametrize("path", ["/directory/subscriptions", "/v1.0/directory/subscriptions"])
def test_a_fault_can_hit_one_part(cloud, path):
    cloud.break_with(
        {"kind": "batch_status", "status": 429, "retry_after": 7, "path": path, "times": 1}
    )

    answer = parts(cloud.batch(*BOTH))

    assert answer["/subscribedSkus"]["status"] == 200
    assert answer["/directory/subscriptions"]["status"] == 429
    assert answer["/directory/subscriptions"]["headers"]["Retry-After"] == "7"
    assert statuses(cloud.batch(*BOTH)) == dict.fromkeys(BOTH, 200)


def test_a_part_can_go_missing(cloud):
    cloud.break_with({"kind": "batch_missing", "path": "/subscribedSkus"})

    assert list(statuses(cloud.batch(*BOTH))) == ["/directory/subscriptions"]


def test_a_page_inside_a_batch_can_be_empty_first(cloud):
    cloud.break_with({"kind": "empty_page", "path": "/subscribedSkus", "times": 1})

    body = parts(cloud.batch("/subscribedSkus"))["/subscribedSkus"]["body"]

    assert body["value"] == []
    assert len(cloud.value(body["@odata.nextLink"])) == 1


def test_parts_are_logged_beside_the_batch_that_carried_them(cloud):
    cloud.simulator.calls.clear()

    cloud.batch(*BOTH)

    assert cloud.simulator.calls.counts() == {
        "graph.batch": 1,
        "graph.in_batch.directory.subscriptions": 1,
        "graph.in_batch.subscribedSkus": 1,
    }


def test_an_unknown_part_is_told_in_its_own_answer(cloud):
    assert statuses(cloud.batch("/nothing", "/organization")) == {
        "/nothing": 404,
        "/organization": 200,
    }


def test_no_answer_here_broke_the_contract(cloud):
    cloud.batch(*BOTH, "/organization", "/users?$select=id", "/groups", "/contracts")

    assert cloud.simulator.violations == []
