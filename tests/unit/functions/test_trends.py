"""Seats over time: a point where something changed, and a value for every day."""

from datetime import date, timedelta

import pytest

from shared.domain.ids import ConnectionName
from shared.domain.trends import EVERYBODY, LicenseSeats, TrendPoint, trend_of
from shared.usecases.close_runs import close_runs
from tests.api_client import Api
from tests.builders import CUSTOMER, E5, TODAY, a_line, dollars
from tests.house import House

ROUTE = f"/api/customers/{CUSTOMER}/trend"


def a_point(day: date, seats: int | None, name: str = "E5") -> TrendPoint:
    return TrendPoint(CUSTOMER, day, (LicenseSeats(name, name, seats, seats),))


def on(house: House, days: int) -> None:
    house.on(TODAY + timedelta(days=days))


def test_each_day_has_the_seats_of_the_last_change_before_it(house: House, api: Api):
    house.cycle()
    on(house, 2)
    house.holds(12).cycle()
    on(house, 3)

    answer = api.get(ROUTE, days="5").json

    assert answer["days"][-1] == (TODAY + timedelta(days=3)).isoformat()
    [series] = answer["series"]
    assert (series["key"], series["name"]) == (E5, "Microsoft 365 E5")
    assert series["active"] == [None, 10, 10, 12, 12], "null where nothing is known"


def test_a_sync_that_changes_nothing_stores_no_point(house: House, api: Api):
    house.cycle()
    on(house, 1)
    house.cycle()

    assert len(house.services.trends.since(CUSTOMER, date.min)) == 1


def test_all_customers_together_have_seats_and_money(house: House, api: Api):
    house.psa.add(a_line(quantity=10, unit_price=dollars("36.00")))
    house.cycle()
    close_runs(house.services)

    answer = api.get("/api/trend", days="1").json

    assert [(one["name"], one["active"]) for one in answer["series"]] == [
        ("Microsoft 365 E5", [10])
    ]
    assert answer["money"] == {"main": [360]}
    assert house.services.trends.last(EVERYBODY) is not None


def test_the_overview_has_seats_and_money_of_the_mapped_lines(house: House, api: Api):
    house.psa.add(a_line(quantity=10, unit_price=dollars("36.00")))
    house.cycle()
    close_runs(house.services)

    answer = api.get("/api/overview").json

    assert answer["managed"] == [
        {
            "psa": "main",
            "lines": 1,
            "seats": 10,
            "seats_unknown": 0,
            "amount": 360,
            "amount_unknown": 0,
        }
    ]
    assert answer["managed_since"] == TODAY.isoformat()
    assert answer["last_cycle"]["items"]["total"] == 1
    assert answer["approvals"] == {"items": [], "continuation": None}


def test_the_overview_has_no_amount_where_none_is_known(house: House, api: Api):
    house.psa.add(a_line(quantity=10, unit_price=None))
    house.cycle()
    close_runs(house.services)

    [managed] = api.get("/api/overview").json["managed"]

    assert (managed["seats"], managed["amount"], managed["amount_unknown"]) == (10, None, 1)


@pytest.mark.parametrize("days", ["0", "x", "99999999"])
def test_days_that_make_no_sense_are_refused(api: Api, days: str):
    assert api.get(ROUTE, days=days).status == 422


def test_a_licence_that_comes_and_goes_has_no_seats_on_the_other_days():
    found = trend_of(
        [a_point(TODAY, 3, "A"), a_point(TODAY + timedelta(days=1), None, "B")],
        TODAY,
        TODAY + timedelta(days=1),
    )

    assert [(one.name, one.active) for one in found.series] == [("A", (3, 0)), ("B", (0, None))]


def test_money_is_by_connection():
    main, other = ConnectionName("main"), ConnectionName("other")
    first = TrendPoint(EVERYBODY, TODAY, (), ((main, dollars("1.00")),))
    second = TrendPoint(EVERYBODY, TODAY + timedelta(days=1), (), ((other, dollars("2.00")),))

    found = trend_of([first, second], TODAY, TODAY + timedelta(days=1))

    assert found.money == {main: (dollars("1.00"), None), other: (None, dollars("2.00"))}
