"""The product's own examples, through HTTP on the running stack.

One stack serves them all; every example has a customer, a company and an agreement of its own,
and says what day it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
import requests

from local.simulators.common.records import Record
from local.simulators.connectwise.builders import a_company, a_product, a_type, an_agreement
from local.simulators.microsoft.builders import a_subscription, a_tenant, a_user
from local.simulators.microsoft.state import Subscription, Tenant, User, set_seats
from tests.integration.stack import BUSINESS_PREMIUM, E5, Stack, stack_in

pytestmark = pytest.mark.stack

PREMIUM, E5_MONTHLY, E5_ANNUAL = "101", "102", "103"
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
MARCH = date(2026, 3, 1)
SEVENTEENTH = date(2026, 3, 17)
APRIL = date(2026, 4, 1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for the whole file."""
    with stack_in(tmp_path_factory.mktemp("seeds")) as stack:
        stack.psa.seed(
            types=[a_type()],
            products=[
                a_product(101, description="M365 Business Premium", price="20.00"),
                a_product(102, description="M365 E5 monthly", price="60.00"),
                a_product(103, description="M365 E5 annual", price="50.00"),
            ],
        )
        yield stack


@dataclass
class Site:
    """The stack, and customers that differ from each other."""

    stack: Stack
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def day(self, day: date) -> None:
        """Go to the middle of a day."""
        self.stack.travel(datetime.combine(day, time(12), UTC))

    def customer(
        self, *bought: Subscription, users: list[User] | None = None, next_invoice: date = APRIL
    ) -> "Example":
        """Return a customer whose agreement is invoiced monthly in advance, last for the period
        before ``next_invoice``.
        """
        number = next(self.numbers)
        company, agreement = 1000 + number, 8000 + number
        self.stack.psa.seed(
            companies=[a_company(company, name=f"Example {number}")],
            agreements=[an_agreement(agreement, company=company, next_invoice=next_invoice)],
        )
        tenant = self.stack.add_tenant(a_tenant(f"Example {number}", bought, users=users or []))
        customer_id = self.stack.add_customer(tenant, str(company))
        return Example(self, tenant, customer_id, agreement, row_of(bought[0]))


@dataclass
class Example:
    """One customer with one agreement.

    Attributes:
        row: The licence that was bought first.
    """

    site: Site
    tenant: Tenant
    customer_id: str
    agreement: int
    row: str

    def map(self, profile: str = PREMIUM, row: str | None = None, **options: Any) -> None:
        """Map a row to a product by way of a profile of its own."""
        stack = self.site.stack
        stack.map_row(
            self.customer_id,
            row or self.row,
            stack.add_profile(profile),
            str(self.agreement),
            **options,
        )

    def seats(self, seats: int, number: int = 0) -> None:
        """Change a purchase at Microsoft."""
        set_seats(self.tenant, self.tenant.subscriptions[number], seats)

    def sync(self, day: date) -> dict[str, Any]:
        """Sync Now on a day."""
        self.site.day(day)
        run = self.site.stack.sync(self.customer_id)
        assert run["items"]["failed"] == 0, run
        return run

    def invoice(self, through: date) -> Record:
        """Run the PSA's invoices, and return the newest of the agreement."""
        site = self.site.stack.environment["PSA__main__URL"]
        sent = {"through": through.isoformat(), "agreement_id": self.agreement}
        requests.post(f"{site}/_sim/invoice-run", json=sent, timeout=30).raise_for_status()
        return next(
            one
            for one in reversed(self.site.stack.psa.invoices)
            if one["agreement_id"] == self.agreement
        )

    def post(self, path: str, body: object = None) -> None:
        """POST below the customer."""
        answer = self.site.stack.post(f"/api/customers/{self.customer_id}/{path}", body)
        assert answer.status_code == 204, answer.text

    @property
    def lines(self) -> list[tuple[int, str | None, str | None]]:
        """Quantity, first and last day of the additions."""
        return self.site.stack.lines(self.agreement)

    @property
    def by_product(self) -> list[tuple[str, int, str | None, str | None]]:
        """Product, quantity, first and last day of the additions."""
        products = [
            str(one["product"]["id"]) for one in self.site.stack.psa.additions_of(self.agreement)
        ]
        return sorted((product, *line) for product, line in zip(products, self.lines, strict=True))

    @property
    def text(self) -> str:
        """The invoice description of the only addition."""
        [addition] = self.site.stack.psa.additions_of(self.agreement)
        return str(addition["invoiceDescription"])

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The customer's open alerts."""
        items = self.site.stack.get("/api/alerts?limit=200").json()["items"]
        return [one for one in items if one["customer_id"] == self.customer_id]

    @property
    def writes(self) -> list[Record]:
        """Every change of the agreement's additions."""
        return [one for one in self.site.stack.psa.audit if one["agreement_id"] == self.agreement]


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def site(running: Stack, numbers: Iterator[int]) -> Site:
    """The stack on 17 March 2026."""
    site = Site(running, numbers)
    site.day(SEVENTEENTH)
    return site


