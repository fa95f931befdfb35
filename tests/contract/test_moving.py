"""Moving from another tool, on each PSA's own simulator: pre-flight, and the end of its lines."""

from datetime import date

import pytest

from shared.domain.customers import Customer
from shared.domain.errors import ConflictError
from shared.ports import Services, TenantRecord
from shared.usecases.foreign_lines import Selection, end_foreign_lines, preview_foreign_lines
from shared.usecases.preflight import preflight_customer
from shared.usecases.sync_license import sync_license
from tests.builders import (
    AGREEMENT,
    COMPANY,
    CUSTOMER,
    EDITOR,
    MAIN,
    NOW,
    PRODUCT,
    a_customer,
    a_line,
    a_mapping,
    a_profile,
    a_snapshot,
    dollars,
)
from tests.contract.psa_gateway import PsaServer
from tests.contract.test_autotask import AutotaskServer
from tests.contract.test_connectwise import ConnectWiseServer
from tests.contract.test_halopsa import HaloPsaServer
from tests.contract.test_syncro import SyncroServer
from tests.fakes.clock import FakeClock
from tests.fakes.services import fake_services

MARCH_END = date(2026, 3, 31)
SERVERS = {
    "connectwise": ConnectWiseServer,
    "autotask": AutotaskServer,
    "halopsa": HaloPsaServer,
    "syncro": SyncroServer,
}
CAN_END = ("connectwise", "halopsa")


@pytest.fixture
def server(request):
    server = SERVERS[request.param]()
    server.add_company(COMPANY, "Contoso")
    server.add_product(PRODUCT, "Microsoft 365 E5", price=dollars("31.00"))
    server.add_agreement(AGREEMENT)
    yield server
    server.close()
    assert [one for one in server.simulator.violations if one.direction != "request"] == []


def services_of(server: PsaServer) -> Services:
    """Return Contoso with one mapped row; its tenant was read."""
    services = fake_services(server.gateway, clock=FakeClock())
    customer: Customer = a_customer()
    services.customers.add(customer)
    services.profiles.add(a_profile())
    services.mappings.put(None, a_mapping())
    record = TenantRecord(customer.tenant_id, a_snapshot(taken_at=NOW))
    services.snapshots.save(None, record)
    return services


def drain(services: Services) -> None:
    while services.license_queue.waiting:
        sync_license(services.license_queue.take(), services)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_an_agreement_that_is_ready_has_nothing_that_blocks(server):
    [report] = preflight_customer(CUSTOMER, services_of(server))

    assert [one.kind for one in report.findings if one.severity == "block"] == []


@pytest.mark.parametrize("server", CAN_END, indirect=True)
def test_a_line_with_another_tools_mark_blocks_the_row(server):
    server.add_line(a_line(marker="ACME-501"))

    [report] = preflight_customer(CUSTOMER, services_of(server))

    assert [one.kind for one in report.findings if one.severity == "block"] == ["other_tool"]


@pytest.mark.parametrize("server", ["connectwise", "halopsa", "syncro"], indirect=True)
def test_a_fraction_of_a_seat_blocks_the_row(server):
    server.add_line(a_line(quantity=None))

    [report] = preflight_customer(CUSTOMER, services_of(server))

    assert [one.kind for one in report.findings if one.severity == "block"] == ["not_whole"]


@pytest.mark.parametrize("server", CAN_END, indirect=True)
def test_a_foreign_line_is_ended_by_one_write(server):
    server.add_line(a_line(marker="ACME-501"))
    mine = server.add_line(a_line(marker=None))
    services = services_of(server)
    selection = Selection("ACME-", MARCH_END)
    seen = preview_foreign_lines(MAIN, selection, services)
    assert [(one.line.marker, one.outcome) for one in seen.lines] == [("ACME-501", "ends")]
    before = server.write_count()

    end_foreign_lines(MAIN, selection, seen.fingerprint, services, note="moving", actor=EDITOR)
    drain(services)

    assert {line.marker: line.ends for line in server.lines()} == {
        "ACME-501": MARCH_END,
        None: None,
    }
    assert server.write_count() == before + 1
    assert [one.actor for one in services.changes.of_customer(CUSTOMER).items] == [EDITOR]
    assert mine in {line.line_id for line in server.lines()}


@pytest.mark.parametrize("server", ["autotask", "syncro"], indirect=True)
def test_where_no_line_can_be_ended_other_tools_marks_are_not_told_either(server):
    server.add_line(a_line(marker="ACME-501"))
    services = services_of(server)
    selection = Selection("ACME-", MARCH_END)

    seen = preview_foreign_lines(MAIN, selection, services)

    assert (seen.lines, seen.unread) == ((), ())
    with pytest.raises(ConflictError, match="none of these lines can be ended"):
        end_foreign_lines(MAIN, selection, seen.fingerprint, services, note="x", actor=EDITOR)
