"""What the simulated ConnectWise knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names, as the API shows them. What the API
does not show, such as how far an addition has been billed, is kept beside them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from threading import RLock
from typing import Any, Literal

from local.simulators.common.simulator import utc_now
from local.simulators.connectwise import calendars

Record = dict[str, Any]
Who = Literal["api", "hand"]

CYCLES: list[Record] = [
    {"id": 1, "identifier": "WEEK", "name": "Weekly", "billingOptions": "Weekly"},
    {"id": 2, "identifier": "MONTH", "name": "Monthly", "billingOptions": "Monthly"},
    {"id": 3, "identifier": "QUART", "name": "Quarterly", "billingOptions": "Quarterly"},
    {"id": 4, "identifier": "SEMI", "name": "Semi-Annual", "billingOptions": "SemiAnnual"},
    {"id": 5, "identifier": "YEAR", "name": "Annual", "billingOptions": "Yearly"},
]
"""The billing cycles of this site."""

BILLED_THROUGH = "_billedThrough"
"""In a seeded addition: the last day already billed. Without it, all that is invoiced is billed."""


@dataclass(slots=True)
class Switches:
    """Behaviour that differs between sites, or that nobody has proved yet.

    Attributes:
        accept_negative_quantity: Credits may be written as negative additions.
        accept_fractional_quantity: 2.5 is a quantity.
        info_without_sign_in: ``/system/info`` answers without keys, as one site was seen to do.
        one_day_lines: ``cancelledDate`` may be the ``effectiveDate``: it is the last billed day.
        remove_opens_lines: A ``PATCH`` with ``remove`` takes the ``cancelledDate`` away.
    """

    accept_negative_quantity: bool = True
    accept_fractional_quantity: bool = True
    info_without_sign_in: bool = False
    one_day_lines: bool = True
    remove_opens_lines: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """An API member: its pair of keys, and what its role lets it do.

    Attributes:
        denied: Rights its role lacks, such as ``finance.edit``: a module (system, company,
            finance, procurement) and what is done there (inquire, add, edit, delete).
    """

    name: str
    public_key: str
    private_key: str
    denied: frozenset[str] = frozenset()


DEMO_MEMBER = Member("seatsync", "demo-public", "demo-private")


@dataclass(slots=True)
class PsaState:
    """One site. Hold ``lock`` around everything that reads more than one thing, or writes."""

    company_id: str = "demo"
    codebase: str = "v4_6_release/"
    companies: dict[int, Record] = field(default_factory=dict)
    types: dict[int, Record] = field(default_factory=dict)
    agreements: dict[int, Record] = field(default_factory=dict)
    products: dict[int, Record] = field(default_factory=dict)
    additions: dict[int, Record] = field(default_factory=dict)
    billed_through: dict[int, date] = field(default_factory=dict)
    invoices: list[Record] = field(default_factory=list)
    members: list[Member] = field(default_factory=lambda: [DEMO_MEMBER])
    audit: list[Record] = field(default_factory=list)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime] = utc_now
    lock: RLock = field(default_factory=RLock)
    _ids_of: dict[int, set[int]] = field(default_factory=dict)
    _last_addition: int = 0

    def seed(
        self,
        *,
        companies: Iterable[Record] = (),
        types: Iterable[Record] = (),
        products: Iterable[Record] = (),
        agreements: Iterable[Record] = (),
        additions: Iterable[Record] = (),
    ) -> PsaState:
        """Add records as builders make them, and return the state.

        References need only an id: names are filled in. A seeded addition counts as billed for
        all that its agreement has invoiced, unless it says otherwise by ``_billedThrough``.

        Raises:
            KeyError: A record refers to one that does not exist.
        """
        for company in companies:
            self._put(self.companies, company)
        for agreement_type in types:
            self._put(self.types, agreement_type)
        for product in products:
            self._put(self.products, product)
        for agreement in agreements:
            self._seed_agreement(agreement)
        for addition in additions:
            self._seed_addition(addition)
        return self

    def clear(self) -> None:
        """Forget all records, invoices and changes; keys and switches stay."""
        for records in (self.companies, self.types, self.agreements, self.products, self.additions):
            records.clear()
        self.billed_through.clear()
        self._ids_of.clear()
        self.invoices.clear()
        self.audit.clear()

    def dump(self) -> Record:
        """Return everything but the keys' use as JSON values, as ``restore`` takes it."""
        with self.lock:
            additions = [
                {**one, BILLED_THROUGH: _text(self.billed_through.get(number))}
                for number, one in self.additions.items()
            ]
            dumped = {
                "company_id": self.company_id,
                "members": [
                    {**asdict(member), "denied": sorted(member.denied)} for member in self.members
                ],
                "switches": asdict(self.switches),
                "companies": list(self.companies.values()),
                "types": list(self.types.values()),
                "products": list(self.products.values()),
                "agreements": list(self.agreements.values()),
                "additions": additions,
                "invoices": self.invoices,
                "audit": self.audit,
            }
            return copy.deepcopy(dumped)

    def restore(self, dumped: Mapping[str, Any]) -> None:
        """Replace everything by what ``dump`` gave, or by builders' records in the same form.

        Raises:
            ValueError: It cannot be read; nothing has changed then.
        """
        other = PsaState(now=self.now)
        try:
            other.company_id = dumped.get("company_id", self.company_id)
            other.members = read_members(dumped["members"]) if "members" in dumped else self.members
            other.set_switches(dumped.get("switches", asdict(self.switches)))
            kinds = ("companies", "types", "products", "agreements", "additions")
            other.seed(**{kind: dumped.get(kind, []) for kind in kinds})
            other.invoices = list(dumped.get("invoices", []))
            other.audit = list(dumped.get("audit", []))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the state cannot be read: {error!r}") from error
        with self.lock:
            for name in (known.name for known in fields(PsaState) if known.name != "lock"):
                setattr(self, name, getattr(other, name))

    def additions_of(self, agreement_id: int) -> list[Record]:
        """Return all of an agreement's additions, by id: cancelled and future ones too."""
        own = (
            record for record in self.additions.values() if record["agreementId"] == agreement_id
        )
        return sorted(own, key=lambda record: int(record["id"]))

    def put_addition(
        self, record: Record, *, who: Who, by: str, billed_through: date | None = None
    ) -> Record:
        """Save a new or changed addition, and say so in the audit list."""
        number: int = record["id"]
        before = self.additions.get(number)
        self.additions[number] = self._stamped(record, before, by)
        self._index(record)
        if billed_through is not None:
            self.billed_through[number] = billed_through
        self._note("addition", number, before, self.additions[number], who=who, by=by)
        return self.additions[number]

    def delete_addition(self, addition_id: int, *, who: Who, by: str) -> None:
        """Remove an addition and its history of billing, and say so in the audit list."""
        before = self.additions.pop(addition_id)
        self._ids_of[before["agreementId"]].discard(addition_id)
        self.billed_through.pop(addition_id, None)
        self._note("addition", addition_id, before, None, who=who, by=by)

    def change_record(self, kind: str, record_id: int, changes: Mapping[str, Any]) -> Record:
        """Change a company, type, agreement or product by hand; a null removes a field.

        Raises:
            KeyError: There is no such kind or record.
        """
        records = self.records(kind)
        before = records[record_id]
        after = {**before, **changes, "id": record_id}
        after = {name: value for name, value in after.items() if value is not None}
        records[record_id] = self._stamped(after, before, "hand")
        self._note(kind, record_id, before, records[record_id], who="hand", by="hand")
        return records[record_id]

    def move_next_invoice(self, agreement_id: int, to: date) -> Record:
        """Set an agreement's next invoice date, as the invoice run does."""
        before = self.agreements[agreement_id]
        after = {**before, "nextInvoiceDate": f"{to.isoformat()}T00:00:00Z"}
        self.agreements[agreement_id] = self._stamped(after, before, "invoicing")
        return self.agreements[agreement_id]

    def records(self, kind: str) -> dict[int, Record]:
        """Return the records of ``companies``, ``types``, ``agreements`` or ``products``.

        Raises:
            KeyError: There is no such kind.
        """
        kinds = {
            "companies": self.companies,
            "types": self.types,
            "agreements": self.agreements,
            "products": self.products,
        }
        return kinds[kind]

    def set_switches(self, wanted: Mapping[str, bool]) -> None:
        """Set the named switches.

        Raises:
            KeyError: There is no such switch.
        """
        known = {known.name for known in fields(Switches)}
        for name, value in wanted.items():
            if name not in known:
                raise KeyError(name)
            setattr(self.switches, name, value)

    def next_addition_id(self) -> int:
        """Return an id that no addition has or had."""
        return self._last_addition + 1

    def _seed_agreement(self, agreement: Record) -> None:
        record = dict(agreement)
        record["company"] = reference(self.companies[record["company"]["id"]], "identifier", "name")
        record["type"] = reference(self.types[record["type"]["id"]], "name")
        self._put(self.agreements, record)

    def _seed_addition(self, addition: Record) -> None:
        record = dict(addition)
        product = self.products[record["product"]["id"]]
        agreement = self.agreements[record["agreementId"]]
        record["product"] = reference(product, "identifier")
        record.setdefault("description", product["description"])
        record.setdefault("unitPrice", product["price"])
        record.setdefault("unitCost", product["cost"])

        given = BILLED_THROUGH in record
        billed = record.pop(BILLED_THROUGH, None)
        self._put(self.additions, record)
        self._index(record)
        through = date.fromisoformat(billed) if billed else None
        if not given:
            through = calendars.invoiced_through(agreement)
        if through is not None:
            self.billed_through[record["id"]] = through

    def _index(self, addition: Record) -> None:
        self._ids_of.setdefault(addition["agreementId"], set()).add(addition["id"])
        self._last_addition = max(self._last_addition, addition["id"])

    def _put(self, records: dict[int, Record], record: Record) -> None:
        kept = {name: value for name, value in record.items() if value is not None}
        stamped = self._stamped(kept, None, "setup")
        records[record["id"]] = {**stamped, "_info": record.get("_info") or stamped["_info"]}

    def _stamped(self, record: Record, before: Record | None, by: str) -> Record:
        stamp = self.now().replace(microsecond=0)
        if before is not None:
            # Two writes within one second must still show different stamps.
            stamp = max(stamp, _stamp_of(before) + timedelta(seconds=1))
        text = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**copy.deepcopy(record), "_info": {"lastUpdated": text, "updatedBy": by}}

    def _note(
        self,
        kind: str,
        record_id: int,
        before: Record | None,
        after: Record | None,
        *,
        who: Who,
        by: str,
    ) -> None:
        change = "create" if before is None else "delete" if after is None else "update"
        self.audit.append(
            {
                "at": self.now().isoformat(),
                "who": who,
                "by": by,
                "change": change,
                "kind": kind.removesuffix("s"),
                "id": record_id,
                "agreement_id": (after or before or {}).get("agreementId"),
                "before": copy.deepcopy(before),
                "after": copy.deepcopy(after),
            }
        )


def read_members(members: Iterable[Mapping[str, Any]]) -> list[Member]:
    """Return the members that JSON names.

    Raises:
        TypeError: A name is missing or unknown.
    """
    return [Member(**{**one, "denied": frozenset(one.get("denied", ()))}) for one in members]


def reference(record: Mapping[str, Any], *names: str) -> Record:
    """Return the record as others refer to it: its id and these fields."""
    return {"id": record["id"], **{name: record[name] for name in names}}


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _stamp_of(record: Record) -> datetime:
    return datetime.fromisoformat(record["_info"]["lastUpdated"])
