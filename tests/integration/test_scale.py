"""Many tenants, of which some fail in every way; and one with very many users.

Microsoft is the simulator behind a real socket. The PSA and the storage are in memory, and queues
are worked off as the host would: five deliveries, then the poison queue.
"""

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from local.processes import Processes, free_port, url_answers
from local.simulators.common.faults import Kind
from local.simulators.microsoft.builders import (
    CLIENT_ID,
    CLIENT_SECRET,
    PARTNER_TENANT_ID,
    a_state,
    a_subscription,
    a_tenant,
    a_user,
    an_id,
)
from local.simulators.microsoft.state import RawOverride, Tenant, add_seats
from shared.adapters.http.session import pooled_http
from shared.adapters.microsoft.config import ClientSecret, MicrosoftConfig
from shared.adapters.microsoft.graph import graph_source
from shared.domain.alerts import Alert
from shared.domain.errors import BadMessageError, SeatsyncError
from shared.domain.guards import GuardSettings
from shared.domain.ids import AgreementId, CompanyId, CustomerId, TenantId
from shared.domain.preferences import Preferences
from shared.domain.runs import RunReason
from shared.ports import LicenseSync, TenantSync
from shared.usecases.poison import give_up_license, give_up_tenant, note_trouble
from shared.usecases.start_run import start_cycle
from tests.builders import E5, MAIN, TENANT, a_company, a_customer, an_agreement
from tests.house import House, sync_license_again, sync_tenant_again
from tests.integration.microsoft_http import HttpSite, microsoft_over_http

ROOT = Path(__file__).resolve().parents[2]
TENANTS = 200
FAILING = 30
MOST_DELIVERIES = 5
MEGABYTE = 1_000_000
USERS = 20_000
LARGEST_PAGE = 999

Break = Callable[[HttpSite, Tenant], None]


# Ten ways to fail --------------------------------------------------------------------------------


def no_consent(site: HttpSite, tenant: Tenant) -> None:
    tenant.consents = {}


def one_permission_is_missing(site: HttpSite, tenant: Tenant) -> None:
    tenant.consents = {CLIENT_ID: ["LicenseAssignment.Read.All"]}


def throttled_without_a_wait(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.THROTTLE, "/$batch", tenant=tenant.id)


def unavailable(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.STATUS, "/$batch", tenant=tenant.id, status=503)


def dropped(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.DROP, "/$batch", tenant=tenant.id)


def html(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.HTML, "/$batch", tenant=tenant.id)


def truncated(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.TRUNCATED, "/$batch", tenant=tenant.id)


def numbers_left_out(site: HttpSite, tenant: Tenant) -> None:
    tenant.raw_sku_overrides = {E5: RawOverride(put={"prepaidUnits.enabled": None})}


def answers_of_another_tenant(site: HttpSite, tenant: Tenant) -> None:
    handle = site.vendor.handle

    def swapped(call: Any, simulator: Any) -> Any:
        answer = handle(call, simulator)
        if call.path != "/organization" or call.tenant != tenant.id:
            return answer
        body = {**answer.body, "value": [{**answer.body["value"][0], "id": an_id("elsewhere")}]}
        return replace(answer, body=body, deliberate=True)

    site.vendor.handle = swapped


def pages_in_a_circle(site: HttpSite, tenant: Tenant) -> None:
    site.fault(Kind.REPEATED_LINK, "/subscribedSkus", tenant=tenant.id)


# What each alert tells a person to do.
WAYS: dict[Break, str] = {
    no_consent: "An admin of the tenant has to let the app in, at ",
    one_permission_is_missing: "Organization.Read.All",
    throttled_without_a_wait: "press Sync Now",
    unavailable: "press Sync Now",
    dropped: "press Sync Now",
    html: "press Sync Now",
    truncated: "press Sync Now",
    numbers_left_out: "look at the licence in Microsoft's admin center",
    answers_of_another_tenant: "press Sync Now",
    pages_in_a_circle: "press Sync Now",
}


# A large MSP -------------------------------------------------------------------------------------


