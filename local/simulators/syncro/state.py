"""What the simulated Syncro knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names. A schedule is a recurring invoice; its
lines are kept beside it and name it by ``schedule_id``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from threading import RLock
from typing import Any, Literal

from local.simulators.common import control
from local.simulators.common.control import RefusedError
from local.simulators.common.simulator import utc_now

Record = dict[str, Any]
Who = Literal["api", "hand", "invoicing"]

MONTHS = {"Monthly": 1, "Quarterly": 3, "Annually": 12}
"""Months between two invoices, by ``frequency``."""
KINDS = ("customers", "products", "schedules", "lines")
LINE_FIELDS = frozenset(
    {
        "name",
        "description",
        "product_id",
        "quantity",
        "price_retail",
        "price_cost",
        "taxable",
        "position",
        "one_time_charge",
    }
)


@dataclass(slots=True)
class Switches:
    """Behaviour that differs between accounts, or that nobody has proved yet.

    Attributes:
        rate_limit: Calls within a minute beyond which all are refused; 0: no limit.
        pages_tell_total: Lists say how many pages there are.
        refuse_zero: A quantity of 0 is refused.
        price_retail_sets_price: ``price_retail`` is taken; else only the product's price is.
        removes_by_id: ``remove_line_item`` knows ``schedule_line_item_id``; else nothing happens.
    """

    rate_limit: int = 0
    pages_tell_total: bool = True
    refuse_zero: bool = False
    price_retail_sets_price: bool = True
    removes_by_id: bool = True


@dataclass(frozen=True, slots=True)
class Token:
    """An API token.

    Attributes:
        denied: What it may not: ``read`` or ``edit``.
    """

    value: str
    denied: frozenset[str] = frozenset()


DEMO_TOKEN = Token("demo-token")


@dataclass(slots=True)
class PsaState:
    """One account. Hold ``lock`` around all that reads more than one thing, or writes."""

    customers: dict[int, Record] = field(default_factory=dict)
    products: dict[int, Record] = field(default_factory=dict)
    schedules: dict[int, Record] = field(default_factory=dict)
    lines: dict[int, Record] = field(default_factory=dict)
    invoices: list[Record] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=lambda: [DEMO_TOKEN])
    audit: list[Record] = field(default_factory=list)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime] = utc_now
    lock: RLock = field(default_factory=RLock)
    last_id: int = 1000

    def seed(self, **records: Iterable[Record]) -> PsaState:
        """Add records as builders make them, by kind, and return the state.

        Raises:
            KeyError: There is no such kind, or a record refers to one that does not exist.
        """
        for kind in records:
            self.records(kind)
        for kind in KINDS:
            for given in records.get(kind, ()):
                record = copy.deepcopy(dict(given))
                if kind == "schedules":
                    self.customers[record["customer_id"]]
                if kind == "lines":
                    self.schedules[record["schedule_id"]]
                    self._complete(record)
                self.records(kind)[record["id"]] = record
        return self

    def records(self, kind: str) -> dict[int, Record]:
        """Return the records of a kind.

        Raises:
            KeyError: There is no such kind.
        """
        if kind not in KINDS:
            raise KeyError(kind)
        found: dict[int, Record] = getattr(self, kind)
        return found

    def lines_of(self, schedule: int) -> list[Record]:
        """Return the lines of a schedule, by id."""
        own = (line for line in self.lines.values() if line["schedule_id"] == schedule)
        return sorted(own, key=lambda line: int(line["id"]))

    def save_line(self, schedule: int, given: object, number: int | None, *, who: Who) -> Record:
        """Create a line, or change the fields of one that are named.

        Raises:
            RefusedError: Something is missing (404) or wrong (422).
        """
        if schedule not in self.schedules:
            raise RefusedError("Not found", HTTPStatus.NOT_FOUND)
        before = None if number is None else self.lines.get(number)
        if number is not None and (before is None or before["schedule_id"] != schedule):
            raise RefusedError("Not found", HTTPStatus.NOT_FOUND)
        if not isinstance(given, Mapping):
            raise RefusedError("An object is needed", HTTPStatus.UNPROCESSABLE_ENTITY)
        fields_ = {name: given[name] for name in LINE_FIELDS if name in given}
        if not self.switches.price_retail_sets_price:
            fields_.pop("price_retail", None)
        self._check(fields_)
        if before is None:
            self.last_id = max(self.last_id, *self.lines, 0) + 1
            line: Record = {"id": self.last_id, "schedule_id": schedule, **fields_}
            self._complete(line)
        else:
            line = {**before, **fields_}
        self.lines[line["id"]] = line
        change = "create" if before is None else "update"
        self.note(change, "lines", line["id"], before, line, who=who)
        return line

    def remove_line(self, schedule: int, number: object, *, who: Who) -> None:
        """Delete a line.

        Raises:
            RefusedError: There is no such line of the schedule.
        """
        line = self.lines.get(number) if isinstance(number, int) else None
        if line is None or line["schedule_id"] != schedule:
            raise RefusedError("Not found", HTTPStatus.NOT_FOUND)
        if who == "api" and not self.switches.removes_by_id:
            return
        del self.lines[line["id"]]
        self.note("delete", "lines", line["id"], line, None, who=who)

    def dump(self) -> Record:
        """Return everything as JSON values, as ``restore`` takes it."""
        with self.lock:
            dumped: Record = {
                "tokens": [
                    {"value": one.value, "denied": sorted(one.denied)} for one in self.tokens
                ],
                "switches": asdict(self.switches),
                **{kind: list(self.records(kind).values()) for kind in KINDS},
                "invoices": self.invoices,
                "audit": self.audit,
                "last_id": self.last_id,
            }
            return copy.deepcopy(dumped)

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Replace everything by what ``dump`` gave, or by builders' records by kind.

        Raises:
            ValueError: It cannot be read; nothing has changed then.
        """
        other = PsaState(now=self.now)
        try:
            given = dumped.get("tokens")
            other.tokens = self.tokens if given is None else read_tokens(given)
            control.set_switches(other.switches, dumped.get("switches", asdict(self.switches)))
            other.seed(**{kind: dumped.get(kind, []) for kind in KINDS})
            other.invoices = list(dumped.get("invoices", []))
            other.audit = list(dumped.get("audit", []))
            other.last_id = int(dumped.get("last_id", other.last_id))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the state cannot be read: {error!r}") from error
        with self.lock:
            for name in (known.name for known in fields(PsaState) if known.name != "lock"):
                setattr(self, name, getattr(other, name))

    def change_record(self, kind: str, record_id: int, changes: Mapping[str, Any]) -> Record:
        """Change a record by hand; a null removes a field.

        Raises:
            KeyError: There is no such kind or record.
        """
        records = self.records(kind)
        before = records[record_id]
        after = {**before, **changes, "id": record_id}
        records[record_id] = {name: value for name, value in after.items() if value is not None}
        self.note("update", kind, record_id, before, records[record_id], who="hand")
        return records[record_id]

    def note(
        self, change: str, kind: str, record_id: int, before: object, after: object, *, who: Who
    ) -> None:
        """Add to the audit list."""
        self.audit.append(
            {
                "at": self.now().isoformat(),
                "who": who,
                "change": change,
                "kind": kind,
                "id": record_id,
                "before": copy.deepcopy(before),
                "after": copy.deepcopy(after),
            }
        )

    def _check(self, given: Mapping[str, Any]) -> None:
        if "product_id" in given and given["product_id"] is not None:
            product = self.products.get(given["product_id"])
            if product is None or product.get("disabled"):
                raise _invalid(f"Product {given['product_id']} is invalid")
        if "quantity" in given and given["quantity"] == 0 and self.switches.refuse_zero:
            raise _invalid("Quantity must be other than 0")

    def _complete(self, line: Record) -> None:
        product = self.products.get(line.get("product_id") or 0, {})
        line.setdefault("quantity", Decimal(1))
        line.setdefault("name", product.get("name", ""))
        line.setdefault("description", product.get("description", ""))
        line.setdefault("price_retail", product.get("price_retail", Decimal(0)))
        line.setdefault("price_cost", product.get("price_cost", Decimal(0)))
        line.setdefault("one_time_charge", False)
        line.setdefault("taxable", True)


def read_tokens(tokens: Iterable[Mapping[str, Any]]) -> list[Token]:
    """Return tokens as ``dump`` writes them."""
    return [Token(one["value"], frozenset(one.get("denied", ()))) for one in tokens]


def day(text: str) -> date:
    """Return the calendar date of a moment as the vendor writes it."""
    return date.fromisoformat(text[:10])


def moment_of(when: date) -> str:
    """Return a date as the vendor writes it."""
    return f"{when.isoformat()}T00:00:00.000Z"


def _invalid(reason: str) -> RefusedError:
    return RefusedError(reason, HTTPStatus.UNPROCESSABLE_ENTITY)
