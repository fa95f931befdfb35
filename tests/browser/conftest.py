"""One running stack and one Chromium for all tests; each test has a customer of its own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local.install import InstallError, chromium
from local.simulators.connectwise.builders import a_product, a_type
from tests.browser.desk import Desk, profiles_of
from tests.integration.stack import Stack, stack_in

PATIENCE = 15_000
"""Milliseconds to wait for what a page shall show: a busy machine takes its time."""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Storage, simulators and a host of the app, with two products and their billing profiles."""
    with stack_in(tmp_path_factory.mktemp("browser")) as stack:
        stack.psa.seed(
            types=[a_type()],
            products=[
                a_product(101, description="M365 Business Premium", price="20.00"),
                a_product(102, description="M365 E5 monthly", price="60.00"),
                a_product(103, description="M365 E5 annual", price="50.00"),
            ],
        )
        stack.start_host()
        profiles_of(stack)
        yield stack


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """A real Chromium; without one the tests fail and say how to get it."""
    try:
        executable = chromium()
    except InstallError as error:
        pytest.fail(str(error))
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root, which is who runs in containers.
        browser = playwright.chromium.launch(
            executable_path=str(executable), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def context(chrome: Browser, running: Stack) -> Iterator[BrowserContext]:
    """A browser without cookies, as wide as a laptop, that reads British English."""
    context = chrome.new_context(
        base_url=running.host.url, viewport={"width": 1280, "height": 900}, locale="en-GB"
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts must not fail and whose content policy nothing may break."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: _note(message, wrong))
    yield page
    assert wrong == []


@pytest.fixture
def desk(running: Stack, page: Page, numbers: Iterator[int]) -> Desk:
    """A billing admin at work on 17 March 2026."""
    return Desk(running, page, numbers)


def _note(message: Any, wrong: list[str]) -> None:
    """Keep an error of the console, unless it was expected.

    An answer that is an error is told on the page, and by Chromium on its console too; and htmx
    tells of a preview that a newer one has replaced.
    """
    expected = ("status of 4", "Error Code 4", "htmx:afterRequest", "htmx:sendAbort")
    if message.type == "error" and not any(one in message.text for one in expected):
        wrong.append(message.text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep a picture of the page that a test failed on."""
    outcome: Any = yield
    report = outcome.get_result()
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(page, Page) and not page.is_closed():
        place = Path(".local") / "browser"
        place.mkdir(parents=True, exist_ok=True)
        picture = place / f"{item.name.replace('/', '-')[:80]}.png"
        page.screenshot(path=str(picture))
        report.sections.append(("picture", str(picture)))
