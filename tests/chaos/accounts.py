"""What each line is owed, by the oracle of its PSA, and what its invoices billed.

The oracles are those of the property tests: they hear what was needed on which day and which
invoices ran, and know nothing of lines, hosts or faults. Where a fault leaves open on which of two
days a change was seen, as at midnight, an account keeps an oracle for each possibility, and the
invoices have to equal one of them.
"""

import copy
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from local.simulators.autotask.billing import ContractCalendar
from local.simulators.common.billing import Calendar
from tests.integration.stack import MARCH
from tests.property.adjusted import DayOracle
from tests.property.oracle import Oracle
from tests.property.plain import PlainOracle
from tests.property.rows_psa import RowsOracle, add_share

DAY = timedelta(days=1)
PRICE = Decimal("3775.80")  # divides by 28, 29, 30 and 31 days: no line is rounded
CALENDAR = Calendar(MARCH.starts, 1)
AHEAD = CALENDAR.index_at(MARCH.not_invoiced_from)
"""How many periods are invoiced before a seed begins."""

Money = dict[date, Fraction]
"""By first day of the billing period."""
Json = Mapping[str, Any]


class Account(ABC):
    """What is owed for one row, on a monthly agreement that is invoiced through March.

    Attributes:
        line: Seats that the agreement has already for its product.
    """

    def __init__(self, product: int, line: int | None) -> None:
        self.product = product
        self.line = line
        self.possible: list[Any] = [self._oracle()]

    def seen(
        self,
        day: date,
        seats: int,
        *,
        eve: date | None = None,
        by_then: Collection[int] = (),
    ) -> None:
        """Hear that so many seats are needed, as a sync of this day saw at last.

        Args:
            eve: The day before, where it passed into this one while something was written.
            by_then: What may have been seen on the eve, each or nothing of it.
        """
        if eve is not None:
            as_they_are = list(self.possible)
            for number in sorted(by_then):
                earlier = copy.deepcopy(as_they_are)
                for oracle in earlier:
                    self._sync(oracle, eve, number)
                self.possible += earlier
        for oracle in self.possible:
            self._sync(oracle, day, seats)

    def invoiced(self, day: date, invoice: Json) -> None:
        """Hear of an invoice of the agreement."""
        for oracle in self.possible:
            self._invoice(oracle, day, invoice)

    def wrong(self, invoices: Iterable[Json], before: date) -> str | None:
        """Return how the invoices differ from what is owed, or ``None`` if they do not.

        Args:
            before: Only periods that began before this day are compared: what came after a
                period's own invoice is on the one of the next.
        """
        billed = self._billed_before()
        for invoice in invoices:
            for line in invoice["lines"]:
                if line.get("product_id", line.get("item_id")) == self.product:
                    self._add(billed, invoice, line)
        billed = _until(billed, before)
        possible = [_until(self._owed(oracle), before) for oracle in self.possible]
        if any(_equal(billed, owed) for owed in possible):
            return None
        shown = " or ".join(_words(owed) for owed in possible)
        return f"product {self.product}: billed {_words(billed)}; owed {shown}"

    def _billed_before(self) -> Money:
        found: Money = defaultdict(Fraction)
        for index in range(AHEAD):
            if self.line:
                found[CALENDAR.period(index).start] = Fraction(PRICE) * self.line
        return found

    @abstractmethod
    def _oracle(self) -> Any:
        """Return one that knows the line which is there."""

    @abstractmethod
    def _sync(self, oracle: Any, day: date, seats: int) -> None: ...

    @abstractmethod
    def _invoice(self, oracle: Any, day: date, invoice: Json) -> None: ...

    @abstractmethod
    def _owed(self, oracle: Any) -> Money: ...

    def _add(self, billed: Money, invoice: Json, line: Json) -> None:
        """Add an invoice line to its periods."""
        shares: Money = {}
        first, last = date.fromisoformat(line["from"]), date.fromisoformat(line["to"])
        add_share(shares, CALENDAR, first, last, int(line["quantity"]))
        assert sum(shares.values()) * Fraction(PRICE) == Fraction(line["amount"]), line
        for start, share in shares.items():
            billed[start] += share * Fraction(PRICE)