def customer_id(number: int) -> CustomerId:
    return CustomerId(f"customer-{number:03}")


def tenant_name(number: int) -> str:
    return f"Customer {number:03}"


def tenants() -> list[Tenant]:
    return [
        a_tenant(
            tenant_name(number),
            [a_subscription(E5, 10 + number % 7, part_number="SPE_E5", name=tenant_name(number))],
        )
        for number in range(TENANTS)
    ]


def new_msp(site: HttpSite) -> House:
    """Return an MSP that bills every tenant's E5, each on an agreement of its own."""
    house = House()
    site.house = house
    site.connect()
    for number in range(TENANTS):
        company = CompanyId(str(1000 + number))
        agreement = AgreementId(str(8000 + number))
        house.psa.add(
            a_company(company, name=tenant_name(number)),
            replace(an_agreement(agreement), company_id=company),
        )
        house.services.customers.add(
            a_customer(
                customer_id(number),
                name=tenant_name(number),
                tenant_id=TenantId(an_id(f"tenant-{tenant_name(number)}")),
                company_id=company,
            )
        )
        house.with_mapping(customer_id=customer_id(number), agreement_id=agreement)
    # Everybody buys on one day here, which would stop a run otherwise.
    read = house.services.settings.get()
    house.services.settings.save(read, Preferences(GuardSettings(run_stop_lines=TENANTS + 1)))
    return house


def cycle(house: House) -> None:
    """Run a cycle a day later, and work off the queues as the host does."""
    house.clock.pass_time(timedelta(days=1))
    house.psa.read_at = house.clock.now()
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    tenant_queue, license_queue = house.services.tenant_queue, house.services.license_queue
    due: list[tuple[datetime, int, TenantSync]] = []
    order = count()
    while True:
        while license_queue.waiting:
            deliver(house, license_queue.take(), sync_license_again, give_up_license)
        while tenant_queue.waiting:
            visible_at = house.clock.real + tenant_queue.waiting[0].delay
            heappush(due, (visible_at, next(order), tenant_queue.take()))
        if not due:
            return
        visible_at, _, message = heappop(due)
        house.clock.real = max(house.clock.real, visible_at)  # nothing else could be done
        deliver(house, message, sync_tenant_again, give_up_tenant)


def deliver(
    house: House,
    message: TenantSync | LicenseSync,
    work: Callable[..., None],
    give_up: Callable[..., None],
) -> None:
    for delivery in range(1, MOST_DELIVERIES + 1):
        try:
            work(message, house.services, delivery)
        except SeatsyncError as error:
            note_trouble(message, str(error), house.services)
            if isinstance(error, BadMessageError):
                break
        else:
            return
    give_up(message, house.services)


def outcome(house: House, number: int) -> tuple[object, ...]:
    """Everything that a cycle leaves of a customer: lines, numbers, alerts, approvals, history."""
    services, owner = house.services, customer_id(number)
    tenant = TenantId(an_id(f"tenant-{tenant_name(number)}"))
    record = services.snapshots.get(tenant)
    assert record is not None
    assert record.value.snapshot is not None
    lines = house.psa.lines_of(AgreementId(str(8000 + number)))
    return (
        sorted((x.quantity, x.starts, x.ends, x.marker, x.description) for x in lines),
        record.value.snapshot.skus,
        record.value.failures,
        [(x.value.charged, x.value.in_force) for x in services.ledgers.of_customer(owner)],
        services.alerts.open_of(owner),
        services.approvals.open_of(owner),
        [(x.before, x.after, x.why, x.at) for x in services.changes.of_customer(owner).items],
    )


@pytest.fixture
def site() -> Iterator[HttpSite]:
    with microsoft_over_http(state=a_state(*tenants())) as made:
        made.simulator.check_contracts = False  # its faults break them, and it is the slow part
        yield made


