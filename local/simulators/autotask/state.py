"""What the simulated Autotask knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names, as the API shows them. What the API does
not show (adjustments, what is posted, how a contract bills) is kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from local.simulators.autotask.billing import Change, ContractCalendar
from local.simulators.common.invoicing import NotInvoicedError
from local.simulators.common.records import PsaRecords, Record

Who = Literal["api", "hand", "posting"]

RECURRING_SERVICE = 7
ACTIVE = 1
PERIOD_TYPES: dict[int, tuple[str, int]] = {
    1: ("Monthly", 1),
    2: ("Quarterly", 3),
    3: ("Semi-Annual", 6),
    4: ("Yearly", 12),
}
"""This site's contract period types: label and months, by the number that contracts hold."""

BILLING = "_billing"
"""In a seeded contract: ``advance`` (as when left out) or ``arrears``."""
POSTED_THROUGH = "_postedThrough"
"""In a seeded contract: the last day of the periods that are posted already, if there are any."""
UNITS = "_units"
"""In a seeded contract service: its units by first day, such as ``{"2026-01-01": 10}``."""


@dataclass(slots=True)
class Switches:
    """Behaviour that differs between sites, or that nobody has proved yet.

    Attributes:
        units_to_zero: An adjustment may leave 0 units.
        adjust_posted_periods: An adjustment may begin in a period that is posted; what it adds
            there is posted later.
        same_date_twice: A second adjustment of a service for one date is taken.
        null_item_id: A write answers with no id.
        keeps_internal_description: A new contract service keeps the ``internalDescription``.
        lag_reads: How many reads after a write still show what was before it.
        threshold: Calls within 60 minutes that all integrations share.
        threshold_applies: From half of it calls are slow, and beyond it refused.
        threshold_status: How a call beyond the threshold is refused.
        slow_seconds: How long a call is held up, where calls are slow.
        parallel_calls: How many calls to one endpoint may run at once.
        parallel_refused: What happens with one more: refused by 429, or only slow.
    """

    units_to_zero: bool = False
    adjust_posted_periods: bool = False
    same_date_twice: bool = False
    null_item_id: bool = False
    keeps_internal_description: bool = True
    lag_reads: int = 0
    threshold: int = 10_000
    threshold_applies: bool = False
    threshold_status: int = 429
    slow_seconds: Decimal = Decimal("0.75")
    parallel_calls: int = 3
    parallel_refused: bool = True


@dataclass(frozen=True, slots=True)
class ApiUser:
    """An API-only user of the site.

    Attributes:
        denied: What its security level lacks: ``read`` or ``write``.
    """

    user_name: str
    secret: str
    integration_code: str
    denied: frozenset[str] = frozenset()


DEMO_USER = ApiUser("seatsync@contoso.example", "demo-secret", "DEMOCODE")


@dataclass(frozen=True, slots=True)
class Kind:
    """Services and bundles of services work alike, under other names.

    Attributes:
        product: The field that names the product.
        line: The field of units and adjustments that names the line.
    """

    name: str
    product: str
    line: str


SERVICE = Kind("service", "serviceID", "contractServiceID")
BUNDLE = Kind("bundle", "serviceBundleID", "contractServiceBundleID")
KINDS = (SERVICE, BUNDLE)
_LINES = {"contract_services": SERVICE, "contract_bundles": BUNDLE}


@dataclass(slots=True)
class Adjustment:
    """One adjustment, as it was made.

    Attributes:
        pieces: What it charges beside whole periods: days, units, fraction, amount with four
            decimals, and the date that it was posted, if it was.
        hidden: For how many more reads it does not show.
    """

    adjustment_id: int
    effective: date
    units: int
    pieces: list[Record] = field(default_factory=list)
    hidden: int = 0

    @property
    def change(self) -> Change:
        return Change(self.effective, self.units)


@dataclass(slots=True)
class Line:
    """A contract's service or bundle.

    Attributes:
        hidden: For how many more reads it does not show.
        rows: Its units by date as they were last worked out, and what from.
    """

    kind: Kind
    record: Record
    adjustments: list[Adjustment] = field(default_factory=list)
    hidden: int = 0
    rows: tuple[object, list[Record]] = field(default_factory=lambda: (None, []))

    @property
    def line_id(self) -> int:
        return int(self.record["id"])

    @property
    def contract_id(self) -> int:
        return int(self.record["contractID"])

    @property
    def price(self) -> Decimal:
        adjusted = self.record.get("internalCurrencyAdjustedPrice")
        return Decimal(self.record["unitPrice"] if adjusted is None else adjusted)

    @property
    def changes(self) -> list[Change]:
        """All changes, in the order of their days."""
        return sorted((one.change for one in self.adjustments), key=lambda one: one.effective)

    @property
    def visible_changes(self) -> list[Change]:
        """The changes that reads show already."""
        shown = (one.change for one in self.adjustments if not one.hidden)
        return sorted(shown, key=lambda one: one.effective)


