"""A year in the life of one customer in each PSA, on real processes, with time travel.

What a PSA invoices over the year is what an oracle of that PSA's own rules says, to the cent; and
what a preview shows is what is sent. ``test_year.py`` tells ConnectWise's year, with more in it.

Prices are chosen so that a day of any period costs whole cents: nothing hides behind rounding.
"""

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import requests

from local.simulators.autotask.billing import ContractCalendar
from local.simulators.common.billing import Calendar
from local.simulators.microsoft.builders import a_subscription, a_tenant
from local.simulators.microsoft.state import Subscription, set_seats
from local.sites import site
from local.sites.site import Agreement, Company, Product, Story, Terms
from shared import exact_json
from tests.integration.stack import Stack, stack_in
from tests.integration.wire import Sent
from tests.property.adjusted import DayOracle
from tests.property.plain import PlainOracle
from tests.property.rows_psa import RowsOracle, add_share

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

DAY = timedelta(days=1)
MONTH = Decimal("3775.80")  # divides by 28, 29, 30 and 31 days
ANNUM = Decimal("1335.90")  # divides by 365 and 366 days
MONTHLY, ANNUAL = 7001, 7003
TERMS = {
    MONTHLY: Terms(
        starts=date(2027, 1, 1),
        period_start=date(2028, 1, 1),
        period_end=date(2028, 1, 31),
        invoiced_through=date(2028, 1, 31),
        next_invoice=date(2028, 2, 1),
    ),
    ANNUAL: Terms(
        starts=date(2027, 7, 1),
        period_start=date(2027, 7, 1),
        period_end=date(2028, 6, 30),
        invoiced_through=date(2028, 6, 30),
        next_invoice=date(2028, 7, 1),
        annual=True,
    ),
}


@dataclass(frozen=True)
class Row:
    """A licence, and how it is billed.

    Attributes:
        taken_over: Seats of a line that stands on the agreement already.
        moves_to: The product that it is billed by once it has moved.
    """

    name: str
    sku: str
    agreement: int
    product: int
    price: Decimal
    seats: int
    included: int = 0
    minimum: int = 0
    starts: date | None = None
    taken_over: int | None = None
    moves_to: int | None = None

    @property
    def row_id(self) -> str:
        return f"sku-{self.sku}"

    def billed(self, active: int) -> int:
        """The seats to bill, by the rule in the product's own words."""
        return max(self.minimum, 0, active - self.included)


