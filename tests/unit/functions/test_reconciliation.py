"""The reconciliation tells what was last seen: as JSON, as CSV and as a workbook."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import openpyxl
import pytest

from functions.api.spreadsheets import COLUMNS, csv_file, xlsx_file
from shared.domain.ids import GroupId
from shared.domain.mappings import Billable
from shared.domain.reconciliation import LineState
from shared.domain.runs import RunReason
from shared.ports import ReconciliationFilter
from shared.usecases.start_run import start_cycle
from tests.api_client import Api
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5,
    E5_ROW,
    LINE,
    OTHER_CUSTOMER,
    a_line,
    a_reconciled_line,
    a_sku,
    a_snapshot,
    an_agreement,
)
from tests.house import House, sync_tenant_again

ROUTE = "/api/reconciliation"


def lines(api: Api, **query: str) -> list[dict[str, object]]:
    answer = api.get(ROUTE, **query)
    assert answer.status == 200, answer.text
    found: list[dict[str, object]] = answer.json["items"]
    return found


# What a sync keeps -------------------------------------------------------------------------------


def test_before_a_sync_nothing_is_known(api):
    answer = api.get(ROUTE, totals="true")

    assert answer.json["items"] == []
    assert answer.json["totals"] == {"by_psa": [], "customers_not_seen": 1}


def test_a_line_that_is_in_step_is_told_with_its_money(house, api):
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00"), unit_cost=Decimal("30.005")))
    house.cycle()
    house.psa.calls.clear()

    [line] = lines(api)

    assert line["state"] == "in_step"
    assert (line["active"], line["planned"], line["billed"], line["difference"]) == (10, 10, 10, 0)
    assert (line["amount"], line["cost"], line["margin"]) == (360, 300.1, 59.9)
    assert line["row_id"] == E5_ROW
    assert line["line_id"] == LINE
    assert line["agreement_name"] == an_agreement().name
    assert line["explanation"]
    assert line["checked_at"] == house.clock.now().isoformat()
    assert house.psa.calls == [], "a report asks no PSA"


def test_a_line_that_a_sync_made_is_told_as_it_is_afterwards(house, api):
    house.cycle()

    [line] = lines(api)

    assert (line["state"], line["billed"], line["difference"]) == ("in_step", 10, 0)
    assert (line["unit_price"], line["amount"]) == (31, 310)


def test_what_waits_for_a_person_shows_what_it_costs_meanwhile(house, api):
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00")))
    house.cycle()
    house.psa.edit(LINE, quantity=7)
    house.holds(12).cycle()

    [line] = lines(api)

    assert (line["state"], line["planned"], line["billed"]) == ("held", 12, 7)
    assert (line["difference"], line["difference_amount"]) == (-5, -180)
    assert line["reasons"]


def test_a_rise_before_the_invoice_waits_for_the_period(house, api):
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00")))
    house.invoiced_through(date(2026, 3, 1))
    house.cycle()
    house.holds(12).cycle()
    house.cycle()

    [line] = lines(api)

    assert (line["state"], line["planned"], line["billed"]) == ("waiting", 12, 10)


def test_what_would_be_written_is_under_billed_until_it_is(house, api):
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00")))
    house.cycle()
    house.holds(12)
    house.clock.pass_time(timedelta(days=1))
    tenants = house.services.tenant_queue
    start_cycle(house.services, requested_by="timer", reason=RunReason.SCHEDULED)
    sync_tenant_again(tenants.take(), house.services, 1)
    [before] = lines(api)
    house.drain()
    [after] = lines(api)

    assert (before["state"], before["difference"], before["difference_amount"]) == (
        "under_billed",
        -2,
        -72,
    )
    assert (after["state"], after["difference"]) == ("in_step", 0)


def test_rows_without_a_mapping_are_told_and_excluded_ones_are_not(house, api):
    house.microsoft.hold(a_snapshot([a_sku(E5, enabled=10), a_sku(BUSINESS_PREMIUM, enabled=4)]))
    house.cycle()

    found = {line["name"]: line for line in lines(api)}

    other = found["Microsoft 365 Business Premium"]
    assert (other["state"], other["active"], other["planned"]) == ("unmapped", 4, None)
    assert (other["billed"], other["amount"]) == (None, None), "unknown is not zero"


def test_an_agreement_that_is_gone_is_blocked_and_its_money_unknown(house, api):
    del house.psa.agreements[AGREEMENT]
    house.cycle()

    [line] = lines(api)
    totals = api.get(ROUTE, totals="true").json["totals"]["by_psa"][0]

    assert (line["state"], line["planned"], line["billed"]) == ("blocked", 10, None)
    assert (totals["amount"], totals["amount_unknown"]) == (0, 1)


def test_a_line_that_is_not_billed_comes_to_nothing(house, api):
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00"), billable=Billable.DO_NOT_BILL))
    house.cycle()

    assert [line["amount"] for line in lines(api)] == [0]


def test_a_line_that_is_gone_is_forgotten_with_the_next_sync(house, api):
    house.services.reconciliation.put([a_reconciled_line(group_id=GroupId("gone"))])
    house.cycle()

    assert [line["group_id"] for line in lines(api)] == [house.group_id]


def test_a_customer_that_is_removed_is_in_no_report(house, api):
    house.cycle()

    api.call("DELETE", f"/api/customers/{CUSTOMER}")

    assert lines(api) == []


# Filters, pages and totals -----------------------------------------------------------------------


@pytest.fixture
def many(house: House, api: Api) -> Api:
    stored = [
        a_reconciled_line(),
        a_reconciled_line(group_id=GroupId("f" * 16), state=LineState.IN_STEP, billed=12),
        a_reconciled_line(OTHER_CUSTOMER, customer_name="Fabrikam", months=12),
        a_reconciled_line(
            OTHER_CUSTOMER,
            GroupId("e" * 16),
            customer_name="Fabrikam",
            unit_price=None,
            psa="other",
        ),
    ]
    house.services.reconciliation.put(stored)
    return api


def test_pages_follow_each_other_without_a_gap(many):
    seen, continuation = [], None
    while True:
        query = {} if continuation is None else {"continuation": continuation}
        page = many.get(ROUTE, limit="1", **query).json
        seen += [(one["customer_id"], one["group_id"]) for one in page["items"]]
        continuation = page["continuation"]
        if continuation is None:
            break

    assert seen == sorted(seen)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"customer": CUSTOMER}, 2),
        ({"connection": "other"}, 1),
        ({"state": "in_step"}, 1),
        ({"customer": CUSTOMER, "state": "under_billed"}, 1),
        ({"customer": "nobody"}, 0),
    ],
)
def test_a_filter_leaves_out_the_rest(many, query, count):
    assert len(lines(many, **query)) == count


@pytest.mark.parametrize(
    "query",
    [{"state": "wrong"}, {"format": "pdf"}, {"customer": "a/b"}, {"totals": "yes"}, {"limit": "0"}],
)
def test_a_query_that_makes_no_sense_is_refused(many, query):
    assert many.get(ROUTE, **query).status == 422


def test_totals_are_by_connection_and_for_a_month(many):
    main, other = many.get(ROUTE, totals="true").json["totals"]["by_psa"]

    # 200 + 240 a month, and 200 a year: 16.67 a month.
    assert (main["psa"], main["lines"], main["amount"]) == ("main", 3, 456.67)
    assert main["states"]["under_billed"] == {
        "lines": 2,
        "seats": -4,
        "amount": -43.33,
        "unknown": 0,
    }
    assert main["margin"] == 114.17
    assert (other["lines"], other["amount"], other["amount_unknown"]) == (1, 0, 1)


def test_customers_have_totals_of_their_own_by_pages(many):
    first = many.get(f"{ROUTE}/customers", limit="1").json
    rest = many.get(f"{ROUTE}/customers", continuation=first["continuation"]).json

    assert [one["customer_id"] for one in first["items"]] == [CUSTOMER]
    assert first["items"][0]["totals"]["amount"] == 440
    assert [(one["customer_name"], one["totals"]["psa"]) for one in rest["items"]] == [
        ("Fabrikam", "main"),
        ("Fabrikam", "other"),
    ]
    assert rest["continuation"] is None


# Files -------------------------------------------------------------------------------------------


def test_a_csv_has_every_line_and_says_its_encoding(many):
    answer = many.get(ROUTE, format="csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="reconciliation-2026-03-17.csv"'
    )
    assert answer.text.startswith("\ufeffCustomer,")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
    assert rows[0] == [column.title for column in COLUMNS]
    assert len(rows) == 1 + 4
    assert rows[1][rows[0].index("Difference")] == "-2"
    assert rows[1][rows[0].index("Amount")] == "200.00"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|cmd"])
def test_text_never_becomes_a_formula(name):
    line = a_reconciled_line(customer_name=name)

    [_, row] = csv.reader(io.StringIO(csv_file([line]).decode("utf-8-sig"), newline=""))
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_file([line])))["Lines"]

    assert row[0] == f"'{name}"
    assert sheet["A2"].data_type == "s"


def test_csv_quotes_what_would_break_a_row():
    name = 'Smith, "Sons"\nLtd'

    [_, row] = csv.reader(
        io.StringIO(csv_file([a_reconciled_line(customer_name=name)]).decode("utf-8-sig"))
    )

    assert row[0] == name


def test_a_workbook_is_ready_to_use(many):
    found = many.house.services.reconciliation.page(ReconciliationFilter())
    book = openpyxl.load_workbook(io.BytesIO(xlsx_file(found.items)))
    sheet = book["Lines"]
    titles = [cell.value for cell in sheet[1]]

    def column(title: str) -> list[object]:
        return [row[titles.index(title)].value for row in sheet.iter_rows(min_row=2)]

    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:AB5"
    assert column("Difference")[:4] == [-2, 0, -2, -2]
    assert column("Amount")[:4] == [200, 240, 200, None]
    assert column("Amount a month") == [200, 240, 16.67, None, 456.67, 0]
    assert column("Customer")[4:] == ["All of main", "All of other"]
    assert "#,##0.00" in sheet.cell(2, titles.index("Amount") + 1).number_format
    customers = book["Customers"]
    assert [row[0].value for row in customers.iter_rows(min_row=2)] == [
        "Contoso",
        "Fabrikam",
        "Fabrikam",
        "All of main",
        "All of other",
    ]


def test_an_empty_workbook_opens():
    book = openpyxl.load_workbook(io.BytesIO(xlsx_file([])))

    assert book.sheetnames == ["Lines", "Customers"]


def test_amounts_are_rounded_once():
    line = replace(a_reconciled_line(), unit_price=Decimal("10.005"), billed=3, months=12)

    assert line.amount == Decimal("30.03"), "the unit is rounded, then multiplied"
    assert line.a_month(line.amount) == Decimal("2.50")
