"""The API: zones, keys, queries, pages, writes, limits."""

import json
import threading
from datetime import date

import pytest

from local.simulators.autotask.builders import a_contract, a_contract_service, a_service, a_user
from shared import exact_json
from tests.unit.local.simulators.autotask.conftest import HOST, KEYS, LINE, eq, refusal

USER = KEYS["UserName"]


def no_one(field: str) -> dict:
    return {"op": "notExist", "field": field}


# Zones and keys ----------------------------------------------------------------------------------


def test_a_zone_is_told_to_anybody_who_names_a_user(site):
    answer = site.session.get(f"{HOST}/atservicesrest/v1.0/zoneInformation", params={"user": USER})

    assert answer.json()["url"] == f"{HOST}/atservicesrest/"
    assert site.violations() == []


def test_an_unknown_user_has_no_zone(site):
    answer = site.call("GET", "/v1.0/zoneInformation", params={"user": "nobody"})

    assert refusal(answer)


@pytest.mark.parametrize("header", ["UserName", "Secret", "ApiIntegrationCode"])
def test_wrong_keys_are_refused(site, header):
    answer = site.call("GET", "/V1.0/ThresholdInformation", headers={header: "wrong"})

    assert answer.status_code == 401


def test_a_site_that_moved_answers_in_its_new_zone_only(site):
    site.control("PUT", "/zone", {"zone": "zone5"})

    assert site.call("GET", "/V1.0/ThresholdInformation").status_code == 401
    told = site.call("GET", "/v1.0/zoneInformation", params={"user": USER}).json()["url"]
    assert told == f"{HOST}/zone5/atservicesrest/"
    moved = site.call("GET", "/V1.0/ThresholdInformation", base="/zone5/atservicesrest")
    assert moved.status_code == 200


@pytest.mark.parametrize(("denied", "statuses"), [("read", [403, 200]), ("write", [200, 403])])
def test_a_security_level_may_lack_rights(site, denied, statuses):
    site.state.users = [a_user(denied=(denied,))]
    keys = {"UserName": "readonly@contoso.example", "Secret": "other-secret"}
    keys["ApiIntegrationCode"] = "OTHERCODE"
    query = {"filter": [eq("id", 1)]}

    read = site.call("POST", "/V1.0/Companies/query", query, headers=keys)
    text = {"id": LINE, "invoiceDescription": "x"}
    write = site.call("PATCH", "/V1.0/Contracts/7001/Services", text, headers=keys)

    assert [read.status_code, write.status_code] == statuses


# Queries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (eq("name", "exchange online"), [102]),
        ({"op": "noteq", "field": "id", "value": 102}, [101]),
        ({"op": "gt", "field": "unitPrice", "value": 4}, [101]),
        ({"op": "gte", "field": "unitPrice", "value": 4}, [101, 102]),
        ({"op": "lt", "field": "unitPrice", "value": 20}, [102]),
        ({"op": "lte", "field": "unitPrice", "value": 20}, [101, 102]),
        ({"op": "beginsWith", "field": "name", "value": "m365"}, [101]),
        ({"op": "endsWith", "field": "name", "value": "online"}, [102]),
        ({"op": "contains", "field": "name", "value": "business"}, [101]),
        ({"op": "exist", "field": "name"}, [101, 102]),
        ({"op": "notExist", "field": "vendorCompanyID"}, [101, 102]),
        ({"op": "in", "field": "id", "value": [102, 999]}, [102]),
        ({"op": "notIn", "field": "id", "value": [102, 999]}, [101]),
        ({"op": "or", "items": [eq("id", 101), eq("id", 102)]}, [101, 102]),
        ({"op": "and", "items": [eq("id", 101), eq("id", 102)]}, []),
    ],
)
def test_conditions_keep_what_they_say(site, condition, expected):
    assert [one["id"] for one in site.query("Services", condition)] == expected

    search = json.dumps({"filter": [condition]})
    asked = site.call("GET", "/V1.0/Services/query", params={"search": search})
    assert [one["id"] for one in asked.json()["items"]] == expected
    assert site.violations() == []


