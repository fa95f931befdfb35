"""Sends what the app tells to Application Insights, through Azure Monitor's own distribution."""

import logging

from azure.identity import ManagedIdentityCredential
from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import metrics, trace
from opentelemetry.sdk.resources import Resource

from shared.adapters.telemetry.log import LOGGER
from shared.adapters.telemetry.otel import OpenTelemetry
from shared.version import VERSION

SERVICE = "seatsync"
NOT_WATCHED = (
    "azure_sdk",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "httpx2",
    "psycopg2",
    "requests",
    "urllib",
    "urllib3",
)
"""What the distribution would watch by itself, and tell whole addresses of."""


def azure_monitor(
    connection_string: str, *, signs_in: bool, client_id: str | None = None
) -> OpenTelemetry:
    """Begin to send, for as long as the process lives, and return what to tell it to.

    Args:
        connection_string: Of the Application Insights resource.
        signs_in: With a managed identity, where the resource wants a sign-in.
        client_id: Which identity; the system-assigned one when ``None``.

    Raises:
        ValueError: It is no connection string.
    """
    credential = ManagedIdentityCredential(client_id=client_id) if signs_in else None
    configure_azure_monitor(
        connection_string=connection_string,
        credential=credential,
        logger_name=LOGGER,
        resource=Resource.create({"service.name": SERVICE, "service.version": VERSION}),
        # Every trace: a change that somebody asks about is never the one that was left out.
        sampling_ratio=1.0,
        instrumentation_options={name: {"enabled": False} for name in NOT_WATCHED},
        # The host tells these of the same machine.
        enable_live_metrics=False,
        enable_performance_counters=False,
    )
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    return OpenTelemetry(trace.get_tracer(SERVICE, VERSION), metrics.get_meter(SERVICE, VERSION))
