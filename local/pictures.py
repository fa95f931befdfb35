"""Takes the README's pictures of the pages: ``make pictures``."""

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from local.api import Api
from local.install import chromium
from local.sample.microsoft import tenant_id
from local.sample.onboarding import Onboarded

WIDTH, HEIGHT = 1280, 860
LICENCE = "Microsoft 365 Business Premium"
BOUGHT = 2
CLOSED_WITHIN = 2000  # milliseconds


def take_pictures(app: str, microsoft: Api, one: Onboarded, place: Path) -> None:
    """Take a picture of each page that the README shows, of the demo as it is.

    Two seats are bought first, so that something is about to be written.

    Args:
        one: The customer whose page is shown.
    """
    state = microsoft.call("GET", "/_sim/state")
    tenant = next(t for t in state["tenants"] if t["id"] == tenant_id(one.customer))
    subscription = tenant["subscriptions"][0]["id"]
    form = f"/tenants/{tenant['id']}/subscriptions/{subscription}"
    place.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root, which is who runs in containers.
        browser = playwright.chromium.launch(
            executable_path=str(chromium()), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(
            base_url=app, viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB"
        )
        page.request.post(f"{microsoft.url}{form}", form={"add": str(BOUGHT)})
        # The timer would come within minutes: the overview shows what a closed cycle saw.
        page.request.post("/admin/functions/close_runs", data={})
        page.wait_for_timeout(CLOSED_WITHIN)
        _overview(page, place)
        _customer(page, one, place)
        _reconciliation(page, place)
        browser.close()


def _overview(page: Page, place: Path) -> None:
    page.goto("/")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(place / "overview.png"))


def _customer(page: Page, one: Onboarded, place: Path) -> None:
    page.goto(f"/customers/{one.customer_id}")
    page.get_by_role("button", name="Refresh data").click()
    page.locator("#licenses .badge", has_text="Will change").first.wait_for()
    page.locator("[data-dismiss]").first.click()
    page.get_by_role("link", name=f"Mapping of {LICENCE}", exact=True).click()
    page.locator("dialog[open] #preview").get_by_text("Next invoice").wait_for()
    page.screenshot(path=str(place / "customer.png"))


def _reconciliation(page: Page, place: Path) -> None:
    page.goto("/reconciliation")
    page.locator("#totals .tiles").first.wait_for()
    page.screenshot(path=str(place / "reconciliation.png"))