def test_dates_are_compared_as_dates(site):
    found = site.query(
        "ContractServiceUnits",
        eq("contractServiceID", LINE),
        {"op": "lte", "field": "startDate", "value": "2026-03-17"},
        {"op": "gte", "field": "endDate", "value": "2026-03-17"},
    )

    assert [(one["startDate"], one["units"]) for one in found] == [("2026-03-01T00:00:00", 10)]


@pytest.mark.parametrize(
    "body",
    [
        {"filter": []},
        {"filter": [eq("nonsense", 1)]},
        {"filter": [{"op": "like", "field": "name", "value": "x"}]},
        {"filter": [{"op": "in", "field": "id", "value": list(range(501))}]},
        {"filter": [eq("id", 1)], "includeFields": ["nonsense"]},
    ],
)
def test_a_query_that_cannot_be_understood_is_refused_by_500(site, body):
    assert refusal(site.call("POST", "/V1.0/Services/query", body))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_are_followed_by_the_same_method_and_body(site, method):
    site.state.seed(services=[a_service(number) for number in range(1000, 2201)])
    body = {
        "filter": [{"op": "gte", "field": "id", "value": 1000}],
        "includeFields": ["id"],
    }
    link = f"{HOST}/atservicesrest/V1.0/Services/query"
    if method == "GET":
        link += f"?search={json.dumps(body)}"
    found, sizes = [], []
    while link:
        options = {"headers": KEYS | {"Content-Type": "application/json"}}
        if method == "POST":
            options["data"] = json.dumps(body)
        page = site.session.request(method, link, **options).json()
        found += [one["id"] for one in page["items"]]
        sizes.append(page["pageDetails"]["count"])
        link = page["pageDetails"]["nextPageUrl"]

    assert found == list(range(1000, 2201))
    assert sizes == [500, 500, 201]
    assert site.violations() == []


def test_included_fields_are_all_there_is(site):
    (found,) = site.query("Services", eq("id", 101), includeFields=["id", "name"])

    assert found == {"id": 101, "name": "M365 Business Premium"}


def test_picklists_say_what_their_numbers_mean(site):
    fields = site.call("GET", "/V1.0/Contracts/entityInformation/fields").json()["fields"]

    (period,) = [one for one in fields if one["name"] == "contractPeriodType"]
    labels = {one["value"]: one["label"] for one in period["picklistValues"]}
    assert (labels["1"], labels["4"]) == ("Monthly", "Yearly")
    assert site.violations() == []


# Writes ------------------------------------------------------------------------------------------


def test_a_service_is_put_on_a_contract_without_units(site):
    body = {"id": 0, "contractID": 7001, "serviceID": 102, "invoiceDescription": "Mail"}

    number = site.call("POST", "/V1.0/Contracts/7001/Services", body).json()["itemId"]

    (line,) = site.query("ContractServices", eq("id", number))
    assert (line["serviceID"], line["invoiceDescription"]) == (102, "Mail")
    assert site.units(number) == []
    assert "already associated" in refusal(site.call("POST", "/V1.0/Contracts/7001/Services", body))


def test_an_adjustment_changes_the_units_from_its_day_on(site):
    assert site.adjust(2, "2026-04-15").json()["itemId"]

    rows = {start: (end, units) for start, end, units, _ in site.units()}
    assert rows["2026-04-01"] == ("2026-04-14", 10)
    assert rows["2026-04-15"] == ("2026-04-30", 12)
    assert rows["2026-05-01"] == ("2026-05-31", 12)
    assert site.violations() == []


