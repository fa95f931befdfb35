"""What every ``Telemetry`` does.

A subclass gives the fixture ``site``: an object with ``telemetry``, and ``told()``, ``measured()``
and ``logged()``, which return what came out of it.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.signals import (
    ApiCalled,
    Calls,
    CallTime,
    CustomerPlanning,
    FunctionCalled,
    ItemFailed,
    RunStarted,
    Seats,
)

SYNC = FunctionCalled("sync_tenant", "queue", "run-1", 2)
PLANNING = CustomerPlanning("run-1", "contoso", "main")
A_CALL = ApiCalled("psa/main", "connectwise.additions.patch", "PATCH", 200, 1)
CARRIED = f"00-{1:032x}-{2:016x}-01"
BEGUN_BY = f"00-{3:032x}-{4:016x}-01"
NO_TRACES = [None, "", "nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ä" * 5000]


@dataclass
class Spoken:
    """A span as it came out.

    Attributes:
        trace, number, parent: Which it is and where it belongs; any words, the same for the same.
    """

    title: str
    fields: dict[str, Any]
    trace: object
    number: object
    parent: object | None
    failed: bool = False
    error: str | None = None
    seconds: float | None = None
    linked: list[object] = field(default_factory=list)


class PlainTelemetryContract:
    """The part that holds also where nobody collects anything."""

    def test_an_error_passes_through_a_span(self, site):
        with pytest.raises(KeyError), site.telemetry.span(SYNC):
            raise KeyError("s3cret")

    def test_outside_of_any_span_there_is_no_trace_to_go_on_with(self, site):
        assert site.telemetry.traceparent() is None

    @pytest.mark.parametrize("traceparent", NO_TRACES)
    def test_what_is_no_trace_context_counts_as_left_out(self, site, traceparent):
        with site.telemetry.span(SYNC, traceparent):
            site.telemetry.done(A_CALL, 0.5)

    def test_an_event_is_logged_with_its_name_and_fields(self, site):
        site.telemetry.tell(RunStarted("run-1", "scheduled", 3))
        site.telemetry.tell(ItemFailed("run-1", "contoso", None))

        started, failed = site.logged()
        assert started == {
            "event": "run_started",
            "level": "info",
            "text": "run run-1 started: scheduled, 3 customers",
            "run_id": "run-1",
            "reason": "scheduled",
            "customers": 3,
        }
        assert (failed["level"], "group_id" in failed) == ("warning", False)


class TelemetryContract(PlainTelemetryContract):
    """A suite."""

    def test_spans_belong_to_what_they_are_inside_and_carry_their_fields(self, site):
        with site.telemetry.span(SYNC), site.telemetry.span(PLANNING):
            site.telemetry.done(A_CALL, 0.5)

        spans = {one.title: one for one in site.told()}
        function = spans["function sync_tenant"]
        planning = spans["customer.plan"]
        call = spans["call connectwise.additions.patch"]
        assert (function.parent, planning.parent, call.parent) == (
            None,
            function.number,
            planning.number,
        )
        assert function.trace == planning.trace == call.trace
        assert planning.fields == {"run_id": "run-1", "customer_id": "contoso", "psa": "main"}
        assert (call.fields["status"], call.fields["attempt"]) == (200, 1)
        assert not any(one.failed for one in site.told())

    def test_a_message_goes_on_with_the_trace(self, site):
        with site.telemetry.span(SYNC):
            carried = site.telemetry.traceparent()
        with site.telemetry.span(PLANNING, carried):
            pass

        first, second = sorted(site.told(), key=lambda one: one.parent is not None)
        assert second.parent == first.number
        assert second.trace == first.trace

    def test_what_a_message_carries_comes_before_what_it_is_inside(self, site):
        with site.telemetry.span(SYNC):
            carried = site.telemetry.traceparent()
        with site.telemetry.span(FunctionCalled("host", "queue")):
            with site.telemetry.span(PLANNING, carried):
                inner = site.telemetry.traceparent()
            outer = site.telemetry.traceparent()

        assert inner.split("-")[1] == carried.split("-")[1]
        assert outer.split("-")[1] != carried.split("-")[1]

    def test_it_goes_on_with_what_is_carried_and_else_with_who_began_it(self, site):
        for carried, begun_by in ((CARRIED, BEGUN_BY), (None, BEGUN_BY), ("ä", BEGUN_BY)):
            with site.telemetry.span(SYNC, carried, begun_by):
                pass

        assert [(one.trace, one.parent) for one in site.told()] == [(1, 2), (3, 4), (3, 4)]

    @pytest.mark.parametrize("traceparent", NO_TRACES)
    def test_without_a_trace_in_the_message_it_belongs_to_what_it_is_inside(
        self, site, traceparent
    ):
        with site.telemetry.span(SYNC), site.telemetry.span(PLANNING, traceparent):
            pass

        function, planning = sorted(site.told(), key=lambda one: one.parent is not None)
        assert planning.parent == function.number

    def test_a_failed_span_says_what_kind_of_error_and_no_word_of_it(self, site):
        with pytest.raises(KeyError), site.telemetry.span(SYNC):
            raise KeyError("s3cret")

        [span] = site.told()
        assert (span.failed, span.error) == (True, "KeyError")
        assert "s3cret" not in str(span)

    @pytest.mark.parametrize(
        ("status", "failed"), [(200, False), (404, True), (429, True), (503, True), (None, True)]
    )
    def test_a_call_fails_by_its_status(self, site, status, failed):
        site.telemetry.done(ApiCalled("psa/main", "syncro.lines", "GET", status, 2), 0.25)

        [span] = site.told()
        assert span.failed is failed

    def test_numbers_come_out_by_what_they_are_told_apart_by(self, site):
        for seconds in (0.25, 0.75):
            site.telemetry.measure(CallTime(seconds, "psa/main", "syncro", "syncro.lines"))
            site.telemetry.measure(Calls(1, "psa/main", "syncro", "syncro.lines", "ok"))
        site.telemetry.measure(Calls(1, "psa/main", "syncro", "syncro.lines", "throttled"))
        site.telemetry.measure(Seats(12))
        site.telemetry.measure(Seats(11))

        found = site.measured()
        own = {"connection": "psa/main", "vendor": "syncro", "kind": "syncro.lines"}
        assert found["seatsync.calls"] == [
            ({**own, "outcome": "ok"}, 2),
            ({**own, "outcome": "throttled"}, 1),
        ]
        assert found["seatsync.call_time"] == [(own, (2, 1.0))]
        assert found["seatsync.seats"] == [({}, 11)]
