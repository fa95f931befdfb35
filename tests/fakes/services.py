"""All services from fakes."""

from dataclasses import dataclass, field
from typing import Any

from shared.adapters.once import OncePerRun
from shared.domain.errors import NotFoundError
from shared.domain.ids import ConnectionName
from shared.domain.plans import CreditMode
from shared.ports import LicenseSource, PartnerSubscriptions, PsaConnection, PsaGateway, Services
from tests.builders import MAIN, PRODUCT_NAMES
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.queues import FakeLicenseQueue, FakeTenantQueue
from tests.fakes.tables import (
    FakeAlerts,
    FakeApprovals,
    FakeBooks,
    FakeChanges,
    FakeConnectionStates,
    FakeCustomers,
    FakeCustomLicenses,
    FakeDeliveries,
    FakeDismissals,
    FakeExclusions,
    FakeHeaders,
    FakeIntents,
    FakeLeases,
    FakeLedgers,
    FakeMappings,
    FakeProfiles,
    FakeReconciliation,
    FakeRuns,
    FakeSettings,
    FakeSnapshots,
    FakeStorageHealth,
    FakeTrends,
)
from tests.fakes.telemetry import FakeTelemetry


@dataclass(slots=True)
class FakeConnections:
    """``Connections`` to whatever a test puts there."""

    licenses: dict[ConnectionName, LicenseSource] = field(default_factory=dict)
    psas: dict[ConnectionName, PsaConnection] = field(default_factory=dict)
    partner_centers: dict[ConnectionName, PartnerSubscriptions] = field(default_factory=dict)

    def microsoft_names(self) -> tuple[ConnectionName, ...]:
        return tuple(sorted(self.licenses))

    def psa_names(self) -> tuple[ConnectionName, ...]:
        return tuple(sorted(self.psas))

    def microsoft(self, name: ConnectionName) -> LicenseSource:
        if name not in self.licenses:
            raise NotFoundError(f"there is no Microsoft connection {name}")
        return self.licenses[name]

    def partner_center(self, name: ConnectionName) -> PartnerSubscriptions | None:
        self.microsoft(name)
        return self.partner_centers.get(name)

    def psa(self, name: ConnectionName) -> PsaConnection:
        if name not in self.psas:
            raise NotFoundError(f"there is no PSA connection {name}")
        return self.psas[name]


def connections_to(
    psa: PsaGateway | None = None,
    microsoft: LicenseSource | None = None,
    *,
    time_zone: str = "UTC",
    credit_mode: CreditMode = CreditMode.WRITE,
    provider: str = "connectwise",
) -> FakeConnections:
    """Return connections named ``main`` to a PSA and to Microsoft."""
    connections = FakeConnections()
    if microsoft is not None:
        connections.licenses[MAIN] = microsoft
    if psa is not None:
        connections.psas[MAIN] = PsaConnection(MAIN, psa, provider, time_zone, credit_mode)
    return connections


def fake_services(
    psa: PsaGateway | None = None,
    microsoft: LicenseSource | None = None,
    *,
    time_zone: str = "UTC",
    credit_mode: CreditMode = CreditMode.WRITE,
    **overrides: Any,
) -> Services:
    """Return services in memory; anything may be replaced by its name in ``Services``.

    Leases and pauses go by the clock that is passed, if one is.
    """
    clock = overrides.get("clock") or FakeClock()
    fakes: dict[str, Any] = {
        "clock": clock,
        "ids": FakeIds(),
        "connections": connections_to(psa, microsoft, time_zone=time_zone, credit_mode=credit_mode),
        "connection_states": FakeConnectionStates(clock),
        "sku_names": dict(PRODUCT_NAMES),
        "free_skus": (),
        "customers": FakeCustomers(),
        "profiles": FakeProfiles(),
        "mappings": FakeMappings(),
        "custom_licenses": FakeCustomLicenses(),
        "exclusions": FakeExclusions(),
        "snapshots": FakeSnapshots(),
        "ledgers": FakeLedgers(),
        "intents": FakeIntents(),
        "leases": FakeLeases(clock),
        "changes": FakeChanges(),
        "runs": FakeRuns(),
        "trends": FakeTrends(),
        "headers": FakeHeaders(),
        "approvals": FakeApprovals(),
        "reconciliation": FakeReconciliation(),
        "alerts": FakeAlerts(),
        "dismissals": FakeDismissals(),
        "deliveries": FakeDeliveries(),
        "settings": FakeSettings(),
        "run_memory": OncePerRun(),
        "tenant_queue": FakeTenantQueue(),
        "license_queue": FakeLicenseQueue(),
        "storage_health": FakeStorageHealth(),
        "telemetry": FakeTelemetry(),
    }
    found = {**fakes, **overrides}
    kinds = ("mappings", "custom_licenses", "ledgers", "intents", "trends")
    found.setdefault("books", FakeBooks(*(found[name] for name in kinds)))
    return Services(**found)
