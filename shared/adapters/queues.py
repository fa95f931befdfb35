"""The queues ``tenant-sync``, ``license-sync`` and ``sync-now``, on Azure Queue Storage.

A queue is created by the first message that misses it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64EncodePolicy

from shared.adapters.storage import PROBE_SECONDS, translated
from shared.domain.errors import SeatsyncError
from shared.messages import encode
from shared.ports import LicenseSync, Telemetry, TenantSync

TENANT_SYNC = "tenant-sync"
LICENSE_SYNC = "license-sync"
SYNC_NOW = "sync-now"
"""Messages of both kinds that a person waits for: a cycle's thousand do not stand before them."""

NAMES = (TENANT_SYNC, LICENSE_SYNC, SYNC_NOW)

LONGEST_DELAY = timedelta(days=7)
"""The storage keeps a message invisible for at most so long."""

_FOREVER = -1  # a message waits until somebody takes it; the default would drop it after a week


class Queues:
    """The queues of one storage account."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._service = service
        self._clients = {name: self._client(name) for name in NAMES}

    def put(self, name: str, text: str, delay: timedelta = timedelta(0)) -> None:
        """Add a message; a longer delay than 7 days becomes 7 days.

        Raises:
            UpstreamUnavailableError: No answer; the message may be in the queue nevertheless.
        """
        client = self._clients[name]
        hidden = max(0, round(min(delay, LONGEST_DELAY).total_seconds()))
        with translated(f"putting a message into {name}"):
            try:
                client.send_message(text, visibility_timeout=hidden, time_to_live=_FOREVER)
            except ResourceNotFoundError:
                self._create(name)
                client.send_message(text, visibility_timeout=hidden, time_to_live=_FOREVER)

    def depth(self, name: str) -> int:
        """Return about how many messages the queue holds, invisible ones too; 0 if it is missing.

        Args:
            name: Any queue of the account, such as a poison queue.
        """
        client = self._clients.get(name) or self._client(name)
        with translated(f"reading {name}"):
            try:
                return client.get_queue_properties().approximate_message_count or 0
            except ResourceNotFoundError:
                return 0

    def _client(self, name: str) -> QueueClient:
        # As host.json's messageEncoding says.
        return self._service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())

    def _create(self, name: str) -> None:
        try:
            self._service.create_queue(name)
        except ResourceExistsError:
            return


class TenantSyncQueue:
    """A ``TenantQueue``; a message goes on with the trace of the work that puts it first."""

    def __init__(self, queues: Queues, telemetry: Telemetry) -> None:
        self._queues = queues
        self._telemetry = telemetry

    def put(self, message: TenantSync, delay: timedelta = timedelta(0)) -> None:
        if message.traceparent is None:
            message = replace(message, traceparent=self._telemetry.traceparent())
        self._queues.put(SYNC_NOW if message.urgent else TENANT_SYNC, encode(message), delay)


class LicenseSyncQueue:
    """A ``LicenseQueue``; a message goes on with the trace of the work that puts it first."""

    def __init__(self, queues: Queues, telemetry: Telemetry) -> None:
        self._queues = queues
        self._telemetry = telemetry

    def put(self, message: LicenseSync, delay: timedelta = timedelta(0)) -> None:
        if message.traceparent is None:
            message = replace(message, traceparent=self._telemetry.traceparent())
        self._queues.put(SYNC_NOW if message.urgent else LICENSE_SYNC, encode(message), delay)


class AccountHealth:
    """A ``StorageHealth``: one small request to each service, tried once."""

    def __init__(self, tables: TableServiceClient, queues: QueueServiceClient) -> None:
        self._tables = tables
        self._queues = queues

    def check(self) -> dict[str, str]:
        return {"tables": _answer(self._list_a_table), "queues": _answer(self._list_a_queue)}

    def _list_a_table(self) -> None:
        found = self._tables.list_tables(
            results_per_page=1,
            retry_total=0,
            connection_timeout=PROBE_SECONDS,
            read_timeout=PROBE_SECONDS,
        )
        next(iter(found), None)

    def _list_a_queue(self) -> None:
        found = self._queues.list_queues(
            results_per_page=1,
            retry_total=0,
            connection_timeout=PROBE_SECONDS,
            read_timeout=PROBE_SECONDS,
        )
        next(iter(found), None)


def _answer(probe: Callable[[], None]) -> str:
    try:
        with translated("probe"):
            probe()
    except SeatsyncError as error:
        return str(error)
    return "ok"