def test_an_adjustment_puts_a_missing_service_on_the_contract(site):
    body = {
        "contractID": 7001,
        "serviceID": 102,
        "unitChange": 3,
        "effectiveDate": "2026-04-01T00:00:00",
    }

    assert site.call("POST", "/V1.0/ContractServiceAdjustments", body).status_code == 200

    (line,) = site.query("ContractServices", eq("serviceID", 102))
    assert {units for _, _, units, _ in site.units(line["id"])} == {3}


def test_a_second_adjustment_for_a_date_is_duplicate_data(site):
    assert site.adjust(2, "2026-04-15").status_code == 200

    assert "duplicate data" in refusal(site.adjust(1, "2026-04-15"))


@pytest.mark.parametrize(
    ("change", "effective", "reason"),
    [
        (1, "2027-01-01", "start and end dates"),
        (1, "2025-12-31", "start and end dates"),
        (1, "2026-03-17", "approved and posted"),
        (-11, "2026-04-01", "negative"),
        (-10, "2026-04-01", "cannot be 0"),
        (0, "2026-04-01", "unitChange"),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused_by_500(site, change, effective, reason):
    assert reason in refusal(site.adjust(change, effective))
    assert {units for _, _, units, _ in site.units()} == {10}


def test_switches_change_what_is_taken(site):
    site.control(
        "PUT",
        "/switches",
        {"units_to_zero": True, "adjust_posted_periods": True, "same_date_twice": True},
    )

    assert site.adjust(-4, "2026-03-17").status_code == 200
    assert site.adjust(-6, "2026-03-17").status_code == 200
    assert site.units()[-1][2] == 0


def test_an_answer_may_hold_no_id(site):
    site.control("PUT", "/switches", {"null_item_id": True})

    assert site.adjust(1, "2026-04-01").json() == {"itemId": None}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_adjustments_can_neither_be_read_nor_taken_back(site, method):
    path = "/V1.0/ContractServiceAdjustments" + ("/query" if method == "GET" else "/1")

    assert site.call(method, path).status_code == 404


def test_only_texts_can_be_changed(site):
    path = "/V1.0/Contracts/7001/Services"

    assert site.call("PATCH", path, {"id": LINE, "invoiceDescription": "New"}).status_code == 200
    assert "read-only" in refusal(site.call("PATCH", path, {"id": LINE, "unitPrice": 1}))
    assert site.query("ContractServices", eq("id", LINE))[0]["invoiceDescription"] == "New"


def test_a_null_in_a_body_is_refused_by_500(site):
    body = {"id": LINE, "invoiceDescription": None}

    assert "null" in refusal(site.call("PATCH", "/V1.0/Contracts/7001/Services", body))


def test_bundles_work_like_services(site):
    body = {"contractID": 7001, "serviceBundleID": 301}
    number = site.call("POST", "/V1.0/Contracts/7001/ServiceBundles", body).json()["itemId"]
    change = {"contractServiceBundleID": number, "unitChange": 2, "effectiveDate": "2026-04-01"}

    made = site.call(
        "POST",
        "/V1.0/ContractServiceBundleAdjustments",
        change | {"effectiveDate": "2026-04-01T00:00:00"},
    )

    assert made.status_code == 200
    rows = site.query("ContractServiceBundleUnits", eq("contractServiceBundleID", number))
    assert {row["units"] for row in rows} == {2}
    assert site.query("ServiceBundles", eq("id", 301))[0]["name"] == "Workplace bundle"


def test_what_was_written_may_show_late(site):
    site.control("PUT", "/switches", {"lag_reads": 2})
    site.adjust(2, "2026-04-01")

    assert [site.units()[-1][2] for _ in range(3)] == [10, 12, 12]


# Limits ------------------------------------------------------------------------------------------


def test_the_threshold_counts_the_calls_of_an_hour(site):
    for _ in range(3):
        used = site.call("GET", "/V1.0/ThresholdInformation").json()

    assert used["currentTimeframeRequestCount"] == 3
    assert used["externalRequestThreshold"] == 10_000


def test_calls_become_slow_and_are_then_refused(site):
    site.control("PUT", "/switches", {"threshold_applies": True, "threshold": 4})

    statuses = [site.call("GET", "/VersionInformation").status_code for _ in range(5)]

    assert statuses == [200, 200, 200, 200, 429]
    assert site.slept == [0.75, 0.75]


def test_a_fourth_parallel_call_to_an_endpoint_is_refused(site, monkeypatch):
    inside, go_on = threading.Barrier(4), threading.Event()
    site.control("PUT", "/latency", {"seconds": 1})

    def held(_seconds: float) -> None:
        inside.wait(5)
        go_on.wait(5)

    monkeypatch.setattr(site.session.get_adapter(HOST), "_sleep", held)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(
                site.call("POST", "/V1.0/Services/query", {"filter": [eq("id", 1)]}).status_code
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    inside.wait(5)
    fourth = site.call("POST", "/V1.0/Services/query", {"filter": [eq("id", 1)]})
    go_on.set()
    for thread in threads:
        thread.join(5)

    assert fourth.status_code == 429
    assert statuses == [200, 200, 200]


def test_a_fourth_call_may_only_be_slow(site):
    site.control("PUT", "/switches", {"parallel_calls": 0, "parallel_refused": False})

    assert site.call("GET", "/VersionInformation").status_code == 200
    assert site.slept == [0.75]


# Control -----------------------------------------------------------------------------------------


def test_a_state_is_restored_as_it_was_dumped(site):
    site.adjust(2, "2026-04-15")
    site.post("2026-04-30")
    before = site.control("GET", "/state")

    site.control("PUT", "/state", exact_json.loads(before.content))

    assert site.control("GET", "/state").content == before.content


def test_a_person_may_change_units_and_texts(site):
    changed = site.control("POST", "/lines/501/units", {"units": 7, "effective": "2026-04-01"})
    added = site.control(
        "POST",
        "/contracts/7001/services",
        {"product": 102, "units": 3, "effective": "2026-04-01"},
    )

    assert (changed.status_code, added.status_code) == (200, 201)
    assert site.units()[-1][2] == 7
    audit = site.control("GET", "/audit").json()["changes"]
    assert [(one["who"], one["change"]) for one in audit] == [
        ("hand", "adjust"),
        ("hand", "create"),
        ("hand", "adjust"),
    ]


def test_the_page_shows_contracts_and_takes_edits(site):
    assert "M365 Business Premium" in site.session.get(f"{HOST}/").text

    units = {"units": "12", "effective": "2026-04-01"}
    site.session.post(f"{HOST}/by-hand/units/{LINE}", data=units)
    site.session.post(f"{HOST}/by-hand/text/{LINE}", data={"invoiceDescription": "By hand"})
    site.session.post(f"{HOST}/by-hand/approve-and-post", data={"through": "2026-04-01"})

    page = site.session.get(f"{HOST}/").text
    assert "12 from 2026-04-01" in page
    assert "By hand" in page
    assert "240.00" in page


def test_a_refused_edit_is_told(site):
    units = {"units": "12", "effective": "2026-03-01"}

    answer = site.session.post(f"{HOST}/by-hand/units/{LINE}", data=units)

    assert answer.status_code == 409
    assert "approved and posted" in answer.text


def test_contracts_of_other_types_take_no_services(site):
    site.state.seed(contracts=[a_contract(7009, contract_type=1)])
    body = {"contractID": 7009, "serviceID": 102}

    assert "Recurring Service" in refusal(site.call("POST", "/V1.0/Contracts/7009/Services", body))


def test_units_may_begin_later_and_change_by_date(site):
    units = {date(2026, 2, 1): 4, date(2026, 3, 10): 6}
    site.state.seed(contract_services=[a_contract_service(503, service=102, units=units)])

    assert site.units(503)[:3] == [
        ("2026-02-01", "2026-02-28", 4, True),
        ("2026-03-01", "2026-03-09", 4, True),
        ("2026-03-10", "2026-03-31", 6, True),
    ]
