"""Telling events to the log, which is all that is told where nobody collects telemetry."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from shared.signals import Event, Metric, Span

LOGGER = "seatsync"
"""The one logger whose records leave the machine; others may quote what libraries say."""

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_logger = logging.getLogger(LOGGER)


def log(event: Event) -> None:
    """Write one structured line: the event's name and fields stand on the record."""
    _logger.log(_LEVELS[event.LEVEL], event.text, extra={"event": event.NAME, **event.fields})


class LogOnly:
    """A ``Telemetry`` that keeps no trace and no number."""

    @contextmanager
    def span(
        self,
        span: Span,  # noqa: ARG002 - the port's
        traceparent: str | None = None,  # noqa: ARG002 - the port's
        begun_by: str | None = None,  # noqa: ARG002 - the port's
    ) -> Iterator[None]:
        yield

    def done(self, span: Span, seconds: float) -> None:
        """Tell nobody."""

    def measure(self, metric: Metric) -> None:
        """Tell nobody."""

    def tell(self, event: Event) -> None:
        log(event)

    def traceparent(self) -> str | None:
        return None
