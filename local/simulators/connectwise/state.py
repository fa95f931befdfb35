"""What the simulated ConnectWise knows, and the list of every change made to it.

Records are dictionaries with the vendor's own field names, as the API shows them. What the API
does not show, such as how far an addition has been billed, is kept beside them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from local.simulators.common.records import PsaRecords, Record
from local.simulators.connectwise import calendars

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


@dataclass(kw_only=True)
class PsaState(PsaRecords):
    """One site."""

    kinds = ("companies", "types", "products", "agreements")

    company_id: str = "demo"
    codebase: str = "v4_6_release/"
    companies: dict[int, Record] = field(default_factory=dict)
    types: dict[int, Record] = field(default_factory=dict)
    agreements: dict[int, Record] = field(default_factory=dict)
    products: dict[int, Record] = field(default_factory=dict)
    additions: dict[int, Record] = field(default_factory=dict)
    billed_through: dict[int, date] = field(default_factory=dict)
    members: list[Member] = field(default_factory=lambda: [DEMO_MEMBER])
    switches: Switches = field(default_factory=Switches)
    _last_addition: int = 0

    def seed(self, **records: Iterable[Record]) -> PsaState:
        """Add records as builders make them, by kind, and return the state.

        References need only an id: names are filled in. A seeded addition counts as billed for
        all that its agreement has invoiced, unless it says otherwise by ``_billedThrough``.

        Raises:
            KeyError: There is no such kind, or a record refers to one that does not exist.
        """
        unknown = records.keys() - {*self.kinds, "additions"}
        if unknown:
            raise KeyError(*unknown)
        for kind in ("companies", "types", "products"):
            for record in records.get(kind, ()):
                self._put(self.records(kind), record)
        for agreement in records.get("agreements", ()):
            self._seed_agreement(agreement)
        for addition in records.get("additions", ()):
            self._seed_addition(addition)
        return self

    def clear(self) -> None:
        """Forget all records, invoices and changes; keys and switches stay."""
        for records in (self.companies, self.types, self.agreements, self.products, self.additions):
            records.clear()
        self.billed_through.clear()
        self.invoices.clear()
        self.audit.clear()

    def own_dump(self) -> Record:
        additions = [
            {**one, BILLED_THROUGH: _text(self.billed_through.get(number))}
            for number, one in self.additions.items()
        ]
        return {
            "company_id": self.company_id,
            "members": [
                {**asdict(member), "denied": sorted(member.denied)} for member in self.members
            ],
            **{kind: list(self.records(kind).values()) for kind in self.kinds},
            "additions": additions,
        }

    def own_restore(self, dumped: Mapping[str, Any], before: PsaState) -> None:
        self.company_id = dumped.get("company_id", before.company_id)
        self.members = read_members(dumped["members"]) if "members" in dumped else before.members
        self.seed(**{kind: dumped.get(kind, []) for kind in (*self.kinds, "additions")})

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
        agreement = (after or before or {}).get("agreementId")
        one = kind.removesuffix("s")
        self.note(change, one, record_id, before, after, who=who, by=by, agreement_id=agreement)


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
