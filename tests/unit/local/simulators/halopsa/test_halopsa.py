"""What the simulated HaloPSA bills, refuses and loses."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import requests

from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.halopsa import builders
from local.simulators.halopsa.invoicing import run_invoices
from local.simulators.halopsa.state import DEMO_APPLICATION, PsaState
from local.simulators.halopsa.vendor import halopsa_app

HOST = "http://halopsa.test"
MARCH_17 = date(2026, 3, 17)
FORM = {
    "grant_type": "client_credentials",
    "client_id": DEMO_APPLICATION.client_id,
    "client_secret": DEMO_APPLICATION.secret,
    "scope": "all",
}


@pytest.fixture
def state():
    state = PsaState(now=lambda: datetime(2026, 3, 17, 12, tzinfo=UTC))
    state.switches.error_shape = "message"
    return state.seed(
        clients=[builders.a_client()],
        items=[builders.an_item()],
        recurring_invoices=[builders.a_recurring_invoice()],
    )


@pytest.fixture
def http(state):
    app = halopsa_app(state)
    with requests.Session() as session:
        session.mount(HOST, InProcessAdapter(app, sleep=lambda _seconds: None))
        token = session.post(f"{HOST}/auth/token?tenant=demo", data=FORM).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        yield session
    assert [one for one in app.state.simulator.violations if one.direction != "request"] == []


def test_a_row_bills_from_its_day_and_becomes_quantity_after_the_invoice(state):
    state.seed(lines=[builders.a_line(rows=(builders.a_row(MARCH_17, 2),))])

    (invoice,) = run_invoices(state, date(2026, 4, 1)).invoices

    # 2 seats for 15 of March's 31 days, and for all of April: 20.00 x 46/31 = 29.68.
    assert [(one["quantity"], one["amount"]) for one in invoice["lines"]] == [
        (10, Decimal("200.00")),
        (2, Decimal("59.36")),
    ]
    assert state.lines[501]["qty_order"] == 12
    (again,) = run_invoices(state, date(2026, 5, 1)).invoices
    assert again["total"] == Decimal("240.00")


def test_an_invoice_in_arrears_bills_a_row_up_to_the_period_s_end(state):
    header = builders.a_recurring_invoice(
        -95, first_uninvoiced=date(2026, 3, 1), next_creation=date(2026, 3, 31)
    )
    line = builders.a_line(recurring_invoice=-95, rows=(builders.a_row(MARCH_17, 2),))
    state.seed(recurring_invoices=[header], lines=[line])

    (invoice,) = run_invoices(state, date(2026, 3, 31), -95).invoices

    assert invoice["total"] == Decimal("219.36")
    assert state.recurring_invoices[-95]["nextcreationdate"][:10] == "2026-04-30"


def test_a_row_of_a_later_period_waits(state):
    state.seed(lines=[builders.a_line(rows=(builders.a_row(date(2026, 5, 1), 2),))])

    (invoice,) = run_invoices(state, date(2026, 4, 1)).invoices

    assert invoice["total"] == Decimal("200.00")
    assert state.lines[501]["qty_order"] == 10


def test_a_line_that_a_full_write_leaves_out_is_lost(state, http):
    state.seed(lines=[builders.a_line(501), builders.a_line(502)])
    body = [{"id": -94, "lines": [{"id": 501, "qty_order": 12}]}]

    assert http.post(f"{HOST}/api/RecurringInvoice", json=body).status_code == 201

    assert [(one["id"], one["qty_order"]) for one in state.lines_of(-94)] == [(501, 12)]


def test_by_a_switch_a_line_left_out_stays(state, http):
    state.switches.omitted_lines_are_lost = False
    state.seed(lines=[builders.a_line(501), builders.a_line(502)])

    http.post(f"{HOST}/api/RecurringInvoice", json=[{"id": -94, "lines": []}])

    assert [one["id"] for one in state.lines_of(-94)] == [501, 502]


def test_updatelines_touches_no_other_line(state, http):
    state.seed(lines=[builders.a_line(501), builders.a_line(502)])
    body = [{"id": 501, "ihid": -94, "qty_order": 12}]

    http.post(f"{HOST}/api/RecurringInvoice/updatelines", json=body)

    assert [one["qty_order"] for one in state.lines_of(-94)] == [12, 10]


def test_a_row_sent_again_without_its_id_counts_twice(state, http):
    state.seed(lines=[builders.a_line()])
    row = {"date": "2026-03-17T00:00:00", "quantity": 2}
    body = [{"id": 501, "ihid": -94, "prorata_data": [row]}]

    for _ in range(2):
        http.post(f"{HOST}/api/RecurringInvoice/updatelines", json=body)

    assert [one["quantity"] for one in state.lines[501]["prorata_data"]] == [2, 2]


def test_seats_are_taken_away_only_where_the_instance_allows_it(state, http):
    state.seed(lines=[builders.a_line()])
    row = {"date": "2026-03-17T00:00:00", "quantity": -2}
    body = [{"id": 501, "ihid": -94, "prorata_data": [row]}]
    url = f"{HOST}/api/RecurringInvoice/updatelines"

    assert http.post(url, json=body).status_code == 400
    state.switches.negative_prorata = True
    assert http.post(url, json=body).status_code == 201
    # 20.00 x 46/31 less for two seats
    assert run_invoices(state, date(2026, 4, 1)).invoices[0]["total"] == Decimal("140.64")


@pytest.mark.parametrize(("refuses", "status"), [(True, 400), (False, 201)])
def test_the_quantity_of_a_calculated_line_is_refused_or_ignored(state, http, refuses, status):
    state.switches.refuse_computed = refuses
    state.seed(lines=[builders.a_line(quantity_type=2)])
    body = [{"id": 501, "ihid": -94, "qty_order": 12}]

    answer = http.post(f"{HOST}/api/RecurringInvoice/updatelines", json=body)

    assert answer.status_code == status
    assert state.lines[501]["qty_order"] == 10


def test_of_an_array_all_is_done_or_nothing(state, http):
    state.seed(lines=[builders.a_line()])
    body = [{"id": 501, "ihid": -94, "qty_order": 12}, {"id": 501, "_itemid": 999}]

    assert http.post(f"{HOST}/api/RecurringInvoice/updatelines", json=body).status_code == 400

    assert state.lines[501]["qty_order"] == 10


def test_errors_come_in_five_shapes(state, http):
    state.switches.error_shape = ""
    bodies = [http.get(f"{HOST}/api/RecurringInvoice/7").text for _ in range(5)]

    assert len(set(bodies)) == 5
    assert sum(body.startswith("{") for body in bodies) == 4


def test_calls_beyond_the_limit_are_refused_without_saying_for_how_long(state, http):
    state.switches.rate_limit = 2
    answers = [http.get(f"{HOST}/api/InstanceInfo") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert "Retry-After" not in answers[2].headers
    assert "rolling 5 minute window" in answers[2].text


@pytest.mark.parametrize(
    "wrong", [{"client_secret": "x"}, {"client_id": "x"}, {"scope": ""}], ids=str
)
def test_wrong_keys_get_no_token(http, wrong):
    answer = http.post(f"{HOST}/auth/token?tenant=demo", data=FORM | wrong)

    assert answer.status_code == 400


def test_what_was_dumped_can_be_restored(state):
    state.seed(lines=[builders.a_line(rows=(builders.a_row(MARCH_17, 2),))])
    other = PsaState(now=state.now)

    other.restore(state.dump())

    assert other.dump() == state.dump()


def test_the_pages_and_controls_change_lines_by_hand(state, http):
    state.seed(lines=[builders.a_line()])

    assert "Microsoft 365" in http.get(f"{HOST}/").text
    form = {"quantity": "7", "text": "Seven"}
    assert http.post(f"{HOST}/by-hand/change/501", data=form).status_code == 200
    http.post(f"{HOST}/_sim/recurring-invoices/-94/lines", json={"_itemid": 101, "qty_order": 3})
    run = http.post(f"{HOST}/_sim/invoice-run", json={"through": "2026-04-01"}).json()

    assert run["invoices"][0]["total"] == 200
    audit = http.get(f"{HOST}/_sim/audit").json()["changes"]
    assert [(one["who"], one["change"]) for one in audit] == [
        ("hand", "update"),
        ("hand", "create"),
    ]
    assert http.post(f"{HOST}/by-hand/delete/999", data={}).status_code == 409
