"""Reading lists: pages and their links, forward-only paging, order, columns, counts."""

import re

import pytest

from local.simulators.connectwise.builders import a_company, a_product, an_addition, an_agreement


@pytest.fixture
def many(site):
    """Companies 1 to 60 beside 250."""
    site.state.seed(
        companies=[a_company(number, name=f"Customer {number:02}") for number in range(1, 61)]
    )
    return site


def links(answer):
    found = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("Link", ""))
    return {relation: address for address, relation in found}


def test_a_page_has_25_records_unless_asked_otherwise(many):
    assert len(many.ids("/company/companies")) == 25
    assert len(many.ids("/company/companies", pageSize="40")) == 40


def test_more_than_1000_a_page_is_silently_1000(site):
    site.state.seed(products=[a_product(number) for number in range(1000, 2101)])

    answer = site.get("/procurement/catalog", pageSize="5000")

    assert len(answer.json()) == 1000
    assert "pageSize=1000" in links(answer)["next"]


def test_following_next_reads_every_record_once(many):
    answer, read = many.get("/company/companies", pageSize="20", orderBy="id"), []
    while True:
        read += [record["id"] for record in answer.json()]
        if "next" not in links(answer):
            break
        answer = many.session.get(links(answer)["next"])

    assert read == [*range(1, 61), 250]


@pytest.mark.parametrize(
    ("page", "relations"),
    [
        ("1", {"next", "last"}),
        ("2", {"next", "last", "prev", "first"}),
        ("4", {"prev", "first"}),
    ],
)
def test_links_lead_where_there_is_something(many, page, relations):
    answer = many.get("/company/companies", pageSize="20", page=page)

    assert set(links(answer)) == relations


def test_links_keep_the_condition(many):
    answer = many.get("/company/companies", pageSize="5", conditions='name like "Customer*"')
    following = many.session.get(links(answer)["last"])

    assert [record["id"] for record in following.json()] == [56, 57, 58, 59, 60]


def test_a_single_page_has_no_link(site):
    assert "Link" not in site.get("/company/companies").headers


def test_a_page_beyond_the_last_is_empty(site):
    assert site.ids("/company/companies", page="9") == []


def test_forward_only_paging_follows_ids(many):
    answer, read = None, []
    address, parameters = None, {"pageSize": "20"}
    headers = {"pagination-type": "forward-only"}
    while answer is None or "next" in links(answer):
        if answer is None:
            answer = many.call("GET", "/company/companies", params=parameters, headers=headers)
        else:
            address = links(answer)["next"]
            answer = many.session.get(address, headers=headers)
        read += [record["id"] for record in answer.json()]

    assert read == [*range(1, 61), 250]
    assert "pageId=60" in address


@pytest.mark.parametrize("name", ["page", "orderBy"])
def test_forward_only_paging_refuses_pages_and_order(many, name):
    value = {"page": "2", "orderBy": "id"}[name]

    answer = many.call(
        "GET",
        "/company/companies",
        params={name: value},
        headers={"pagination-type": "forward-only"},
    )

    assert answer.status_code == 400


def test_order_by_several_columns(site):
    site.state.seed(
        companies=[a_company(1, name="B"), a_company(2, name="a"), a_company(3, name="b")]
    )

    assert site.ids("/company/companies", orderBy="name desc, id desc")[:4] == [250, 3, 1, 2]


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "0"},
        {"pageSize": "0"},
        {"orderBy": "nope"},
        {"orderBy": "id sideways"},
        {"fields": "id,Name"},
        {"conditions": "nope=1"},
        {"childConditions": "id=1"},
        {"customFieldConditions": 'caption="x" AND value="y"'},
    ],
)
def test_a_parameter_that_means_nothing_is_refused(site, parameters):
    answer = site.get("/company/companies", **parameters)

    assert answer.status_code == 400
    assert answer.json()["code"] == "BadRequest"


def test_fields_reduces_the_record_and_drops_info(site):
    [reduced] = site.get("/finance/agreements", fields="id,company/id,nextInvoiceDate").json()
    [with_info] = site.get("/finance/agreements", fields="id,_info").json()

    assert reduced == {
        "id": 7001,
        "company": {"id": 250},
        "nextInvoiceDate": "2026-04-01T00:00:00Z",
    }
    assert set(with_info) == {"id", "_info"}
    assert site.get("/finance/agreements/7001/additions/501", fields="id,quantity").json() == {
        "id": 501,
        "quantity": 10,
    }


@pytest.mark.parametrize(
    ("path", "condition", "count"),
    [
        ("/company/companies", "", 1),
        ("/company/companies", "deletedFlag=true", 0),
        ("/finance/agreements", "company/id=250 and cancelledFlag=false", 1),
        ("/finance/agreements/7001/additions", "quantity>=10", 1),
        ("/procurement/catalog", 'identifier="PRODUCT-101" and inactiveFlag=false', 1),
    ],
)
def test_counting(site, path, condition, count):
    assert site.get(f"{path}/count", conditions=condition).json() == {"count": count}


def test_a_company_is_found_by_its_type(site):
    site.state.seed(companies=[a_company(251, types=("Vendor",))])

    assert site.ids("/company/companies", childConditions='types/name="Vendor"') == [251]


def test_cancelled_and_future_additions_are_listed_too(site, day):
    site.state.seed(
        additions=[
            an_addition(502, cancelled=day("2026-01-31")),
            an_addition(503, effective=day("2030-01-01"), billed_through=None),
        ]
    )

    assert site.ids("/finance/agreements/7001/additions") == [501, 502, 503]


def test_an_agreements_additions_are_its_own(site):
    site.state.seed(agreements=[an_agreement(7002)], additions=[an_addition(601, agreement=7002)])

    assert site.ids("/finance/agreements/7002/additions") == [601]
    assert site.get("/finance/agreements/7002/additions/501").status_code == 404
    assert site.get("/finance/agreements/7003/additions").status_code == 404


def test_an_agreement_that_ended_is_expired(site, day):
    site.state.seed(agreements=[an_agreement(7002, ends=day("2026-03-16"))])

    assert site.ids("/finance/agreements", conditions='agreementStatus="Expired"') == [7002]


def test_types_cycles_and_products_are_listed(site):
    assert site.ids("/finance/agreements/types") == [20]
    assert len(site.ids("/finance/billingCycles")) == 5
    assert site.get("/procurement/catalog/101").json()["identifier"] == "PRODUCT-101"
    assert site.get("/procurement/catalog/102").status_code == 404
    assert site.violations() == []


def test_prices_are_written_exactly(site, numbers_as_written):
    site.state.seed(products=[a_product(102, price="0.10", cost="1234567890.12345678")])

    product = numbers_as_written(site.get("/procurement/catalog/102"))

    assert (str(product["price"]), str(product["cost"])) == ("0.10", "1234567890.12345678")
