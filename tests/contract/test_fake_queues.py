"""The queues in memory keep the promises of the real ones."""

from datetime import timedelta

import pytest

from tests.contract.repositories.queues import QueuesContract
from tests.fakes.queues import FakeLicenseQueue, FakeTenantQueue


class FakeQueues:
    def __init__(self):
        self.tenant = FakeTenantQueue()
        self.license = FakeLicenseQueue()

    def visible(self, name):
        queue = {"tenant-sync": self.tenant, "license-sync": self.license}[name]
        return [entry.message for entry in queue.waiting if entry.delay <= timedelta(0)]


class TestFakeQueues(QueuesContract):
    @pytest.fixture
    def queues(self):
        return FakeQueues()
