"""One tenant, several customers: each is billed for its own users, and nobody twice unasked."""

from dataclasses import replace

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.customers import CustomerState, UserFilter
from shared.domain.errors import (
    AccessDeniedError,
    ConflictError,
    UpstreamUnavailableError,
)
from shared.domain.mappings import DescriptionOptions, Usernames
from shared.domain.runs import ItemState
from shared.usecases.coverage import coverage
from shared.usecases.customers import CustomerChanges, FilterChange, change_customer
from shared.usecases.preview import license_rows
from shared.usecases.start_run import sync_now
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5,
    E5_ROW,
    EDITOR,
    MAIN,
    OTHER_AGREEMENT,
    OTHER_CUSTOMER,
    SUBSCRIPTION_ROW,
    TENANT,
    a_mapping,
    a_sku,
    a_snapshot,
    a_subscription,
    a_user,
    an_agreement,
)
from tests.house import House

SALES, LABS = UserFilter(department=("Sales",)), UserFilter(department=("Labs",))
PEOPLE = (
    a_user("Ann Abel", department="Sales", city="Köln"),
    a_user("Bob Baker", department="sales ", enabled=False),
    a_user("Cid Cook", department="Sales", guest=True),
    a_user("Dee Dunn", department="Labs", city="Köln"),
)


@pytest.fixture
def house():
    """Twenty seats bought; four assigned: three to Contoso's users, one to Fabrikam's."""
    house = House().with_customer(user_filter=SALES).with_mapping()
    house.with_customer(customer_id=OTHER_CUSTOMER, name="Fabrikam", user_filter=LABS)
    house.with_mapping(customer_id=OTHER_CUSTOMER, agreement_id=OTHER_AGREEMENT)
    house.psa.add(an_agreement(OTHER_AGREEMENT))
    house.microsoft.hold(
        a_snapshot([a_sku(enabled=20, consumed=4)], [a_subscription(total_licenses=20)])
    )
    house.microsoft.users(TENANT, PEOPLE)
    return house


def seats(house, agreement_id=AGREEMENT):
    return [line.quantity for line in house.psa.lines_of(agreement_id)]


def change(house, customer_id, **changes):
    if "filter" in changes:
        changes["filter"] = FilterChange(changes["filter"])
    change_customer(customer_id, house.services, if_match=None, changes=CustomerChanges(**changes))


def overlap_alerts(house, customer_id=CUSTOMER):
    found = house.services.alerts.open_of(customer_id)
    return [alert.text for alert in found if alert.kind is AlertKind.OVERLAP]


def row(house, customer_id=CUSTOMER):
    return license_rows(customer_id, house.services).rows[0]


def test_each_customer_is_billed_for_its_own_users(house):
    house.cycle()

    assert (seats(house), seats(house, OTHER_AGREEMENT)) == ([3], [1])
    assert "3 assigned to users of the customer's filter" in house.history()[0].why[0]


def test_the_users_of_a_tenant_are_read_once_a_cycle(house):
    house.with_mapping(
        customer_id=CUSTOMER,
        row_id=f"sku-{BUSINESS_PREMIUM}",
        description=DescriptionOptions(usernames=Usernames.COMMA),
    )

    house.cycle()

    assert house.microsoft.user_reads[TENANT] == 1


def test_a_tenant_of_one_customer_reads_no_users():
    house = House().with_customer().with_mapping().holds(10)

    house.cycle()
    license_rows(CUSTOMER, house.services)

    assert house.microsoft.user_reads[TENANT] == 0


def test_a_fall_of_users_is_no_breach_of_microsofts_rules(house):
    house.cycle()
    house.microsoft.users(TENANT, PEOPLE[1:])

    house.cycle()

    assert "unlikely" not in " ".join(house.history()[0].why)


def test_rows_show_what_disabled_accounts_and_guests_hold(house):
    house.cycle()

    shown = row(house).row

    assert (shown.counts.enabled, shown.disabled, shown.guests) == (3, 1, 1)


def test_a_page_counts_users_before_the_first_sync_and_then_no_more(house):
    assert row(house).active == 3
    assert row(house, OTHER_CUSTOMER).active == 1
    assert house.microsoft.user_reads[TENANT] == 1


