"""What the simulated Syncro bills and refuses."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import requests

from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.syncro import builders
from local.simulators.syncro.invoicing import run_invoices
from local.simulators.syncro.state import DEMO_TOKEN, PsaState
from local.simulators.syncro.vendor import syncro_app

HOST = "http://syncro.test"
API = f"{HOST}/api/v1"


@pytest.fixture
def state():
    state = PsaState(now=lambda: datetime(2026, 3, 17, 12, tzinfo=UTC))
    return state.seed(
        customers=[builders.a_customer()],
        products=[builders.a_product()],
        schedules=[builders.a_schedule()],
        lines=[builders.a_line()],
    )


@pytest.fixture
def http(state):
    app = syncro_app(state)
    with requests.Session() as session:
        session.mount(HOST, InProcessAdapter(app, sleep=lambda _seconds: None))
        session.headers["Authorization"] = f"Bearer {DEMO_TOKEN.value}"
        yield session
    assert [one for one in app.state.simulator.violations if one.direction != "request"] == []


def test_whole_periods_are_billed_with_the_quantity_of_the_day(state, http):
    http.put(f"{API}/schedules/7001/line_items/501", json={"quantity": 12})

    invoices = run_invoices(state, date(2026, 5, 1)).invoices

    assert [one["total"] for one in invoices] == [Decimal("240.00")] * 2
    assert invoices[0]["period"] == {"from": "2026-04-01", "to": "2026-04-30"}
    assert state.schedules[7001]["next_run"].startswith("2026-06-01")


def test_month_ends_are_counted_from_the_first_run(state):
    state.seed(schedules=[builders.a_schedule(7002, next_run=date(2026, 1, 31))])

    dates = [one["invoice_date"] for one in run_invoices(state, date(2026, 3, 31), 7002).invoices]

    assert dates == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_a_charge_for_once_is_billed_once(state):
    state.seed(lines=[builders.a_line(502, quantity=1, price="5.00", one_time=True)])

    totals = [one["total"] for one in run_invoices(state, date(2026, 5, 1)).invoices]

    assert totals == [Decimal("205.00"), Decimal("200.00")]


def test_a_paused_schedule_is_left_out(state):
    state.schedules[7001]["paused"] = True

    run = run_invoices(state, date(2026, 5, 1))

    assert (run.invoices, [one["schedule_id"] for one in run.skipped]) == ([], [7001])


def test_lists_have_25_a_page(state, http):
    state.seed(customers=[builders.a_customer(number) for number in range(1, 60)])

    sizes = [
        len(http.get(f"{API}/customers", params={"page": page}).json()["customers"])
        for page in (1, 2, 3, 4)
    ]

    assert sizes == [25, 25, 10, 0]


def test_what_is_invalid_is_refused_with_a_list_of_reasons(http):
    answer = http.post(f"{API}/schedules/7001/add_line_item", json={"product_id": 999})

    assert answer.status_code == 422
    assert answer.json() == {"error": ["Product 999 is invalid"]}


def test_calls_beyond_the_limit_are_refused(state, http):
    state.switches.rate_limit = 1

    assert [http.get(f"{API}/schedules").status_code for _ in range(2)] == [200, 429]


def test_what_was_dumped_can_be_restored(state):
    other = PsaState(now=state.now)

    other.restore(state.dump())

    assert other.dump() == state.dump()


def test_the_pages_and_controls_change_lines_by_hand(state, http):
    assert "Microsoft 365" in http.get(f"{HOST}/").text
    form = {"quantity": "7", "description": "Seven"}
    assert http.post(f"{HOST}/by-hand/change/501", data=form).status_code == 200
    http.post(f"{HOST}/_sim/schedules/7001/lines", json={"product_id": 101, "quantity": 3})
    run = http.post(f"{HOST}/_sim/invoice-run", json={"through": "2026-04-01"}).json()

    assert run["invoices"][0]["total"] == 200
    audit = http.get(f"{HOST}/_sim/audit").json()["changes"]
    assert [(one["who"], one["change"]) for one in audit] == [
        ("hand", "update"),
        ("hand", "create"),
    ]
    assert http.delete(f"{HOST}/_sim/lines/501").status_code == 204
    assert 501 not in state.lines
