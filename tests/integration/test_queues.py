"""The queues on real storage."""

import base64
import logging
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import azurite as run_azurite
from shared.adapters.queues import (
    LICENSE_SYNC,
    NAMES,
    SYNC_NOW,
    TENANT_SYNC,
    AccountHealth,
    LicenseSyncQueue,
    Queues,
    TenantSyncQueue,
)
from shared.adapters.storage import StorageAccount, queue_service, table_service
from shared.adapters.telemetry.log import LogOnly
from shared.domain.errors import UpstreamUnavailableError
from shared.messages import decode_license, decode_tenant, decode_urgent, encode
from tests.builders import a_license_sync, a_tenant_sync
from tests.contract.repositories.queues import QueuesContract

pytestmark = pytest.mark.stack


class RealQueues:
    """The queues as a worker sees them."""

    def __init__(self, service):
        self.service = service
        self.queues = Queues(service)
        self.tenant = TenantSyncQueue(self.queues, LogOnly())
        self.license = LicenseSyncQueue(self.queues, LogOnly())

    def visible(self, name):
        decode = {
            TENANT_SYNC: decode_tenant,
            LICENSE_SYNC: decode_license,
            SYNC_NOW: decode_urgent,
        }[name]
        return [decode(base64.b64decode(raw.content)) for raw in self.raw(name)]

    def raw(self, name):
        return list(self.service.get_queue_client(name).receive_messages(max_messages=32))


@pytest.fixture(scope="module")
def service(azurite):
    with queue_service(StorageAccount(azurite.connection_string)) as client:
        yield client


@pytest.fixture
def queues(service):
    """No queue exists yet."""
    for name in NAMES:
        if list(service.list_queues(name_starts_with=name)):
            service.delete_queue(name)
    return RealQueues(service)


class TestQueues(QueuesContract):
    def test_a_message_never_expires(self, queues):
        queues.tenant.put(a_tenant_sync())

        (raw,) = queues.raw(TENANT_SYNC)
        assert raw.expires_on.year == 9999

    def test_a_delayed_message_becomes_visible(self, queues):
        queues.tenant.put(a_tenant_sync(), timedelta(seconds=1))

        deadline = time.monotonic() + 10
        while not (found := queues.visible(TENANT_SYNC)) and time.monotonic() < deadline:
            time.sleep(0.1)

        assert found == [a_tenant_sync()]

    def test_text_is_what_the_host_expects(self, queues):
        queues.license.put(a_license_sync())

        (raw,) = queues.raw(LICENSE_SYNC)
        assert base64.b64decode(raw.content).decode() == encode(a_license_sync())

    def test_what_is_urgent_passes_all_that_waits(self, queues):
        tenant = replace(a_tenant_sync(), urgent=True)
        license_ = replace(a_license_sync(), urgent=True)
        queues.tenant.put(a_tenant_sync())

        queues.tenant.put(tenant)
        queues.license.put(license_)

        assert queues.visible(SYNC_NOW) == [tenant, license_]
        assert queues.visible(TENANT_SYNC) == [a_tenant_sync()]

    def test_the_depth_counts_hidden_messages_too(self, queues):
        assert queues.queues.depth(TENANT_SYNC) == 0
        assert queues.queues.depth("license-sync-poison") == 0

        queues.tenant.put(a_tenant_sync())
        queues.tenant.put(a_tenant_sync(), timedelta(hours=1))

        assert queues.queues.depth(TENANT_SYNC) == 2


class TestHealth:
    def test_storage_that_answers_is_ok(self, azurite):
        account = StorageAccount(azurite.connection_string)
        with table_service(account) as tables, queue_service(account) as queues:
            assert AccountHealth(tables, queues).check() == {"tables": "ok", "queues": "ok"}

    def test_storage_that_is_down_says_so_soon(self, caplog):
        caplog.set_level(logging.CRITICAL)
        with run_azurite() as gone:
            account = StorageAccount(gone.connection_string)
        with table_service(account) as tables, queue_service(account) as queues:
            started = time.monotonic()
            answer = AccountHealth(tables, queues).check()
            took = time.monotonic() - started

            assert answer == {
                "tables": "storage: probe: no answer",
                "queues": "storage: probe: no answer",
            }
            assert took < 5
            with pytest.raises(UpstreamUnavailableError):
                TenantSyncQueue(Queues(queues), LogOnly()).put(a_tenant_sync())
