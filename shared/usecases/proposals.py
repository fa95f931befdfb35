"""Which profile a new row may take over, and which rows seem to have exchanged seats.

Source: docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.domain.ids import AgreementId, GroupId, ProfileId, RowId, sku_row
from shared.domain.licensing import LicenseRow, RowKind
from shared.domain.mappings import Mapping, group_of
from shared.domain.movements import SeatChange, transfers
from shared.usecases.books import Book


@dataclass(frozen=True, slots=True)
class Proposal:
    """A billing profile and an agreement that an unmapped row may take over.

    Attributes:
        from_row: Whose they are.
    """

    profile_id: ProfileId
    agreement_id: AgreementId
    from_row: RowId
    why: str


@dataclass(frozen=True, slots=True)
class LikelyTransfer:
    """Two rows that are billed apart, of which one lost what the other won."""

    from_row: RowId
    to_row: RowId
    text: str


def proposal_for(book: Book, row: LicenseRow) -> Proposal | None:
    """Return what an unmapped row may take over, or ``None`` when nothing suggests itself.

    A subscription is offered its licence's mapping. Another row is offered that of a row which
    lost its seats: first one that lost as many as this one has, then one that lost all.
    """
    if book.current(row.row_id) is not None:
        return None
    if row.kind is RowKind.SUBSCRIPTION and row.sku_id is not None:
        licence = book.current(sku_row(row.sku_id))
        if licence is not None:
            return _proposal(licence, "The licence that it is a part of is billed so")
    seats = _seats(row)
    if row.kind is RowKind.CUSTOM or not seats:
        return None
    best = min(_losers(book, row), key=lambda one: _rank(one, seats), default=None)
    if best is None:
        return None
    mapping, lost = best
    old = book.row(mapping.row_id)
    name = mapping.row_id if old is None else old.name
    what = f"fell from {lost.before} to {lost.after}" if lost.before else "has no seats any more"
    return _proposal(mapping, f"{name} {what}: its profile and agreement are proposed")


def transfers_of(book: Book) -> tuple[LikelyTransfer, ...]:
    """Return the rows that seem to have exchanged seats lately and are not billed by one line.

    Rows of one line group share what was charged, so that there a transfer costs nothing.
    """
    movements = () if book.record is None else book.record.movements
    rows = {
        row.row_id: row
        for row in book.rows()
        if row.kind is not RowKind.CUSTOM
        and not book.is_excluded(row)
        and book.customer.filter is None
    }
    found: dict[tuple[RowId, RowId], LikelyTransfer] = {}
    for one in transfers(movements, rows.keys()):
        mine, other = _group(book, rows[one.from_row]), _group(book, rows[one.to_row])
        if mine is None or mine == other:
            continue  # nobody bills the seats that fell, or one line bills both
        text = (
            f"{one.seats} seats went from {rows[one.from_row].name} to {rows[one.to_row].name} in "
            "one read, and the two are not billed alike: see that the customer does not pay for "
            "them twice"
        )
        found[one.from_row, one.to_row] = LikelyTransfer(one.from_row, one.to_row, text)
    return tuple(found.values())


def _proposal(mapping: Mapping, why: str) -> Proposal:
    return Proposal(mapping.profile_id, mapping.agreement_id, mapping.row_id, why)


def _losers(book: Book, row: LicenseRow) -> Iterator[tuple[Mapping, SeatChange]]:
    """The customer's mapped rows that lost seats lately, or have none any more."""
    lately = {
        change.row_id: change
        for movement in (() if book.record is None else book.record.movements)
        for change in movement.changes
        if change.after < change.before
    }
    for mapping in book.mappings:
        known = mapping.profile_id in book.catalogue.profiles
        if mapping.effective_to is not None or not known or mapping.row_id == row.row_id:
            continue
        change = lately.get(mapping.row_id)
        if change is None:
            old = book.row(mapping.row_id)
            if old is None or old.kind is RowKind.CUSTOM or _seats(old) != 0:
                continue
            change = SeatChange(mapping.row_id, 0, 0)
        yield mapping, change


def _rank(loser: tuple[Mapping, SeatChange], seats: int) -> tuple[bool, bool, int, RowId]:
    mapping, change = loser
    lost = change.before - change.after
    return lost != seats, change.after != 0, -lost, mapping.row_id


def _seats(row: LicenseRow) -> int | None:
    return None if row.counts is None else row.counts.enabled + row.counts.warning


def _group(book: Book, row: LicenseRow) -> GroupId | None:
    mapping = book.current(row.row_id)
    if mapping is None and row.kind is RowKind.SUBSCRIPTION and row.sku_id is not None:
        mapping = book.current(sku_row(row.sku_id))
    profile = None if mapping is None else book.catalogue.profiles.get(mapping.profile_id)
    return None if mapping is None or profile is None else group_of(mapping, profile).group_id
