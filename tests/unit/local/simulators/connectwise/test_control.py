"""What tests and the demo do to a site: faults, hand edits, invoice runs, the page."""

import pytest
import requests

from local.simulators.connectwise.builders import a_company, an_addition, an_agreement
from shared import exact_json

ADDITIONS = "/finance/agreements/7001/additions"
BODY = {"product": {"id": 101}, "billCustomer": "Billable", "quantity": 2}
HOST = "http://connectwise.test"


def test_a_lost_answer_leaves_the_addition_behind(site):
    site.control("POST", "/faults", [{"kind": "lost_answer", "method": "POST", "times": 1}])

    with pytest.raises(requests.exceptions.ConnectionError):
        site.call("POST", ADDITIONS, BODY)

    assert len(site.ids(ADDITIONS)) == 2


@pytest.mark.parametrize("retry_after", [None, 7])
def test_throttling_does_no_work(site, retry_after):
    rule = {"kind": "throttle", "path": "/finance/**", "times": 1, "retry_after": retry_after}
    site.control("POST", "/faults", [rule])

    answer = site.call("POST", ADDITIONS, BODY)

    assert (answer.status_code, answer.json()["code"]) == (429, "TooManyRequests")
    assert answer.headers.get("Retry-After") == (None if retry_after is None else "7")
    assert site.ids(ADDITIONS) == [501]


@pytest.mark.parametrize(
    ("rule", "status", "text"),
    [
        ({"kind": "html"}, 200, "<html>"),
        ({"kind": "status", "status": 409}, 409, "ConflictInUse"),
        ({"kind": "status", "status": 500}, 500, "InternalServerError"),
        ({"kind": "truncated"}, 200, '[{"id":501'),
        ({"kind": "empty_page"}, 200, "[]"),
    ],
)
def test_a_fault_breaks_one_answer(site, rule, status, text):
    site.control("POST", "/faults", [rule | {"times": 1}])

    answer = site.get(ADDITIONS)

    assert answer.status_code == status
    assert text in answer.text
    assert site.ids(ADDITIONS) == [501]
    assert site.violations() == []


def test_an_empty_page_leads_to_the_real_one_and_a_foreign_link_away(site):
    site.control("POST", "/faults", [{"kind": "empty_page", "times": 1}])
    site.control("POST", "/faults", [{"kind": "foreign_link", "times": 1}])

    empty, foreign = site.get(ADDITIONS), site.get(ADDITIONS)

    assert empty.links["next"]["url"].startswith(f"{HOST}/v4_6_release/apis/3.0{ADDITIONS}")
    assert not foreign.links["next"]["url"].startswith(HOST)


def test_an_invoice_run_is_started_and_read_over_http(site, numbers_as_written):
    ran = site.control("POST", "/invoice-run", {"through": "2026-05-01", "agreement_id": "7001"})
    found = site.control("GET", "/invoices?company=250&from=2026-05-01&to=2026-05-31")

    assert [str(one["total"]) for one in numbers_as_written(ran)["invoices"]] == [
        "200.00",
        "200.00",
    ]
    assert [one["invoice_date"] for one in found.json()["invoices"]] == ["2026-05-01"]
    assert str(numbers_as_written(found)["total"]) == "200.00"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/invoice-run", {}, 400),
        ("POST", "/invoice-run", {"through": "soon"}, 400),
        ("POST", "/invoice-run", {"through": "2026-05-01", "agreement_id": "9"}, 400),
        ("POST", "/seed", {"agreements": [{"id": 1, "company": {"id": 9}}]}, 400),
        ("PUT", "/switches", {"nope": True}, 400),
        ("PUT", "/state", {"additions": [{"id": 1}]}, 400),
        ("PATCH", "/additions/999", {"quantity": 1}, 404),
        ("PATCH", "/additions/501", {"quantity": "x"}, 400),
        ("PATCH", "/records/nope/1", {}, 400),
    ],
)
def test_a_control_call_that_cannot_be_done_says_why(site, method, path, body, status):
    answer = site.control(method, path, body)

    assert answer.status_code == status
    assert answer.json()["error"]
    assert site.ids(ADDITIONS) == [501]


