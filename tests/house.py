"""A small MSP in memory: services from fakes, and the queues worked off as the host would."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.domain.agreements import AgreementLine
from shared.domain.errors import SeatsyncError
from shared.domain.history import Change
from shared.domain.ids import CustomerId, GroupId, RowId, RunId, SkuId, TenantId
from shared.domain.mappings import group_of
from shared.domain.runs import RunItem, RunReason
from shared.ports import LicenseSync, Services, TenantSync
from shared.usecases.start_run import start_cycle, sync_now
from shared.usecases.sync_license import sync_license
from shared.usecases.sync_tenant import sync_tenant
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    E5,
    EDITOR,
    NOW,
    TENANT,
    a_company,
    a_customer,
    a_mapping,
    a_product,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
    an_agreement,
)
from tests.fakes.clock import FakeClock
from tests.fakes.microsoft import FakeLicenseSource
from tests.fakes.psa import FakePsa
from tests.fakes.services import fake_services

MOST_DELIVERIES = 5
AT_ONCE = 24
"""How many messages of a queue a host works on: ``batchSize`` and ``newBatchThreshold``."""


class Crash(BaseException):
    """The worker's process died: nothing after this point ran, and nothing was cleaned up."""


@dataclass(slots=True)
class House:
    """One MSP with one customer; a test changes what it is about."""

    clock: FakeClock = field(default_factory=FakeClock)
    psa: FakePsa = field(default_factory=FakePsa)
    microsoft: FakeLicenseSource = field(init=False)
    services: Services = field(init=False)
    dropped: list[TenantSync | LicenseSync] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.microsoft = FakeLicenseSource(self.clock)
        self.services = fake_services(self.psa, self.microsoft, clock=self.clock)
        self.psa.add(a_company(), a_product(), an_agreement())

    # Arrange ----------------------------------------------------------------------------------

    def with_customer(self, **fields: Any) -> "House":
        self.services.customers.add(a_customer(**fields))
        return self

    def with_mapping(self, **fields: Any) -> "House":
        if not self.services.profiles.all():
            self.services.profiles.add(a_profile())
        fields.setdefault("saved_at", self.clock.now())
        self.services.mappings.put(None, a_mapping(**fields))
        return self

    def holds(self, seats: int, sku: SkuId = E5, *, tenant_id: TenantId = TENANT) -> "House":
        """Let the tenant have this many enabled seats of one SKU, in one subscription."""
        self.microsoft.hold(
            a_snapshot(
                tenant_id=tenant_id,
                skus=[a_sku(sku, enabled=seats)],
                subscriptions=[a_subscription(sku_id=sku, total_licenses=seats)],
            )
        )
        return self

    def on(self, day: date) -> "House":
        """Let it be half past nine on another day, in billing and in real time."""
        moment = datetime.combine(day, NOW.timetz())
        self.clock.pass_time(moment - self.clock.now())
        return self

    def invoiced_through(self, first_uninvoiced: date) -> "House":
        agreement = self.psa.agreements[AGREEMENT]
        self.psa.add(
            replace(agreement, first_uninvoiced=first_uninvoiced, next_invoice=first_uninvoiced)
        )
        self.psa.post_through(first_uninvoiced)
        return self

    # Act --------------------------------------------------------------------------------------

    def cycle(self) -> RunId:
        """Run a whole cycle, as the timer would start it."""
        self._a_little_later()
        run_id = start_cycle(self.services, requested_by="timer", reason=RunReason.SCHEDULED)
        self.drain()
        return run_id

    def sync_now(self, row_id: RowId | None = None) -> RunId:
        self._a_little_later()
        run_id = sync_now(CUSTOMER, row_id, self.services, requested_by=EDITOR)
        self.drain()
        return run_id

    def drain(self, *, each: int = 1) -> None:
        """Work off all queues; delays pass at once. ``each`` delivers every message so often."""
        tenants, licenses = self.services.tenant_queue, self.services.license_queue
        while tenants.waiting or licenses.waiting:
            if tenants.waiting:
                self._wait(tenants.waiting[0].delay)
                self._deliver(sync_tenant_again, tenants.take(), each)
            else:
                self._wait(licenses.waiting[0].delay)
                self._deliver(sync_license_again, licenses.take(), each)

    def drain_at_once(self) -> None:
        """Work off all queues in threads, as many messages of each at once as the host takes."""
        services = self.services
        works = (
            (services.tenant_queue, sync_tenant_again),
            (services.license_queue, sync_license_again),
        )
        running: dict[Future[None], int] = {}
        with ThreadPoolExecutor(len(works) * AT_ONCE) as pool:
            while True:
                for which, (queue, work) in enumerate(works):
                    while queue.waiting and Counter(running.values())[which] < AT_ONCE:
                        self._wait(queue.waiting[0].delay)
                        begun = pool.submit(self._deliver, work, queue.take(), 1)
                        running[begun] = which
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for one in done:
                    del running[one]
                    one.result()

    def _wait(self, delay: timedelta) -> None:
        self.clock.real += delay

    def _deliver(
        self,
        work: Callable[..., None],
        message: TenantSync | LicenseSync,
        times: int,
    ) -> None:
        done = 0
        for delivery in range(1, MOST_DELIVERIES + times):
            try:
                work(message, self.services, delivery)
            except SeatsyncError:
                continue
            done += 1
            if done == times:
                return
        self.dropped.append(message)

    def _a_little_later(self) -> None:
        self.clock.pass_time(timedelta(seconds=30))
        self.psa.read_at = self.clock.now()

    # Look -------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[AgreementLine]:
        return sorted(self.psa.lines_of(AGREEMENT), key=lambda line: int(line.line_id))

    @property
    def quantities(self) -> list[int | None]:
        return [line.quantity for line in self.lines]

    @property
    def group_id(self) -> GroupId:
        return group_of(a_mapping(), a_profile()).group_id

    def items(self, run_id: RunId) -> list[RunItem]:
        return [i for i in self.services.runs.items(run_id) if i.group_id is not None]

    def history(self, customer_id: CustomerId = CUSTOMER) -> tuple[Change, ...]:
        return self.services.changes.of_customer(customer_id).items


def sync_tenant_again(message: TenantSync, services: Services, delivery: int) -> None:
    """Deliver a tenant's message for the n-th time."""
    sync_tenant(message, services, redelivered=delivery > 1)


def sync_license_again(message: LicenseSync, services: Services, delivery: int) -> None:
    """Deliver a line group's message; it does not matter which time."""
    sync_license(message, services)
