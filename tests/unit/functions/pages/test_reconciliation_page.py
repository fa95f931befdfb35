"""The reconciliation, as somebody looks a month over."""

from datetime import date, timedelta
from decimal import Decimal

from functions.pages.reconciliation import seats_by_day
from shared.domain.trends import Series, Trend
from shared.usecases.close_runs import close_runs
from tests.builders import CUSTOMER, LINE, a_line
from tests.page_client import Browser

LIST = "/reconciliation"
DAY = date(2026, 3, 17)


def billed_by_hand(browser: Browser) -> Browser:
    """Let somebody take 3 of 10 seats off a line, and a sync see it."""
    house = browser.api.house
    house.psa.add(a_line(quantity=10, unit_price=Decimal("36.00"), unit_cost=Decimal("30.00")))
    house.cycle()
    house.psa.edit(LINE, quantity=7)
    house.cycle()
    return browser


def test_before_a_sync_the_page_says_why_it_is_empty(browser: Browser):
    assert "once a sync has looked at it" in browser.get(LIST).text
    assert "1 active customer is in no total" in browser.get(f"{LIST}/totals").text


def test_a_line_shows_what_it_bills_beside_what_it_should_with_money(browser: Browser):
    page = billed_by_hand(browser).get(LIST)

    assert "Contoso Microsoft 365 E5" in page.text
    assert "10 0 10 7 −3 252.00 −108.00 42.00" in page.text
    assert "Why 10 for Microsoft 365 E5 of Contoso ?" in page.text
    assert [one for one in page.links if one.startswith(f"/customers/{CUSTOMER}#row-")]


def test_the_files_hold_what_the_page_was_asked_for(browser: Browser):
    billed_by_hand(browser)
    page = browser.get(f"{LIST}?state=held&connection=main")

    files = [one for one in page.links if "format=" in one]
    given = "connection=main&state=held"
    assert files == [f"/api{LIST}?{given}&format={form}" for form in ("csv", "xlsx")]
    csv = browser.api.get(f"/api{LIST}", connection="main", state="held", format="csv")
    assert "Contoso" in csv.text
    assert "no such lines" in browser.get(f"{LIST}?state=in_step").text


def test_totals_come_by_themselves_and_have_an_address_without_a_script(browser: Browser):
    billed_by_hand(browser)
    page = browser.get(LIST)

    assert ("div", "hx-get", f"{LIST}/totals") in page.attributes
    assert f"{LIST}/totals" in page.links
    part = browser.part(f"{LIST}/totals", "totals")
    assert "252.00 billed a month" in part.text
    assert browser.answer is not None
    assert "<html" not in browser.answer.text


def test_seats_are_drawn_for_the_days_that_are_known(browser: Browser):
    trend = Trend(
        days=tuple(DAY + timedelta(n) for n in range(3)),
        series=(
            Series("a", "A", (None, 4, 5), (None, 4, 4)),
            Series("b", "B", (None, None, 7), (None, None, 7)),
        ),
        money={},
    )

    assert [(one.day.day, one.seats) for one in seats_by_day(trend)] == [(18, 4), (19, 12)]
    house = browser.api.house
    for day, seats in ((DAY, 10), (date(2026, 3, 18), 12)):
        house.on(day).holds(seats).cycle()
        close_runs(house.services)
    assert ("div", "data-chart", "trend") in browser.get(LIST).attributes