def test_thirty_tenants_that_fail_in_ten_ways_leave_the_others_alone(site):
    state = site.state.model_dump()
    undisturbed = new_msp(site)
    cycle(undisturbed)
    buy_two_seats_each(site)
    cycle(undisturbed)

    site.vendor.state = type(site.state).model_validate(state)
    disturbed = new_msp(site)
    cycle(disturbed)
    before = {number: outcome(disturbed, number)[0] for number in range(FAILING)}
    buy_two_seats_each(site)
    for number in range(FAILING):
        tenant = site.state.tenant(an_id(f"tenant-{tenant_name(number)}"))
        assert tenant is not None
        way = list(WAYS)[number % len(WAYS)]
        way(site, tenant)
    site.vendor.tokens.revoke_all()
    cycle(disturbed)

    for number in range(FAILING, TENANTS):
        assert outcome(disturbed, number) == outcome(undisturbed, number)
        assert seats_in_force(disturbed, number) == 12 + number % 7
    assert disturbed.services.alerts.open_of(None) == ()
    told: list[Alert] = []
    for number in range(FAILING):
        assert outcome(disturbed, number)[0] == before[number], "nothing of it was changed"
        [alert] = disturbed.services.alerts.open_of(customer_id(number))
        assert list(WAYS.values())[number % len(WAYS)] in alert.text
        told.append(alert)
    assert len(told) == FAILING


def seats_in_force(house: House, number: int) -> int | None:
    [ledger] = house.services.ledgers.of_customer(customer_id(number))
    return ledger.value.in_force[-1].seats


def buy_two_seats_each(site: HttpSite) -> None:
    for number in range(TENANTS):
        tenant = site.state.tenant(an_id(f"tenant-{tenant_name(number)}"))
        assert tenant is not None
        add_seats(tenant, E5, 2)


# Many users --------------------------------------------------------------------------------------


@pytest.fixture
def large_tenant(tmp_path: Path) -> Iterator[str]:
    """The address of a simulator in a process of its own, so that its memory is not ours."""
    users = [a_user(f"User {number:05}", sku_ids=[E5]) for number in range(USERS)]
    bought = a_subscription(E5, USERS, part_number="SPE_E5")
    state = a_state(a_tenant("Contoso", [bought], tenant_id=TENANT, users=users))
    file = tmp_path / "state.json"
    file.write_text(state.model_dump_json(), "utf-8")
    port = free_port()
    command = [sys.executable, "-m", "local", "simulators", "microsoft", "--unchecked"]
    with Processes() as processes:
        processes.start(
            "microsoft",
            [*command, "--microsoft-port", str(port), "--microsoft-state", str(file)],
            directory=ROOT,
            log=tmp_path / "microsoft.log",
            ready=url_answers(f"http://127.0.0.1:{port}/_sim/health"),
        )
        yield f"http://127.0.0.1:{port}"


def test_a_tenant_of_twenty_thousand_users_is_read_in_few_calls_and_little_memory(
    large_tenant, capsys
):
    calls: list[str] = []
    config = MicrosoftConfig(
        tenant_id=TenantId(PARTNER_TENANT_ID),
        client_id=CLIENT_ID,
        credential=ClientSecret(CLIENT_SECRET),
        login_url=large_tenant,
        graph_url=large_tenant,
        development=True,
    )
    clock = House().clock
    clock.travel_to(datetime.now(UTC))

    def on_call(kind: str, method: str, status: int | None, seconds: float, attempt: int) -> None:
        calls.append(kind)

    with pooled_http() as http:
        source = graph_source(MAIN, config, clock, http, on_call)
        source.read_tenant(TENANT)  # whatever is loaded once is not the users'
        assert "graph.users" not in calls, "a tenant without a need for users makes none"
        tracemalloc.start()
        users = source.assigned_users(TENANT)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    pages = calls.count("graph.users")
    with capsys.disabled():
        figures = f"kept {kept / MEGABYTE:.1f} MB, peak {peak / MEGABYTE:.1f} MB"
        print(f"\n{USERS} users: {pages} calls, {figures}")  # noqa: T201 - the figure is the point
    assert len(users) == USERS
    assert pages == -(-USERS // LARGEST_PAGE)
    assert peak < 60 * MEGABYTE
