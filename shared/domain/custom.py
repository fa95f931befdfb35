"""Custom licences: rows of a customer that count people or other rows instead of a SKU."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import InvalidInputError
from shared.domain.ids import CustomerId, CustomLicenseId, RowId, custom_row
from shared.domain.licensing import LicenseRow, RowKind, SeatCounts
from shared.domain.quantities import Grace, active_seats

NOT_COUNTED = "not counted yet; the next sync counts it"


@dataclass(frozen=True, slots=True)
class EntraUsers:
    """The users of the tenant.

    Attributes:
        licensed_only: Only those with at least one licence.
        domain: Only those whose user principal name is in this domain, without ``@``.
        enabled_only: Only those who may sign in.
    """

    licensed_only: bool
    domain: str | None
    enabled_only: bool


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The users who are members of a group, each once.

    Attributes:
        group_id: Lower-case GUID.
        include_disabled: Also those who may not sign in.
        nested: Also the members of groups that are directly inside it; no deeper.
    """

    group_id: str
    include_disabled: bool
    nested: bool = False


@dataclass(frozen=True, slots=True)
class CopyOf:
    """The active seats of other rows of the customer, added up before any of their options.

    Attributes:
        rows: At least one, each once; other copies too, but never in a circle.
    """

    rows: tuple[RowId, ...]


People = EntraUsers | GroupMembers
"""What Microsoft is asked to count."""

Source = EntraUsers | GroupMembers | CopyOf


@dataclass(frozen=True, slots=True)
class CustomLicense:
    """A row that a person made up.

    Attributes:
        name: What the row is called; on an invoice the product's name stands instead.
        retired: It is deleted, and billed through the last day of its mapping nevertheless.
    """

    customer_id: CustomerId
    license_id: CustomLicenseId
    name: str
    source: Source
    saved_by: str
    saved_at: datetime
    retired: bool = False

    @property
    def row_id(self) -> RowId:
        """The row it is on the customer's page."""
        return custom_row(self.license_id)


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many people a custom licence counted, or why that is unknown.

    Attributes:
        source: What was counted; a number for another source tells nothing.
        seats: ``None`` when the last count failed; unknown is never zero.
        problem: Why it failed, for a person; empty when it did not.
    """

    customer_id: CustomerId
    license_id: CustomLicenseId
    source: People
    taken_at: datetime
    seats: int | None
    problem: str = ""


def people_row(license_: CustomLicense, count: PeopleCount | None) -> LicenseRow:
    """Return the row of a custom licence that counts people.

    Args:
        count: The last one; ``None`` before the first.
    """
    if count is None or count.source != license_.source:
        return _row(license_, None, NOT_COUNTED)
    if count.seats is None:
        return _row(license_, None, f"it could not be counted: {count.problem}")
    return _row(license_, count.seats, None, f"{count.seats} users counted")


def copied_row(license_: CustomLicense, copied: Iterable[LicenseRow | RowId]) -> LicenseRow:
    """Return the row of a copy: the active seats of its sources, added up.

    By the usual switches, whatever a source's own mapping says: seats in grace count while a row
    has no active ones, seats on trial do not.

    Args:
        copied: The sources; the id of one that is not there, which makes the copy unknown.

    Source:
        docs/adr/0016-custom-licences-and-shared-tenants.md
    """
    seats, steps = 0, []
    for row in copied:
        if not isinstance(row, LicenseRow):
            return _row(license_, None, f"it copies row {row}, which the tenant does not have")
        if row.counts is None:
            return _row(license_, None, f"it copies {row.name}: {row.unknown}")
        active = active_seats(row.counts, Grace.ONLY_WITHOUT_ACTIVE, count_trials=False).seats or 0
        seats += active
        steps.append(f"{active} of {row.name}")
    return _row(license_, seats, None, " + ".join(steps))


def _row(
    license_: CustomLicense, seats: int | None, unknown: str | None, how: str = ""
) -> LicenseRow:
    return LicenseRow(
        row_id=license_.row_id,
        kind=RowKind.CUSTOM,
        sku_id=None,
        sku_part_number="",
        name=license_.name,
        counts=None if seats is None else SeatCounts(seats, 0, 0, 0, 0, 0, None),
        unknown=unknown,
        subscriptions=(),
        how=(how,) if how else (),
    )


def newest(
    kept: Iterable[PeopleCount],
    fresh: Iterable[PeopleCount],
    gone: Iterable[tuple[CustomerId, CustomLicenseId]] = (),
) -> tuple[PeopleCount, ...]:
    """Return one count for each licence: the later one, whichever was stored first.

    Args:
        gone: Licences that are not there any more.
    """
    found: dict[tuple[CustomerId, CustomLicenseId], PeopleCount] = {}
    for count in (*kept, *fresh):
        known = found.get((count.customer_id, count.license_id))
        if known is None or known.taken_at <= count.taken_at:
            found[count.customer_id, count.license_id] = count
    for license_ in gone:
        found.pop(license_, None)
    return tuple(found[one] for one in sorted(found))


def check_sources(
    row: RowId, source: Source, others: Mapping[RowId, Source], known: Iterable[RowId]
) -> None:
    """Return at once when a copy can be counted.

    Args:
        row: The copy's own row.
        others: The customer's other custom licences.
        known: Rows of the tenant.

    Raises:
        InvalidInputError: It copies nothing, a row that is not there, or in the end itself.
    """
    if not isinstance(source, CopyOf):
        return
    if not source.rows:
        raise InvalidInputError({"source": "needs at least one row to copy"})
    present = {*known, *others, row}
    missing = [one for one in source.rows if one not in present]
    if missing:
        raise InvalidInputError({"source": f"there is no row {', '.join(missing)}"})
    circle = _way_back(row, source, others)
    if circle:
        raise InvalidInputError({"source": f"would count itself: {' → '.join(circle)}"})


def _way_back(row: RowId, source: CopyOf, others: Mapping[RowId, Source]) -> tuple[RowId, ...]:
    """The rows that lead from a copy back to it; empty when none do."""
    waiting: list[tuple[RowId, ...]] = [(row, one) for one in source.rows]
    seen: set[RowId] = set()
    while waiting:
        way = waiting.pop()
        last = way[-1]
        if last == row:
            return way
        copied = others.get(last)
        if last not in seen and isinstance(copied, CopyOf):
            waiting.extend((*way, one) for one in copied.rows)
        seen.add(last)
    return ()
