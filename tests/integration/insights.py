"""An Application Insights on this machine: keeps what an exporter sends it, word for word.

It takes what the real one takes: lists of envelopes as JSON, perhaps gzipped.
"""

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.simulators.common.server import running

KEY = "00000000-0000-4000-8000-000000000005"


@dataclass(frozen=True, slots=True)
class Sent:
    """One record: a span, a number or an event."""

    name: str
    trace: str
    number: str
    parent: str
    properties: dict[str, str]
    data: dict[str, Any]


@dataclass
class Insights:
    """What was received.

    Attributes:
        text: All of it, for a look for what must not be in it.
    """

    url: str = ""
    text: str = ""
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """What a host gets, so that it sends here, soon, and nowhere else."""
        return {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"
            ),
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "azure_app_service",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }

    @property
    def spans(self) -> list[Sent]:
        return [
            _sent(one, data["name"], data["id"])
            for one, data in [*self._of("RemoteDependencyData"), *self._of("RequestData")]
        ]

    @property
    def events(self) -> list[Sent]:
        return [
            _sent(one, data["properties"].get("event", ""), "")
            for one, data in self._of("MessageData")
        ]

    @property
    def numbers(self) -> list[Sent]:
        """The numbers, without what the exporter says of the process itself."""
        found = [_sent(one, data["metrics"][0]["name"], "") for one, data in self._of("MetricData")]
        return [one for one in found if one.name != "_OTELRESOURCE_"]

    def spans_of(self, trace: str) -> dict[str, Sent]:
        """Return a trace's spans by their numbers."""
        return {one.number: one for one in self.spans if one.trace == trace}

    def _of(self, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        with self._lock:
            found = [one for one in self.envelopes if one["data"]["baseType"] == kind]
        return [(one, one["data"]["baseData"]) for one in found]

    async def take(self, request: Request) -> JSONResponse:
        """Keep what is sent, and answer as the real one does."""
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        envelopes = json.loads(body)
        with self._lock:
            self.text += body.decode()
            self.envelopes += envelopes
        count = len(envelopes)
        return JSONResponse({"itemsReceived": count, "itemsAccepted": count, "errors": []})


@contextlib.contextmanager
def insights() -> Iterator[Insights]:
    """Serve one while the block runs."""
    found = Insights()
    app = Starlette(routes=[Route("/{path:path}", found.take, methods=["POST"])])
    with running(app) as found.url:
        yield found


def _sent(envelope: dict[str, Any], name: str, number: str) -> Sent:
    tags, data = envelope["tags"], envelope["data"]["baseData"]
    return Sent(
        name=name,
        trace=tags.get("ai.operation.id", ""),
        number=number,
        parent=tags.get("ai.operation.parentId", ""),
        properties=data.get("properties") or {},
        data=data,
    )
