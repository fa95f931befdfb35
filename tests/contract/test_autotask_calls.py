"""How often a run over a hundred tenants calls Autotask: the whole house on the simulator.

A page holds 500 records, and one line has a row of units for each period: the rows make the pages.
"""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pytest

from local.simulators.autotask import builders
from shared.domain.ids import (
    AgreementId,
    CompanyId,
    CustomerId,
    LineId,
    ProductId,
    ProfileId,
    SkuId,
    SubscriptionId,
    TenantId,
    sku_row,
)
from shared.domain.ledger import InForce, Ledger
from shared.domain.mappings import group_of
from shared.domain.runs import RunReason
from shared.usecases.close_runs import close_runs
from shared.usecases.start_run import start_cycle
from tests.builders import (
    NOW,
    a_customer,
    a_mapping,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
)
from tests.contract.test_autotask import APRIL, JANUARY, AutotaskServer
from tests.fakes.clock import FakeClock
from tests.fakes.microsoft import FakeLicenseSource
from tests.fakes.services import fake_services
from tests.house import House

TENANTS = 100
LICENCES = 8
CHANGES = 80
SEATS = 10


def an_id(number: int) -> str:
    return str(UUID(int=number, version=4))


SKUS = [SkuId(an_id(1_000_000 + number)) for number in range(LICENCES)]


class Fleet:
    """A hundred customers with a contract of eight services each, in step."""

    def __init__(self) -> None:
        self.server = AutotaskServer()
        numbers = range(TENANTS)
        self.server.state.seed(
            companies=[builders.a_company(1000 + n, name=f"Made up {n}") for n in numbers],
            services=[builders.a_service(100 + k, name=f"Licence {k}") for k in range(LICENCES)],
            contracts=[
                builders.a_contract(7000 + n, company=1000 + n, ends=date(2026, 6, 30))
                for n in numbers
            ],
            contract_services=[
                builders.a_contract_service(
                    10_000 + n * LICENCES + k, contract=7000 + n, service=100 + k, units=SEATS
                )
                for n in numbers
                for k in range(LICENCES)
            ],
        )
        self.house = House()
        clock = FakeClock()
        self.microsoft = FakeLicenseSource(clock)
        self.house.clock, self.house.microsoft = clock, self.microsoft
        self.house.services = fake_services(self.server.gateway, self.microsoft, clock=clock)
        services = self.house.services
        for k in range(LICENCES):
            services.profiles.add(
                a_profile(ProfileId(f"p{k}"), name=f"P{k}", product_id=ProductId(str(100 + k)))
            )
        for n in numbers:
            services.customers.add(
                a_customer(
                    CustomerId(f"c{n}"),
                    name=f"Made up {n}",
                    tenant_id=self.tenant(n),
                    company_id=CompanyId(str(1000 + n)),
                )
            )
            for k, sku in enumerate(SKUS):
                self._map(n, k, sku)
            self.holds(n)

    def _map(self, n: int, k: int, sku: SkuId) -> None:
        """A row and its line, as if it had been taken over in January."""
        mapping = a_mapping(
            sku_row(sku),
            customer_id=CustomerId(f"c{n}"),
            profile_id=ProfileId(f"p{k}"),
            agreement_id=AgreementId(str(7000 + n)),
        )
        self.house.services.mappings.put(None, mapping)
        profile = self.house.services.profiles.get(mapping.profile_id).value
        self.house.services.ledgers.save(
            None,
            Ledger(
                mapping.customer_id,
                group_of(mapping, profile).group_id,
                rows=(mapping.row_id,),
                line_id=LineId(str(10_000 + n * LICENCES + k)),
                adopted=True,
                last_written=SEATS,
                line_starts=JANUARY,
                in_force=(InForce(JANUARY, SEATS),),
                as_of=JANUARY,
                first_uninvoiced=APRIL,
                written_at=NOW - timedelta(days=60),
            ),
        )

    def tenant(self, n: int) -> TenantId:
        return TenantId(an_id(1 + n))

    def holds(self, n: int, **seats: int) -> None:
        """Let a tenant have ten seats of each licence, or others of the first one."""
        bought = [seats.get("first", SEATS), *[SEATS] * (LICENCES - 1)]
        self.microsoft.hold(
            a_snapshot(
                [a_sku(sku, enabled=count) for sku, count in zip(SKUS, bought, strict=True)],
                [
                    a_subscription(
                        SubscriptionId(an_id(2_000_000 + n * LICENCES + k)),
                        sku_id=sku,
                        total_licenses=count,
                    )
                    for k, (sku, count) in enumerate(zip(SKUS, bought, strict=True))
                ],
                tenant_id=self.tenant(n),
            )
        )

    def cycle(self) -> Counter[str]:
        """Run a cycle, and return the calls of Autotask by kind."""
        self.server.kinds.clear()
        self.house.clock.pass_time(timedelta(minutes=1))
        start_cycle(self.house.services, requested_by="timer", reason=RunReason.SCHEDULED)
        self.house.drain()
        close_runs(self.house.services)
        assert self.house.dropped == []
        return Counter(self.server.kinds)


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet()
    yield fleet
    fleet.server.close()


QUIET = {
    "autotask.Contracts.query": 1,
    # Rows of 800 lines, 500 a page: what was posted lately, and what is and comes.
    "autotask.ContractServiceUnits.query": 9,
    "autotask.ContractServices.query": 2,
    "autotask.ContractServiceBundles.query": 1,
    "autotask.ContractServiceBundleUnits.query": 1,
}
A_CHANGE = {
    # Its agreement's lines once more, then the line before and after the one write.
    "autotask.ContractServices.query": 3,
    "autotask.ContractServiceUnits.query": 3,
    "autotask.ContractServiceBundles.query": 1,
    "autotask.ContractServiceAdjustments": 1,
}


def test_a_run_reads_everything_at_once_and_a_change_costs_its_own_reads_and_one_write(fleet):
    first = fleet.cycle()
    quiet = fleet.cycle()
    for n in range(CHANGES):
        fleet.holds(n, first=SEATS + 1)

    changed = fleet.cycle()

    assert first == quiet + Counter({"autotask.zone": 1, "autotask.Contracts.fields": 1})
    assert quiet == QUIET
    assert changed - quiet == {kind: CHANGES * n for kind, n in A_CHANGE.items()}
