"""A customer's year on the running stack, told as a table of events.

Each line of a story is a day and what happens on it, in order:

    2028-02-17 | premium 13 | sync | premium 11 | sync      seats at Microsoft, and Sync Now
    2028-03-01 | invoices | cycle                           the PSA's invoice run, and a full run
    2028-05-22 | premium 36 | sync, premium waits | approve premium
    2028-06-10 | split visio | sync

The days are the PSA's, in New York, and every event happens at 02:00 UTC of the day after, when
the daily sync runs: the app has to see that it is still the evening before. Before each sync the
preview is read, and what is sent during it is kept beside it.

What is owed is reckoned by the day oracle, which hears the same events and knows nothing of lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import requests

from local.simulators.common.billing import Calendar
from local.simulators.connectwise.billing import MONTHS_OF_CYCLE
from local.simulators.connectwise.builders import (
    a_company,
    a_product,
    a_type,
    an_addition,
    an_agreement,
)
from local.simulators.microsoft.builders import a_subscription, a_tenant, a_user
from local.simulators.microsoft.state import Subscription, set_seats
from shared import exact_json
from tests.integration.stack import Stack
from tests.integration.wire import Sent, connectwise_write
from tests.property.oracle import Oracle

DAY = timedelta(days=1)
TIME_ZONE = "America/New_York"
QUIET = "quiet"
TERM_ENDS = datetime(2028, 5, 10, tzinfo=UTC)
"""When every purchase ends unless it is renewed."""


@dataclass(frozen=True)
class Terms:
    """How an agreement is invoiced.

    Attributes:
        next_invoice: Of the first invoice in the story.
        ahead: It bills the period after the one that it is dated in.
    """

    number: int
    cycle: str
    starts: date
    next_invoice: date
    ahead: bool = False
    prorates: bool = True

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.starts, MONTHS_OF_CYCLE[self.cycle.lower()])

    @property
    def first_uninvoiced(self) -> int:
        """Index of the first period without an invoice when the story begins."""
        return self.calendar.index_at(self.next_invoice) + int(self.ahead)


@dataclass(frozen=True)
class Row:
    """A licence, and how it is billed.

    Attributes:
        seats: By purchase, when the story begins; the first purchase has the row's name.
        price: Of the product in the PSA.
        fixed: The profile's own price.
        taken_over: Seats of a line that stands on the agreement already, billed for all that is
            invoiced.
        apart: By purchase: the product and price once the licence is split.
    """

    name: str
    sku: str
    terms: Terms
    product: int
    price: Decimal
    seats: dict[str, int]
    included: int = 0
    minimum: int = 0
    credits: bool = False
    starts: date | None = None
    fixed: Decimal | None = None
    description: dict[str, Any] = field(default_factory=dict)
    taken_over: int | None = None
    apart: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    @property
    def row_id(self) -> str:
        return f"sku-{self.sku}"

    @property
    def charged(self) -> Decimal:
        """What a seat costs for a period."""
        return self.price if self.fixed is None else self.fixed

    def billed(self, active: int) -> int:
        """The seats to bill, by the rule in the product's own words."""
        return max(self.minimum, 0, active - self.included)


@dataclass
class Owing:
    """A stretch of days on which some seats are owed for a product of an agreement.

    Attributes:
        begins: The first day, where a row moves here on it.
    """

    row: Row
    product: int
    price: Decimal
    oracle: Oracle
    seats: Callable[[], int]
    begins: date | None = None

    @property
    def terms(self) -> Terms:
        return self.row.terms

    def sync(self, day: date) -> None:
        """A sync sees the seats of a day, and what it will be once rows have moved."""
        if self.row.starts is not None and day < self.row.starts:
            return
        begins, ends = self.begins or date.min, self.oracle.ends or date.max
        if day > ends or begins > ends:
            return
        later = {} if ends == date.max else {ends + DAY: 0}
        if day < begins:
            self.oracle.sync(day, 0, {begins: self.seats(), **later})
        else:
            self.oracle.sync(day, self.seats(), later)


@dataclass(frozen=True)
class Exchange:
    """What a preview showed before a sync or an approval, and what was sent in it.

    Attributes:
        shown: Line group by line group.
    """

    day: date
    action: str
    shown: tuple[tuple[Sent, ...], ...]
    sent: tuple[Sent, ...]

    @property
    def sent_by_group(self) -> tuple[tuple[Sent, ...], ...]:
        """What was sent, put to the groups that showed it; groups are worked on side by side."""
        return tuple(tuple(one for one in self.sent if one in group) for group in self.shown)


Money = dict[tuple[int, int, date], Fraction]
"""By agreement, product and first day of the billing period."""