def test_the_audit_list_tells_a_hand_from_the_api(site):
    site.call("PATCH", f"{ADDITIONS}/501", [{"op": "replace", "path": "quantity", "value": 12}])
    site.control("PATCH", "/additions/501", {"quantity": 11, "lessIncluded": 1})
    site.control("PATCH", "/additions/501", {"cancelledDate": "2026-03-31"})
    added = site.control("POST", "/agreements/7001/additions", {"product": {"id": 101}}).json()
    site.control("DELETE", f"/additions/{added['id']}")

    changes = site.control("GET", "/audit").json()["changes"]

    told = [(one["who"], one["change"], one["id"]) for one in changes]
    assert told == [
        ("api", "update", 501),
        ("hand", "update", 501),
        ("hand", "update", 501),
        ("hand", "create", added["id"]),
        ("hand", "delete", added["id"]),
    ]
    assert (changes[0]["before"]["quantity"], changes[0]["after"]["quantity"]) == (10, 12)
    assert changes[2]["after"]["cancelledDate"] == "2026-03-31T00:00:00Z"
    assert (changes[3]["before"], changes[4]["after"]) == (None, None)
    assert changes[0]["by"] == "seatsync"


def test_an_agreement_is_changed_by_hand(site):
    site.control("PATCH", "/records/agreements/7001", {"prorateFlag": False, "periodType": None})

    agreement = site.get("/finance/agreements/7001").json()

    assert agreement["prorateFlag"] is False
    assert "periodType" not in agreement


def test_the_clock_can_be_set(site):
    site.control("PATCH", "/records/agreements/7001", {"endDate": "2026-06-30T00:00:00Z"})
    site.control("PATCH", "/records/agreements/7001", {"noEndingDateFlag": False})

    site.control("PUT", "/clock", {"now": "2026-07-01T00:00:00Z"})

    assert site.get("/finance/agreements/7001").json()["agreementStatus"] == "Expired"
    created = site.control("POST", "/agreements/7001/additions", {"product": {"id": 101}}).json()
    assert created["effectiveDate"] == "2026-07-01T00:00:00Z"


def test_records_are_added_over_http(site):
    records = {
        "companies": [a_company(251, name="Fabrikam Demo")],
        "agreements": [an_agreement(7002, company=251)],
        "additions": [an_addition(601, agreement=7002, quantity=3)],
    }

    assert site.control("POST", "/seed", records).status_code == 204

    assert site.ids("/finance/agreements", conditions="company/id=251") == [7002]
    assert site.get("/finance/agreements/7002/additions/601").json()["quantity"] == 3


def test_the_whole_state_goes_out_and_in_again(site):
    site.control("POST", "/invoice-run", {"through": "2026-04-01"})
    site.control("PATCH", "/additions/501", {"quantity": 4})
    kept = site.control("GET", "/state").text

    site.state.clear()
    assert site.ids("/finance/agreements") == []
    answer = site.session.put(f"{HOST}/_sim/state", data=kept)

    assert answer.status_code == 204
    assert site.control("GET", "/state").text == kept
    run = site.control("POST", "/invoice-run", {"through": "2026-05-01"}).json()
    assert [one["total"] for one in run["invoices"]] == [80]  # May alone: 4 x 20.00


def test_calls_are_counted_by_kind(site):
    site.ids(ADDITIONS)
    site.call("POST", ADDITIONS, BODY)
    site.session.get(f"{HOST}/login/companyinfo/demo")

    assert site.control("GET", "/calls").json()["counts"] == {
        "connectwise.additions.create": 1,
        "connectwise.additions.list": 1,
        "connectwise.login": 1,
    }


def test_the_page_shows_agreements_and_takes_changes_by_hand(site):
    def post(path, **form):
        return site.session.post(f"{HOST}/by-hand/{path}", data=form)

    site.state.companies[250]["name"] = "<b>Contoso</b>"
    post("edit/501", quantity="7", lessIncluded="1", cancelledDate="2026-04-30")
    post("add/7001", product="101", quantity="2", effectiveDate="2026-03-17", serialNumber="")
    page = post("invoice-run", through="2026-04-01")

    assert page.status_code == 200
    assert "&lt;b&gt;Contoso" in page.text
    assert "179.36" in page.text  # (7 - 1) x 20.00, and 2 x 29.68 (15/31 + 1)
    assert site.ids(ADDITIONS) == [501, 502]
    assert site.get(f"{ADDITIONS}/501").json()["cancelledDate"] == "2026-04-30T00:00:00Z"
    assert {one["who"] for one in site.state.audit} == {"hand"}

    post("delete/502")
    assert site.ids(ADDITIONS) == [501]


def test_the_page_says_why_it_refuses(site):
    answer = site.session.post(f"{HOST}/by-hand/edit/501", data={"quantity": "many"})
    strange = site.session.post(
        f"{HOST}/by-hand/delete/501", headers={"Origin": "http://elsewhere.example"}
    )

    assert answer.status_code == 400
    assert strange.status_code == 403
    assert site.ids(ADDITIONS) == [501]


def test_json_refuses_what_it_cannot_say_exactly():
    with pytest.raises(TypeError):
        exact_json.dumps({"price": 0.1})
    with pytest.raises(ValueError, match="NaN"):
        exact_json.loads("[NaN]")
