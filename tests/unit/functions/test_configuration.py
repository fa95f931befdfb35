"""The configuration goes out as one file and comes in again, all or nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared import bootstrap
from shared.domain.alerts import AlertKind
from shared.domain.customers import CustomerState, StatedTerm
from shared.domain.guards import GuardSettings
from shared.domain.ids import AgreementId, ProfileId, TenantId
from shared.domain.plans import PlanStatus
from shared.domain.preferences import Preferences
from shared.domain.terms import TermLength
from shared.usecases.alert_board import board_of
from shared.usecases.preview import preview_customer
from tests.api_client import Api
from tests.builders import (
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5,
    E5_ROW,
    EXCHANGE,
    MANAGED_USERS,
    NOW,
    OTHER_TENANT,
    PROFILE,
    SUBSCRIPTION,
    TODAY,
    a_custom_license,
    a_customer,
    a_global_exclusion,
    a_mapping,
    a_profile,
    a_row_exclusion,
)
from tests.house import House

ROUTE = "/api/configuration"


@pytest.fixture
def full(house: House, api: Api) -> Api:
    """An MSP that decided something of each kind."""
    services = house.services
    read = services.customers.get(CUSTOMER)
    term = StatedTerm(SUBSCRIPTION, TermLength.ANNUAL, "ann", NOW)
    services.customers.save(
        read, replace(read.value, split=frozenset({E5}), terms=(term,), accept_overlap=True)
    )
    services.custom_licenses.add(a_custom_license())
    services.mappings.exclude(a_row_exclusion(BUSINESS_PREMIUM_ROW))
    left = a_mapping(effective_to=TODAY, agreement_id=AgreementId("7002"))
    services.mappings.put(None, None, [left])
    services.exclusions.save(services.exclusions.get(), (a_global_exclusion(EXCHANGE),))
    guards = GuardSettings(fall_seats=9)
    services.settings.save(services.settings.get(), Preferences(guards))
    return api


def exported(api: Api) -> dict[str, Any]:
    answer = api.get(ROUTE)
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def told(api: Api, file: object, **query: str) -> list[tuple[str, str, str]]:
    """Import, and return what became of each item that is not unchanged."""
    answer = api.post(ROUTE, file, **query)
    assert answer.status == 200, answer.text
    return [(one["kind"], one["item_id"], one["action"]) for one in answer.json["items"]]


def another_house(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The same MSP's connections with an empty storage."""
    house = House().holds(10)
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    return Api(house)


def test_an_export_comes_back_the_same_from_an_empty_storage(full, monkeypatch):
    file = exported(full)
    other = another_house(monkeypatch)

    told(other, file)

    assert exported(other) == file
    assert told(other, file) == []


def test_an_export_names_no_person_and_no_moment(full):
    text = full.get(ROUTE).text

    assert "ann" not in text.replace("annual", "")
    assert "saved_" not in text
    assert "added_" not in text


def test_a_dry_run_says_what_would_become_of_each_item_and_changes_nothing(full, monkeypatch):
    file = exported(full)
    other = another_house(monkeypatch)

    items = told(other, file, dry_run="true")

    assert items == [
        ("settings", "settings", "created"),
        ("exclusions", "exclusions", "created"),
        ("billing_profile", PROFILE, "created"),
        ("custom_license", MANAGED_USERS, "created"),
        ("mapping", E5_ROW, "created"),
        ("mapping", E5_ROW, "created"),
        ("excluded_row", BUSINESS_PREMIUM_ROW, "created"),
        ("customer", CUSTOMER, "created"),
    ]
    assert other.house.services.customers.all() == ()
    assert other.house.services.profiles.all() == ()


def test_an_import_records_who_made_it(full, monkeypatch):
    file = exported(full)
    other = another_house(monkeypatch)

    told(other, file)

    [mapping] = [
        m.value
        for m in other.house.services.mappings.of_customer(CUSTOMER)
        if m.value.effective_to is None
    ]
    assert mapping.saved_by == "developer"
    assert mapping.saved_at == other.house.clock.now()


