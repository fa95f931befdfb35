"""Telemetry in memory, with traces that go on from message to message."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from shared.signals import Event, Metric, Span

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(slots=True)
class Told:
    """A span: which trace it is of, what it belongs to, and how it ended."""

    span: Span
    trace: int
    number: int
    parent: int | None
    error: str | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None or self.span.failed


@dataclass(slots=True)
class FakeTelemetry:
    """A ``Telemetry`` that keeps all it is told."""

    spans: list[Told] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    events: list[tuple[Event, int | None]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _inside: ContextVar[tuple[int, int] | None] = field(
        default_factory=lambda: ContextVar("inside", default=None)
    )

    @contextmanager
    def span(
        self, span: Span, traceparent: str | None = None, begun_by: str | None = None
    ) -> Iterator[None]:
        told = self._begun(span, traceparent, begun_by)
        token = self._inside.set((told.trace, told.number))
        try:
            yield
        except BaseException as error:
            told.error = type(error).__name__
            raise
        finally:
            self._inside.reset(token)

    def done(self, span: Span, seconds: float) -> None:
        assert seconds >= 0
        self._begun(span)

    def measure(self, metric: Metric) -> None:
        self.metrics.append(metric)

    def tell(self, event: Event) -> None:
        assert event.text
        inside = self._inside.get()
        self.events.append((event, inside and inside[1]))

    def traceparent(self) -> str | None:
        inside = self._inside.get()
        return None if inside is None else f"00-{inside[0]:032x}-{inside[1]:016x}-01"

    def told(self, kind: type[Event]) -> list[Event]:
        """Return the events of one kind."""
        return [event for event, _ in self.events if isinstance(event, kind)]

    def measured(self, kind: type[Metric]) -> list[Metric]:
        """Return the numbers of one kind."""
        return [metric for metric in self.metrics if isinstance(metric, kind)]

    def _begun(self, span: Span, *traceparents: str | None) -> Told:
        assert span.title
        carried = [found for one in traceparents if (found := TRACEPARENT.fullmatch(one or ""))]
        parent = self._inside.get()
        if carried:
            parent = (int(carried[0][1], 16), int(carried[0][2], 16))
        trace = next(self._numbers) if parent is None else parent[0]
        told = Told(span, trace, next(self._numbers), parent and parent[1])
        self.spans.append(told)
        return told
