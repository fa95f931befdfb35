"""Custom licences, from a person's idea to the line in the PSA."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.custom import CopyOf, EntraUsers, GroupMembers
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitError,
    StaleVersionError,
    UpstreamUnavailableError,
)
from shared.domain.ids import CustomLicenseId, custom_row
from shared.domain.runs import ItemState
from shared.usecases.custom_licenses import (
    CustomLicenseDraft,
    add_custom_license,
    change_custom_license,
    delete_custom_license,
    get_custom_license,
    list_custom_licenses,
)
from shared.usecases.edit_mapping import delete_mapping, exclude_row, split_row
from shared.usecases.pauses import tenant_key
from shared.usecases.preview import license_rows
from tests.builders import (
    CUSTOMER,
    E5_ROW,
    EDITOR,
    EVERYBODY,
    MAIN,
    MANAGED_USERS,
    MANAGED_USERS_ROW,
    OTHER_AGREEMENT,
    OTHER_TENANT,
    TENANT,
    a_custom_license,
    a_people_count,
    an_agreement,
)
from tests.fakes.microsoft import Person
from tests.house import House

GROUP = "44444444-4444-4444-8444-444444444444"
INNER_GROUP = "99999999-0000-4000-8000-0000000000ee"
MEMBERS = GroupMembers(GROUP, include_disabled=False)
BUNDLE = CustomLicenseId("bundle")
BUNDLE_ROW = custom_row(BUNDLE)


@pytest.fixture
def house():
    """A house with ten E5 seats, and a custom licence that counts everybody."""
    house = House().with_customer().holds(10)
    house.services.custom_licenses.add(a_custom_license())
    return people(house, 7)


def people(house, number):
    house.microsoft.counts.hold(TENANT, [Person(f"{one}@contoso.example") for one in range(number)])
    return house


def row(house, row_id=MANAGED_USERS_ROW):
    return next(
        one for one in license_rows(CUSTOMER, house.services).rows if one.row.row_id == row_id
    )


def draft(source=EVERYBODY, name="Managed users"):
    return CustomLicenseDraft(name, source)


def delete(house, **options):
    options = {"if_match": None, "leave_line": None, **options}
    delete_custom_license(CUSTOMER, MANAGED_USERS, house.services, **options)


def test_people_are_billed_like_seats(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW, included=2)

    house.cycle()

    assert house.quantities == [5]
    (change,) = house.history()
    assert "7 users counted; 7 active; 7 − 2 included = 5" in change.why[0]
    assert "enabled" not in change.why[0]


def test_more_people_are_more_seats(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    people(house, 9).cycle()

    assert sum(house.quantities) == 9


def test_fewer_people_are_no_breach_of_microsofts_rules(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    people(house, 6).cycle()

    assert "unlikely" not in " ".join(house.history()[0].why)


def test_a_tenant_without_a_custom_licence_is_asked_for_no_people():
    house = House().with_customer().holds(10).with_mapping()

    house.cycle()
    license_rows(CUSTOMER, house.services)

    assert house.microsoft.people_counts[TENANT] == house.microsoft.user_reads[TENANT] == 0


def test_people_are_counted_once_in_a_cycle_that_changes_their_line(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW)

    house.cycle()

    assert house.microsoft.people_counts[TENANT] == 1
    assert house.microsoft.user_reads[TENANT] == 0


def test_a_page_counts_what_was_never_counted_and_then_no_more(house):
    assert row(house).active == 7
    people(house, 8)

    assert row(house).active == 7
    assert house.microsoft.people_counts[TENANT] == 1


def test_a_page_is_shown_although_microsoft_asks_to_wait(house):
    house.microsoft.counts.error = RateLimitError(MAIN, timedelta(seconds=30))

    shown = row(house)

    assert (shown.active, shown.row.unknown) == (None, "not counted yet; the next sync counts it")
    assert house.services.connection_states.paused_until(tenant_key(MAIN, TENANT)) is not None
    assert house.services.connection_states.paused_until(tenant_key(MAIN, OTHER_TENANT)) is None


def test_a_failed_count_bills_nothing_and_stops_no_other_row(house):
    house.with_mapping().with_mapping(row_id=MANAGED_USERS_ROW, agreement_id=OTHER_AGREEMENT)
    house.psa.add(an_agreement(OTHER_AGREEMENT))
    house.microsoft.counts.error = UpstreamUnavailableError(MAIN, "503")

    run = house.cycle()

    assert {item.state for item in house.items(run)} == {ItemState.CHANGED, ItemState.BLOCKED}
    assert house.quantities == [10]
    (alert,) = house.services.alerts.open_of(CUSTOMER)
    assert alert.kind is AlertKind.BLOCKED
    assert "it could not be counted: main: 503" in alert.text


def test_a_failed_count_after_a_good_one_leaves_the_line_alone(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()
    house.microsoft.counts.error = UpstreamUnavailableError(MAIN, "503")

    house.cycle()

    assert house.quantities == [7]
    assert row(house).active is None
    house.microsoft.counts.error = None
    house.cycle()
    assert row(house).active == 7
    open_alerts = house.services.alerts.open_of(CUSTOMER)
    assert AlertKind.BLOCKED not in {alert.kind for alert in open_alerts}


def test_a_group_that_is_gone_is_unknown_and_says_so(house):
    change_custom_license(
        CUSTOMER, MANAGED_USERS, draft(MEMBERS), house.services, if_match=None, actor=EDITOR
    )

    house.cycle()

    assert row(house).active is None
    assert "no such group" in row(house).row.unknown


def test_members_of_a_group_are_counted_with_or_without_disabled_and_inner_groups(house):
    members = [Person("a@x.example"), Person("b@x.example", enabled=False)]
    house.microsoft.counts.group(TENANT, INNER_GROUP, [Person("c@x.example"), members[0]])
    house.microsoft.counts.group(TENANT, GROUP, members, [INNER_GROUP])
    for include, nested, seats in [
        (False, False, 1),
        (True, False, 2),
        (False, True, 2),
        (True, True, 3),
    ]:
        source = GroupMembers(GROUP, include, nested)
        change_custom_license(
            CUSTOMER, MANAGED_USERS, draft(source), house.services, if_match=None, actor=EDITOR
        )
        assert row(house).active == seats


def test_a_wait_for_a_count_puts_the_tenant_back_and_loses_nothing(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW)
    answers = iter([RateLimitError(MAIN, timedelta(seconds=5))])
    counted = house.microsoft.count_users

    def once_busy(tenant_id, **wanted):
        error = next(answers, None)
        if error is not None:
            raise error
        return counted(tenant_id, **wanted)

    house.microsoft.count_users = once_busy

    house.cycle()

    assert house.quantities == [7]
    assert house.dropped == []


def test_an_older_count_that_comes_late_changes_nothing(house):
    house.cycle()
    newer = house.clock.now() + timedelta(minutes=1)
    read = house.services.snapshots.get(TENANT)
    counts = (a_people_count(99, taken_at=newer),)
    house.services.snapshots.save(read, replace(read.value, people=counts))

    house.sync_now()

    assert row(house).active == 99


def test_a_copy_follows_its_sources_before_their_options(house):
    source = CopyOf((E5_ROW, MANAGED_USERS_ROW))
    house.services.custom_licenses.add(a_custom_license(BUNDLE, name="Bundle", source=source))
    house.with_mapping(included=10).with_mapping(
        row_id=BUNDLE_ROW, agreement_id=OTHER_AGREEMENT, minimum=3
    )
    house.psa.add(an_agreement(OTHER_AGREEMENT))

    house.cycle()

    assert [line.quantity for line in house.psa.lines.values()] == [17]
    (how,) = row(house, BUNDLE_ROW).row.how
    assert how == "10 of Microsoft 365 E5 + 7 of Managed users"


def test_a_copy_of_a_failed_count_is_unknown(house):
    source = CopyOf((E5_ROW, MANAGED_USERS_ROW))
    house.services.custom_licenses.add(a_custom_license(BUNDLE, source=source))
    house.microsoft.counts.error = UpstreamUnavailableError(MAIN, "503")

    house.cycle()

    assert row(house, BUNDLE_ROW).active is None
    assert row(house, E5_ROW).active == 10


def test_two_copies_that_came_to_copy_each_other_are_unknown(house):
    other = custom_row(CustomLicenseId("other"))
    for one, copied in [(BUNDLE, other), (CustomLicenseId("other"), BUNDLE_ROW)]:
        made = a_custom_license(one, source=CopyOf((E5_ROW, copied)))
        house.services.custom_licenses.add(made)

    assert row(house, BUNDLE_ROW).active is None
    assert row(house, other).active is None


# Saving and deleting -----------------------------------------------------------------------------


def test_a_custom_licence_is_made_changed_and_listed_by_name(house):
    services = house.services
    made = add_custom_license(CUSTOMER, draft(name="Backup"), services, actor=EDITOR)

    renamed = draft(CopyOf((E5_ROW,)), "Zebra")
    change_custom_license(
        CUSTOMER, made.value.license_id, renamed, services, if_match=made.version, actor=EDITOR
    )

    listed = [one.value.name for one in list_custom_licenses(CUSTOMER, services)]
    assert listed == ["Managed users", "Zebra"]
    with pytest.raises(StaleVersionError):
        change_custom_license(
            CUSTOMER, made.value.license_id, renamed, services, if_match=made.version, actor=EDITOR
        )


def test_a_copy_of_rows_that_are_not_there_or_of_itself_is_refused(house):
    for rows in [(custom_row(CustomLicenseId("none")),), (MANAGED_USERS_ROW,)]:
        with pytest.raises(InvalidInputError):
            change_custom_license(
                CUSTOMER,
                MANAGED_USERS,
                draft(CopyOf(rows)),
                house.services,
                if_match=None,
                actor=EDITOR,
            )


def test_an_unmapped_one_is_deleted_at_once_with_its_count(house):
    house.cycle()

    delete(house)
    house.cycle()

    assert house.services.custom_licenses.of_customer(CUSTOMER) == ()
    assert house.services.snapshots.get(TENANT).value.people == ()


def test_a_mapped_one_is_deleted_only_with_a_word_on_its_line(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    with pytest.raises(ConflictError, match="line=end"):
        delete(house)
    assert house.quantities == [7]


def test_one_that_is_copied_is_not_deleted(house):
    source = CopyOf((MANAGED_USERS_ROW,))
    house.services.custom_licenses.add(a_custom_license(BUNDLE, name="Bundle", source=source))

    with pytest.raises(ConflictError, match="copied by Bundle"):
        delete(house)


def test_a_deleted_one_is_billed_through_the_period_and_then_forgotten(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    delete(house, leave_line=False)
    house.cycle()

    assert [(line.quantity, line.ends) for line in house.lines] == [(7, date(2026, 3, 31))]
    with pytest.raises(NotFoundError):
        get_custom_license(CUSTOMER, MANAGED_USERS, house.services)
    assert list_custom_licenses(CUSTOMER, house.services) == ()
    assert [one.row.row_id for one in license_rows(CUSTOMER, house.services).rows] == [E5_ROW]
    house.invoiced_through(date(2026, 5, 1)).on(date(2026, 4, 2)).cycle()
    assert house.services.custom_licenses.of_customer(CUSTOMER) == ()


def test_a_deleted_ones_line_may_stay_as_it_is(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    delete(house, leave_line=True)
    house.cycle()

    assert [(line.quantity, line.ends) for line in house.lines] == [(7, None)]
    assert house.services.custom_licenses.of_customer(CUSTOMER) == ()


def test_its_mapping_ends_like_any_other(house):
    house.with_mapping(row_id=MANAGED_USERS_ROW).cycle()

    delete_mapping(CUSTOMER, MANAGED_USERS_ROW, house.services, if_match=None, leave_line=False)
    house.cycle()

    assert [(line.quantity, line.ends) for line in house.lines] == [(7, date(2026, 3, 31))]


def test_it_can_be_excluded_and_never_split(house):
    with pytest.raises(ConflictError):
        split_row(CUSTOMER, MANAGED_USERS_ROW, house.services)

    exclude_row(CUSTOMER, MANAGED_USERS_ROW, house.services, leave_line=False, actor=EDITOR)

    assert row(house).state == "excluded"


def test_only_licensed_users_of_a_domain_who_may_sign_in(house):
    house.microsoft.counts.hold(
        TENANT,
        [
            Person("a@contoso.example"),
            Person("b@contoso.example", enabled=False),
            Person("c@contoso.example", licensed=False),
            Person("d@other.example"),
        ],
    )
    source = EntraUsers(licensed_only=True, domain="contoso.example", enabled_only=True)

    add_custom_license(CUSTOMER, draft(source), house.services, actor=EDITOR)

    made = next(
        one.value
        for one in list_custom_licenses(CUSTOMER, house.services)
        if one.value.source == source
    )
    assert row(house, made.row_id).active == 1