def test_a_changed_option_is_changed_without_passing_for_a_preview(full):
    house = full.house
    house.cycle()
    file = exported(full)
    file["customers"][0]["mappings"][0]["included"] = 2
    before = house.services.mappings.get(CUSTOMER, E5_ROW)
    assert before is not None

    assert told(full, file) == [("mapping", E5_ROW, "changed")]

    after = house.services.mappings.get(CUSTOMER, E5_ROW)
    assert after is not None
    assert (after.value.included, after.value.saved_at) == (2, before.value.saved_at)


def another_profile(file: dict[str, Any]) -> None:
    file["billing_profiles"].append({**file["billing_profiles"][0], "profile_id": "new"})
    file["billing_profiles"][-1]["product_id"] = "102"
    file["customers"][0]["mappings"][0]["profile_id"] = "new"


def another_agreement(file: dict[str, Any]) -> None:
    file["customers"][0]["mappings"][0]["agreement_id"] = "7002"


def an_exclusion(file: dict[str, Any]) -> None:
    file["exclusions"] = [{"sku_id": E5}]


def another_product(file: dict[str, Any]) -> None:
    file["billing_profiles"][0]["product_id"] = "102"


def another_tenant(file: dict[str, Any]) -> None:
    file["customers"][0]["tenant_id"] = "33333333-3333-4333-8333-333333333333"


def an_unknown_connection(file: dict[str, Any]) -> None:
    file["customers"].append({**file["customers"][0], "customer_id": "x", "psa": "nowhere"})


def the_same_users(file: dict[str, Any]) -> None:
    file["customers"].append({**file["customers"][0], "customer_id": "x", "mappings": []})


def an_unknown_profile(file: dict[str, Any]) -> None:
    file["customers"][0]["mappings"].append(
        {"row_id": f"sku-{EXCHANGE}", "profile_id": "gone", "agreement_id": "7001"}
    )


def an_excluded_line(file: dict[str, Any]) -> None:
    mapping = file["customers"][0]["mappings"].pop(0)
    file["customers"][0]["excluded_rows"].append({"row_id": mapping["row_id"]})


def a_circle(file: dict[str, Any]) -> None:
    file["customers"][0]["custom_licenses"].append(
        {
            "license_id": "round",
            "name": "Round",
            "source": {"kind": "copy", "row_ids": ["custom-round"]},
        }
    )


REFUSED: dict[Callable[[dict[str, Any]], None], tuple[str, str]] = {
    another_profile: ("mapping", "its line would move"),
    another_agreement: ("mapping", "its line would move"),
    an_exclusion: ("exclusions", "lines bill what would be excluded, of Contoso"),
    another_product: ("billing_profile", "this would move their lines"),
    another_tenant: ("customer", "are fixed"),
    an_unknown_connection: ("customer", "there is no PSA connection nowhere"),
    the_same_users: ("customer", "already has these users"),
    an_unknown_profile: ("mapping", "there is no billing profile gone"),
    an_excluded_line: ("excluded_row", "its line would end"),
    a_circle: ("custom_license", "would count itself"),
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda one: one.__name__)
def test_what_would_move_or_end_a_line_or_makes_no_sense_is_refused_with_all_the_rest(
    house, api, change
):
    house.cycle()
    file = exported(api)
    file["settings"]["guards"]["fall_seats"] = 99
    file["exclusions"] = []
    change(file)
    kind, why = REFUSED[change]

    tried = api.post(ROUTE, file, dry_run="true")
    answer = api.post(ROUTE, file)

    refused = [one for one in tried.json["items"] if one["action"] == "refused"]
    assert {one["kind"] for one in refused} == {kind}
    assert any(why in one["why"] for one in refused)
    assert answer.status == 409
    assert why in answer.json["detail"]
    assert house.services.settings.get().value == Preferences()
    assert house.services.mappings.of_customer(CUSTOMER)[0].value.agreement_id == "7001"


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ({}, "schema"),
        ({"schema": 2}, "schema"),
        ({"schema": 1, "ledgers": []}, "ledgers"),
        ({"schema": 1, "customers": [{"customer_id": "a"}]}, "customers.0.name"),
        ({"schema": 1, "exclusions": [{"sku_id": E5}, {"sku_id": E5}]}, "exclusions.1.sku_id"),
    ],
    ids=["no schema", "a newer schema", "an unknown part", "a field is missing", "twice"],
)
def test_a_file_that_cannot_be_read_says_where(api, file, field):
    answer = api.post(ROUTE, file)

    assert answer.status == 422
    assert field in answer.json["errors"]


