"""Telling everything by OpenTelemetry's interfaces; ``azure_monitor`` says where it goes.

Only the interfaces are used here, so that any exporter may stand behind them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.adapters.telemetry.log import log
from shared.signals import METRICS, Event, Metric, Span

ERROR = "error.type"
"""The attribute that says by which kind of error a span failed; never its words."""

_TRACEPARENT = "traceparent"
_SECOND = 1_000_000_000
_CONTEXT = TraceContextTextMapPropagator()


class OpenTelemetry:
    """A ``Telemetry``. Events are log records, which the exporter takes from the logger."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._instruments = {one: _instrument(meter, one) for one in METRICS}

    @contextmanager
    def span(
        self, span: Span, traceparent: str | None = None, begun_by: str | None = None
    ) -> Iterator[None]:
        before, beside = _context_of(traceparent), _context_of(begun_by)
        links = []
        if before is not None and beside is not None:
            links = [Link(trace.get_current_span(beside).get_span_context())]
        with self._tracer.start_as_current_span(
            span.title,
            before or beside,
            SpanKind.INTERNAL,
            span.fields,
            links,
            record_exception=False,
            set_status_on_exception=False,
        ) as begun:
            try:
                yield
            except BaseException as error:
                begun.set_attribute(ERROR, type(error).__name__)
                begun.set_status(StatusCode.ERROR)
                raise

    def done(self, span: Span, seconds: float) -> None:
        now = time.time_ns()
        begun = self._tracer.start_span(
            span.title,
            kind=SpanKind.CLIENT,
            attributes=span.fields,
            start_time=now - round(seconds * _SECOND),
        )
        if span.failed:
            begun.set_status(StatusCode.ERROR)
        begun.end(now)

    def measure(self, metric: Metric) -> None:
        self._instruments[type(metric)](metric)

    def tell(self, event: Event) -> None:
        log(event)

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _CONTEXT.inject(carrier)
        return carrier.get(_TRACEPARENT)


def _context_of(traceparent: str | None) -> Context | None:
    """Return the context that a message carries, or ``None`` where it carries none."""
    found = _CONTEXT.extract({_TRACEPARENT: traceparent or ""}, Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else None


def _instrument(meter: Meter, kind: type[Metric]) -> Callable[[Metric], None]:
    says = " ".join((kind.__doc__ or "").split())
    if kind.SORT == "counter":
        counter = meter.create_counter(kind.NAME, kind.UNIT, says)
        return lambda one: counter.add(one.value, one.dimensions)
    if kind.SORT == "gauge":
        gauge = meter.create_gauge(kind.NAME, kind.UNIT, says)
        return lambda one: gauge.set(one.value, one.dimensions)
    histogram = meter.create_histogram(kind.NAME, kind.UNIT, says)
    return lambda one: histogram.record(one.value, one.dimensions)