def premium(seats: int) -> Subscription:
    return a_subscription(BUSINESS_PREMIUM, seats)


def row_of(bought: Subscription) -> str:
    return f"sku-{bought.sku_id}"


def sub_row(bought: Subscription) -> str:
    return f"sub-{bought.id}"


# Quantity ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("active", "included", "minimum", "billed"),
    [(10, 2, 0, 8), (3, 0, 5, 5), (6, 2, 5, 5), (3, 2, 5, 5), (10, 0, 5, 10)],
)
def test_included_seats_come_off_and_the_minimum_is_billed(site, active, included, minimum, billed):
    example = site.customer(premium(active))
    example.map(included=included, minimum=minimum)

    example.sync(SEVENTEENTH)

    assert example.lines == [(billed, "2026-03-17", None)]


def test_all_seats_included_make_no_line(site):
    example = site.customer(premium(1))
    example.map(included=4)

    example.sync(SEVENTEENTH)

    assert example.lines == []


# Proration ---------------------------------------------------------------------------------------


def billed_march(site: Site, seats: int, **options: Any) -> Example:
    """Return a customer whose whole March is billed in advance with so many seats, at 20.00."""
    site.day(MARCH)
    example = site.customer(premium(seats), next_invoice=MARCH)
    example.map(**options)
    example.sync(MARCH)
    assert example.invoice(MARCH)["total"] == Decimal(seats * 20)
    return example


def test_two_more_seats_on_the_17th_of_an_invoiced_march(site):
    example = billed_march(site, 10)
    example.seats(12)

    example.sync(SEVENTEENTH)

    assert example.lines == [(12, "2026-03-01", None), (2, "2026-03-17", "2026-03-31")]
    assert example.invoice(APRIL)["total"] == 12 * Decimal(20) + 2 * Decimal("9.68")


def test_without_negative_prorate_a_fall_writes_no_credit(site):
    example = billed_march(site, 10)
    example.seats(8)

    example.sync(SEVENTEENTH)

    assert example.lines == [(8, "2026-03-01", None)]
    assert example.invoice(APRIL)["total"] == 8 * Decimal(20)


def test_with_negative_prorate_a_fall_writes_a_negative_dated_addition(site):
    example = billed_march(site, 10, negative_prorate=True)
    example.seats(8)

    example.sync(SEVENTEENTH)

    assert example.lines == [(8, "2026-03-01", None), (-2, "2026-03-17", "2026-03-31")]
    assert example.invoice(APRIL)["total"] == 8 * Decimal(20) - 2 * Decimal("9.68")


# Start date --------------------------------------------------------------------------------------


def test_nothing_is_written_before_the_override_start_and_the_line_starts_on_it(site):
    example = site.customer(premium(10))
    example.map(override_start="2026-04-01")

    for day in (SEVENTEENTH, date(2026, 3, 31)):
        example.sync(day)
        [preview] = site.stack.get(f"/api/customers/{example.customer_id}/preview").json()["items"]
        assert (preview["status"], preview["operations"]) == ("waiting", [])
        assert "starts on 1 April 2026" in preview["explanation"]
    assert example.writes == []

    example.sync(APRIL)

    assert example.lines == [(10, "2026-04-01", None)]


# Exclusion ---------------------------------------------------------------------------------------


def test_an_excluded_row_is_never_written_and_raises_no_alert(site):
    example = site.customer(premium(10))
    example.sync(SEVENTEENTH)
    assert [one["kind"] for one in example.alerts] == ["missing_profile"]

    example.post(f"licenses/{example.row}/exclude")
    for day, seats in ((18, 10), (19, 14), (20, 0)):
        example.seats(seats)
        example.sync(date(2026, 3, day))
        assert example.alerts == []
    assert example.writes == []


def test_a_sku_that_is_excluded_for_everybody_is_never_written_and_raises_no_alert(site):
    example = site.customer(a_subscription(VISIO, 10, part_number="VISIOCLIENT"))
    example.sync(SEVENTEENTH)
    assert [one["kind"] for one in example.alerts] == ["missing_profile"]
    # Even a mapping that somebody saved bills nothing of it.
    example.map()

    items = [{"sku_id": VISIO, "reason": "never billed"}]
    answer = site.stack.put("/api/exclusions", {"items": items})
    assert answer.status_code == 200, answer.text
    for day in (18, 19):
        example.sync(date(2026, 3, day))
        assert example.alerts == []
    assert example.writes == []


# The text on the invoice -------------------------------------------------------------------------


def with_users(site: Site) -> Example:
    users = [
        a_user("zoë example", sku_ids=[BUSINESS_PREMIUM]),
        a_user("Ada Example", sku_ids=[BUSINESS_PREMIUM]),
        a_user("Cy Example", sku_ids=[E5]),
        a_user("Bo Example", sku_ids=[BUSINESS_PREMIUM, E5]),
    ]
    return site.customer(premium(10), users=users)


