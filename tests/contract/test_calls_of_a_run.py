"""How often a run over a hundred tenants calls each PSA: the whole house on the simulators.

Besides, a run asks Microsoft once for each tenant. What is measured is written beside the floor:
what reading in bulk and writing only differences would need at least, for 100 tenants of 8
licences and for 80 changes among them, those 100 calls of Microsoft included.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.domain.ids import (
    AgreementId,
    CompanyId,
    CustomerId,
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
    a_line,
    a_mapping,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
)
from tests.contract.test_autotask import AutotaskServer
from tests.contract.test_connectwise import ConnectWiseServer
from tests.contract.test_halopsa import HaloPsaServer
from tests.contract.test_syncro import SyncroServer
from tests.fakes.clock import FakeClock
from tests.fakes.microsoft import FakeLicenseSource
from tests.fakes.services import fake_services
from tests.house import House

TENANTS = 100
LICENCES = 8
CHANGES = 80
SEATS = 10
JANUARY = date(2026, 1, 1)
APRIL = date(2026, 4, 1)

Calls = dict[str, int]


def an_id(number: int) -> str:
    return str(UUID(int=number, version=4))


SKUS = [SkuId(an_id(1_000_000 + number)) for number in range(LICENCES)]


class Fleet:
    """A hundred customers with an agreement of eight lines each, in step."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.house = House()
        clock = FakeClock()
        self.microsoft = FakeLicenseSource(clock)
        self.house.clock, self.house.microsoft = clock, self.microsoft
        self.house.services = fake_services(server.gateway, self.microsoft, clock=clock)
        services = self.house.services
        for k in range(LICENCES):
            product = ProductId(str(100 + k))
            server.add_product(product, f"Licence {k}", price=Decimal("31.00"))
            services.profiles.add(a_profile(ProfileId(f"p{k}"), name=f"P{k}", product_id=product))
        for n in range(TENANTS):
            company = CompanyId(str(1000 + n))
            server.add_company(company, f"Made up {n}")
            server.add_agreement(self.agreement(n), company_id=company, first_uninvoiced=APRIL)
            services.customers.add(
                a_customer(
                    CustomerId(f"c{n}"),
                    name=f"Made up {n}",
                    tenant_id=self.tenant(n),
                    company_id=company,
                )
            )
            for k, sku in enumerate(SKUS):
                self._map(n, k, sku)
            self.holds(n)

    def _map(self, n: int, k: int, sku: SkuId) -> None:
        """A row and its line, as if it had been taken over in January."""
        profile = self.house.services.profiles.get(ProfileId(f"p{k}")).value
        line_id = self.server.add_line(
            a_line(
                agreement_id=self.agreement(n),
                product_id=profile.product_id,
                quantity=SEATS,
                starts=JANUARY,
            )
        )
        mapping = a_mapping(
            sku_row(sku),
            customer_id=CustomerId(f"c{n}"),
            profile_id=profile.profile_id,
            agreement_id=self.agreement(n),
        )
        self.house.services.mappings.put(None, mapping)
        self.house.services.ledgers.save(
            None,
            Ledger(
                mapping.customer_id,
                group_of(mapping, profile).group_id,
                rows=(mapping.row_id,),
                line_id=line_id,
                adopted=True,
                last_written=SEATS,
                line_starts=JANUARY,
                in_force=(InForce(JANUARY, SEATS),),
                as_of=JANUARY,
                first_uninvoiced=APRIL,
                written_at=NOW - timedelta(days=60),
            ),
        )

    def agreement(self, n: int) -> AgreementId:
        return AgreementId(str(7000 + n))

    def tenant(self, n: int) -> TenantId:
        return TenantId(an_id(1 + n))

    def holds(self, n: int, first: int = SEATS) -> None:
        """Let a tenant have ten seats of each licence, or others of the first one."""
        bought = [first, *[SEATS] * (LICENCES - 1)]
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
        """Run a cycle, and return the calls of the PSA by kind."""
        self.server.simulator.calls.clear()
        self.house.clock.pass_time(timedelta(minutes=1))
        start_cycle(self.house.services, requested_by="timer", reason=RunReason.SCHEDULED)
        self.house.drain()
        close_runs(self.house.services)
        assert self.house.dropped == []
        return Counter(self.server.simulator.calls.counts())


