"""What every ``TenantQueue`` and ``LicenseQueue`` does.

A subclass gives the fixture ``queues``: an object with ``tenant`` and ``license``, and
``visible(name)``, the messages that a worker would get now, decoded.
"""

from datetime import timedelta

from tests.builders import E5_ROW, a_license_sync, a_tenant_sync, an_agreement


class QueuesContract:
    """A suite."""

    def test_messages_arrive_as_they_were_put(self, queues):
        tenant = a_tenant_sync(row_id=E5_ROW, attempt=3)
        licenses = [
            a_license_sync(),
            a_license_sync(agreement=an_agreement(name="Ä 東京"), approval_id="a1", attempt=2),
        ]

        queues.tenant.put(tenant)
        for message in licenses:
            queues.license.put(message)

        assert queues.visible("tenant-sync") == [tenant]
        assert queues.visible("license-sync") == licenses

    def test_a_delayed_message_is_not_visible_yet(self, queues):
        queues.tenant.put(a_tenant_sync(), timedelta(minutes=5))
        queues.tenant.put(a_tenant_sync(attempt=2), timedelta(days=30))
        queues.license.put(a_license_sync(), timedelta(minutes=5))

        assert queues.visible("tenant-sync") == []
        assert queues.visible("license-sync") == []

    def test_a_negative_delay_is_none(self, queues):
        queues.tenant.put(a_tenant_sync(), timedelta(seconds=-5))

        assert queues.visible("tenant-sync") == [a_tenant_sync()]
