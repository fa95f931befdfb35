"""New tenants and gone ones are alerts for a person; nothing is added or cancelled by itself."""

from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.customers import CustomerState
from shared.domain.errors import AccessDeniedError, UpstreamUnavailableError
from shared.domain.ids import CompanyId, TenantId
from shared.usecases.customers import CustomerDraft, add_customer, delete_customer
from tests.builders import (
    COMPANY,
    CUSTOMER,
    EDITOR,
    MAIN,
    OTHER_TENANT,
    PARTNER_TENANT,
    TENANT,
    a_directory_tenant,
)
from tests.house import House

CONTOSO = a_directory_tenant()
FABRIKAM = a_directory_tenant(OTHER_TENANT, name="Fabrikam")


@pytest.fixture
def house():
    house = House().with_customer().with_mapping().holds(10)
    house.microsoft.tenants = (CONTOSO,)
    return house


def new_tenants(house):
    kept = house.services.alerts.open_of(None)
    return [alert for alert in kept if alert.kind is AlertKind.TENANT_NOT_ADDED]


def gone_tenants(house):
    kept = house.services.alerts.open_of(CUSTOMER)
    return [alert for alert in kept if alert.kind is AlertKind.TENANT_GONE]


def next_day(house):
    house.clock.pass_time(timedelta(days=1))
    house.cycle()
    return house


def test_a_new_tenant_is_told_once_and_is_not_added(house):
    house.microsoft.tenants = (CONTOSO, FABRIKAM)
    house.cycle()
    [first] = new_tenants(house)

    [again] = new_tenants(next_day(house))

    assert again == first
    assert "Fabrikam (fabrikam.example)" in first.text
    assert len(house.services.customers.all()) == 1


def test_the_alert_ends_when_the_tenant_is_added(house):
    house.microsoft.tenants = (CONTOSO, FABRIKAM)
    house.cycle()

    draft = CustomerDraft("Fabrikam", MAIN, OTHER_TENANT, MAIN, CompanyId(COMPANY), None)
    add_customer(draft, house.services, actor=EDITOR)

    assert new_tenants(house) == []


def test_the_alert_ends_when_microsoft_lists_the_tenant_no_more(house):
    house.microsoft.tenants = (CONTOSO, FABRIKAM)
    house.cycle()
    house.microsoft.tenants = (CONTOSO,)

    assert new_tenants(next_day(house)) == []


def test_a_tenant_whose_customer_was_removed_is_not_new(house):
    delete_customer(CUSTOMER, house.services, if_match=None)

    house.cycle()

    assert new_tenants(house) == []


def test_a_tenant_that_is_gone_is_told_and_nothing_is_cancelled(house):
    house.cycle()
    lines = house.lines
    house.microsoft.tenants = (FABRIKAM,)

    [alert] = gone_tenants(next_day(house))

    assert "Contoso: Microsoft no longer lists tenant" in alert.text
    assert house.services.customers.get(CUSTOMER).value.state is CustomerState.ACTIVE
    assert house.lines == lines


def test_the_alert_ends_when_the_tenant_is_back_or_the_customer_removed(house):
    house.microsoft.tenants = (FABRIKAM,)
    house.cycle()
    assert len(gone_tenants(house)) == 1
    house.microsoft.tenants = (CONTOSO, FABRIKAM)
    assert gone_tenants(next_day(house)) == []

    house.microsoft.tenants = (FABRIKAM,)
    next_day(house)
    delete_customer(CUSTOMER, house.services, if_match=None)

    assert gone_tenants(house) == []


@pytest.mark.parametrize(
    "error", [UpstreamUnavailableError("main", "503"), AccessDeniedError("no", "Grant it.")]
)
def test_a_listing_that_fails_changes_nothing_and_is_tried_again(house, error):
    house.microsoft.tenants = (FABRIKAM,)
    house.cycle()
    before = (*new_tenants(house), *gone_tenants(house))
    house.microsoft.tenants = (CONTOSO,)
    house.microsoft.listing_error = error

    next_day(house)
    assert (*new_tenants(house), *gone_tenants(house)) == before
    house.microsoft.listing_error = None
    house.cycle()

    assert (*new_tenants(house), *gone_tenants(house)) == ()


def test_an_empty_listing_tells_of_no_tenant_that_it_is_gone(house):
    house.microsoft.tenants = ()

    house.cycle()

    assert gone_tenants(house) == []


def test_the_partners_own_tenant_is_never_gone():
    house = House().with_customer(tenant_id=PARTNER_TENANT).holds(10, tenant_id=PARTNER_TENANT)
    house.microsoft.tenants = (FABRIKAM,)

    house.cycle()

    assert gone_tenants(house) == []


def test_tenants_are_listed_once_a_day_however_many_cycles_run(house):
    for _ in range(3):
        house.cycle()
    assert house.microsoft.listings == 1

    house.on(date(2026, 3, 18)).cycle()
    house.sync_now()

    assert house.microsoft.listings == 2


def test_tenants_are_told_apart_by_id_only(house):
    renamed = a_directory_tenant(TenantId(TENANT), name="Contoso of old")
    house.microsoft.tenants = (renamed,)

    house.cycle()

    assert (new_tenants(house), gone_tenants(house)) == ([], [])
