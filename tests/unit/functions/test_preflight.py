"""Pre-flight by API."""

from tests.builders import CUSTOMER, a_line, an_agreement

ADDRESS = "/api/connections/main/preflight"


def test_a_connections_agreements_are_reported_worst_first(api, house):
    house.psa.add(an_agreement(prorates=False), a_line(less_included=2))

    [report] = api.post(ADDRESS, {}).json["items"]

    assert (report["agreement_id"], report["customer_ids"]) == ("7001", [CUSTOMER])
    assert (report["worst"], report["agreement"]["name"]) == ("block", "Cloud services")
    assert [
        (one["kind"], one["severity"], one["line_ids"], len(one["row_ids"]))
        for one in report["findings"]
    ] == [("less_included", "block", ["501"], 1), ("no_proration", "warn", [], 0)]


def test_nobody_needs_to_send_a_body(api):
    assert api.call("POST", ADDRESS).json == api.post(ADDRESS, {}).json


def test_named_agreements_are_reported_alone(api):
    answer = api.post(ADDRESS, {"agreement_ids": ["7001", "7999"]}).json

    assert [(one["agreement_id"], one["worst"]) for one in answer["items"]] == [
        ("7001", None),
        ("7999", "block"),
    ]
    assert answer["continuation"] is None


def test_a_list_of_no_agreement_is_refused(api):
    assert api.post(ADDRESS, {"agreement_ids": []}).status == 422
    assert api.post(ADDRESS, {"agreement_ids": ["../x"]}).status == 422


def test_a_customer_has_a_pre_flight_of_its_own(api):
    answer = api.post(f"/api/customers/{CUSTOMER}/preflight", {})

    assert [one["agreement_id"] for one in answer.json["items"]] == ["7001"]
    assert api.post("/api/customers/nobody/preflight", {}).status == 404


def test_a_connection_that_is_not_there_is_not_found(api):
    assert api.post("/api/connections/nowhere/preflight", {}).status == 404