def test_the_overwritten_description_is_what_the_invoice_says(site):
    example = billed_march(site, 10, description={"overwrite": "Your Office package"})

    assert example.text == "Your Office package"
    [line] = example.invoice(APRIL)["lines"]
    assert line["description"] == "Your Office package"


@pytest.mark.parametrize(
    ("style", "listed"),
    [
        ("comma", "Users: Ada Example, Bo Example, zoë example"),
        ("list", "Users:\n- Ada Example\n- Bo Example\n- zoë example"),
        ("numbered", "Users:\n1. Ada Example\n2. Bo Example\n3. zoë example"),
    ],
)
def test_the_users_of_a_licence_stand_in_the_description(site, style, listed):
    example = with_users(site)
    example.map(description={"usernames": style})

    example.sync(SEVENTEENTH)

    assert example.text == f"M365 Business Premium\n{listed}"


def test_users_can_be_shown_by_address(site):
    example = with_users(site)
    example.map(description={"usernames": "comma", "show_users_as": "address"})

    example.sync(SEVENTEENTH)

    assert "Users: ada.example@example.com, bo.example@example.com" in example.text


def test_the_unassigned_count_stands_in_the_description(site):
    example = with_users(site)
    example.map(description={"unassigned": True})

    example.sync(SEVENTEENTH)

    assert example.text == "M365 Business Premium\nUnassigned: 7"


def test_other_options_are_added_to_an_overwritten_description(site):
    example = with_users(site)
    example.map(description={"overwrite": "Your Office", "unassigned": True, "usernames": "comma"})

    example.sync(SEVENTEENTH)

    assert example.text == (
        "Your Office\nUnassigned: 7\nUsers: Ada Example, Bo Example, zoë example"
    )


def test_a_user_more_changes_the_text_and_nothing_else(site):
    example = with_users(site)
    example.map(description={"usernames": "comma"})
    example.sync(SEVENTEENTH)
    example.tenant.users.append(a_user("Di Example", sku_ids=[BUSINESS_PREMIUM]))

    example.sync(date(2026, 3, 18))

    assert example.text.endswith("Users: Ada Example, Bo Example, Di Example, zoë example")
    assert example.lines == [(10, "2026-03-17", None)]
    assert len(example.writes) == 2


def test_term_and_end_date_stand_on_subscription_rows_only(site):
    ends = datetime(2027, 1, 14, tzinfo=UTC)
    bought = a_subscription(BUSINESS_PREMIUM, 10, next_lifecycle_at=ends)
    example = site.customer(bought)
    options = {"description": {"overwrite": "Office", "term_and_end_date": True}}
    example.map(**options)
    example.sync(SEVENTEENTH)
    assert example.text == "Office"

    example.post(f"licenses/{example.row}/split")
    example.map(row=sub_row(bought), **options)
    example.sync(date(2026, 3, 18))

    assert "14 January 2027" in example.text


# Split and merge ---------------------------------------------------------------------------------


def test_split_subscriptions_are_billed_on_two_lines_and_merged_again_on_one(site):
    monthly = a_subscription(E5, 4, name="split-monthly", part_number="SPE_E5")
    annual = a_subscription(E5, 6, name="split-annual", part_number="SPE_E5")
    site.day(MARCH)
    example = site.customer(monthly, annual, next_invoice=MARCH)
    example.map(PREMIUM)
    example.sync(MARCH)
    example.invoice(MARCH)
    assert example.by_product == [(PREMIUM, 10, "2026-03-01", None)]

    site.day(SEVENTEENTH)
    example.post(f"licenses/{example.row}/split")
    example.map(E5_MONTHLY, sub_row(monthly))
    example.map(E5_ANNUAL, sub_row(annual))
    example.sync(SEVENTEENTH)

    assert example.by_product == [
        (PREMIUM, 10, "2026-03-01", "2026-03-31"),
        (E5_MONTHLY, 4, "2026-04-01", None),
        (E5_ANNUAL, 6, "2026-04-01", None),
    ]
    assert example.invoice(APRIL)["total"] == 4 * Decimal(60) + 6 * Decimal(50)

    site.day(date(2026, 4, 20))
    example.post(f"licenses/{example.row}/merge")
    example.sync(date(2026, 4, 20))

    assert example.by_product == [
        (PREMIUM, 10, "2026-03-01", "2026-03-31"),
        (PREMIUM, 10, "2026-05-01", None),
        (E5_MONTHLY, 4, "2026-04-01", "2026-04-30"),
        (E5_ANNUAL, 6, "2026-04-01", "2026-04-30"),
    ]
    assert example.invoice(date(2026, 5, 1))["total"] == 10 * Decimal(20)
    rows = site.stack.get(f"/api/customers/{example.customer_id}/licenses").json()["items"]
    assert [row["row_id"] for row in rows] == [example.row]
