"""The sample app on the real local host, on real storage."""

import base64
import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, QueueServiceClient

from local.azurite import Azurite
from local.processes import Child, Processes, free_port, url_answers
from tests.integration.nursery import begin_host

APP = Path(__file__).parent / "sample_app"
NEVER = "0 0 0 1 1 *"


@dataclass
class SampleHost:
    """Hosts of one app on one storage account, and what the app did."""

    environment: dict[str, str]
    storage: QueueServiceClient
    journal: Path
    logs: Path
    processes: Processes
    ports: list[int] = field(default_factory=list)

    def start(self, *options: str, **environment: str) -> Child:
        port = free_port()
        self.ports.append(port)
        child = begin_host(
            self.processes,
            ["--port", str(port), "--app-dir", str(APP), *options],
            {**self.environment, **environment},
            self.logs / f"{port}.log",
        )
        child.wait_ready(url_answers(f"http://127.0.0.1:{port}/admin/host/status"))
        return child

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(
            method, f"http://127.0.0.1:{self.ports[-1]}{path}", timeout=20, **options
        )

    def notes(self, function: str, **wanted: object) -> list[dict[str, Any]]:
        if not self.journal.exists():
            return []
        notes = [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]
        return [
            note
            for note in notes
            if note["function"] == function and wanted.items() <= note.items()
        ]

    def log(self) -> str:
        return "".join(path.read_text("utf-8") for path in self.logs.glob("*.log"))

    def queue(self, name: str) -> QueueClient:
        return self.storage.get_queue_client(self.environment[name])

    def poison(self) -> QueueClient:
        return self.storage.get_queue_client(self.environment["JOBS_QUEUE"] + "-poison")

    def put(self, **job: object) -> None:
        self.put_raw(base64.b64encode(json.dumps(job).encode()).decode())

    def put_raw(self, content: str) -> None:
        self.queue("JOBS_QUEUE").send_message(content)

    def peek(self, queue: QueueClient) -> list[QueueMessage]:
        try:
            return list(queue.peek_messages())
        except ResourceNotFoundError:
            return []

    def count(self, queue: QueueClient) -> int:
        return queue.get_queue_properties().approximate_message_count or 0


@contextlib.contextmanager
def sample_in(directory: Path, azurite: Azurite) -> Iterator[SampleHost]:
    """The sample app with queues and timers of its own, its job queue made."""
    mark = uuid.uuid4().hex[:12]
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "AzureFunctionsWebHost__hostid": f"host{mark}",
        "JOBS_QUEUE": f"jobs-{mark}",
        "DONE_QUEUE": f"done-{mark}",
        "TICK_SCHEDULE": NEVER,
        "SAMPLE_JOURNAL": str(directory / "journal"),
    }
    with (
        Processes() as processes,
        QueueServiceClient.from_connection_string(azurite.connection_string) as storage,
    ):
        sample = SampleHost(
            environment, storage, directory / "journal", directory / "logs", processes
        )
        sample.queue("JOBS_QUEUE").create_queue()
        yield sample


@pytest.fixture
def sample(azurite: Azurite, tmp_path: Path) -> Iterator[SampleHost]:
    """The sample app; the test starts the hosts."""
    with sample_in(tmp_path, azurite) as sample:
        yield sample


@pytest.fixture(scope="module")
def host(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleHost]:
    """The sample app with one host running, for tests that leave no trace."""
    with sample_in(tmp_path_factory.mktemp("host"), azurite) as sample:
        sample.start()
        yield sample
