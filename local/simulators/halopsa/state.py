"""What the simulated HaloPSA knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names. Lines are kept beside their recurring
invoice, which names them by ``ihid``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal

from local.simulators.common.billing import Calendar, Period
from local.simulators.common.invoicing import NotInvoicedError
from local.simulators.common.records import PsaRecords, Record

Who = Literal["api", "hand", "invoicing"]

MONTHS = {"Monthly": 1, "Quarterly": 3, "Yearly": 12}
"""Months between two invoices, by ``periodname``."""


@dataclass(slots=True)
class Switches:
    """Behaviour that differs between instances, or that nobody has proved yet.

    Attributes:
        omitted_lines_are_lost: A line that a full write leaves out is deleted.
        negative_prorata: A pro-rata row may take seats away.
        refuse_computed: Writing the quantity of a computed line is refused, not ignored.
        error_shape: Of ``result``, ``class``, ``message``, ``error`` and ``text``; empty: in turn.
        rate_limit: Calls within five minutes beyond which all are refused; 0: no limit.
        token_seconds: How long a token can be used.
        zero_beside_row: A new line may have no seats of its own; else it is saved with one.
        rows_take_line_price: A row without ``unitprice`` costs what the line does; else nothing.
        updatelines_keeps_others: ``updatelines`` leaves the lines that it does not name.
        lag_reads: How many reads of a recurring invoice still show what was before a write.
        write_answers: A write of a recurring invoice answers it as it was ``saved``, or as it was
            ``sent``, or its ``id`` alone.
    """

    omitted_lines_are_lost: bool = True
    negative_prorata: bool = False
    refuse_computed: bool = True
    error_shape: str = ""
    rate_limit: int = 0
    token_seconds: int = 3600
    zero_beside_row: bool = True
    rows_take_line_price: bool = True
    updatelines_keeps_others: bool = True
    lag_reads: int = 0
    write_answers: str = "saved"


@dataclass(frozen=True, slots=True)
class Application:
    """An API application of the instance.

    Attributes:
        scopes: What it may ask a token for; ``all`` is everything.
        denied: What the agent behind it may not: ``read`` or ``edit``.
    """

    client_id: str
    secret: str
    scopes: frozenset[str] = frozenset({"all"})
    denied: frozenset[str] = frozenset()


DEMO_APPLICATION = Application("00000000-0000-4000-8000-00000000a100", "demo-secret")


@dataclass(kw_only=True)
class PsaState(PsaRecords):
    """One instance."""

    kinds = ("clients", "items", "contracts", "recurring_invoices", "lines")

    tenant: str = "demo"
    clients: dict[int, Record] = field(default_factory=dict)
    items: dict[int, Record] = field(default_factory=dict)
    contracts: dict[int, Record] = field(default_factory=dict)
    recurring_invoices: dict[int, Record] = field(default_factory=dict)
    lines: dict[int, Record] = field(default_factory=dict)
    applications: list[Application] = field(default_factory=lambda: [DEMO_APPLICATION])
    switches: Switches = field(default_factory=Switches)
    last_id: int = 1000
    last_header: int = -100

    def seed(self, **records: Iterable[Record]) -> PsaState:
        for kind in records:
            self.records(kind)
        for kind in self.kinds:
            for given in records.get(kind, ()):
                record = copy.deepcopy(dict(given))
                if kind == "recurring_invoices":
                    self.clients[record["client_id"]]
                if kind == "lines":
                    self._complete(record)
                self.records(kind)[record["id"]] = record
        return self

    def lines_of(self, header: int) -> list[Record]:
        """Return the lines of a recurring invoice, by id."""
        own = (line for line in self.lines.values() if line["ihid"] == header)
        return sorted(own, key=lambda line: int(line["id"]))

    def calendar(self, header: Mapping[str, Any]) -> Calendar:
        """Return a recurring invoice's periods.

        Raises:
            NotInvoicedError: Its period has no length.
        """
        months = MONTHS.get(header.get("periodname") or "")
        if months is None or not header.get("startdate"):
            raise NotInvoicedError(f"recurring invoice {header['id']} has no period")
        return Calendar(day(header["startdate"]), months)

    def next_period(self, header: Mapping[str, Any]) -> Period:
        """Return the period that the next invoice bills."""
        return self.calendar(header).containing(day(header["period_start_date"]))

    def next_id(self) -> int:
        """Return an id that no line or row has or had."""
        self.last_id = max(self.last_id, *self.lines, 0) + 1
        return self.last_id

    def next_header(self) -> int:
        """Return an id for a recurring invoice: Halo's count downwards."""
        self.last_header = min(self.last_header, *self.recurring_invoices, 0) - 1
        return self.last_header

    def own_dump(self) -> Record:
        return {
            "tenant": self.tenant,
            "applications": [
                {**asdict(one), "scopes": sorted(one.scopes), "denied": sorted(one.denied)}
                for one in self.applications
            ],
            **{kind: list(self.records(kind).values()) for kind in self.kinds},
            "last_id": self.last_id,
            "last_header": self.last_header,
        }

    def own_restore(self, dumped: Mapping[str, Any], before: PsaState) -> None:
        self.tenant = dumped.get("tenant", before.tenant)
        given = dumped.get("applications")
        self.applications = before.applications if given is None else read_applications(given)
        self.seed(**{kind: dumped.get(kind, []) for kind in self.kinds})
        self.last_id = int(dumped.get("last_id", self.last_id))
        self.last_header = int(dumped.get("last_header", self.last_header))

    def _complete(self, line: Record) -> None:
        self.recurring_invoices[line["ihid"]]
        item = self.items[line["_itemid"]]
        line.setdefault("unit_price", item.get("recurringprice"))
        line.setdefault("unit_cost", item.get("recurringcost"))
        line.setdefault("item_shortdescription", item.get("name"))
        line.setdefault("recurring_invoice_quantity_type", 0)
        for row in line.setdefault("prorata_data", []):
            row.setdefault("id", self.next_id())


def read_applications(applications: Iterable[Mapping[str, Any]]) -> list[Application]:
    """Return applications as ``dump`` writes them."""
    return [
        Application(
            one["client_id"],
            one["secret"],
            frozenset(one.get("scopes", ("all",))),
            frozenset(one.get("denied", ())),
        )
        for one in applications
    ]


def day(text: str) -> date:
    """Return the calendar date of a moment as the vendor writes it."""
    return date.fromisoformat(text[:10])


def midnight(when: date) -> str:
    """Return a date as the vendor writes it."""
    return f"{when.isoformat()}T00:00:00"
