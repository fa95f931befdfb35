"""Adding many customers at once."""

import pytest

from shared.domain.errors import UpstreamUnavailableError
from shared.domain.ids import CompanyId
from tests.builders import (
    COMPANY,
    CUSTOMER,
    OTHER_TENANT,
    TENANT,
    a_company,
    a_directory_tenant,
)

ADDRESS = "/api/customers/bulk"
THIRD_TENANT = "33333333-3333-4333-8333-333333333333"


def a_body(tenant_id: str = OTHER_TENANT, company_id: str = "251", **more: object) -> dict:
    return {
        "name": "Fabrikam",
        "microsoft": "main",
        "tenant_id": tenant_id,
        "psa": "main",
        "company_id": company_id,
        **more,
    }


@pytest.fixture
def sent(api, house):
    house.psa.add(
        a_company(CompanyId("251"), name="Fabrikam"), a_company(CompanyId("252"), name="Adatum")
    )

    def send(*items: object) -> list[dict]:
        answer = api.post(ADDRESS, {"items": list(items)})
        assert answer.status == 200, answer.text
        return answer.json["items"]

    return send


def outcomes(items: list[dict]) -> list[str]:
    return [one["outcome"] for one in items]


def test_each_is_added_or_refused_in_its_place(sent, house):
    found = sent(
        a_body(),
        a_body(tenant_id="no guid"),
        a_body(THIRD_TENANT, "999"),
        a_body(THIRD_TENANT, "252", name="Adatum"),
        {"name": "Nothing else"},
    )

    assert outcomes(found) == ["created", "refused", "refused", "created", "refused"]
    assert found[0]["customer"]["name"] == "Fabrikam"
    assert found[1]["problem"]["errors"] == {"tenant_id": "must be a GUID"}
    assert found[2]["problem"]["errors"] == {"company_id": "the PSA has no such company"}
    assert (found[2]["problem"]["status"], found[2]["customer"]) == (422, None)
    assert len(house.services.customers.all()) == 3


def test_repeating_it_adds_nobody_twice(sent, house):
    first = sent(a_body(), a_body())
    second = sent(a_body())

    assert outcomes(first) == ["created", "exists"]
    assert outcomes(second) == ["exists"]
    assert second[0]["customer"] == first[0]["customer"]
    assert len(house.services.customers.all()) == 2


def test_a_second_tenant_gets_no_company_that_is_taken_unless_somebody_says_so(sent):
    refused = sent(a_body(OTHER_TENANT, COMPANY))
    twice = sent(a_body(OTHER_TENANT, "251"), a_body(THIRD_TENANT, "251"))
    shared = sent(a_body(THIRD_TENANT, "251", share_company=True))

    assert (outcomes(refused), outcomes(twice), outcomes(shared)) == (
        ["refused"],
        ["created", "refused"],
        ["created"],
    )
    assert CUSTOMER in refused[0]["problem"]["detail"]
    assert refused[0]["problem"]["status"] == 409


def test_a_tenant_whose_users_are_all_taken_is_refused(sent):
    [found] = sent(a_body(TENANT, "251"))

    assert (found["outcome"], found["problem"]["status"]) == ("refused", 409)


def test_a_psa_that_cannot_be_read_is_asked_once(sent, house):
    house.psa.calls.clear()
    house.psa.next_read(UpstreamUnavailableError("main", "503"))

    found = sent(a_body(), a_body(THIRD_TENANT, "252"))

    assert outcomes(found) == ["refused", "refused"]
    assert house.psa.reads == ["list_companies"]


def test_many_are_checked_against_one_list(sent, house):
    house.psa.calls.clear()

    sent(a_body(), a_body(THIRD_TENANT, "252"))

    assert house.psa.reads == ["list_companies"]


@pytest.mark.parametrize("items", [[], ["text"], {}, [a_body()] * 501])
def test_what_is_no_list_of_customers_is_refused_as_a_whole(api, items):
    assert api.post(ADDRESS, {"items": items}).status == 422


def test_candidates_say_whether_they_are_sure(api, house):
    house.psa.add(a_company(CompanyId("251"), name="Fabrikam", website="fabrikam.example"))
    house.microsoft.tenants = (
        a_directory_tenant(OTHER_TENANT, name="Fabrikam"),
        a_directory_tenant(THIRD_TENANT, name="Contoso"),
    )

    found = api.get("/api/customers/candidates").json["items"]

    assert [(one["name"], one["company"]["company_id"], one["sure"]) for one in found] == [
        ("Contoso", COMPANY, False),
        ("Fabrikam", "251", True),
    ]
    assert "already" in found[0]["why"]
