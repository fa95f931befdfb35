"""Every invocation is a span under its function's name, and a fault is told without its words."""

import pytest

from shared import bootstrap
from shared.domain.errors import SettingsError
from shared.signals import DigestsSent, Fault, FunctionCalled, Pruned, RunClosed, RunStarted
from tests.api_client import Api, fire
from tests.builders import CUSTOMER

TIMERS = ["start_sync_cycle", "close_runs", "send_digests", "prune_storage"]


def called(api: Api) -> list[FunctionCalled]:
    spans = api.house.services.telemetry.spans
    return [one.span for one in spans if isinstance(one.span, FunctionCalled)]


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_is_told_by_its_name(api: Api, name: str):
    fire(name)

    assert called(api) == [FunctionCalled(name, "timer")]


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_that_fails_tells_where_and_is_raised_on(api: Api, monkeypatch, name: str):
    def fail() -> None:
        raise SettingsError("".join(["s3", "cret"]))  # the line itself is told

    monkeypatch.setattr(bootstrap, "services", fail)

    with pytest.raises(SettingsError):
        fire(name)

    [fault] = api.house.services.telemetry.told(Fault)
    assert (fault.function, fault.error) == (name, "SettingsError")
    assert "s3cret" not in str(api.house.services.telemetry)


def test_a_request_is_told_by_its_functions_name(api: Api):
    api.get("/api/customers")
    api.get("/customers")

    assert [one.trigger for one in called(api)] == ["http", "http"]
    assert called(api)[0].function == "list_all_customers"


def test_sync_now_and_all_that_follows_are_one_trace(api: Api):
    assert api.post(f"/api/customers/{CUSTOMER}/sync").status == 202

    telemetry = api.house.services.telemetry
    [span] = telemetry.spans
    assert [number for event, number in telemetry.events if isinstance(event, RunStarted)] == [
        span.number
    ]


def test_a_cycle_tells_its_start_and_its_end(api: Api):
    fire("start_sync_cycle")
    api.house.drain()
    fire("close_runs")

    telemetry = api.house.services.telemetry
    [started], [closed] = telemetry.told(RunStarted), telemetry.told(RunClosed)
    assert (started.reason, started.customers) == ("scheduled", 1)
    assert (closed.run_id, closed.changed, closed.failed) == (started.run_id, 1, 0)


def test_what_was_sent_and_removed_is_counted(api: Api):
    fire("send_digests")
    fire("prune_storage")

    telemetry = api.house.services.telemetry
    assert telemetry.told(DigestsSent) == []  # nothing was due
    assert telemetry.told(Pruned) == [Pruned(0, 0, 0, 0, 0)]
