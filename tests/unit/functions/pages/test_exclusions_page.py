"""Global exclusions, as an Admin changes them."""

from datetime import date

import pytest

from tests.api_client import EDITOR, Api
from tests.builders import E5, EXCHANGE
from tests.page_client import Browser, Reader

LIST = "/exclusions"


def excluded(browser: Browser) -> list[str]:
    return [one.sku_id for one in browser.api.house.services.exclusions.get().value]


def exclude(browser: Browser, sku_id: str) -> Reader:
    return browser.submit(browser.get(LIST), LIST, sku_id=sku_id, reason="not resold")


def test_a_licence_without_lines_is_excluded_for_everybody_and_billed_again(browser: Browser):
    exclude(browser, f"Some licence ({EXCHANGE.upper()})")

    page = browser.follow()
    assert excluded(browser) == [EXCHANGE]
    assert "billed to nobody from now on" in page.text
    assert "not resold" in page.text
    browser.submit(page, f"{LIST}/{EXCHANGE}/remove")
    assert excluded(browser) == []
    assert "can be billed again" in browser.follow().text


@pytest.mark.parametrize(("line", "ends"), [("end", date(2026, 3, 31)), ("leave", None)])
def test_what_becomes_of_lines_is_asked_before_anything_changes(browser: Browser, line, ends):
    house = browser.api.house
    house.sync_now()

    page = exclude(browser, E5)
    assert browser.status == 409
    assert "1 line of Seatsync bills it" in page.text
    assert "Contoso" in page.text
    assert excluded(browser) == []
    browser.submit(page, LIST, line=line)
    house.on(date(2026, 3, 18)).cycle()

    assert excluded(browser) == [E5]
    assert [one.ends for one in house.lines] == [ends]


def test_the_question_has_no_answer_that_is_chosen_already(browser: Browser):
    browser.api.house.sync_now()

    page = exclude(browser, E5)
    browser.submit(page, LIST)

    assert browser.status == 409
    assert excluded(browser) == []


def test_an_id_that_is_none_is_refused_beside_its_field(browser: Browser):
    page = exclude(browser, "E5")

    assert browser.status == 422
    assert ("input", "aria-invalid", "true") in page.attributes
    assert ("input", "value", "E5") in page.attributes


def test_a_stale_list_is_not_replaced(browser: Browser):
    page = browser.get(LIST)
    exclude(browser, EXCHANGE)

    shown = browser.submit(page, LIST, sku_id=E5)

    assert browser.status == 412
    assert excluded(browser) == [EXCHANGE]
    assert ("input", "value", E5) in shown.attributes


def test_an_editor_reads_the_list_and_cannot_change_it(in_azure: Api):
    page = Browser(in_azure, headers=EDITOR).get(LIST)

    assert "billed" in page.text
    assert not [one for one in page.forms if one.action.startswith(LIST)]
