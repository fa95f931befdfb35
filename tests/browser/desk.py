"""A billing admin's desk: the pages in a browser, and customers to work on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

from local.simulators.connectwise.builders import a_company, an_addition, an_agreement
from local.simulators.microsoft.builders import a_tenant
from local.simulators.microsoft.state import Subscription, Tenant, User, set_seats
from tests.integration.stack import Stack

PREMIUM, MONTHLY, ANNUAL = "Business Premium", "E5 monthly", "E5 annual"
_PROFILES = {PREMIUM: "101", MONTHLY: "102", ANNUAL: "103"}


def profiles_of(stack: Stack) -> None:
    """Make a billing profile for each product."""
    for name, product in _PROFILES.items():
        stack.add_profile(product, name=name)


@dataclass
class Desk:
    """Somebody who works with the pages."""

    stack: Stack
    page: Page
    numbers: Iterator[int]

    def customer(
        self,
        *bought: Subscription,
        users: list[User] | None = None,
        line: int | None = None,
    ) -> "Client":
        """Return a customer with an agreement of its own, invoiced through March 2026.

        Args:
            line: Seats of a line of Business Premium that the agreement has already.
        """
        number = next(self.numbers)
        company, agreement = 3000 + number, 9000 + number
        name = f"Sample {number:03}"
        additions = []
        if line is not None:
            additions = [an_addition(7000 + number, agreement=agreement, quantity=line)]
        with self.stack.psa.lock:
            self.stack.psa.seed(
                companies=[a_company(company, name=name)],
                agreements=[an_agreement(agreement, company=company, name=f"Cloud {number:03}")],
                additions=additions,
            )
        tenant = self.stack.add_tenant(a_tenant(name, bought, users=users or []))
        customer_id = self.stack.add_customer(tenant, str(company))
        return Client(self, tenant, customer_id, agreement, name, f"Cloud {number:03}")

    def heading(self, text: str) -> None:
        """Wait for a page by its heading."""
        expect(self.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()

    def told(self, text: str) -> None:
        """Wait until a message says so, where a screen reader hears it."""
        expect(self.page.locator("#toasts .note").filter(has_text=text).first).to_be_visible()

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Press Tab until something has the focus, as somebody without a mouse does."""
        for _ in range(most):
            if self.page.locator(f"{selector}:focus").count():
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Go to something by Tab, and press a key on it."""
        self.tab_to(selector)
        self.page.keyboard.press(key)

    @property
    def drawer(self) -> Locator:
        """The open drawer."""
        return self.page.locator("dialog#drawer[open]")

    def preview(self, text: str) -> None:
        """Wait until the preview shows a text."""
        expect(self.page.locator("#preview")).to_contain_text(text)


@dataclass
class Client:
    """A customer as the desk works on it."""

    desk: Desk
    tenant: Tenant
    customer_id: str
    agreement: int
    name: str
    agreement_name: str

    def open(self) -> None:
        """Go to the customer's page by way of the list, as a person does."""
        page = self.desk.page
        page.goto("/customers")
        page.get_by_label("Search").fill(self.name)
        page.get_by_role("link", name=self.name, exact=True).click()
        self.desk.heading(self.name)

    def row(self, name: str, number: int = 0) -> Locator:
        """Return the row of a licence."""
        header = self.desk.page.get_by_role("rowheader").filter(has_text=name)
        return self.desk.page.get_by_role("row").filter(has=header).nth(number)

    def map(self, licence: str, profile: str, number: int = 0) -> None:
        """Map a row in the drawer, without options."""
        self.row(licence, number).get_by_role("link", name=f"Map {licence}", exact=True).click()
        self.desk.drawer.get_by_label("Billing profile").select_option(profile)
        self.choose_agreement()
        self.desk.preview("Will be written")
        self.save()

    def choose_agreement(self) -> None:
        """Choose the customer's agreement in the drawer."""
        options = self.desk.drawer.get_by_label("Agreement", exact=True)
        value = options.locator("option", has_text=self.agreement_name).get_attribute("value")
        options.select_option(value)

    def save(self) -> None:
        """Save the drawer, and wait until it is closed."""
        self.desk.drawer.get_by_role("button", name="Save", exact=True).click()
        expect(self.desk.drawer).to_have_count(0)

    def sync_now(self) -> None:
        """Press Sync Now, and wait until the page says that it is done."""
        self.sync_by("Sync Now")

    def sync_by(self, button: str) -> None:
        """Press a button that syncs, and wait until the page says that this run is done."""
        page = self.desk.page
        run = page.locator("#sync-progress a")
        earlier = run.get_attribute("href") if run.count() else "none"
        page.get_by_role("button", name=button, exact=True).click()
        expect(run).not_to_have_attribute("href", earlier or "")
        expect(page.locator("#sync-progress")).to_contain_text("is done", timeout=40_000)

    def seats(self, seats: int, number: int = 0) -> None:
        """Change a purchase at Microsoft."""
        set_seats(self.tenant, self.tenant.subscriptions[number], seats)

    @property
    def lines(self) -> list[tuple[int, str | None, str | None]]:
        """Quantity, first and last day of the lines in the PSA."""
        return self.desk.stack.lines(self.agreement)

    @property
    def texts(self) -> list[str]:
        """The invoice texts of the lines in the PSA."""
        with self.desk.stack.psa.lock:
            found = self.desk.stack.psa.additions_of(self.agreement)
        return [str(one.get("invoiceDescription")) for one in found]

    def psa_page(self) -> str:
        """Return what the simulated PSA's own page shows."""
        return requests.get(self.desk.stack.environment["PSA__main__URL"], timeout=30).text

    def mapping(self, row_id: str) -> dict[str, Any]:
        """Return what is stored of a row's mapping."""
        answer = self.desk.stack.get(f"/api/customers/{self.customer_id}/mappings/{row_id}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