def test_an_invoice_names_nobody_of_another_customer(house):
    mapping = a_mapping(description=DescriptionOptions(usernames=Usernames.COMMA))
    read = house.services.mappings.get(CUSTOMER, E5_ROW)
    house.services.mappings.put(read, mapping)

    house.cycle()

    (line,) = house.psa.lines_of(AGREEMENT)
    assert "Ann Abel" in line.description
    assert "Dee Dunn" not in line.description
    (preview,) = {one.preview for one in license_rows(CUSTOMER, house.services).rows}
    assert "Dee Dunn" not in str(preview)


def test_users_that_cannot_be_read_leave_the_lines_alone(house):
    house.cycle()
    denied = AccessDeniedError("no permission", remedy="Grant User.Read.All.")

    def refused(tenant_id, *, details=False):
        raise denied

    house.microsoft.assigned_users = refused
    run = house.cycle()

    assert (seats(house), seats(house, OTHER_AGREEMENT)) == ([3], [1])
    assert {item.state for item in house.items(run)} == {ItemState.BLOCKED}
    assert "Grant User.Read.All." in row(house).row.unknown
    del house.microsoft.assigned_users
    house.cycle()
    assert row(house).active == 3


def test_users_that_cannot_be_read_stop_no_customer_of_another_tenant_or_message(house):
    def broken(tenant_id, *, details=False):
        raise UpstreamUnavailableError(MAIN, "503")

    house.microsoft.assigned_users = broken

    house.cycle()

    assert house.dropped == []
    assert house.services.snapshots.get(TENANT).value.failures == 0


# Overlaps ----------------------------------------------------------------------------------------


@pytest.fixture
def overlapping(house):
    """Ann and Dee live in Köln: Ann is Contoso's too, by her department."""
    change(house, OTHER_CUSTOMER, filter=UserFilter(city=("Köln",)))
    return house


def test_an_overlap_blocks_both_customers_with_one_alert_each(overlapping):
    run = overlapping.cycle()

    assert (seats(overlapping), seats(overlapping, OTHER_AGREEMENT)) == ([], [])
    assert {item.state for item in overlapping.items(run)} == {ItemState.BLOCKED}
    assert overlapping.psa.writes == []
    (text,) = overlap_alerts(overlapping)
    assert "1 with Fabrikam" in text
    assert "Ann" not in text
    (other,) = overlap_alerts(overlapping, OTHER_CUSTOMER)
    assert "1 with Contoso" in other
    kinds = {alert.kind for alert in overlapping.services.alerts.open_of(CUSTOMER)}
    assert AlertKind.BLOCKED not in kinds
    assert row(overlapping).state == "blocked"


def test_another_filter_is_a_decision(overlapping):
    overlapping.cycle()

    change(overlapping, OTHER_CUSTOMER, filter=LABS)
    overlapping.cycle()

    assert (seats(overlapping), seats(overlapping, OTHER_AGREEMENT)) == ([3], [1])
    assert overlap_alerts(overlapping) == []


def test_an_overlap_is_accepted_customer_by_customer(overlapping):
    change(overlapping, CUSTOMER, accept_overlap=True)

    overlapping.cycle()

    assert (seats(overlapping), seats(overlapping, OTHER_AGREEMENT)) == ([3], [])
    change(overlapping, OTHER_CUSTOMER, accept_overlap=True)
    overlapping.cycle()
    assert seats(overlapping, OTHER_AGREEMENT) == [2]


def test_an_accepted_overlap_is_forgotten_with_another_filter(overlapping):
    change(overlapping, CUSTOMER, accept_overlap=True)

    change(overlapping, CUSTOMER, filter=UserFilter(department=("Sales", "Labs")))

    assert overlapping.services.customers.get(CUSTOMER).value.accept_overlap is False


def test_an_overlap_with_a_customer_that_is_paused_or_gone_blocks_nobody(overlapping):
    overlapping.cycle()

    change(overlapping, OTHER_CUSTOMER, state=CustomerState.PAUSED)
    overlapping.cycle()

    assert seats(overlapping) == [3]


