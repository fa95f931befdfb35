"""WCAG 2.2 AA on every page: light and dark, on a laptop and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from local.simulators.microsoft.builders import a_subscription, a_user
from tests.api_client import functions
from tests.browser.desk import PREMIUM, Client, Desk
from tests.integration.stack import BUSINESS_PREMIUM, E5, Stack

pytestmark = pytest.mark.stack

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ROW = f"sku-{BUSINESS_PREMIUM}"
PAGES = {
    # The function that shows it, and its address; what stands in braces is filled in.
    "page_overview": "/",
    "page_customers": "/customers",
    "page_add_customers": "/customers/add",
    "page_add_one_customer": "/customers/new",
    "page_customer": "/customers/{customer}",
    "page_edit_customer": "/customers/{customer}/edit",
    "page_delete_customer": "/customers/{customer}/delete",
    "page_customer_history": "/customers/{customer}/history",
    "page_customer_coverage": "/customers/{customer}/coverage",
    "page_customs": "/customers/{customer}/custom-licenses",
    "page_customer_mapping": "/customers/{customer}/licenses/{row}/mapping",
    "page_customer_merge": "/customers/{customer}/licenses/{row}/merge",
    "page_approvals": "/approvals",
    "page_alerts": "/alerts?state=all",
    "page_alert_dismiss": "/alerts/{alert}/dismiss",
    "page_profiles": "/billing-profiles",
    "page_add_profiles": "/billing-profiles/add",
    "page_add_one_profile": "/billing-profiles/new",
    "page_profile_edit": "/billing-profiles/{profile}/edit",
    "page_exclusions": "/exclusions",
    "page_reconciliation": "/reconciliation",
    "page_reconciliation_totals": "/reconciliation/totals",
    "page_connections": "/connections",
    "page_connection_tenants": "/connections/main/tenants",
    "page_connection_preflight": "/connections/main/preflight",
    "page_connection_foreign": "/connections/main/foreign-lines",
    "page_settings": "/settings",
    "page_settings_import": "/settings/import",
    "page_api_docs": "/api/docs",
    "page_runs": "/runs",
    "page_run": "/runs/{run}",
    "page_run_undo": "/runs/{run}/undo",
    "unknown_page": "/nothing/here",
}
PARTS = {"page_customer_quick", "page_run_progress", "page_approvals_money", "page_static_file"}
ONE_OF_SEVERAL = {"page_customs_one"}
LOOKS = {
    "light": ("light", 1280),
    "dark": ("dark", 1280),
    "narrow-light": ("light", 375),
    "narrow-dark": ("dark", 375),
}


@pytest.fixture(scope="module")
def places(running: Stack, chrome: Browser, numbers: Iterator[int]) -> dict[str, str]:
    """Something to see on each page: lines written, one held, one licence not mapped."""
    context = chrome.new_context(base_url=running.host.url)
    desk = Desk(running, context.new_page(), numbers)
    users = [a_user("Ada Example", sku_ids=[BUSINESS_PREMIUM])]
    client: Client = desk.customer(
        a_subscription(BUSINESS_PREMIUM, 40),
        a_subscription(E5, 3, part_number="SPE_E5"),
        users=users,
        line=40,
    )
    profiles = running.get("/api/billing-profiles").json()["items"]
    profile = next(one["profile_id"] for one in profiles if one["name"] == PREMIUM)
    running.map_row(client.customer_id, ROW, profile, str(client.agreement))
    running.sync(client.customer_id)
    client.seats(42)
    run = running.sync(client.customer_id)
    client.seats(5)
    running.sync(client.customer_id)
    context.close()
    alerts = running.get("/api/alerts?state=all").json()["items"]
    return {
        "customer": client.customer_id,
        "run": run["run_id"],
        "row": ROW,
        "profile": profile,
        "alert": alerts[0]["alert_id"],
    }


@pytest.fixture(scope="module", params=LOOKS)
def look(
    request: pytest.FixtureRequest, chrome: Browser, running: Stack
) -> Iterator[BrowserContext]:
    """A browser of one theme and width; axe needs the content policy out of its way."""
    scheme, width = LOOKS[request.param]
    context = chrome.new_context(
        base_url=running.host.url,
        color_scheme=scheme,  # type: ignore[arg-type]  # one of the two words above
        viewport={"width": width, "height": 900},
        bypass_csp=True,
    )
    yield context
    context.close()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        """rules => axe.run(document, {runOnly: rules}).then(result => result.violations.flatMap(
            one => one.nodes.map(
                node => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`)
        ))""",
        RULES,
    )
    return [str(one) for one in found]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(look: BrowserContext, places, name):
    page = look.new_page()
    page.goto(PAGES[name].format(**places))

    assert violations(page) == []
    # Nothing is so wide that a phone has to be pushed to and fro.
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= screen
    page.close()


def test_the_open_drawer_can_be_used_by_everybody(look: BrowserContext, places):
    page = look.new_page()
    page.goto(f"/customers/{places['customer']}")
    page.locator(f"#map-{ROW}").click()
    page.wait_for_selector("dialog#drawer[open] #mapping")

    assert violations(page) == []
    page.close()


def test_what_axe_finds_is_heard(look: BrowserContext):
    page = look.new_page()
    page.goto("/runs")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input>')")

    assert any(one.startswith("label: <input>") for one in violations(page))
    page.close()


def test_every_page_is_looked_at():
    shown = {
        one.name
        for one in functions()
        if one.name.startswith("page_") and "GET" in getattr(one.trigger, "methods", ())
    }

    assert shown - PARTS - ONE_OF_SEVERAL == set(PAGES) - {"unknown_page"}
