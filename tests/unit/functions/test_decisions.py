"""Decisions by API: settings, approvals, keeping the PSA's number, undo; and the next invoice."""

import json
from dataclasses import replace
from datetime import date

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.digests import Frequency
from shared.domain.errors import UpstreamUnavailableError
from shared.usecases.send_digests import send_digests
from tests.builders import CUSTOMER, a_line, an_alert
from tests.fakes.notify import FakeNotifier


def adopted_at(house, seats):
    house.psa.add(a_line(quantity=seats))
    house.holds(seats).cycle()
    return house.on(date(2026, 3, 18))


def test_settings_have_defaults_and_can_be_replaced(api):
    first = api.get("/api/settings").json
    assert first["guards"]["fall_seats"] == 5

    saved = api.put("/api/settings", {"guards": {"fall_seats": 2}}).json

    assert saved["guards"]["fall_seats"] == 2
    assert api.get("/api/settings").json["guards"]["fall_seats"] == 2


def test_two_admins_the_second_is_told(api):
    etag = api.put("/api/settings", {"guards": {}}).headers["etag"]
    assert api.put("/api/settings", {"guards": {}}, headers={"if-match": etag}).status == 200

    answer = api.put("/api/settings", {"guards": {}}, headers={"if-match": etag})

    assert answer.status == 412


def test_a_bad_threshold_is_named(api):
    answer = api.put("/api/settings", {"guards": {"fall_seats": -1, "fall_percent": "a"}})

    assert answer.status == 422
    assert set(answer.json["errors"]) == {"guards.fall_seats", "guards.fall_percent"}


def test_a_held_fall_is_approved_by_api(api, house):
    adopted_at(house, 40).holds(10).cycle()
    (approval,) = api.get("/api/approvals").json["items"]
    assert (approval["before"], approval["after"], approval["customer_id"]) == (40, 10, CUSTOMER)

    answer = api.post(f"/api/approvals/{approval['approval_id']}/approve", {"note": "fine"})
    house.drain()

    assert answer.status == 202
    assert house.quantities == [10]


def test_several_are_decided_at_once_and_what_cannot_be_is_told(api, house):
    adopted_at(house, 40).holds(10).cycle()
    (approval,) = api.get("/api/approvals").json["items"]
    chosen = [approval["approval_id"], "contoso.nothing"]

    answer = api.post("/api/approvals/decide", {"decision": "approve", "approval_ids": chosen})
    house.drain()

    done, refused = answer.json["items"]
    assert (done["refused"], done["run_id"] is None) == ("", False)
    assert (refused["run_id"], bool(refused["refused"])) == (None, True)
    assert house.quantities == [10]


def test_what_the_psa_has_is_kept_by_api(api, house):
    adopted_at(house, 40)
    house.psa.edit(house.lines[0].line_id, quantity=37)
    house.cycle()
    (approval,) = api.get("/api/approvals").json["items"]
    path = f"/api/approvals/{approval['approval_id']}/keep-psa"
    assert api.post(path, {}).json["errors"] == {"until": "is missing"}

    answer = api.post(path, {"until": "2026-04-30", "note": "agreed by telephone"})
    house.drain()
    house.cycle()

    assert answer.status == 202
    assert house.quantities == [37]
    assert api.get("/api/approvals").json["items"] == []


def test_a_run_is_undone_by_api(api, house):
    adopted_at(house, 40)
    run_id = house.holds(42).cycle()

    answer = api.post(f"/api/runs/{run_id}/undo", {"until": "2026-04-30"})
    house.drain()

    assert answer.status == 202
    assert [one["refused"] for one in answer.json["items"]] == [""]
    assert house.quantities == [40]


def test_a_run_without_writes_cannot_be_undone(api, house):
    run_id = adopted_at(house, 40).cycle()

    answer = api.post(f"/api/runs/{run_id}/undo", {"until": "2026-04-30"})

    assert answer.status == 409
    assert "wrote nothing" in answer.json["detail"]


def test_a_preview_tells_the_next_invoice_to_the_cent(api, house):
    adopted_at(house, 10).holds(12)

    answer = api.get(f"/api/customers/{CUSTOMER}/preview", refresh="true")
    (group,) = json.loads(answer.text, parse_float=str)["items"]

    # April: 12 × 31.00; 18 to 31 March: 31.00 × 14/31 = 14.00, × 2 = 28.00
    invoice = group["next_invoice"]
    assert (invoice["period_start"], invoice["period_end"]) == ("2026-04-01", "2026-04-30")
    assert [(i["quantity"], i["share"], i["amount"]) for i in invoice["items"]] == [
        (12, "1", "372.00"),
        (2, "14/31", "28.00"),
    ]
    assert invoice["total"] == "400.00"


def test_rows_are_read_again_when_asked(api, house):
    adopted_at(house, 10).holds(12)
    path = f"/api/customers/{CUSTOMER}/licenses"
    assert [row["active"] for row in api.get(path).json["items"]] == [10]

    assert [row["active"] for row in api.get(path, refresh="true").json["items"]] == [12]
    assert api.get(path, refresh="please").status == 422


def test_how_soon_each_kind_is_told_is_a_setting(api):
    usual = api.get("/api/settings").json["alert_routing"]
    assert set(usual["kinds"]) == set(AlertKind)
    assert (usual["kinds"]["failed"], usual["hour"]) == ("at_once", 6)

    wanted = {"kinds": {**usual["kinds"], "renewal": "off"}, "hour": 7}
    saved = api.put("/api/settings", {"alert_routing": wanted}).json

    assert saved["alert_routing"] == wanted
    stored = api.house.services.settings.get().value.alert_routing
    assert stored.kinds == {AlertKind.RENEWAL: Frequency.OFF}


@pytest.mark.parametrize(
    "routing",
    [{"kinds": {"renewal": "hourly"}}, {"kinds": {"gossip": "off"}}, {"hour": 24}, {"days": 1}],
)
def test_a_routing_that_makes_no_sense_is_refused(api, routing):
    assert api.put("/api/settings", {"alert_routing": routing}).status == 422


def test_connections_and_health_tell_of_notifiers_that_fail(api):
    notifier = FakeNotifier("billing")
    api.house.services = replace(api.house.services, notifiers=(notifier,))
    assert api.get("/api/health").json["notifiers"] == {"billing": "unused"}

    notifier.errors = [UpstreamUnavailableError("billing", "no connection")]
    api.house.services.alerts.put([an_alert()])
    send_digests(api.house.services)

    health = api.get("/api/health")
    assert (health.status, health.json["notifiers"]) == (200, {"billing": "failing"})
    assert "no connection" not in health.text.replace("last_cycle", "")
    [shown] = [one for one in api.get("/api/connections").json["items"] if one["problem"]]
    assert (shown["kind"], shown["provider"]) == ("notifier", "email")

    tested = api.post("/api/connections/billing/test").json
    assert tested["works"] is True
    assert notifier.sent[0].subject == "Seatsync: a test"