@dataclass(kw_only=True)
class PsaState(PsaRecords):
    """One site."""

    kinds = ("companies", "services", "bundles", "contracts")

    zone: str = ""
    companies: dict[int, Record] = field(default_factory=dict)
    contracts: dict[int, Record] = field(default_factory=dict)
    services: dict[int, Record] = field(default_factory=dict)
    bundles: dict[int, Record] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    billing: dict[int, str] = field(default_factory=dict)
    posted: dict[int, dict[date, date]] = field(default_factory=dict)
    users: list[ApiUser] = field(default_factory=lambda: [DEMO_USER])
    switches: Switches = field(default_factory=Switches)
    _last_id: int = 1000

    def seed(self, **records: Iterable[Record]) -> PsaState:
        for kind in records:
            if kind not in (*self.kinds, *_LINES):
                raise KeyError(kind)
        for kind in self.kinds:
            for record in records.get(kind, ()):
                if kind == "contracts":
                    self._seed_contract(dict(record))
                else:
                    self.records(kind)[record["id"]] = dict(record)
        for name, kind_of_line in _LINES.items():
            for record in records.get(name, ()):
                self._seed_line(kind_of_line, dict(record))
        return self

    def own_dump(self) -> Record:
        return {
            "zone": self.zone,
            "users": [{**asdict(user), "denied": sorted(user.denied)} for user in self.users],
            **{kind: list(self.records(kind).values()) for kind in self.kinds},
            "billing": {str(number): how for number, how in self.billing.items()},
            "posted": {
                str(number): {str(start): str(on) for start, on in done.items()}
                for number, done in self.posted.items()
            },
            "lines": [_dumped_line(line) for line in self.lines.values()],
            "last_id": self._last_id,
        }

    def own_restore(self, dumped: Mapping[str, Any], before: PsaState) -> None:
        self.zone = dumped.get("zone", before.zone)
        self.users = read_users(dumped["users"]) if "users" in dumped else before.users
        self.seed(**{kind: dumped.get(kind, []) for kind in (*self.kinds, *_LINES)})
        self.billing |= {int(number): how for number, how in dumped.get("billing", {}).items()}
        for number, done in dumped.get("posted", {}).items():
            self.posted[int(number)] = {
                date.fromisoformat(start): date.fromisoformat(on) for start, on in done.items()
            }
        for one in dumped.get("lines", []):
            line = _restored_line(one)
            self.lines[line.line_id] = line
        self._last_id = int(dumped.get("last_id", self._last_id))

    def calendar(self, contract_id: int) -> ContractCalendar:
        """Return a contract's billing periods.

        Raises:
            NotInvoicedError: Its period type has no length.
        """
        contract = self.contracts[contract_id]
        label, months = PERIOD_TYPES.get(contract.get("contractPeriodType") or 0, ("", 0))
        if not label:
            raise NotInvoicedError(f"contract {contract_id} has no period type")
        return ContractCalendar(day(contract["startDate"]), months, day(contract["endDate"]))

    def posted_of(self, contract_id: int) -> dict[date, date]:
        """Return when each of a contract's periods was posted, by the period's first day."""
        return self.posted.setdefault(contract_id, {})

    def lines_of(self, contract_id: int, kind: Kind | None = None) -> list[Line]:
        """Return a contract's services and bundles, or those of one kind, by id."""
        own = (line for line in self.lines.values() if line.contract_id == contract_id)
        return sorted((one for one in own if kind in {None, one.kind}), key=lambda one: one.line_id)

    def next_id(self) -> int:
        """Return an id that nothing has or had."""
        self._last_id = max(self._last_id, *self.lines, 0) + 1
        return self._last_id

    def change_record(self, kind: str, record_id: int, changes: Mapping[str, Any]) -> Record:
        changes = dict(changes)
        if kind == "contracts" and BILLING in changes:
            self.billing[record_id] = changes.pop(BILLING)
        return PsaRecords.change_record(self, kind, record_id, changes)

    def _seed_contract(self, record: Record) -> None:
        number = record["id"]
        self.companies[record["companyID"]]
        self.billing[number] = record.pop(BILLING, None) or "advance"
        through = record.pop(POSTED_THROUGH, None)
        self.contracts[number] = record
        if through is not None:
            for period in self.calendar(number).periods():
                if period.last > day(through):
                    break
                self.posted_of(number)[period.start] = day(through)

    def _seed_line(self, kind: Kind, record: Record) -> None:
        product = self.products(kind)[record[kind.product]]
        self.contracts[record["contractID"]]
        record.setdefault("unitPrice", product.get("unitPrice"))
        if kind is SERVICE:
            record.setdefault("unitCost", product.get("unitCost"))
        record.setdefault("invoiceDescription", product.get("invoiceDescription"))
        units = record.pop(UNITS, {})
        line = Line(kind, record)
        before = 0
        for number, (first, total) in enumerate(sorted(units.items())):
            line.adjustments.append(Adjustment(-1 - number, day(first), total - before))
            before = total
        self.lines[line.line_id] = line

    def products(self, kind: Kind) -> dict[int, Record]:
        """Return the services, or the bundles."""
        return self.services if kind is SERVICE else self.bundles


def read_users(users: Iterable[Mapping[str, Any]]) -> list[ApiUser]:
    """Return the API users that JSON names.

    Raises:
        TypeError: A name is missing or unknown.
    """
    return [ApiUser(**{**one, "denied": frozenset(one.get("denied", ()))}) for one in users]


def day(text: str) -> date:
    """Return the calendar date of one of the API's datetimes; the time of day means nothing."""
    return date.fromisoformat(text[:10])


def moment(value: date | None) -> str | None:
    """Return a date as the API writes it."""
    return None if value is None else f"{value.isoformat()}T00:00:00"


def _dumped_line(line: Line) -> Record:
    return {
        "kind": line.kind.name,
        "record": line.record,
        "hidden": line.hidden,
        "adjustments": [
            {**asdict(one), "effective": one.effective.isoformat()} for one in line.adjustments
        ],
    }


def _restored_line(dumped: Mapping[str, Any]) -> Line:
    kind = next(kind for kind in KINDS if kind.name == dumped["kind"])
    adjustments = [
        Adjustment(**{**one, "effective": day(one["effective"])}) for one in dumped["adjustments"]
    ]
    return Line(kind, dict(dumped["record"]), adjustments, int(dumped.get("hidden", 0)))
