"""The API's description, as somebody reads it who writes a program."""

from functions.api.description import description
from tests.api_client import VIEWER, Api
from tests.page_client import Browser

PAGE = "/api/docs"


def test_every_address_of_the_api_is_there_with_its_answers(browser: Browser):
    page = browser.get(PAGE)

    for address, methods in description()["paths"].items():
        assert address in page.text
        assert {one["operationId"] for one in methods.values()} <= set(page.ids)
    assert "412 Precondition Failed" in page.text
    assert "/api/openapi.json" in page.links


def test_parameters_bodies_and_shapes_are_told(browser: Browser):
    text = browser.get(PAGE).text

    assert "Of one customer, by its id." in text
    assert '"name": "M365 Business Premium - Monthly"' in text
    assert "in_step | under_billed | over_billed" in text
    assert "list of ProfileBody" in text
    for name in description()["components"]["schemas"]:
        assert name in text


def test_whoever_reads_the_api_reads_its_description(in_azure: Api):
    browser = Browser(in_azure, headers=VIEWER)

    browser.get(PAGE)

    assert browser.status == 200
    assert browser.answer is not None
    assert "http://" not in browser.answer.text
    assert "https://" not in browser.answer.text
