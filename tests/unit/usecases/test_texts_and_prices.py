"""Invoice texts and prices, from a profile and a mapping to the line."""

from datetime import date
from decimal import Decimal

import pytest

from shared.domain.licensing import AssignedUser
from shared.domain.mappings import DescriptionOptions, PriceKind, PricePolicy, UserLabel, Usernames
from shared.domain.runs import ItemState
from shared.usecases.approve import approve
from tests.builders import (
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5,
    E5_ROW,
    TENANT,
    a_mapping,
    a_product,
    a_profile,
)
from tests.house import House

PEOPLE = (
    AssignedUser("Bob Baker", "bob@contoso.example", frozenset({E5})),
    AssignedUser("Ann Abel", "ann@contoso.example", frozenset({E5, BUSINESS_PREMIUM})),
    AssignedUser("Cid Cook", "cid@contoso.example", frozenset({BUSINESS_PREMIUM})),
)


class AskingHouse(House):
    """A house that counts how often users were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.people = PEOPLE

    def assigned_users(self, tenant_id, *, details=False):
        assert (tenant_id, details) == (TENANT, False)
        self.asked += 1
        return self.people


@pytest.fixture
def house(monkeypatch):
    house = AskingHouse().with_customer().holds(10)
    monkeypatch.setattr(house.microsoft, "assigned_users", house.assigned_users, raising=False)
    return house


def with_text(house, **options):
    return house.with_mapping(description=DescriptionOptions(**options))


def test_users_are_read_only_when_an_invoice_names_them(house):
    house.with_mapping().cycle()

    assert house.asked == 0
    assert house.lines[0].description == ""


def test_the_names_of_the_rows_users_are_on_the_line(house):
    with_text(house, usernames=Usernames.COMMA).cycle()

    assert house.lines[0].description == f"{a_product().name}\nUsers: Ann Abel, Bob Baker"


def test_a_quiet_cycle_writes_no_text_again(house):
    with_text(house, usernames=Usernames.COMMA).cycle()
    writes = len(house.psa.writes)

    house.cycle()

    assert len(house.psa.writes) == writes


def test_a_changed_list_is_written_without_a_change_of_seats(house):
    with_text(house, usernames=Usernames.COMMA).cycle()
    house.people = PEOPLE[:1]

    run = house.cycle()

    assert house.lines[0].description.endswith("Users: Bob Baker")
    assert house.quantities == [10]
    assert [i.state for i in house.items(run)] == [ItemState.CHANGED]


def test_the_worker_of_a_line_does_not_read_the_users_again(house):
    with_text(house, usernames=Usernames.COMMA).cycle()

    assert house.asked == 1


def test_addresses_are_shown_only_when_chosen(house):
    with_text(house, usernames=Usernames.LIST, show_users_as=UserLabel.ADDRESS).cycle()

    assert "- ann@contoso.example\n- bob@contoso.example" in house.lines[0].description


def test_the_change_list_tells_what_came_when(house):
    with_text(house, changes=True).cycle()
    house.on(date(2026, 3, 20)).holds(12).cycle()

    assert house.lines[0].description.endswith("Changes: +2 on 20 Mar")


def test_a_change_on_the_first_day_of_the_list_is_not_forgotten_by_the_next_sync(house):
    with_text(house, changes=True).cycle()
    house.on(date(2026, 4, 1)).holds(12).cycle()
    house.invoiced_through(date(2026, 6, 1))
    house.on(date(2026, 5, 1)).holds(13).cycle()
    assert house.lines[0].description.endswith("Changes: +2 on 1 Apr, +1 on 1 May")
    writes = len(house.psa.writes)

    house.cycle()

    assert len(house.psa.writes) == writes


def test_an_approval_of_yesterday_still_holds_when_the_text_names_the_day(house):
    with_text(house, changes=True).cycle()
    house.on(date(2026, 3, 20)).holds(40).cycle()
    (approval,) = house.services.approvals.open_of(CUSTOMER)

    house.on(date(2026, 3, 21))
    run = approve(approval.approval_id, house.services, note="", actor="editor")
    house.drain()

    assert [i.state for i in house.items(run)] == [ItemState.CHANGED]
    assert house.lines[0].description.endswith("Changes: +30 on 21 Mar")


def test_a_percent_price_follows_the_psas_and_is_held_when_it_moves():
    house = House().with_customer().holds(4)
    policy = PricePolicy(PriceKind.PERCENT, Decimal(10))
    house.services.profiles.add(a_profile(price=policy))
    house.with_mapping().cycle()
    assert [line.unit_price for line in house.lines] == [Decimal("34.10")]

    house.psa.add(a_product(price=Decimal("40.00")))
    run = house.cycle()

    assert [i.state for i in house.items(run)] == [ItemState.HELD]
    (approval,) = house.services.approvals.open_of(CUSTOMER)
    assert "34.10 to 44.00" in approval.reasons[0]


def test_an_inactive_product_gets_no_new_line():
    house = House().with_customer().with_mapping().holds(4)
    house.psa.add(a_product(active=False))

    run = house.cycle()

    assert house.lines == []
    (item,) = house.items(run)
    assert item.state is ItemState.BLOCKED
    assert "inactive" in item.detail


def test_a_quiet_line_never_reads_its_product(house):
    house.with_mapping().cycle()
    house.psa.calls.clear()

    house.cycle()

    assert "get_product" not in house.psa.calls
    assert a_mapping().row_id == E5_ROW


def test_a_line_for_some_days_never_reads_the_product_that_is_billed_already():
    house = House().with_customer().with_mapping().holds(4)
    house.cycle()
    assert "get_product" in house.psa.calls
    house.psa.calls.clear()

    house.holds(6).on(date(2026, 3, 18)).cycle()

    assert len(house.lines) == 2
    assert "get_product" not in house.psa.calls
