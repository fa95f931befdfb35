"""What the simulated Syncro knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names. A schedule is a recurring invoice; its
lines are kept beside it and name it by ``schedule_id``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Literal

from local.simulators.common.records import PsaRecords, Record
from local.simulators.common.refusals import RefusedError

Who = Literal["api", "hand", "invoicing"]

MONTHS = {"Monthly": 1, "Quarterly": 3, "Annually": 12}
"""Months between two invoices, by ``frequency``."""
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


@dataclass(kw_only=True)
class PsaState(PsaRecords):
    """One account."""

    kinds = ("customers", "products", "schedules", "lines")

    customers: dict[int, Record] = field(default_factory=dict)
    products: dict[int, Record] = field(default_factory=dict)
    schedules: dict[int, Record] = field(default_factory=dict)
    lines: dict[int, Record] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=lambda: [DEMO_TOKEN])
    switches: Switches = field(default_factory=Switches)
    last_id: int = 1000

    def seed(self, **records: Iterable[Record]) -> PsaState:
        for kind in records:
            self.records(kind)
        for kind in self.kinds:
            for given in records.get(kind, ()):
                record = copy.deepcopy(dict(given))
                if kind == "schedules":
                    self.customers[record["customer_id"]]
                if kind == "lines":
                    self.schedules[record["schedule_id"]]
                    self._complete(record)
                self.records(kind)[record["id"]] = record
        return self

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
        self.note(change, "lines", line["id"], before, line, who=who, by=who)
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
        self.note("delete", "lines", line["id"], line, None, who=who, by=who)

    def own_dump(self) -> Record:
        return {
            "tokens": [{"value": one.value, "denied": sorted(one.denied)} for one in self.tokens],
            **{kind: list(self.records(kind).values()) for kind in self.kinds},
            "last_id": self.last_id,
        }

    def own_restore(self, dumped: Mapping[str, Any], before: PsaState) -> None:
        given = dumped.get("tokens")
        self.tokens = before.tokens if given is None else read_tokens(given)
        self.seed(**{kind: dumped.get(kind, []) for kind in self.kinds})
        self.last_id = int(dumped.get("last_id", self.last_id))

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
