"""The pipeline around a vendor, and the control API."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from local.simulators.common.calls import CallLog, CallRecord
from local.simulators.common.messages import Call


def test_a_request_beside_the_contract_answers_400_and_is_recorded(toy):
    response = toy.post({"price": 1})

    assert response.status_code == 400
    assert "name" in response.json()["error"]
    [violation] = toy.get("/_sim/violations").json()["violations"]
    assert (violation["direction"], violation["path"]) == ("request", "/api/things")
    assert toy.vendor.things == []


def test_an_unknown_path_answers_404_and_is_recorded(toy):
    assert toy.get("/api/nothing").status_code == 404
    assert len(toy.simulator.violations) == 1


def test_an_answer_beside_the_contract_is_our_own_500(toy):
    toy.vendor.broken = True

    response = toy.get()

    assert response.status_code == 500
    assert toy.simulator.violations[0].direction == "response"


def test_a_bug_in_a_vendor_is_a_recorded_500(toy, monkeypatch):
    monkeypatch.setattr(toy.vendor, "handle", lambda call, simulator: 1 / 0)

    assert toy.get().status_code == 500
    assert "ZeroDivisionError" in toy.simulator.violations[0].problems[0]


def test_contract_checks_can_be_left_out(toy):
    toy.simulator.check_contracts = False

    assert toy.post({"price": 1}).status_code == 201
    assert toy.simulator.violations == []


def test_refusals_come_before_everything_else(toy):
    response = toy.session.post("http://toy/api/things", json={}, headers={"X-Key": None})

    assert response.status_code == 401
    assert toy.simulator.violations == []


def test_calls_are_counted_by_kind_and_can_be_forgotten(toy):
    toy.post({"name": "a"})
    toy.get()
    toy.get()

    log = toy.get("/_sim/calls").json()
    assert log["counts"] == {"toy.get": 2, "toy.post": 1}
    assert [call["status"] for call in log["calls"]] == [201, 200, 200]
    assert log["calls"][0]["template"] == "/things"

    toy.session.delete("http://toy/_sim/calls")
    assert toy.get("/_sim/calls").json() == {"counts": {}, "calls": []}


def test_a_bounded_log_keeps_the_newest_calls_and_all_counts():
    log = CallLog(limit=2)
    at = datetime(2026, 3, 1, tzinfo=UTC)

    for status in (1, 2, 3):
        log.record(CallRecord("k", "GET", "/", None, status, at))

    assert [call.status for call in log.records()] == [2, 3]
    assert log.counts() == {"k": 3}


def test_no_call_is_lost_between_threads(toy):
    def call_often() -> None:
        for _ in range(25):
            toy.post({"name": "a"})

    threads = [threading.Thread(target=call_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(toy.vendor.things) == 100
    assert toy.simulator.calls.counts() == {"toy.post": 100}


def test_state_goes_in_and_out_with_prices_exact(toy):
    given = {"things": [{"name": "a", "price": 12.35}]}

    assert toy.session.put("http://toy/_sim/state", json=given).status_code == 204

    assert toy.get("/_sim/state").json() == given
    assert toy.get().json()["items"] == given["things"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sim/state", b"{}"),
        ("/_sim/state", b"{"),
        ("/_sim/faults", b'[{"kind": "explode"}]'),
        ("/_sim/latency", b'{"seconds": -1}'),
        ("/_sim/latency", b'{"seconds": true}'),
        ("/_sim/latency", b"7"),
    ],
)
def test_a_control_call_that_cannot_be_read_answers_400_and_changes_nothing(toy, path, body):
    toy.post({"name": "a"})

    response = toy.session.put("http://toy" + path, data=body)

    assert response.status_code == 400
    assert response.json()["error"]
    assert toy.vendor.things == [{"name": "a"}]
    assert toy.get().status_code == 200


def test_a_fixed_latency_holds_every_vendor_call_but_no_control_call(toy):
    toy.session.put("http://toy/_sim/latency", json={"seconds": 0.06})

    toy.get()
    toy.get("/_sim/calls")

    assert toy.slept == [0.06]


def test_rules_can_be_added_and_removed(toy):
    toy.break_with({"kind": "drop", "path": "/other"})
    toy.session.post("http://toy/_sim/faults", json={"kind": "status", "status": 500})

    assert len(toy.get("/_sim/faults").json()["faults"]) == 2
    assert toy.get().status_code == 500
    toy.session.delete("http://toy/_sim/faults")
    assert toy.get().status_code == 200


def test_health_names_the_vendor_and_its_violations(toy):
    assert toy.get("/_sim/health").json() == {"name": "toy", "violations": 0}


def test_an_encoded_slash_is_no_separator():
    call = Call.build("GET", "/api/things/a%2Fb%20c?x=1%262", base_path="/api")

    assert call.path == "/things/a%2Fb c"
    assert call.argument("x") == "1&2"


def test_a_calls_address_can_be_built_again():
    target = "/v1.0/users?$filter=a/$count%20ne%200&$top=5"
    call = Call.build("GET", target, base_url="http://sim")

    assert call.url() == "http://sim" + target
    assert call.url(dollar_top="9", page="2").endswith("$filter=a/$count%20ne%200&$top=9&page=2")