ROWS = [
    Row("premium", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", MONTHLY, 101, MONTH, 10),
    Row("e5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", MONTHLY, 102, MONTH, 10, 2, 3),
    Row("e3", "05e9a617-0261-4cee-bb44-138d3ef5d965", ANNUAL, 103, ANNUM, 5, taken_over=5),
    Row(
        "late",
        "3b555118-da6a-4418-894f-7df1e2096870",
        MONTHLY,
        104,
        MONTH,
        4,
        starts=date(2028, 4, 10),
    ),
    Row(
        "flat",
        "4b9405b0-7788-4568-add1-99614e613b69",
        MONTHLY,
        105,
        MONTH,
        2,
        taken_over=2,
        moves_to=106,
    ),
]

STORY = """
2028-01-10 | sync                                # new lines, two taken over, one not yet
2028-01-20 | premium 12 | e3 7 | sync
2028-02-01 | invoices | sync
2028-02-10 | e5 12 | flat 4 | sync
2028-02-17 | premium 14 | sync
2028-02-24 | e5 9 | sync
2028-03-01 | invoices | sync
2028-03-05 | premium 11 | sync                   # a fall without a credit
2028-03-12 | premium 15 | sync
2028-03-20 | flat 3 | e3 6 | sync
2028-04-01 | sync | invoices | sync              # the sync is first for once
2028-04-10 | sync                                # the override start's day
2028-04-16 | late 5 | premium 13 | sync
2028-05-01 | invoices | sync
2028-05-14 | late 6 | flat 5 | sync
2028-06-01 | invoices | sync
2028-06-10 | move flat | sync                    # to another line, once June is over
2028-06-20 | flat 6 | sync
2028-07-01 | invoices | sync                     # annual invoice; the new line begins
2028-07-09 | e3 9 | flat 7 | sync
2028-08-01 | invoices | sync
2028-08-11 | e5 4 | sync                         # the minimum
2028-08-20 | late 4 | premium 16 | sync
2028-09-01 | invoices | sync
2028-09-15 | e5 14 | sync
2028-10-01 | invoices | sync
2028-11-01 | invoices | premium 12 | sync
2028-12-01 | invoices | sync
2028-12-18 | flat 8 | e5 15 | sync
2029-01-01 | invoices | sync
2029-02-01 | invoices | sync
2029-07-01 | invoices | sync
"""
COMPARED_THROUGH = {MONTHLY: date(2028, 12, 31), ANNUAL: date(2028, 7, 1)}

Money = dict[tuple[int, date], Fraction]
"""By product and first day of the billing period."""


class Books:
    """What one PSA's rules make of what it hears, and how its records are read."""

    control = "invoice-run"

    def prepare(self, stack: Stack) -> None:
        """Set what the site allows, and say so to the app."""

    def look(self, stack: Stack) -> None:
        """See what the PSA has before a sync."""

    def owes(self, row: Row, *, begins: date | None = None) -> None:
        """A row begins to be billed."""
        raise NotImplementedError

    def leaves(self, row: Row, last: date) -> None:
        """A row is billed through that day on the line that it has."""
        raise NotImplementedError

    def sync(self, day: date, seats: dict[str, int]) -> None:
        """A sync saw so many seats to bill, by row."""
        raise NotImplementedError

    def invoice(self, day: date, invoice: dict[str, Any]) -> None:
        """An invoice was made on this day."""
        raise NotImplementedError

    def owed(self) -> Money:
        """By the oracles, for every period."""
        raise NotImplementedError

    def billed(self, invoices: list[dict[str, Any]]) -> Money:
        """By the invoices, for every period."""
        raise NotImplementedError

    def shown(self, operation: dict[str, Any]) -> list[tuple[object, ...]]:
        """The writes that an operation of a preview must become."""
        raise NotImplementedError

    def sent(self, write: Sent) -> tuple[object, ...]:
        """A write that was sent, in the same words."""
        raise NotImplementedError


@dataclass
class PlainBooks(Books):
    """Syncro: each invoice bills each line whole."""

    oracles: list[tuple[Row, int, PlainOracle]] = field(default_factory=list)

    def owes(self, row, *, begins=None):
        product = row.product if begins is None else row.moves_to
        opening = row.taken_over or 0 if begins is None else 0
        oracle = PlainOracle(begins or row.starts, None, opening=opening)
        self.oracles.append((row, product, oracle))

    def leaves(self, row, last):
        for one, _, oracle in self.oracles:
            if one is row and oracle.last_day is None:
                oracle.last_day = last

    def sync(self, day, seats):
        for row, _, oracle in self.oracles:
            oracle.sync(day, seats[row.name])

    def invoice(self, day, invoice):
        begins = date.fromisoformat(invoice["period"]["from"])
        for row, _, oracle in self.oracles:
            if row.agreement == invoice["schedule_id"]:
                oracle.invoice(begins)

    def owed(self):
        return {
            (product, start): Fraction(row.price) * seats
            for row, product, oracle in self.oracles
            for start, seats in oracle.owed.items()
        }

    def billed(self, invoices):
        found: Money = defaultdict(Fraction)
        for invoice in invoices:
            for line in invoice["lines"]:
                start = date.fromisoformat(invoice["period"]["from"])
                found[line["product_id"], start] += Fraction(line["amount"])
        return found

    def shown(self, operation):
        name = operation["operation"]
        if name == "CreateLine":
            return [("add", int(operation["product_id"]), operation["quantity"])]
        line = int(operation["line_id"])
        return [("remove", line) if name == "RemoveLine" else ("put", line, operation["after"])]

    def sent(self, write):
        body = exact_json.loads(write.body.decode())
        *_, last = write.path.split("/")
        if last == "add_line_item":
            return "add", body["product_id"], body["quantity"]
        if last == "remove_line_item":
            return "remove", body["schedule_line_item_id"]
        return "put", int(last), body["quantity"]


@dataclass
class AdjustedBooks(Books):
    """Autotask: a line's units change from a day on, and each day costs what is in force."""

    control = "approve-and-post"
    oracles: list[tuple[Row, int, DayOracle]] = field(default_factory=list)
    left: dict[int, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.first_unposted = {n: terms.not_invoiced_from for n, terms in TERMS.items()}

    def prepare(self, stack):
        stack.psa.switches.units_to_zero = True
        stack.environment["PSA__main__UNITS_TO_ZERO"] = "true"

    def owes(self, row, *, begins=None):
        product = row.product if begins is None else row.moves_to
        oracle = DayOracle(
            calendar_of(row.agreement), credits_on=False, changes_posted=True, starts=begins
        )
        if row.taken_over is not None and begins is None:
            oracle.begin_with(row.taken_over)
        if row.starts is not None:
            oracle.starts = row.starts
        self.oracles.append((row, product, oracle))

    def leaves(self, row, last):
        self.left[row.product] = last

    def sync(self, day, seats):
        for row, product, oracle in self.oracles:
            there = day <= self.left.get(product, date.max)
            if row.starts is None or row.starts <= day:
                needed = seats[row.name] if there else 0
                oracle.sync(day, needed, self.first_unposted[row.agreement])

    def invoice(self, day, invoice):
        if invoice["period"] is not None:
            last = date.fromisoformat(invoice["period"]["to"])
            self.first_unposted[invoice["contract_id"]] = last + DAY

    def owed(self):
        return {
            (product, start): share * Fraction(row.price)
            for row, product, oracle in self.oracles
            for start, share in oracle.shares(self.first_unposted[row.agreement] - DAY).items()
        }

    def billed(self, invoices):
        found: Money = defaultdict(Fraction)
        for row in ROWS:
            before = calendar_of(row.agreement).containing(TERMS[row.agreement].starts)
            while row.taken_over and before.start < TERMS[row.agreement].not_invoiced_from:
                found[row.product, before.start] += Fraction(row.price) * row.taken_over
                before = calendar_of(row.agreement).containing(before.last + DAY)
        for invoice in invoices:
            calendar = calendar_of(invoice["contract_id"])
            for line in invoice["lines"]:
                start = calendar.containing(date.fromisoformat(line["from"])).start
                found[line["product_id"], start] += Fraction(line["amount"])
        return found

    def shown(self, operation):
        if operation["operation"] == "CreateLine":
            change = "adjust", operation["quantity"], operation["starts"]
            return [("service", int(operation["product_id"])), change]
        change = operation["after"] - operation["before"]
        return [("adjust", change, operation["effective"])]

    def sent(self, write):
        body = exact_json.loads(write.body.decode())
        if write.path.endswith("/Services"):
            return "service", body["serviceID"]
        return "adjust", body["unitChange"], body["effectiveDate"][:10]


def calendar_of(agreement: int) -> ContractCalendar:
    """The periods of an agreement."""
    terms = TERMS[agreement]
    return ContractCalendar(terms.starts, 12 if terms.annual else 1, date(2090, 1, 1))


@dataclass
class RowsBooks(Books):
    """HaloPSA: a row for each change, whose part of a period comes with the next invoice."""

    oracles: list[tuple[Row, int, RowsOracle]] = field(default_factory=list)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)

    def prepare(self, stack):
        stack.psa.switches.negative_prorata = True
        stack.environment["PSA__main__NEGATIVE_PRORATA"] = "true"

    def look(self, stack):
        with stack.psa.lock:
            self.lines = {one["id"]: one for one in stack.psa.dump()["lines"]}

    def owes(self, row, *, begins=None):
        product = row.product if begins is None else row.moves_to
        calendar = days_of(row.agreement)
        oracle = RowsOracle(calendar, credits_on=False, starts=begins or row.starts)
        if row.taken_over is not None and begins is None:
            oracle.sync(TERMS[row.agreement].starts, row.taken_over)
        first = TERMS[row.agreement].not_invoiced_from
        if begins is not None:
            first = next(
                o.calendar.period(o.first_uninvoiced).start for r, _, o in self.oracles if r is row
            )
        oracle.first_uninvoiced = calendar.index_at(first)
        self.oracles.append((row, product, oracle))

    def leaves(self, row, last):
        for one, _, oracle in self.oracles:
            if one is row:
                oracle.leaves = last

    def sync(self, day, seats):
        for row, _, oracle in self.oracles:
            if (row.starts or day) <= day <= (oracle.leaves or day):
                oracle.sync(day, seats[row.name])

    def invoice(self, day, invoice):
        begins = date.fromisoformat(invoice["period"]["from"])
        for row, _, oracle in self.oracles:
            if row.agreement == -invoice["recurring_invoice_id"]:
                oracle.invoice(day, oracle.calendar.index_at(begins), over=0)

    def owed(self):
        return {
            (product, start): share * Fraction(row.price)
            for row, product, oracle in self.oracles
            for start, share in oracle.shares().items()
        }

    def billed(self, invoices):
        found: Money = defaultdict(Fraction)
        for row in ROWS:
            terms, calendar = TERMS[row.agreement], days_of(row.agreement)
            for index in range(calendar.index_at(terms.not_invoiced_from)):
                if row.taken_over:
                    start = calendar.period(index).start
                    found[row.product, start] += Fraction(row.price) * row.taken_over
        for invoice in invoices:
            calendar = days_of(-invoice["recurring_invoice_id"])
            for line in invoice["lines"]:
                shares: dict[date, Fraction] = {}
                first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
                add_share(shares, calendar, first, last, int(line["quantity"]))
                price = next(r.price for r in ROWS if line["item_id"] in {r.product, r.moves_to})
                for start, share in shares.items():
                    found[line["item_id"], start] += share * Fraction(price)
                assert sum(shares.values()) * Fraction(price) == Fraction(line["amount"]), line
        return found

    def shown(self, operation):
        name = operation["operation"]
        if name == "CreateLine":
            return [("line", int(operation["product_id"]), operation["quantity"])]
        line = int(operation["line_id"])
        if name == "EndLine":
            return [("ends", line, operation["last_day"] or "")]
        if name == "SetQuantity":
            return [("quantity", line, operation["after"])]
        return [("row", line, operation["quantity"], operation["starts"])]

    def sent(self, write):
        [body] = exact_json.loads(write.body.decode())
        if write.path.endswith("/Lines"):
            return "line", body["_itemid"], _rows(body)[0][1]
        found: list[tuple[object, ...]] = []
        for line in body["lines"]:
            before = self.lines.setdefault(line["id"], line)  # one that this sync made
            new, old = dict(_rows(line)), dict(_rows(before))
            found += [
                ("row", line["id"], new.get(day, 0) - old.get(day, 0), day)
                for day in sorted({*new, *old})
                if new.get(day, 0) != old.get(day, 0)
            ]
            if (line.get("enddate") or "")[:10] != (before.get("enddate") or "")[:10]:
                found.append(("ends", line["id"], (line.get("enddate") or "")[:10]))
            if line["qty_order"] != before["qty_order"]:
                found.append(("quantity", line["id"], line["qty_order"]))
            self.lines[line["id"]] = line
        assert len(found) == 1, "one change in each write"
        return found[0]


def _rows(line: dict[str, Any]) -> list[tuple[str, int]]:
    """The rows of a line that no invoice has seen, by day."""
    waiting: dict[str, int] = {}
    for row in line.get("prorata_data") or []:
        if not row.get("isinvoiced"):
            day = row["date"][:10]
            waiting[day] = waiting.get(day, 0) + int(row["quantity"])
    return sorted(waiting.items())


def days_of(agreement: int) -> Calendar:
    """The periods of an agreement, by number."""
    terms = TERMS[agreement]
    return Calendar(terms.starts, 12 if terms.annual else 1)


BOOKS: dict[str, Callable[[], Books]] = {
    "autotask": AdjustedBooks,
    "halopsa": RowsBooks,
    "syncro": PlainBooks,
}


@dataclass
class Year:
    """The customer and its story so far."""

    stack: Stack
    books: Books
    customer_id: str = ""
    day: date = date.min
    bought: dict[str, Subscription] = field(default_factory=dict)
    exchanges: list[tuple[date, list[tuple[object, ...]], list[tuple[object, ...]]]] = field(
        default_factory=list
    )
    invoices: list[dict[str, Any]] = field(default_factory=list)

    def begin(self, day: date) -> None:
        """Put the customer into the PSA, Microsoft and Seatsync, and map its licences."""
        self._go(day)
        products = {row.product: row.price for row in ROWS}
        products |= {row.moves_to: row.price for row in ROWS if row.moves_to}
        self.stack.tell(
            Story(
                companies=[Company(250, "Contoso")],
                products=[Product(n, f"Product {n}", str(p)) for n, p in products.items()],
                agreements=[Agreement(n, 250, terms, f"A{n}") for n, terms in TERMS.items()],
                lines=[
                    site.Line(
                        500 + row.product,
                        row.agreement,
                        row.product,
                        row.taken_over,
                        TERMS[row.agreement].starts,
                    )
                    for row in ROWS
                    if row.taken_over is not None
                ],
            )
        )
        for row in ROWS:
            self.bought[row.name] = a_subscription(
                row.sku, row.seats, name=row.name, part_number=row.name
            )
        self.tenant = a_tenant("Contoso", list(self.bought.values()))
        self.stack.add_tenant(self.tenant)
        self.customer_id = self.stack.add_customer(self.tenant)
        for row in ROWS:
            self._map(row, row.product)
            self.books.owes(row)

    def play(self, story: str) -> None:
        """Live through the lines of a story."""
        for line in story.strip().splitlines():
            day, *events = (part.strip() for part in line.partition("#")[0].split("|"))
            self._go(date.fromisoformat(day))
            for event in events:
                verb, *words = event.split()
                if verb == "sync":
                    self._sync()
                elif verb == "invoices":
                    self._invoices()
                elif verb == "move":
                    self._move(next(row for row in ROWS if row.name == words[0]))
                else:
                    set_seats(self.tenant, self.bought[verb], int(words[0]))

    def _go(self, day: date) -> None:
        self.day = day
        self.stack.travel(datetime.combine(day, time(12), UTC))

    def _sync(self) -> None:
        self.stack.sync(self.customer_id, f"sku-{ROWS[3].sku}", seconds=60)
        self.stack.psa_wire.taken()
        self.books.look(self.stack)
        shown = []
        for one in self._previews():
            assert one["status"] in {"change", "in_step", "waiting"}, (self.day, one)
            if one["status"] == "change":
                shown += [w for op in one["operations"] for w in self.books.shown(op)]
        run = self.stack.sync(self.customer_id, seconds=60)
        assert run["items"]["failed"] == run["items"]["blocked"] == 0, (self.day, run)
        sent = [self.books.sent(one) for one in self.stack.psa_wire.taken()]
        self.exchanges.append((self.day, sorted(shown, key=str), sorted(sent, key=str)))
        seats = {row.name: row.billed(self.bought[row.name].total_licenses) for row in ROWS}
        self.books.sync(self.day, seats)
        for one in self._previews():
            assert one["status"] in {"in_step", "waiting"}, (self.day, one)

    def _previews(self) -> list[dict[str, Any]]:
        answer = self.stack.get(f"/api/customers/{self.customer_id}/preview")
        answer.raise_for_status()
        found: list[dict[str, Any]] = exact_json.loads(answer.text)["items"]
        return found

    def _invoices(self) -> None:
        address = self.stack.environment["PSA__main__URL"]
        answer = requests.post(
            f"{address}/_sim/{self.books.control}", json={"through": str(self.day)}, timeout=60
        )
        answer.raise_for_status()
        for invoice in exact_json.loads(answer.text)["invoices"]:
            self.invoices.append(invoice)
            self.books.invoice(self.day, invoice)

    def _move(self, row: Row) -> None:
        assert row.moves_to is not None
        self._map(row, row.moves_to)
        last = date(self.day.year, self.day.month + 1, 1) - DAY
        self.books.leaves(row, last)
        self.books.owes(row, begins=last + DAY)

    def _map(self, row: Row, product: int) -> None:
        self.stack.map_row(
            self.customer_id,
            row.row_id,
            self.stack.add_profile(str(product)),
            self.stack.site.agreement_id(row.agreement),
            included=row.included,
            minimum=row.minimum,
            override_start=None if row.starts is None else row.starts.isoformat(),
        )


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Year]]:
    """The whole year in each PSA, lived once for all tests: those come in any order."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def of(psa: str) -> Year:
            stack = running.enter_context(stack_in(tmp_path_factory.mktemp(psa), psa))
            year = Year(stack, BOOKS[psa]())
            year.books.prepare(stack)
            year.begin(date(2028, 1, 10))
            year.play(STORY)
            return year

        yield of


@pytest.fixture(params=BOOKS)
def year(request: pytest.FixtureRequest, years: Callable[[str], Year]) -> Year:
    return years(request.param)


def test_every_period_is_invoiced_as_that_psas_oracle_says_to_the_cent(year):
    billed, owed = year.books.billed(year.invoices), year.books.owed()

    compared = [
        (product, start)
        for product, start in sorted({*billed, *owed})
        if start <= COMPARED_THROUGH[ANNUAL if product == ROWS[2].product else MONTHLY]
    ]
    wrong = {
        key: (billed.get(key, 0), owed.get(key, 0))
        for key in compared
        if billed.get(key, 0) != owed.get(key, 0)
    }
    assert wrong == {}
    assert sum(bool(owed.get(key)) for key in compared) > 40


def test_what_a_preview_shows_is_what_is_sent(year):
    for day, shown, sent in year.exchanges:
        assert sent == shown, day
    assert sum(len(sent) for _, _, sent in year.exchanges) > 25


def test_the_simulators_saw_no_call_that_breaks_a_contract(year):
    assert year.stack.psa_simulator.violations == []
