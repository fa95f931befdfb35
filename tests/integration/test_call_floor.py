"""No call is made that could be left out: what the simulators count, on the real stack.

The floor: for a run one list of the PSA's agreements, for a tenant one batch (and one token while
there is none), for an agreement one read of its lines; for a line that changes one more read and
its writes. Sync Now reads its own agreement's header instead of the list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.simulators.connectwise.builders import a_company as a_psa_company
from local.simulators.connectwise.builders import a_product as a_psa_product
from local.simulators.connectwise.builders import a_type, an_agreement
from local.simulators.microsoft.builders import a_subscription, a_tenant
from local.simulators.microsoft.state import Tenant
from tests.integration.stack import BUSINESS_PREMIUM, E5, Stack, stack_in

pytestmark = pytest.mark.stack

ROW = f"sku-{BUSINESS_PREMIUM}"
E5_ROW = f"sku-{E5}"
TENANTS = 4
AGREEMENTS = 5
LINES = {7001: 1, 7002: 1, 7003: 2, 7004: 1, 7005: 1, 7006: 0}

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Book:
    """A stack that is in step, and its customers' ids by name."""

    stack: Stack
    customers: dict[str, str]
    tenants: dict[str, Tenant]

    def calls(self) -> Counts:
        """Return what was called since ``forget``, apart from what a batch holds."""
        stack = self.stack
        found = {**stack.psa_simulator.calls.counts(), **stack.microsoft_simulator.calls.counts()}
        return {kind: n for kind, n in found.items() if not kind.startswith("graph.in_batch")}

    def forget(self) -> None:
        """Count from here."""
        self.stack.psa_simulator.calls.clear()
        self.stack.microsoft_simulator.calls.clear()

    def cycle(self) -> Counts:
        """Run a cycle over all customers, and return its calls."""
        self.forget()
        answer = self.stack.post("/api/runs")
        assert answer.status_code == 202, answer.text
        run = self.stack.finished(answer.json()["run_id"], seconds=60)
        assert run["items"]["failed"] == run["items"]["blocked"] == 0
        self.stack.idle()
        return self.calls()

    def sync(self, name: str, row_id: str | None = None) -> Counts:
        """Sync one customer now, and return the calls."""
        self.forget()
        self.stack.sync(self.customers[name], row_id)
        self.stack.idle()
        return self.calls()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """Four customers: two of one company with an agreement each, one with two rows on one
    agreement, and one with its two rows on an agreement each.
    """
    with stack_in(tmp_path_factory.mktemp("floor")) as stack:
        stack.psa.seed(
            companies=[a_psa_company(number) for number in (250, 251, 252)],
            types=[a_type()],
            products=[a_psa_product(101), a_psa_product(102)],
            agreements=[
                an_agreement(7001, company=250),
                an_agreement(7002, company=250),
                an_agreement(7003, company=251),
                an_agreement(7004, company=252),
                an_agreement(7005, company=252),
                an_agreement(7006, company=252),
            ],
        )
        plan = {
            "North": ("250", {ROW: "7001"}),
            "South": ("250", {ROW: "7002"}),
            "Together": ("251", {ROW: "7003", E5_ROW: "7003"}),
            "Apart": ("252", {ROW: "7004", E5_ROW: "7005"}),
        }
        products = {ROW: stack.add_profile("101"), E5_ROW: stack.add_profile("102")}
        book = Book(stack, {}, {})
        for name, (company, rows) in plan.items():
            bought = [a_subscription(row.removeprefix("sku-"), 10) for row in rows]
            tenant = stack.add_tenant(a_tenant(name, bought))
            book.tenants[name] = tenant
            book.customers[name] = stack.add_customer(tenant, company)
            for row, agreement in rows.items():
                stack.map_row(book.customers[name], row, products[row], agreement)
        yield book


@pytest.fixture
def book(stored: Book) -> Book:
    """The customers, in step."""
    stored.cycle()
    assert all(len(stored.stack.lines(number)) == n for number, n in LINES.items())
    return stored


def test_an_unchanged_cycle_makes_no_call_that_could_be_left_out(book: Book):
    written = len(book.stack.psa.audit)

    calls = book.cycle()

    assert calls == {
        "graph.batch": TENANTS,
        "connectwise.agreements.list": 1,
        "connectwise.additions.list": AGREEMENTS,
    }
    assert len(book.stack.psa.audit) == written


def test_a_fresh_host_needs_one_token_for_each_tenant_more(book: Book):
    book.stack.host.stop()
    book.stack.start_host()

    calls = book.cycle()

    # The sign-in library looks up each tenant's addresses before its first token.
    assert calls == {
        "login.openid-configuration": TENANTS,
        "login.token": TENANTS,
        "graph.batch": TENANTS,
        "connectwise.agreements.list": 1,
        "connectwise.additions.list": AGREEMENTS,
    }


def test_an_unchanged_sync_now_reads_the_agreements_header_and_its_lines(book: Book):
    assert book.sync("North") == {
        "graph.batch": 1,
        "connectwise.agreements.get": 1,
        "connectwise.additions.list": 1,
    }
    assert book.sync("Together") == {
        "graph.batch": 1,
        "connectwise.agreements.get": 1,
        "connectwise.additions.list": 1,
    }


def test_sync_now_of_a_row_reads_only_its_own_agreement(book: Book):
    assert book.sync("Apart", E5_ROW) == {
        "graph.batch": 1,
        "connectwise.agreements.get": 1,
        "connectwise.additions.list": 1,
    }
    assert book.sync("Apart")["connectwise.additions.list"] == 2


def test_a_change_costs_one_read_and_its_writes_more(book: Book):
    book.stack.buy(book.tenants["Together"], E5, 1)

    calls = book.cycle()

    # One batch, one header list; the changed line group's agreement is read twice. The line was
    # made today, so more seats of today are written on it.
    assert calls == {
        "graph.batch": TENANTS,
        "connectwise.agreements.list": 1,
        "connectwise.additions.list": AGREEMENTS + 1,
        "connectwise.additions.patch": 1,
    }
