"""What each fault does to a call, and which calls a rule picks."""

from __future__ import annotations

import pytest
import requests

from local.simulators.common.faults import Fault, FaultRules, parse_faults
from local.simulators.common.messages import Call


def a_call(method="GET", path="/api/finance/agreements/7/additions", *, inner=False, **headers):
    call = Call.build(method, path, headers=headers, base_path="/api")
    call.inner = inner
    call.tenant = headers.get("tenant")
    return call


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({}, True),
        ({"method": "GET"}, True),
        ({"method": "POST"}, False),
        ({"path": "/finance/agreements/*/additions"}, True),
        ({"path": "/FINANCE/agreements/*/additions"}, True),
        ({"path": "/api/finance/agreements/7/additions"}, True),
        ({"path": "/finance/agreements/*"}, False),
        ({"path": "/finance/**"}, True),
        ({"path": "**/additions"}, True),
        ({"path": "/finance.agreements/**"}, False),
        ({"only_header": {"X-Mark": "yes"}}, True),
        ({"only_header": {"x-mark": "no"}}, False),
        ({"tenant": "CONTOSO"}, True),
        ({"tenant": "fabrikam"}, False),
    ],
)
def test_a_rule_picks_calls_by_method_path_header_and_tenant(rule, matches):
    call = a_call(**{"X-Mark": "yes", "tenant": "contoso"})

    assert Fault(kind="drop", **rule).matches(call) is matches


@pytest.mark.parametrize(
    ("kind", "outer", "inner"),
    [
        ("batch_status", False, True),
        ("batch_missing", False, True),
        ("status", True, True),
        ("throttle", True, True),
        ("empty_page", True, True),
        ("drop", True, False),
        ("lost_answer", True, False),
        ("latency", True, False),
    ],
)
def test_a_kind_plays_only_where_it_can(kind, outer, inner):
    fault = Fault(kind=kind)

    assert fault.matches(a_call()) is outer
    assert fault.matches(a_call(inner=True)) is inner


def test_skip_lets_the_first_calls_pass_and_times_ends_the_rule():
    rules = FaultRules()
    rules.add(Fault(kind="drop", skip=1, times=2))

    fired = [rules.firing(a_call()).fault is not None for _ in range(5)]

    assert fired == [False, True, True, False, False]


def test_latencies_add_up_and_the_first_other_rule_wins():
    rules = FaultRules()
    rules.load(
        [
            {"kind": "latency", "seconds": 0.5},
            {"kind": "status", "status": 503, "times": 1},
            {"kind": "drop"},
            {"kind": "latency", "seconds": 0.25},
        ]
    )

    first, second = rules.firing(a_call()), rules.firing(a_call())

    assert (first.seconds, first.fault.kind) == (0.75, "status")
    assert (second.seconds, second.fault.kind) == (0.75, "drop")
    assert rules.as_json()["fired"] == [2, 1, 1, 2]


def test_what_the_rules_tell_can_be_loaded_again():
    rules, others = FaultRules(), FaultRules()
    rules.load({"faults": [{"kind": "throttle", "retry_after": 2, "times": 1}]})

    others.load(rules.as_json())

    assert others.as_json()["faults"] == rules.as_json()["faults"]


@pytest.mark.parametrize(
    "wrong",
    [
        [{"kind": "explode"}],
        [{"kind": "drop", "tims": 1}],
        [{}],
        "drop",
        [{"kind": "status", "status": 42}],
        [{"kind": "latency", "seconds": -1}],
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(wrong):
    with pytest.raises(ValueError):
        parse_faults(wrong)


def test_a_status_comes_before_any_work_in_the_vendors_shape(toy):
    toy.break_with({"kind": "status", "status": 503, "retry_after": 3, "method": "POST"})

    response = toy.post({"name": "a"})

    assert (response.status_code, response.headers["Retry-After"]) == (503, "3")
    assert response.json()["error"] == "no"
    assert toy.vendor.things == []


@pytest.mark.parametrize(("retry_after", "header"), [(2, "2"), (0, "0"), (None, None)])
def test_a_throttle_answers_429_with_or_without_retry_after(toy, retry_after, header):
    toy.break_with({"kind": "throttle", "retry_after": retry_after, "code": "UnknownError"})

    response = toy.get()

    assert response.status_code == 429
    assert response.headers.get("Retry-After") == header
    assert response.json()["code"] == "UnknownError"


def test_a_dropped_call_does_no_work(toy):
    toy.break_with({"kind": "drop", "times": 1})

    with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        toy.post({"name": "a"})

    assert toy.vendor.things == []
    assert toy.kinds() == [("toy.post", "dropped")]


def test_a_lost_answer_leaves_its_work_behind(toy):
    toy.break_with({"kind": "lost_answer", "times": 1})

    with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        toy.post({"name": "a"})

    assert toy.vendor.things == [{"name": "a"}]
    assert toy.kinds() == [("toy.post", "lost")]


def test_html_comes_where_json_belongs(toy):
    toy.break_with({"kind": "html", "times": 1}, {"kind": "html", "status": 500})

    first, second = toy.get(), toy.get()

    assert (first.status_code, second.status_code) == (200, 500)
    assert first.headers["Content-Type"].startswith("text/html")
    assert first.text.startswith("<!DOCTYPE html>")


def test_a_truncated_answer_cannot_be_parsed(toy):
    toy.break_with({"kind": "truncated"})

    with pytest.raises(requests.exceptions.JSONDecodeError):
        toy.get().json()


def test_an_empty_page_leads_to_the_page_itself(toy):
    toy.post({"name": "a"})
    toy.break_with({"kind": "empty_page", "times": 1})

    first = toy.get("/api/things?size=2").json()
    second = toy.session.get(first["next"]).json()

    assert first["items"] == []
    assert second == {"items": [{"name": "a"}]}


def test_a_next_link_can_repeat_or_lead_away(toy):
    toy.break_with({"kind": "repeated_link", "times": 1}, {"kind": "foreign_link"})

    assert toy.get("/api/things?size=2").json()["next"] == "http://toy/api/things?size=2"
    assert toy.get().json()["next"] == "https://pages.example.invalid/next"


def test_latency_goes_to_the_given_sleeper(toy):
    toy.break_with({"kind": "latency", "seconds": 90})

    assert toy.get().status_code == 200
    assert toy.slept == [90]


def test_a_latency_beyond_the_read_timeout_raises_after_the_work(toy):
    toy.break_with({"kind": "latency", "seconds": 90})

    with pytest.raises(requests.exceptions.ReadTimeout):
        toy.session.post("http://toy/api/things", json={"name": "a"}, timeout=(3, 5))

    assert toy.slept == [5]
    assert toy.vendor.things == [{"name": "a"}]


def test_a_refused_caller_meets_no_fault(toy):
    toy.break_with({"kind": "drop"})

    response = toy.get(headers={"X-Key": None})

    assert response.status_code == 401