@dataclass(frozen=True, slots=True)
class Expected:
    """What a PSA is asked in a quiet run, and for a change besides.

    Attributes:
        floor: Of a quiet run, Microsoft included.
        floor_changed: Of a run with eighty changes.
    """

    server: Callable[[], Any]
    quiet: Calls
    change: Calls
    once: Calls
    floor: int
    floor_changed: int


EXPECTED = {
    # 201 = 100 + 1 + 100; with changes 2 each. Ours: 3 each, 441: in the middle of a period a
    # change is two writes, the standing line and a line for the days, after one more read of the
    # lines.
    "connectwise": Expected(
        ConnectWiseServer,
        quiet={"connectwise.agreements.list": 1, "connectwise.additions.list": 100},
        change={
            "connectwise.additions.list": 1,
            "connectwise.additions.create": 1,
            "connectwise.additions.patch": 1,
        },
        once={},
        floor=100 + 1 + 100,
        floor_changed=361,
    ),
    # 105 = 100 + 5, each a page. Ours: 114, as 500 records are a page: 800 lines are 2 pages, and
    # their units 9: a row for each line and period, once of what was posted and once of what is.
    # With changes 1 each and 2 more reads for all. Ours: 7 each, 674. Nothing takes an adjustment
    # back, so each is planned on its own contract's lines as they are (3), compared with the line
    # right before it is sent (2), sent (1), and looked for in the units (1).
    "autotask": Expected(
        AutotaskServer,
        quiet={
            "autotask.Contracts.query": 1,
            "autotask.ContractServices.query": 2,
            "autotask.ContractServiceUnits.query": 4,
            "autotask.ContractServiceBundles.query": 1,
        },
        change={
            "autotask.ContractServiceUnits.query": 2,
            "autotask.ContractServiceAdjustments.create": 1,
        },
        once={"autotask.ZoneInformation.get": 1, "autotask.Contracts.entityInformation.fields": 1},
        floor=100 + 5,
        floor_changed=187,
    ),
    # 110 = 100 + up to 10 pages. Ours: 102, one page of headers and one with lines. With changes 2
    # each. Ours: 4 each, 422: a write holds the whole invoice and HaloPSA has no conditional one,
    # so it is read for the plan, right before the write, and after it.
    "halopsa": Expected(
        HaloPsaServer,
        quiet={"halopsa.recurringinvoice.list": 1},
        change={"halopsa.recurringinvoice.get": 1, "halopsa.recurringinvoice.write": 1},
        once={"halopsa.token": 1},
        floor=110,
        floor_changed=270,
    ),
    # As ConnectWise with 25 records a page: 204 = 100 + 4 + 100, its list has no lines. With
    # changes 2 each, 364.
    "syncro": Expected(
        SyncroServer,
        quiet={"syncro.schedules.list": 4, "syncro.schedules.get": 100},
        change={"syncro.schedules.get": 1, "syncro.schedules.line_items.put": 1},
        once={},
        floor=100 + 4 + 100,
        floor_changed=100 + 4 + 100 + CHANGES * 2,
    ),
}
MEASURED = {
    "connectwise": (201, 441),
    "autotask": (108, 348),
    "halopsa": (101, 261),
    "syncro": (204, 364),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_calls_its_psa_no_more_often_than_is_written_here(name):
    expected = EXPECTED[name]
    server = expected.server()
    try:
        fleet = Fleet(server)
        first = fleet.cycle()
        quiet = fleet.cycle()
        for n in range(CHANGES):
            fleet.holds(n, first=SEATS + 1)
        changed = fleet.cycle()
    finally:
        server.close()

    assert set(fleet.microsoft.reads.values()) == {3}
    assert quiet == expected.quiet
    assert first == quiet + Counter(expected.once)
    assert changed - quiet == {kind: CHANGES * n for kind, n in expected.change.items()}
    assert quiet - changed == Counter()
    totals = (TENANTS + quiet.total(), TENANTS + changed.total())
    assert totals == MEASURED[name], f"floor: {expected.floor} and {expected.floor_changed}"