class DatedAccount(Account):
    """ConnectWise."""

    def _oracle(self):
        oracle = Oracle(CALENDAR)
        if self.line is None:
            oracle.first_uninvoiced = AHEAD
            return oracle
        oracle.sync(MARCH.starts, self.line)
        for index in range(AHEAD):
            oracle.invoice(CALENDAR.period(index).start, index)
        return oracle

    def _sync(self, oracle, day, seats):
        oracle.sync(day, seats)

    def _invoice(self, oracle, day, invoice):
        begins = date.fromisoformat(invoice["period"]["from"])
        oracle.invoice(day, CALENDAR.index_at(begins))

    def _owed(self, oracle):
        return {start: share * Fraction(PRICE) for start, share in oracle.shares().items()}


class RowsAccount(DatedAccount):
    """HaloPSA, where it takes negative rows."""

    def _oracle(self):
        oracle = RowsOracle(CALENDAR, credits_on=False)
        if self.line is not None:
            oracle.sync(MARCH.starts, self.line)
        oracle.first_uninvoiced = AHEAD
        return oracle

    def _invoice(self, oracle, day, invoice):
        begins = date.fromisoformat(invoice["period"]["from"])
        oracle.invoice(day, CALENDAR.index_at(begins), over=0)


class AdjustedAccount(Account):
    """Autotask, where posted periods take adjustments and units may be 0."""

    def __init__(self, product: int, line: int | None) -> None:
        self._unposted = MARCH.not_invoiced_from
        super().__init__(product, line)

    def _oracle(self):
        calendar = ContractCalendar(MARCH.starts, 1, date(2090, 1, 1))
        oracle = DayOracle(calendar, credits_on=False, changes_posted=True)
        if self.line is not None:
            oracle.begin_with(self.line)
        return oracle

    def _sync(self, oracle, day, seats):
        oracle.sync(day, seats, self._unposted)

    def _invoice(self, oracle, day, invoice):
        if invoice["period"] is not None:
            self._unposted = date.fromisoformat(invoice["period"]["to"]) + DAY

    def _owed(self, oracle):
        shares = oracle.shares(self._unposted - DAY)
        return {start: share * Fraction(PRICE) for start, share in shares.items()}

    def _add(self, billed, invoice, line):
        start = CALENDAR.period(CALENDAR.index_at(date.fromisoformat(line["from"]))).start
        billed[start] += Fraction(line["amount"])


class PlainAccount(Account):
    """Syncro."""

    def _oracle(self):
        oracle = PlainOracle(None, None, opening=self.line or 0)
        for index in range(AHEAD):
            oracle.invoice(CALENDAR.period(index).start)
        return oracle

    def _sync(self, oracle, day, seats):
        oracle.sync(day, seats)

    def _invoice(self, oracle, day, invoice):
        oracle.invoice(date.fromisoformat(invoice["period"]["from"]))

    def _owed(self, oracle):
        return {start: Fraction(PRICE) * seats for start, seats in oracle.owed.items()}

    def _add(self, billed, invoice, line):
        billed[date.fromisoformat(invoice["period"]["from"])] += Fraction(line["amount"])


ACCOUNTS: Mapping[str, Callable[[int, int | None], Account]] = {
    "autotask": AdjustedAccount,
    "connectwise": DatedAccount,
    "halopsa": RowsAccount,
    "syncro": PlainAccount,
}


def _until(money: Money, before: date) -> Money:
    return {start: amount for start, amount in money.items() if start < before}


def _equal(one: Money, other: Money) -> bool:
    return all(one.get(start, 0) == other.get(start, 0) for start in {*one, *other})


def _words(money: Money) -> str:
    return ", ".join(
        f"{start}: {float(amount / Fraction(PRICE)):.4f}"
        for start, amount in sorted(money.items())
        if amount
    )
