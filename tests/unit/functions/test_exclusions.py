"""Global exclusions: their seed, and what becomes of lines that bill an excluded SKU."""

from dataclasses import replace
from datetime import date

import pytest

from shared import bootstrap
from shared.adapters.microsoft.sku_names import free_exclusions, free_skus
from shared.domain.ids import is_guid
from shared.domain.mappings import GlobalExclusion
from tests.api_client import ON_A_LAPTOP, Api
from tests.builders import CUSTOMER, E5, E5_ROW, EXCHANGE, a_sku, a_snapshot
from tests.house import House

ADDRESS = "/api/exclusions"


@pytest.fixture
def seeded(house: House, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An MSP that never saved a list, while Exchange costs nothing."""
    house.services = replace(house.services, free_skus=(GlobalExclusion(EXCHANGE, "free (trial)"),))
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    monkeypatch.setattr(bootstrap, "environment", lambda: ON_A_LAPTOP)
    return Api(house)


def line(api: Api):
    [found] = api.house.lines
    return found


def test_the_seed_is_what_costs_nothing_by_default():
    seed = free_exclusions()

    assert {one.sku_id for one in seed} == {
        one.sku_id for one in free_skus() if one.excluded_by_default and one.sku_id
    }
    assert len(seed) == 24
    assert all(is_guid(one.sku_id) for one in seed)
    assert seed[0].reason.startswith("free")


def test_before_a_list_is_saved_free_skus_are_excluded(seeded: Api):
    skus = [a_sku(), a_sku(EXCHANGE, enabled=10_000)]
    seeded.house.microsoft.hold(a_snapshot(skus=skus))
    seeded.house.sync_now()

    shown = seeded.get(ADDRESS).json

    assert shown["seeded"] is True
    assert [one["sku_id"] for one in shown["items"]] == [EXCHANGE]
    assert seeded.house.services.alerts.open_of(CUSTOMER) == ()


def test_a_saved_list_is_the_msps_own_also_an_empty_one(seeded: Api):
    skus = [a_sku(), a_sku(EXCHANGE, enabled=10)]
    seeded.house.microsoft.hold(a_snapshot(skus=skus))

    assert seeded.put(ADDRESS, {"items": []}).status == 200
    seeded.house.sync_now()

    assert seeded.get(ADDRESS).json == {"items": [], "continuation": None, "seeded": False}
    [alert] = seeded.house.services.alerts.open_of(CUSTOMER)
    assert alert.kind == "missing_profile"


def test_a_sku_with_a_line_asks_what_becomes_of_it(api: Api):
    api.house.sync_now()

    answer = api.put(ADDRESS, {"items": [{"sku_id": E5, "reason": "no"}]})

    assert (answer.status, answer.json["type"]) == (409, "urn:seatsync:problem:owned-lines")
    assert answer.json["lines"] == [
        {
            "sku_id": E5,
            "customer_id": CUSTOMER,
            "customer_name": "Contoso",
            "row_id": E5_ROW,
            "agreement_id": "7001",
            "line_id": line(api).line_id,
        }
    ]
    assert api.get(ADDRESS).json["items"] == []
    assert api.get(f"/api/customers/{CUSTOMER}/mappings/{E5_ROW}").status == 200


def test_its_line_ends_with_the_settled_period(api: Api):
    api.house.sync_now()

    answer = api.put(ADDRESS, {"items": [{"sku_id": E5, "line": "end"}]})
    api.house.on(date(2026, 3, 18)).cycle()

    assert answer.status == 200
    assert (line(api).quantity, line(api).ends) == (10, date(2026, 3, 31))
    assert api.get(f"/api/customers/{CUSTOMER}/licenses").json["items"][0]["state"] == "excluded"
    assert api.house.services.alerts.open_of(CUSTOMER) == ()


def test_its_line_may_be_left_as_it_is(api: Api):
    api.house.sync_now()

    assert api.put(ADDRESS, {"items": [{"sku_id": E5, "line": "leave"}]}).status == 200
    api.house.on(date(2026, 3, 18)).cycle()

    assert (line(api).quantity, line(api).ends) == (10, None)
    assert api.get(f"/api/customers/{CUSTOMER}/mappings/{E5_ROW}").status == 404


def test_a_sku_that_is_excluded_already_is_not_asked_about_again(api: Api):
    api.house.sync_now()
    api.put(ADDRESS, {"items": [{"sku_id": E5, "line": "leave"}]})

    again = api.put(ADDRESS, {"items": [{"sku_id": E5, "reason": "still"}]})

    assert (again.status, again.json["items"][0]["reason"]) == (200, "still")


def test_a_sku_without_a_line_is_not_asked_about(api: Api):
    assert api.put(ADDRESS, {"items": [{"sku_id": E5}]}).status == 200
    api.house.sync_now()

    assert api.house.psa.writes == []


def test_what_becomes_of_a_line_is_end_or_leave(api: Api):
    assert api.put(ADDRESS, {"items": [{"sku_id": E5, "line": "drop"}]}).status == 422
