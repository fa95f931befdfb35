"""Moving a customer from another tool to Seatsync, on the real stack."""

from datetime import UTC, datetime

import pytest

from local.simulators.connectwise.builders import an_addition
from tests.integration.stack import Stack

pytestmark = pytest.mark.stack

THEIRS = {"marker_prefix": "OTHERTOOL-", "last_day": "2026-03-31"}
ADDRESS = "/api/connections/main"


def test_another_tools_line_ends_and_ours_begins_on_the_day_after(stack: Stack):
    story = stack.mapped_contoso(seats=10)
    theirs = an_addition(501, quantity=9)
    theirs["serialNumber"] = "OTHERTOOL-501"
    stack.psa.seed(additions=[theirs])
    [report] = stack.post(f"{ADDRESS}/preflight").json()["items"]
    assert [(one["kind"], one["line_ids"]) for one in report["findings"]] == [
        ("other_tool", ["501"])
    ]

    seen = stack.post(f"{ADDRESS}/foreign-lines/preview", THEIRS).json()
    assert [(one["line_id"], one["outcome"], one["warnings"]) for one in seen["items"]] == [
        ("501", "ends", [])
    ]
    asked = {**THEIRS, "fingerprint": seen["fingerprint"], "note": "moving"}
    answer = stack.post(f"{ADDRESS}/foreign-lines/end", asked)
    again = stack.post(f"{ADDRESS}/foreign-lines/end", asked)
    assert answer.status_code == 202
    # Of two that were asked at once, either may come first; the second finds nothing to do.
    asked_for = [one.json()["run_id"] for one in (answer, again) if one.status_code == 202]
    ended = [stack.finished(run_id)["items"] for run_id in asked_for]
    assert sum(one["changed"] for one in ended) == 1
    assert sum(one["unchanged"] for one in ended) == len(ended) - 1
    assert stack.lines() == [(9, "2026-01-01", "2026-03-31")]
    [report] = stack.post(f"{ADDRESS}/preflight").json()["items"]
    assert (report["worst"], report["findings"][0]["kind"]) == ("info", "ending_line")
    [entry] = stack.get(f"/api/customers/{story.customer_id}/history").json()["items"]
    assert (entry["actor"], "moving" in entry["why"]) == ("developer", True)

    assert stack.sync(story.customer_id)["items"]["held"] == 1
    stack.travel(datetime(2026, 4, 1, 12, tzinfo=UTC))
    assert stack.sync(story.customer_id)["items"]["changed"] == 1
    ours = stack.lines()[1:]
    assert [(quantity, first) for quantity, first, _ in ours] == [(10, "2026-04-01")]