def test_what_a_file_does_not_name_stays_unless_it_is_to_be_removed(full):
    services = full.house.services
    services.profiles.add(replace(a_profile(), profile_id=ProfileId("unused")))
    services.customers.add(a_customer("other", tenant_id="33333333-3333-4333-8333-333333333333"))
    file = exported(full)
    file["billing_profiles"] = [
        one for one in file["billing_profiles"] if one["profile_id"] != "unused"
    ]
    file["customers"] = [one for one in file["customers"] if one["customer_id"] == CUSTOMER]
    file["customers"][0]["custom_licenses"] = []
    file["customers"][0]["excluded_rows"] = []

    assert told(full, file) == []
    removed = told(full, file, remove="true")

    assert sorted(removed) == [
        ("billing_profile", "unused", "removed"),
        ("custom_license", MANAGED_USERS, "removed"),
        ("customer", "other", "removed"),
        ("excluded_row", BUSINESS_PREMIUM_ROW, "removed"),
    ]
    assert services.customers.get("other").value.state is CustomerState.DELETED
    assert exported(full) == file


def test_an_import_ends_the_alerts_of_tenants_that_come_and_go(house, api):
    """As adding and deleting a customer by hand does."""
    other = TenantId("33333333-3333-4333-8333-333333333333")
    house.services.customers.add(a_customer("other", tenant_id=other))
    file = exported(api)
    house.services.customers.add(a_customer("gone", tenant_id=OTHER_TENANT))
    read = house.services.customers.get("other")
    house.services.customers.save(read, replace(read.value, state=CustomerState.DELETED))
    for owner, kind, tenant in (
        (None, AlertKind.TENANT_NOT_ADDED, other),
        ("gone", AlertKind.TENANT_GONE, OTHER_TENANT),
    ):
        board = board_of(owner, house.services)
        board.show(kind, "look", subject=tenant, customer_id=owner)
        board.save()

    told(api, file, remove="true")

    assert house.services.customers.get("other").value.state is CustomerState.ACTIVE
    assert house.services.customers.get("gone").value.state is CustomerState.DELETED
    assert house.services.alerts.open_of(None) == ()
    assert house.services.alerts.open_of("gone") == ()


def test_a_mapping_with_a_line_is_not_removed(house, api):
    house.cycle()
    file = exported(api)
    file["customers"][0]["mappings"] = []

    answer = api.post(ROUTE, file, remove="true")

    assert answer.status == 409
    assert "its line would end" in answer.json["detail"]


def test_ledgers_are_never_touched(house, api):
    house.cycle()
    ledgers = house.services.ledgers.of_customer(CUSTOMER)
    file = exported(api)
    file["customers"][0]["mappings"][0]["minimum"] = 3

    told(api, file)

    assert house.services.ledgers.of_customer(CUSTOMER) == ledgers


def test_lines_are_found_again_after_the_storage_was_lost(house, api, monkeypatch):
    house.cycle()
    file = exported(api)
    other = another_house(monkeypatch)
    other.house.psa.lines = house.psa.lines

    told(other, file)
    other.house.cycle()

    [view] = preview_customer(CUSTOMER, other.house.services)
    assert view.plan is not None
    assert view.plan.status is PlanStatus.IN_STEP
    assert other.house.psa.writes == []
    assert view.plan.before == 10
