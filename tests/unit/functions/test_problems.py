"""Errors: one shape, one status for each, and nothing of the inside gets out."""

from datetime import timedelta

import pytest

from functions.responses import if_match, problem
from shared import bootstrap
from shared.domain import errors
from shared.domain.errors import (
    AccessDeniedError,
    BadMessageError,
    ConflictError,
    ConnectionPausedError,
    InvalidInputError,
    InvalidPeriodError,
    LeaseTakenError,
    NotFoundError,
    OutcomeInDoubtError,
    OwnedLinesError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    SettingsError,
    StaleVersionError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.signals import Fault
from tests.api_client import Api
from tests.builders import CUSTOMER, E5_ROW

SOON = timedelta(seconds=7.2)
URL = "https://seatsync.example/api/customers?code=secret"
CASES = {
    InvalidInputError({"name": "is missing"}): 422,
    NotFoundError("there is no customer x"): 404,
    ConflictError("it is deleted"): 409,
    OwnedLinesError("a line bills it", ()): 409,
    StaleVersionError("somebody saved it"): 412,
    SettingsError("PSA__main__URL is missing"): 503,
    AccessDeniedError("main refused us", remedy="Grant it."): 502,
    UnexpectedPayloadError("main: $.id is null"): 502,
    UnknownOutcomeError("main: no answer"): 502,
    RequestRefusedError("main: no"): 409,
    InvalidPeriodError("ends before it begins"): 409,
    RateLimitError("main", SOON): 503,
    ConnectionPausedError("main", SOON): 503,
    LeaseTakenError("group", SOON): 503,
    OutcomeInDoubtError("group", SOON): 503,
    UpstreamUnavailableError("main", "no connection"): 503,
    BadMessageError("no"): 409,
}


def all_errors() -> set[type[SeatsyncError]]:
    """The errors of the tree; adapters derive private ones from them."""
    return {
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, SeatsyncError)
    }


@pytest.mark.parametrize(("error", "status"), CASES.items(), ids=lambda x: type(x).__name__)
def test_each_error_has_its_status_and_says_what_happened(error, status):
    answer = problem(error, URL)

    assert answer.status_code == status
    assert str(error).encode() in answer.get_body()
    assert answer.mimetype == "application/problem+json"


def test_every_error_of_the_domain_that_is_raised_has_a_case():
    branches = {base for one in all_errors() for base in one.__bases__}

    assert {type(error) for error in CASES} == all_errors() - branches


@pytest.mark.parametrize("error", [e for e in CASES if hasattr(e, "retry_after")], ids=str)
def test_what_asks_to_wait_says_how_long_in_whole_seconds(error):
    assert problem(error, URL).headers["Retry-After"] == "8"


def test_access_that_was_denied_says_what_to_grant():
    assert b"Grant it." in problem(AccessDeniedError("no", remedy="Grant it."), URL).get_body()


def test_a_problem_has_the_standard_fields_and_no_query(api: Api):
    answer = api.call("GET", "/api/customers/nobody", code="secret")

    assert answer.json == {
        "type": "urn:seatsync:problem:not-found",
        "title": "There is no such thing",
        "status": 404,
        "detail": "there is no customer nobody",
        "instance": "/api/customers/nobody",
    }


def test_a_fault_of_ours_tells_nothing_and_is_logged_without_its_words(api: Api, monkeypatch):
    def broken(*_arguments: object, **_options: object) -> None:
        raise KeyError("@".join(["pat", "customer.example"]))

    monkeypatch.setattr(api.house.services.customers, "get", broken, raising=False)
    answer = api.get(f"/api/customers/{CUSTOMER}")

    assert answer.status == 500
    assert "pat@" not in answer.text
    assert "KeyError" not in answer.text
    [fault] = api.house.services.telemetry.told(Fault)
    assert (fault.function, fault.error) == ("get_customer", "KeyError")
    assert "in broken" in fault.where
    assert "pat@" not in str(api.house.services.telemetry)


def test_wrong_settings_are_named_at_every_address(api: Api, monkeypatch):
    def wrong() -> None:
        raise SettingsError("PSA__main__URL is missing")

    monkeypatch.setattr(bootstrap, "services", wrong)
    monkeypatch.setattr(bootstrap, "environment", wrong)

    for path in ("/api/customers", "/api/health"):
        answer = api.get(path)
        assert answer.status == 503
        assert "PSA__main__URL" in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/health"),
        ("GET", "/api/customers"),
        ("GET", "/api/nothing"),
        ("POST", "/api/customers"),
        ("POST", f"/api/customers/{CUSTOMER}/sync"),
        ("DELETE", f"/api/customers/{CUSTOMER}/mappings/{E5_ROW}"),
    ],
)
def test_every_answer_carries_the_headers_that_keep_browsers_safe(api: Api, method, path):
    headers = api.call(method, path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("header", [None, "", "  "])
def test_no_version_asks_for_nothing(header):
    assert if_match(header) is None


def test_a_tag_that_a_proxy_made_weak_still_counts(api: Api):
    mapping = f"/api/customers/{CUSTOMER}/mappings/{E5_ROW}"
    etag = api.get(mapping).headers["etag"]
    body = {"profile_id": "e5-monthly", "agreement_id": "7001", "included": 1}

    assert api.put(mapping, body, headers={"If-Match": f"W/{etag}"}).status == 200
    assert api.put(mapping, body, headers={"If-Match": etag}).status == 412


def test_a_star_takes_any_version_but_there_must_be_one(api: Api):
    mapping = f"/api/customers/{CUSTOMER}/mappings/{E5_ROW}"
    body = {"profile_id": "e5-monthly", "agreement_id": "7001"}
    star = {"If-Match": "*"}

    assert api.put(mapping, body, headers=star).status == 200
    assert api.call("DELETE", mapping).status == 204
    assert api.put(mapping, body, headers=star).status == 412
    assert api.put(mapping, body).status == 200