@dataclass
class Year:
    """The customer, its story so far, and what is owed for it."""

    stack: Stack
    rows: dict[str, Row]
    customer_id: str = ""
    day: date = date.min
    bought: dict[str, Subscription] = field(default_factory=dict)
    owed: list[Owing] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    _uninvoiced: dict[int, int] = field(default_factory=dict)
    _profiles: dict[tuple[int, Decimal | None], str] = field(default_factory=dict)
    _read: tuple[date, dict[str, Any]] | None = None

    def begin(self, day: date) -> None:
        """Put the customer into the PSA, Microsoft and Seatsync, and map its licences."""
        self._go(day)
        agreements = {row.terms.number: row.terms for row in self.rows.values()}
        self.stack.psa.seed(
            companies=[a_company(250)],
            types=[a_type()],
            products=[a_product(number, price=price) for number, price in self._products()],
            agreements=[_record(terms) for terms in agreements.values()],
            additions=[
                an_addition(
                    agreement=row.terms.number,
                    product=row.product,
                    quantity=row.taken_over,
                    effective=row.terms.starts,
                )
                for row in self.rows.values()
                if row.taken_over is not None
            ],
        )
        self._uninvoiced = {n: terms.first_uninvoiced for n, terms in agreements.items()}
        for row in self.rows.values():
            for name, seats in row.seats.items():
                self.bought[name] = a_subscription(
                    row.sku, seats, name=name, part_number=row.name, next_lifecycle_at=TERM_ENDS
                )
        named = next(iter(self.rows.values())).sku
        users = [a_user(name, sku_ids=[named]) for name in ("Ada", "Bo")]
        tenant = a_tenant("Contoso", list(self.bought.values()), users=users)
        self.stack.add_tenant(tenant)
        self.tenant = tenant
        self.customer_id = self.stack.add_customer(tenant)
        for row in self.rows.values():
            self._map(row, row.row_id, row.product, row.fixed)
            if row.name != QUIET:
                self._owes(row, row.product, row.charged, lambda row=row: self._active(row))
        self._read = (day, self._seats())

    def play(self, story: str) -> None:
        """Live through the lines of a story."""
        for line in story.strip().splitlines():
            text = line.partition("#")[0].strip()
            if not text:
                continue
            day, *events = (part.strip() for part in text.split("|"))
            self._go(date.fromisoformat(day))
            for event in events:
                self._live(event)

    # Events -----------------------------------------------------------------------------------

    def _live(self, event: str) -> None:
        verb, *words = event.replace(",", "").split()
        if verb in self.bought:
            self._buy(verb, int(words[0]))
        elif verb in {"sync", "cycle"}:
            self._sync(verb, waiting=set(words) - {"waits", "wait", "and"})
        elif verb == "invoices":
            self._invoices()
        else:
            {
                "approve": self._approve,
                "renew": self._renew,
                "split": self._split,
                "merge": self._merge,
            }[verb](*words)

    def _go(self, day: date) -> None:
        if day < self.day:
            raise ValueError(f"{day} lies before {self.day}")
        self.day = day
        self.stack.travel(datetime.combine(day + DAY, time(2), UTC))

    def _buy(self, name: str, seats: int) -> None:
        set_seats(self.tenant, self.bought[name], seats)

    def _renew(self, name: str, until: str) -> None:
        moment = datetime.combine(date.fromisoformat(until), time(0), UTC)
        self.bought[name].next_lifecycle_at = moment

    def _sync(self, verb: str, waiting: set[str]) -> None:
        self._read_tenant()
        previews = self._previews()
        held = {name for one in previews if one["status"] == "held" for name in self._named(one)}
        assert held == waiting, f"{self.day}: {held} held, {waiting} expected"
        if verb == "cycle":
            run = self.stack.finished(self.stack.post("/api/runs").json()["run_id"], 60)
        else:
            run = self.stack.sync(self.customer_id, seconds=60)
        self.runs.append(run)
        assert run["items"]["failed"] == run["items"]["blocked"] == 0, (self.day, run)
        self._keep(verb, [one for one in previews if one["status"] == "change"])
        for owing in self.owed:
            if owing.row.name not in waiting:
                owing.sync(self.day)
        self._nothing_is_left(waiting)

    def _nothing_is_left(self, waiting: set[str]) -> None:
        """One sync is enough: a second one would write nothing."""
        for one in self._previews():
            if not self._named(one) & waiting:
                assert one["status"] in {"in_step", "waiting"}, (self.day, one)

    def _approve(self, name: str) -> None:
        row = self.rows[name]
        held = [one for one in self._previews() if name in self._named(one)]
        [approval] = [
            one
            for one in self.stack.get("/api/approvals").json()["items"]
            if row.row_id in one["row_ids"]
        ]
        answer = self.stack.post(f"/api/approvals/{approval['approval_id']}/approve")
        assert answer.status_code == 202, answer.text
        run = self.stack.finished(answer.json()["run_id"], 60)
        assert run["items"]["changed"] == 1, (self.day, run)
        self._keep(f"approve {name}", held)
        for owing in self.owed:
            if owing.row.name == name:
                owing.sync(self.day)
        self._nothing_is_left(set())

    def _invoices(self) -> None:
        site = self.stack.environment["PSA__main__URL"]
        answer = requests.post(
            f"{site}/_sim/invoice-run", json={"through": self.day.isoformat()}, timeout=60
        )
        answer.raise_for_status()
        for invoice in exact_json.loads(answer.text)["invoices"]:
            number = invoice["agreement_id"]
            begins = date.fromisoformat(invoice["period"]["from"])
            for owing in self.owed:
                if owing.terms.number == number:
                    index = owing.terms.calendar.index_at(begins)
                    owing.oracle.invoice(self.day, index)
                    self._uninvoiced[number] = index + 1

    def _split(self, name: str) -> None:
        row = self.rows[name]
        self._post(f"licenses/{row.row_id}/split")
        last = self._leave(row)
        for purchase, (product, price) in row.apart.items():
            self._map(row, f"sub-{self.bought[purchase].id}", product, price)
            seats = self._seats_of(purchase)
            self._owes(row, product, price, seats, begins=last + DAY)

    def _merge(self, name: str) -> None:
        row = self.rows[name]
        self._post(f"licenses/{row.row_id}/merge")
        last = self._leave(row)
        active = self._active
        self._owes(row, row.product, row.charged, lambda: active(row), begins=last + DAY)

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return a licence's changes, newest first."""
        address = f"/api/customers/{self.customer_id}/history?row_id={self.rows[name].row_id}"
        found: list[dict[str, Any]] = self.stack.get(f"{address}&limit=200").json()["items"]
        return found

    # What is owed -----------------------------------------------------------------------------

    def _owes(
        self,
        row: Row,
        product: int,
        price: Decimal,
        seats: Callable[[], int],
        begins: date | None = None,
    ) -> None:
        terms = row.terms
        oracle = Oracle(terms.calendar, credits_on=row.credits, prorates=terms.prorates)
        oracle.first_uninvoiced = self._uninvoiced[terms.number]
        if row.taken_over is not None and begins is None:
            oracle.first_uninvoiced = terms.calendar.index_at(terms.starts)
            oracle.sync(terms.starts, row.taken_over)
            for index in range(oracle.first_uninvoiced, self._uninvoiced[terms.number]):
                oracle.invoice(terms.calendar.period(index).start, index)
        self.owed.append(Owing(row, product, price, oracle, seats, begins))

    def _leave(self, row: Row) -> date:
        """End what the row owes with the last period that has begun or is invoiced."""
        calendar = row.terms.calendar
        last = max(calendar.index_at(self.day), self._uninvoiced[row.terms.number] - 1)
        for owing in self.owed:
            if owing.row is row and owing.oracle.ends is None:
                owing.oracle.ends = calendar.period(last).last
        return calendar.period(last).last

    def differences(self, last: dict[int, date]) -> tuple[dict[str, tuple[str, str]], int]:
        """Return where invoices differ from what is owed: (billed, owed), and what was compared.

        Args:
            last: By agreement, the start of the last period whose dated lines are all invoiced.
        """
        billed, owed = self.money_billed(), self.money_owed()
        compared = [key for key in sorted({*billed, *owed}) if key[2] <= last[key[0]]]
        amounts = {key: (_cents(billed.get(key)), _cents(owed.get(key))) for key in compared}
        wrong = {
            f"agreement {key[0]}, product {key[1]}, from {key[2]}": pair
            for key, pair in amounts.items()
            if pair[0] != pair[1]
        }
        return wrong, sum(pair[1] != "0.00" for pair in amounts.values())

    def money_owed(self) -> Money:
        """By the day oracle, for every period."""
        found: Money = {}
        for owing in self.owed:
            for start, share in owing.oracle.shares().items():
                key = (owing.terms.number, owing.product, start)
                found[key] = found.get(key, Fraction(0)) + share * Fraction(owing.price)
        return found

    def money_billed(self) -> Money:
        """By the simulator's invoices, and by those from before the story."""
        found: Money = {}
        for row in self.rows.values():
            for index in range(row.terms.first_uninvoiced):
                if row.taken_over is not None:
                    key = (row.terms.number, row.product, row.terms.calendar.period(index).start)
                    found[key] = Fraction(row.charged) * row.taken_over
        for number, line in self.invoice_lines():
            whole = Fraction(0)
            for start, share in self._shares(number, line):
                part = Fraction(line["quantity"]) * Fraction(self._price(line)) * share
                key = (number, int(line["product_id"]), start)
                found[key] = found.get(key, Fraction(0)) + part
                whole += part
            # The prices divide evenly into days, so that no invoice line is rounded.
            assert whole == Fraction(line["amount"]), line
        return found

    def invoice_lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield every line of every invoice, with its agreement."""
        for invoice in self.stack.psa.invoices:
            for line in invoice["lines"]:
                yield invoice["agreement_id"], line

    def _shares(self, number: int, line: dict[str, Any]) -> Iterator[tuple[date, Fraction]]:
        terms = next(row.terms for row in self.rows.values() if row.terms.number == number)
        first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
        for period in terms.calendar.periods_between(first, last):
            days = (min(period.last, last) - max(period.start, first)).days + 1
            yield period.start, Fraction(days, period.days)

    def _price(self, line: dict[str, Any]) -> Decimal:
        return Decimal(self.stack.psa.additions[line["addition_id"]]["unitPrice"])

    # Parts ------------------------------------------------------------------------------------

    def _active(self, row: Row) -> int:
        return row.billed(sum(self.bought[name].total_licenses for name in row.seats))

    def _seats_of(self, purchase: str) -> Callable[[], int]:
        return lambda: self.bought[purchase].total_licenses

    def _seats(self) -> dict[str, Any]:
        return {
            name: (one.total_licenses, one.next_lifecycle_at) for name, one in self.bought.items()
        }

    def _products(self) -> Iterator[tuple[int, Decimal]]:
        for row in self.rows.values():
            yield row.product, row.price
            for product, _ in row.apart.values():
                yield product, row.price

    def _map(self, row: Row, row_id: str, product: int, fixed: Decimal | None) -> None:
        key = (product, fixed)
        if key not in self._profiles:
            kind = "psa" if fixed is None else "fixed"
            amount = {} if fixed is None else {"amount": str(fixed)}
            self._profiles[key] = self.stack.add_profile(
                str(product), price={"kind": kind, **amount}
            )
        self.stack.map_row(
            self.customer_id,
            row_id,
            self._profiles[key],
            str(row.terms.number),
            included=row.included,
            minimum=row.minimum,
            negative_prorate=row.credits,
            override_start=None if row.starts is None else row.starts.isoformat(),
            description=row.description,
        )

    def _read_tenant(self) -> None:
        """Let Seatsync read the tenant, without a plan to write: the preview shows what it knows.

        The row that is synced for this starts in a later century.
        """
        now = (self.day, self._seats())
        if now == self._read:
            return
        run = self.stack.sync(self.customer_id, self.rows[QUIET].row_id, seconds=60)
        assert run["items"]["unchanged"] == run["items"]["total"] == 1, (self.day, run)
        self._read = now

    def _previews(self) -> list[dict[str, Any]]:
        answer = self.stack.get(f"/api/customers/{self.customer_id}/preview")
        answer.raise_for_status()
        found: list[dict[str, Any]] = exact_json.loads(answer.text)["items"]
        assert all(one["status"] != "unknown" for one in found), (self.day, found)
        sent = self.stack.psa_wire.taken()
        assert not sent, (self.day, sent)
        return found

    def _named(self, preview: dict[str, Any]) -> set[str]:
        """The licences that a preview is about."""
        shown = {one["row_id"] for one in preview["rows"]}
        ids = {f"sub-{one.id}": name for name, one in self.bought.items()}
        names = {row.row_id: row.name for row in self.rows.values()}
        return {names.get(row_id) or ids[row_id] for row_id in shown}

    def _keep(self, action: str, previews: list[dict[str, Any]]) -> None:
        shown = tuple(
            tuple(connectwise_write(operation) for operation in one["operations"])
            for one in previews
        )
        sent = tuple(self.stack.psa_wire.taken())
        self.exchanges.append(Exchange(self.day, action, shown, sent))

    def _post(self, path: str) -> None:
        answer = self.stack.post(f"/api/customers/{self.customer_id}/{path}")
        assert answer.status_code == 204, answer.text


def _record(terms: Terms) -> dict[str, Any]:
    return an_agreement(
        terms.number,
        starts=terms.starts,
        cycle=terms.cycle,
        period_type="Future" if terms.ahead else "Current",
        next_invoice=terms.next_invoice,
        prorates=terms.prorates,
    )


def _cents(amount: Fraction | None) -> str:
    """Return an amount that is a whole number of cents."""
    cents = (amount or Fraction(0)) * 100
    assert cents.denominator == 1, amount
    return str(Decimal(cents.numerator).scaleb(-2))
