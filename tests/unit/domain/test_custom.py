"""Custom licences: rows that count people or other rows."""

from datetime import timedelta

import pytest

from shared.domain.custom import (
    CopyOf,
    EntraUsers,
    check_sources,
    copied_row,
    newest,
    people_row,
)
from shared.domain.errors import InvalidInputError
from shared.domain.ids import CustomLicenseId, RowId
from shared.domain.licensing import rows_of
from tests.builders import (
    BUSINESS_PREMIUM,
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5,
    E5_ROW,
    EVERYBODY,
    MANAGED_USERS,
    MANAGED_USERS_ROW,
    NOW,
    PRODUCT_NAMES,
    a_custom_license,
    a_people_count,
    a_sku,
    a_snapshot,
    a_subscription,
)

LATER = NOW + timedelta(hours=1)
BACKUP, BUNDLE = RowId("custom-backup"), RowId("custom-bundle")


def rows(*skus, subscriptions=()):
    return rows_of(a_snapshot(skus, subscriptions), PRODUCT_NAMES)


def a_copy(*row_ids):
    return a_custom_license(name="Bundle", source=CopyOf(row_ids))


def test_a_count_of_people_is_the_rows_seats():
    row = people_row(a_custom_license(), a_people_count(7))

    assert (row.row_id, row.name, row.counts.enabled) == (MANAGED_USERS_ROW, "Managed users", 7)
    assert row.counts.unassigned is None
    assert row.how == ("7 users counted",)


def test_what_was_not_counted_is_unknown():
    assert people_row(a_custom_license(), None).counts is None
    assert "not counted yet" in people_row(a_custom_license(), None).unknown


def test_a_failed_count_is_unknown_with_its_reason():
    row = people_row(a_custom_license(), a_people_count(None, problem="no such group"))

    assert row.counts is None
    assert "no such group" in row.unknown


def test_a_number_for_another_question_tells_nothing():
    licensed = EntraUsers(licensed_only=True, domain=None, enabled_only=False)

    row = people_row(a_custom_license(source=licensed), a_people_count(7))

    assert row.counts is None


def test_a_copy_adds_up_active_seats():
    sources = rows(a_sku(E5, enabled=10), a_sku(BUSINESS_PREMIUM, enabled=5))

    row = copied_row(a_copy(E5_ROW, BUSINESS_PREMIUM_ROW), sources)

    assert row.counts.enabled == 15
    (how,) = row.how
    assert "10 of Microsoft 365 E5" in how
    assert "5 of Microsoft 365 Business Premium" in how


def test_a_copy_judges_grace_and_trials_row_by_row():
    sources = rows(
        a_sku(E5, enabled=0, warning=4),
        a_sku(BUSINESS_PREMIUM, enabled=5, warning=3),
        subscriptions=[a_subscription(sku_id=BUSINESS_PREMIUM, total_licenses=2, is_trial=True)],
    )

    assert copied_row(a_copy(E5_ROW, BUSINESS_PREMIUM_ROW), sources).counts.enabled == 4 + 3


@pytest.mark.parametrize("missing", [rows(a_sku(enabled=None)), (E5_ROW,)], ids=["unknown", "gone"])
def test_a_copy_of_what_is_unknown_is_unknown(missing):
    known = rows(a_sku(BUSINESS_PREMIUM, enabled=5))

    row = copied_row(a_copy(BUSINESS_PREMIUM_ROW, E5_ROW), (*known, *missing))

    assert row.counts is None
    assert "it copies" in row.unknown


def test_a_later_count_wins_whatever_is_stored_first():
    old, new = a_people_count(7), a_people_count(9, taken_at=LATER)

    assert newest([old], [new]) == newest([new], [old]) == (new,)


def test_a_later_failure_makes_an_earlier_count_unknown():
    failed = a_people_count(None, taken_at=LATER, problem="503")

    assert newest([a_people_count(7)], [failed]) == (failed,)


def test_counts_of_deleted_licences_go():
    other = a_people_count(3, license_id=CustomLicenseId("backup"))

    kept = newest([a_people_count(7), other], [], [(CUSTOMER, MANAGED_USERS)])

    assert kept == (other,)


def test_a_copy_may_copy_rows_of_the_tenant_and_other_copies():
    others = {BACKUP: CopyOf((E5_ROW,)), BUNDLE: EVERYBODY}

    check_sources(MANAGED_USERS_ROW, CopyOf((BACKUP, BUNDLE, E5_ROW)), others, [E5_ROW])
    check_sources(MANAGED_USERS_ROW, EVERYBODY, others, [])


@pytest.mark.parametrize(
    "others",
    [{}, {BACKUP: CopyOf((MANAGED_USERS_ROW,))}, {BACKUP: CopyOf((BUNDLE,))}],
    ids=["itself", "each other", "three"],
)
def test_a_circle_is_refused_and_named(others):
    if BUNDLE in {row for one in others.values() for row in one.rows}:
        others = {**others, BUNDLE: CopyOf((E5_ROW, MANAGED_USERS_ROW))}
    first = BACKUP if others else MANAGED_USERS_ROW

    with pytest.raises(InvalidInputError) as caught:
        check_sources(MANAGED_USERS_ROW, CopyOf((E5_ROW, first)), others, [E5_ROW])

    assert "would count itself" in caught.value.errors["source"]
    assert "→ custom-managed" in caught.value.errors["source"]


def test_a_diamond_is_no_circle():
    others = {BACKUP: CopyOf((E5_ROW,)), BUNDLE: CopyOf((BACKUP, E5_ROW))}

    check_sources(MANAGED_USERS_ROW, CopyOf((BACKUP, BUNDLE)), others, [E5_ROW])


@pytest.mark.parametrize("source", [CopyOf(()), CopyOf((BACKUP,))], ids=["nothing", "missing"])
def test_a_copy_of_nothing_is_refused(source):
    with pytest.raises(InvalidInputError):
        check_sources(MANAGED_USERS_ROW, source, {}, [E5_ROW])
