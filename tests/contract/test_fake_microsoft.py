"""The fake keeps a LicenseSource's promises."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from shared.domain.licensing import AssignedUser, TenantSnapshot
from tests.builders import MAIN
from tests.contract.license_source import LicenseSourceContract
from tests.fakes.microsoft import FakeLicenseSource
from tests.microsoft_site import HandClock


@dataclass
class FakeWorld:
    source: FakeLicenseSource
    clock: HandClock

    def hold(self, snapshot: TenantSnapshot) -> None:
        self.source.hold(snapshot)

    def assign(self, tenant_id: TenantId, users: Iterable[AssignedUser]) -> None:
        self.source.users(tenant_id, users)

    def resell_to(self, *tenants: DirectoryTenant) -> None:
        self.source.tenants = tenants

    def throttle(self, tenant_id: TenantId, seconds: int) -> None:
        self.source.fail(tenant_id, RateLimitError(MAIN, timedelta(seconds=seconds)))

    def break_down(self, tenant_id: TenantId) -> None:
        self.source.fail(tenant_id, UpstreamUnavailableError(MAIN, "503"))

    def withdraw_consent(self, tenant_id: TenantId) -> None:
        self.source.fail(tenant_id, AccessDeniedError("no consent", "Consent again."))

    def garble(self, tenant_id: TenantId) -> None:
        self.source.fail(tenant_id, UnexpectedPayloadError("$: expected an object"))

    def recover(self, tenant_id: TenantId) -> None:
        self.source.recover(tenant_id)

    def pass_time(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)


class TestFakeLicenseSource(LicenseSourceContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        clock = HandClock()
        return FakeWorld(FakeLicenseSource(clock), clock)
