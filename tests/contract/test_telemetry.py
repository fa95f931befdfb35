"""Telemetry in memory, by the log alone, and by OpenTelemetry keep the same promises."""

import logging
from collections import defaultdict
from dataclasses import fields

import pytest
from azure.monitor.opentelemetry import _constants as constants
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.telemetry import azure_monitor
from shared.adapters.telemetry.azure_monitor import NOT_WATCHED
from shared.adapters.telemetry.log import LOGGER, LogOnly
from shared.adapters.telemetry.otel import ERROR, OpenTelemetry
from shared.signals import EVENTS, METRICS, SPANS, Calls, CallTime
from tests.contract.telemetry import (
    A_CALL,
    BEGUN_BY,
    CARRIED,
    PLANNING,
    SYNC,
    PlainTelemetryContract,
    Spoken,
    TelemetryContract,
)
from tests.fakes.telemetry import FakeTelemetry

ME = "00000000-0000-4000-8000-00000000000a"
OF_A_RECORD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def records(monkeypatch):
    handler, logger = Records(), logging.getLogger(LOGGER)
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()
    yield handler.records
    logger.manager._clear_cache()


def lines(records):
    return [
        {"level": one.levelname.lower(), "text": one.getMessage()}
        | {name: value for name, value in vars(one).items() if name not in OF_A_RECORD}
        for one in records
    ]


class FakeSite:
    def __init__(self):
        self.telemetry = FakeTelemetry()

    def told(self):
        return [
            Spoken(
                one.span.title,
                one.span.fields,
                one.trace,
                one.number,
                one.parent,
                failed=one.failed,
                error=one.error,
            )
            for one in self.telemetry.spans
        ]

    def measured(self):
        values = defaultdict(list)
        for one in self.telemetry.metrics:
            key = (type(one), tuple(one.dimensions.items()))
            values[key].append(one.value)
        found = defaultdict(list)
        for (kind, dimensions), told in values.items():
            told_of = {
                "counter": sum(told),
                "gauge": told[-1],
                "histogram": (len(told), sum(told)),
            }
            found[kind.NAME].append((dict(dimensions), told_of[kind.SORT]))
        return found

    def logged(self):
        return [
            {"event": one.NAME, "level": one.LEVEL, "text": one.text, **one.fields}
            for one, _ in self.telemetry.events
        ]


class LogSite:
    def __init__(self, records):
        self.telemetry = LogOnly()
        self._records = records

    def logged(self):
        return lines(self._records)


class OtelSite:
    def __init__(self, records):
        self._records = records
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = OpenTelemetry(tracers.get_tracer("test"), self.meters.get_meter("test"))

    def told(self):
        return [
            Spoken(
                one.name,
                {name: value for name, value in one.attributes.items() if name != ERROR},
                one.context.trace_id,
                one.context.span_id,
                None if one.parent is None else one.parent.span_id,
                failed=one.status.status_code is trace.StatusCode.ERROR,
                error=one.attributes.get(ERROR),
                seconds=(one.end_time - one.start_time) / 1e9,
                linked=[link.context.span_id for link in one.links],
            )
            for one in self.exporter.get_finished_spans()
        ]

    def measured(self):
        data = self.reader.get_metrics_data()
        return {
            metric.name: [
                (
                    dict(point.attributes),
                    point.value if hasattr(point, "value") else (point.count, point.sum),
                )
                for point in metric.data.data_points
            ]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def logged(self):
        return lines(self._records)


class TestFakeTelemetry(TelemetryContract):
    @pytest.fixture
    def site(self):
        return FakeSite()


class TestLogOnly(PlainTelemetryContract):
    @pytest.fixture
    def site(self, records):
        return LogSite(records)


class TestOpenTelemetry(TelemetryContract):
    @pytest.fixture
    def site(self, records):
        return OtelSite(records)

    def test_a_call_lasted_as_long_as_it_is_told_to(self, site):
        site.telemetry.done(A_CALL, 2.5)

        assert site.told()[0].seconds == pytest.approx(2.5)

    def test_who_began_it_is_linked_where_a_message_carries_a_trace(self, site):
        with site.telemetry.span(SYNC, CARRIED, BEGUN_BY), site.telemetry.span(PLANNING):
            pass

        by_title = {one.title: one for one in site.told()}
        assert by_title[SYNC.title].linked == [4]
        assert by_title["customer.plan"].linked == []

    def test_every_number_has_its_unit_and_its_explanation(self, site):
        for one in METRICS:
            numbers = {field.name: "x" for field in fields(one)} | {"value": 1}
            site.telemetry.measure(one(**numbers))

        data = site.reader.get_metrics_data()
        told = {m.name: m for m in data.resource_metrics[0].scope_metrics[0].metrics}
        assert {name: metric.unit for name, metric in told.items()} == {
            one.NAME: one.UNIT for one in METRICS
        }
        assert all(metric.description for metric in told.values())


def subclasses(kind):
    # With slots, dataclasses leave the class behind that they were made of.
    return {one.__name__ for one in kind.__subclasses__()}


def test_the_lists_name_every_signal_once():
    for listed in (SPANS, METRICS, EVENTS):
        assert subclasses(listed[0].__mro__[1]) == {one.__name__ for one in listed}
        assert len({one.NAME for one in listed}) == len(listed)


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: one.NAME)
def test_no_field_of_an_event_hides_a_field_of_a_log_record(event):
    assert not OF_A_RECORD & {"event", *(one.name for one in fields(event))}


def test_calls_are_counted_and_timed_by_the_same_names():
    assert {one.name for one in fields(CallTime)} <= {one.name for one in fields(Calls)}


def test_nothing_that_the_distribution_could_watch_is_watched():
    assert set(NOT_WATCHED) == set(constants._ALL_SUPPORTED_INSTRUMENTED_LIBRARIES)


@pytest.mark.parametrize(("client_id", "signs_in"), [(None, False), (None, True), (ME, True)])
def test_a_managed_identity_signs_in_where_the_platform_says_so(monkeypatch, client_id, signs_in):
    given = {}
    monkeypatch.setattr(
        azure_monitor, "configure_azure_monitor", lambda **named: given.update(named)
    )
    monkeypatch.setattr(
        azure_monitor, "ManagedIdentityCredential", lambda client_id: ("identity", client_id)
    )

    azure_monitor.azure_monitor("InstrumentationKey=…", signs_in=signs_in, client_id=client_id)

    assert given["credential"] == (("identity", client_id) if signs_in else None)
    assert given["logger_name"] == LOGGER
    assert given["sampling_ratio"] == 1
    assert not any(one["enabled"] for one in given["instrumentation_options"].values())
