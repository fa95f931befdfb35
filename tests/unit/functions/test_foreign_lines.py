"""Ending another tool's lines by API."""

import pytest

from tests.builders import a_line

ADDRESS = "/api/connections/main/foreign-lines"
THEIRS = {"marker_prefix": "ACME-", "last_day": "2026-03-31"}


@pytest.fixture
def theirs(house):
    house.psa.add(a_line(marker="ACME-501"))
    return house


def test_a_preview_shows_the_lines_and_their_fingerprint(api, theirs):
    seen = api.post(f"{ADDRESS}/preview", THEIRS).json

    [line] = seen["items"]
    assert (line["line_id"], line["marker"], line["outcome"]) == ("501", "ACME-501", "ends")
    assert (line["quantity"], line["ends"], line["warnings"]) == (10, None, [])
    assert (len(seen["fingerprint"]), seen["unread"]) == (32, [])


def test_what_was_shown_is_ended_by_a_run(api, theirs):
    seen = api.post(f"{ADDRESS}/preview", THEIRS).json

    answer = api.post(
        f"{ADDRESS}/end", {**THEIRS, "fingerprint": seen["fingerprint"], "note": "moving"}
    )
    theirs.drain()

    assert answer.status == 202
    assert answer.headers["location"] == f"/api/runs/{answer.json['run_id']}"
    run = api.get(answer.headers["location"]).json
    assert (run["reason"], run["items"]["changed"]) == ("foreign_lines", 1)
    assert [str(line.ends) for line in theirs.lines] == ["2026-03-31"]


def test_another_fingerprint_ends_nothing(api, theirs):
    answer = api.post(f"{ADDRESS}/end", {**THEIRS, "fingerprint": "0" * 32, "note": "moving"})
    theirs.drain()

    assert answer.status == 409
    assert theirs.psa.writes == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"marker_prefix": "SEATSYNC-"}, "marker_prefix"),
        ({"marker_prefix": "A"}, "marker_prefix"),
        ({"last_day": "soon"}, "last_day"),
        ({"agreement_ids": []}, "agreement_ids"),
    ],
)
def test_what_cannot_be_meant_is_named(api, changed, field):
    answer = api.post(f"{ADDRESS}/preview", {**THEIRS, **changed})

    assert answer.status == 422
    assert field in answer.json["errors"]


def test_nobody_ends_lines_without_a_reason(api):
    answer = api.post(f"{ADDRESS}/end", {**THEIRS, "fingerprint": "0" * 32, "note": " "})

    assert answer.status == 422
