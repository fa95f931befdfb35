"""Rows move between lines; no day is billed twice or not at all."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from shared.domain.errors import ConflictError, InvalidInputError, NotFoundError, StaleVersionError
from shared.domain.ids import AgreementId, ProfileId, RowId
from shared.domain.mappings import DescriptionOptions, ExistingLine, OnDrift, PriceKind, PricePolicy
from shared.domain.quantities import Grace
from shared.domain.runs import ItemState
from shared.usecases.approve import approve
from shared.usecases.edit_mapping import (
    MappingDraft,
    delete_mapping,
    exclude_row,
    merge_row,
    preview_draft,
    save_mapping,
    split_row,
)
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    E5,
    E5_ROW,
    EDITOR,
    OTHER_AGREEMENT,
    OTHER_PRODUCT,
    OTHER_SUBSCRIPTION,
    PROFILE,
    SUBSCRIPTION,
    SUBSCRIPTION_ROW,
    a_line,
    a_product,
    a_profile,
    a_sku,
    a_snapshot,
    a_subscription,
    an_agreement,
)
from tests.house import House

OTHER_PROFILE = ProfileId("e5-annual")
APRIL_30 = date(2026, 4, 30)


@pytest.fixture
def house():
    house = House().with_customer().with_mapping().holds(10)
    house.services.profiles.add(a_profile(OTHER_PROFILE, product_id=OTHER_PRODUCT))
    house.psa.add(a_product(OTHER_PRODUCT), an_agreement(OTHER_AGREEMENT))
    return house


def a_draft(**changes):
    fields = {
        "profile_id": PROFILE,
        "agreement_id": AGREEMENT,
        "included": 0,
        "minimum": 0,
        "negative_prorate": False,
        "override_start": None,
        "description": DescriptionOptions(),
        "grace": Grace.ONLY_WITHOUT_ACTIVE,
        "count_trials": False,
        "existing_line": ExistingLine.ADOPT,
        "on_drift": OnDrift.HOLD,
    }
    return MappingDraft(**{**fields, **changes})


def saved(house, row_id=E5_ROW, if_match=None, **changes):
    house.clock.pass_time(timedelta(minutes=1))
    return save_mapping(
        CUSTOMER, row_id, a_draft(**changes), house.services, if_match=if_match, actor=EDITOR
    )


def seats_by_day(house, day):
    """What all lines bill on a day, as they stand now."""
    return sum(
        line.quantity or 0
        for line in house.psa.lines.values()
        if line.starts <= day and (line.ends is None or day <= line.ends)
    )


def test_a_row_moves_to_another_line_after_the_settled_period(house):
    house.cycle()

    saved(house, profile_id=OTHER_PROFILE)
    house.sync_now()

    old, new = house.lines
    assert (old.quantity, old.ends) == (10, date(2026, 3, 31))
    assert (new.quantity, new.starts) == (10, date(2026, 4, 1))
    for day in (date(2026, 3, 17), date(2026, 3, 31), date(2026, 4, 1), date(2026, 5, 9)):
        assert seats_by_day(house, day) == 10


def test_seats_added_before_the_move_are_billed_on_the_old_line_only(house):
    house.cycle()
    saved(house, profile_id=OTHER_PROFILE)
    house.sync_now()

    house.on(date(2026, 3, 20)).holds(12).cycle()

    assert seats_by_day(house, date(2026, 3, 25)) == 12
    assert seats_by_day(house, date(2026, 4, 2)) == 12


def test_moving_back_before_the_move_took_place_keeps_the_old_line(house):
    house.cycle()
    saved(house, profile_id=OTHER_PROFILE)
    house.sync_now()

    saved(house)
    house.sync_now()

    for day in (date(2026, 3, 20), date(2026, 4, 1), date(2026, 6, 1)):
        assert seats_by_day(house, day) == 10
    (billing,) = [x for x in house.lines if x.bills_after(date(2026, 4, 1))]
    assert billing.product_id == a_profile().product_id


def test_a_line_that_never_begins_is_not_taken_for_removed_by_hand(house):
    house.psa.add(an_agreement(prorates=False))
    house.cycle()
    assert [line.starts for line in house.lines] == [date(2026, 4, 1)]
    exclude_row(CUSTOMER, E5_ROW, house.services, leave_line=False, actor=EDITOR)
    house.cycle()
    writes = len(house.psa.writes)

    run = house.cycle()

    assert [item.state for item in house.items(run)] == [ItemState.UNCHANGED]
    assert len(house.psa.writes) == writes
    assert all(line.never_bills for line in house.lines)


def test_another_agreement_is_another_line(house):
    house.cycle()

    saved(house, agreement_id=OTHER_AGREEMENT)
    house.sync_now()

    assert house.lines[0].ends == date(2026, 3, 31)
    (new,) = house.psa.lines_of(OTHER_AGREEMENT)
    assert (new.quantity, new.starts) == (10, date(2026, 4, 1))


def test_changing_an_option_moves_nothing(house):
    house.cycle()

    read = saved(house, included=2)
    house.sync_now()

    assert read.value.effective_from is None
    assert house.quantities[0] == 8


def test_a_mapping_that_never_billed_moves_at_once(house):
    read = saved(house, profile_id=OTHER_PROFILE)

    assert read.value.effective_from is None
    house.sync_now()
    assert [line.product_id for line in house.lines] == [OTHER_PRODUCT]


def test_an_excluded_row_ends_its_line_at_the_end_of_the_settled_period(house):
    house.cycle()

    exclude_row(CUSTOMER, E5_ROW, house.services, leave_line=False, actor=EDITOR)
    house.cycle()

    (line,) = house.lines
    assert (line.quantity, line.ends) == (10, date(2026, 3, 31))
    house.on(date(2026, 4, 2)).invoiced_through(date(2026, 5, 1)).cycle()
    assert house.lines == [line]
    assert house.services.alerts.open_of(CUSTOMER) == ()


def test_an_excluded_row_may_leave_its_line_as_it_is(house):
    house.cycle()

    exclude_row(CUSTOMER, E5_ROW, house.services, leave_line=True, actor=EDITOR)
    house.holds(3).cycle()

    assert [(line.quantity, line.ends) for line in house.lines] == [(10, None)]


def test_an_excluded_row_cannot_be_mapped(house):
    exclude_row(CUSTOMER, E5_ROW, house.services, leave_line=False, actor=EDITOR)

    with pytest.raises(ConflictError, match="excluded"):
        saved(house)


def test_a_deleted_mapping_ends_its_line(house):
    house.cycle()

    delete_mapping(CUSTOMER, E5_ROW, house.services, if_match=None, leave_line=False)
    house.cycle()

    assert house.lines[0].ends == date(2026, 3, 31)


def test_two_editors_the_second_is_told(house):
    first = house.services.mappings.get(CUSTOMER, E5_ROW)
    saved(house, if_match=first.version, included=1)

    with pytest.raises(StaleVersionError):
        saved(house, if_match=first.version, included=2)

    assert house.services.mappings.get(CUSTOMER, E5_ROW).value.included == 1


def test_every_bad_field_is_named(house):
    with pytest.raises(InvalidInputError) as raised:
        saved(house, profile_id=ProfileId("nope"), agreement_id=AgreementId("nope"))

    assert set(raised.value.errors) == {"profile_id", "agreement_id"}


def test_an_agreement_of_another_company_is_refused(house):
    house.psa.add(an_agreement(AgreementId("7009"), company_id="999"))

    with pytest.raises(InvalidInputError, match="another company"):
        saved(house, agreement_id=AgreementId("7009"))


def test_an_unknown_row_is_not_found(house):
    house.cycle()

    with pytest.raises(NotFoundError):
        saved(house, row_id=RowId("sku-00000000-0000-4000-8000-000000000000"))


def test_a_preview_of_an_unsaved_mapping_shows_what_is_then_written(house):
    house.cycle()
    house.on(date(2026, 3, 20))
    house.psa.read_at = house.clock.now()

    previews = preview_draft(
        CUSTOMER, E5_ROW, a_draft(profile_id=OTHER_PROFILE), house.services, actor=EDITOR
    )
    planned = [op for preview in previews for op in preview.plan.operations]
    house.psa.calls.clear()
    saved(house, profile_id=OTHER_PROFILE)
    house.sync_now()

    assert sorted(map(repr, house.psa.writes)) == sorted(map(repr, planned))


# Split and merge ---------------------------------------------------------------------------------


@pytest.fixture
def split_house(house):
    house.microsoft.hold(
        a_snapshot(
            skus=[a_sku(E5, enabled=10)],
            subscriptions=[
                a_subscription(SUBSCRIPTION, total_licenses=7),
                a_subscription(OTHER_SUBSCRIPTION, total_licenses=3),
            ],
        )
    )
    house.cycle()
    split_row(CUSTOMER, E5_ROW, house.services)
    return house


def test_a_split_alone_changes_no_billing(split_house):
    writes = len(split_house.psa.writes)

    split_house.cycle()

    assert len(split_house.psa.writes) == writes
    assert split_house.services.alerts.open_of(CUSTOMER) == ()


def test_a_subscription_that_is_mapped_leaves_the_licence_after_the_settled_period(split_house):
    saved(split_house, row_id=SUBSCRIPTION_ROW, profile_id=OTHER_PROFILE)
    split_house.sync_now()

    for day in (date(2026, 3, 17), date(2026, 3, 31), date(2026, 4, 1), date(2026, 5, 1)):
        assert seats_by_day(split_house, day) == 10
    new = next(x for x in split_house.lines if x.product_id == OTHER_PRODUCT)
    assert (new.quantity, new.starts) == (7, date(2026, 4, 1))

    split_house.on(date(2026, 4, 1)).invoiced_through(date(2026, 5, 1)).cycle()
    assert split_house.lines[0].quantity == 3


def test_the_last_subscription_that_leaves_ends_the_licences_line(split_house):
    saved(split_house, row_id=SUBSCRIPTION_ROW, profile_id=OTHER_PROFILE)
    saved(
        split_house,
        row_id=RowId(f"sub-{OTHER_SUBSCRIPTION}"),
        profile_id=OTHER_PROFILE,
    )
    split_house.sync_now()

    assert split_house.lines[0].ends == date(2026, 3, 31)
    new = next(x for x in split_house.lines if x.product_id == OTHER_PRODUCT)
    assert (new.quantity, new.starts) == (10, date(2026, 4, 1))


def test_a_merge_restores_the_licences_own_mapping(split_house):
    saved(split_house, row_id=SUBSCRIPTION_ROW, profile_id=OTHER_PROFILE)
    split_house.sync_now()
    split_house.on(date(2026, 4, 2)).invoiced_through(date(2026, 5, 1)).cycle()

    merge_row(CUSTOMER, E5_ROW, split_house.services)
    split_house.cycle()

    new = next(x for x in split_house.lines if x.product_id == OTHER_PRODUCT)
    assert new.ends == date(2026, 4, 30)
    assert seats_by_day(split_house, date(2026, 5, 1)) == 10
    assert [x for x in split_house.lines if x.starts == date(2026, 4, 2)] == []  # April is billed


def test_a_merge_that_is_called_off_before_it_took_place_bills_nothing_twice(split_house):
    house = split_house
    rows = (SUBSCRIPTION_ROW, RowId(f"sub-{OTHER_SUBSCRIPTION}"))
    for row_id in rows:
        saved(house, row_id=row_id, profile_id=OTHER_PROFILE)
    house.sync_now()
    house.on(date(2026, 4, 2)).invoiced_through(date(2026, 5, 1)).cycle()
    merge_row(CUSTOMER, E5_ROW, house.services)
    house.cycle()
    assert house.lines[-1].starts == date(2026, 5, 1)  # the licence's, written ahead

    split_row(CUSTOMER, E5_ROW, house.services)
    for row_id in rows:
        saved(house, row_id=row_id, profile_id=OTHER_PROFILE)
    house.cycle()

    assert [seats_by_day(house, day) for day in (APRIL_30, date(2026, 5, 1))] == [10, 10]
    run = house.cycle()
    assert {item.state for item in house.items(run) if item.group_id} == {ItemState.UNCHANGED}

    house.on(date(2026, 5, 2)).invoiced_through(date(2026, 6, 1)).cycle()
    merge_row(CUSTOMER, E5_ROW, house.services)
    house.cycle()

    assert [seats_by_day(house, date(2026, 5, 31)), seats_by_day(house, date(2026, 6, 1))] == [
        10,
        10,
    ]


def test_a_fixed_price_is_written_on_a_new_line():
    house = House().with_customer()
    house.services.profiles.add(a_profile(price=PricePolicy(PriceKind.FIXED, Decimal("27.50"))))
    house.with_mapping().holds(4).cycle()

    assert [line.unit_price for line in house.lines] == [Decimal("27.50")]


def test_an_end_that_could_not_be_written_in_time_is_written_later(house):
    house.cycle()
    saved(house, profile_id=OTHER_PROFILE)
    house.on(date(2026, 4, 3))  # nothing ran before the move

    house.cycle()

    old = next(x for x in house.lines if x.product_id != OTHER_PRODUCT and x.ends != x.starts)
    assert old.ends == date(2026, 3, 31)


def test_a_superseded_mapping_is_forgotten_once_its_line_is_done(house):
    house.cycle()
    saved(house, profile_id=OTHER_PROFILE)
    house.sync_now()
    house.on(date(2026, 4, 2)).invoiced_through(date(2026, 5, 1))

    for _ in range(3):
        house.cycle()

    (left,) = house.services.mappings.of_customer(CUSTOMER)
    assert left.value.profile_id == OTHER_PROFILE


def test_a_mapping_without_seats_takes_over_the_line_that_still_bills():
    house = House().with_customer().with_mapping().holds(0)
    house.psa.add(a_line(quantity=6))

    house.cycle()

    assert house.quantities[0] == 0


def test_a_held_fall_in_arrears_can_be_approved(house):
    house.invoiced_through(date(2026, 3, 1)).cycle()
    house.on(date(2026, 3, 20)).holds(1).cycle()
    (approval,) = house.services.approvals.open_of(CUSTOMER)
    assert approval.approvable

    approve(approval.approval_id, house.services, note="", actor=EDITOR)
    house.drain()
    house.cycle()

    assert house.services.approvals.open_of(CUSTOMER) == ()
    assert house.quantities == [10]
    house.on(date(2026, 4, 1)).invoiced_through(date(2026, 4, 1)).cycle()
    assert house.quantities == [1]