def test_a_customer_without_a_filter_overlaps_with_one_that_has_one(house):
    read = house.services.customers.get(OTHER_CUSTOMER)
    house.services.customers.save(read, replace(read.value, filter=None))

    house.cycle()

    assert (seats(house), seats(house, OTHER_AGREEMENT)) == ([], [])
    read = house.services.customers.get(CUSTOMER)
    house.services.customers.save(read, replace(read.value, state=CustomerState.DELETED))
    house.cycle()
    assert seats(house, OTHER_AGREEMENT) == [20]
    assert overlap_alerts(house, OTHER_CUSTOMER) == []
    assert house.services.snapshots.get(TENANT).value.users is None


def test_a_changed_filter_bills_nothing_by_the_old_count(house):
    house.cycle()
    users = house.microsoft.user_reads[TENANT]
    change(house, CUSTOMER, filter=UserFilter(city=("Nowhere",)))
    record = house.services.snapshots.get(TENANT).value

    assert record.users.share_of(CUSTOMER).filter == SALES
    assert row(house).active == 0
    assert house.microsoft.user_reads[TENANT] == users + 1
    assert seats(house) == [3]


def test_two_customers_cannot_come_to_have_the_same_users(house):
    with pytest.raises(ConflictError, match="Contoso"):
        change(house, OTHER_CUSTOMER, filter=SALES)


def test_a_sync_of_one_customer_counts_for_all(house):
    sync_now(CUSTOMER, None, house.services, requested_by=EDITOR)
    house.drain()

    assert row(house, OTHER_CUSTOMER).active == 1
    assert house.microsoft.user_reads[TENANT] == 1


def test_subscriptions_of_a_shared_tenant_are_not_billed_by_guesswork(house):
    house.with_mapping(row_id=SUBSCRIPTION_ROW)

    run = house.cycle()

    blocked = [item for item in house.items(run) if item.state is ItemState.BLOCKED]
    assert "which subscription" in blocked[0].detail
    assert seats(house) == []


def test_seats_that_are_all_in_grace_are_the_users_too(house):
    house.microsoft.hold(a_snapshot([a_sku(enabled=0, warning=20, consumed=4)]))

    house.cycle()

    assert seats(house) == [3]


def test_seats_that_are_suspended_are_nobodys(house):
    house.microsoft.hold(a_snapshot([a_sku(enabled=0, suspended=20, consumed=4)]))

    house.cycle()

    assert seats(house) == []


# Coverage ----------------------------------------------------------------------------------------


def test_coverage_adds_up_when_every_user_is_somebodys(house):
    house.cycle()

    found = coverage(CUSTOMER, house.services)

    (e5,) = found.skus
    assert (e5.consumed, e5.assigned, e5.billed, e5.adds_up) == (4, 4, 4, True)
    assert (e5.in_none, e5.in_several, e5.disabled, e5.guests) == (0, 0, 1, 1)
    assert found.total.adds_up
    assert house.microsoft.user_reads[TENANT] == 1


def test_coverage_shows_who_is_forgotten_and_who_is_twice(overlapping):
    overlapping.microsoft.users(
        TENANT, (*PEOPLE, a_user("Eve Ellis", E5, BUSINESS_PREMIUM, department="Board"))
    )
    overlapping.cycle()

    found = coverage(OTHER_CUSTOMER, overlapping.services)

    e5 = next(one for one in found.skus if one.sku_id == E5)
    premium = next(one for one in found.skus if one.sku_id == BUSINESS_PREMIUM)
    assert (found.tally.users, found.tally.users_in_none, found.tally.users_in_several) == (5, 1, 1)
    assert (e5.in_none, e5.in_several, e5.billed, e5.adds_up) == (1, 1, 5, False)
    assert (premium.in_none, premium.billed, premium.consumed) == (1, 0, None)
    assert [one.users for one in found.overlaps] == [1]
    assert "Ann" not in str(found)
    assert "@" not in str(found.tally)


def test_coverage_of_a_tenant_of_one_customer_reads_the_users_now():
    house = House().with_customer().with_mapping()
    house.microsoft.hold(a_snapshot([a_sku(enabled=20, consumed=4)]))
    house.microsoft.users(TENANT, PEOPLE)
    house.cycle()
    assert house.microsoft.user_reads[TENANT] == 0

    found = coverage(CUSTOMER, house.services)

    assert (found.shared, found.total.billed, found.total.adds_up) == (False, 4, True)
    assert house.services.snapshots.get(TENANT).value.users is None
