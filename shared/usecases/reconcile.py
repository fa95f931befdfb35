"""Keep how each line stood when it was last looked at, and tell it without asking anybody.

A report asks no PSA: the sync has just seen all lines, and keeps what it saw.

Source:
    docs/adr/0026-reconciliation-of-what-was-last-seen.md
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice

from shared.domain.agreements import ChangeKind, Product
from shared.domain.customers import CustomerState
from shared.domain.ids import CustomerId, GroupId, RowId
from shared.domain.licensing import LicenseRow
from shared.domain.mappings import LineGroup, Mapping, PriceKind
from shared.domain.plans import Member, Plan
from shared.domain.quantities import Grace, active_seats
from shared.domain.reconciliation import (
    LineState,
    Looked,
    ReconciledLine,
    Totals,
    is_billed,
    short,
    state_of,
    total_seats,
    totals_of,
)
from shared.ports import Page, ReconciliationFilter, Services
from shared.usecases.books import Book, local_date
from shared.usecases.outcomes import license_name, row_ids
from shared.usecases.plan_group import GroupInView

_PAGE = 500


@dataclass(frozen=True, slots=True)
class CustomerTotals:
    """A customer's lines together."""

    customer_id: CustomerId
    customer_name: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class AllTotals:
    """Everything together, by PSA connection.

    Attributes:
        customers_not_seen: Active customers of which nothing is known yet; they are in no total.
    """

    by_psa: tuple[Totals, ...]
    customers_not_seen: int


# What a sync keeps -------------------------------------------------------------------------------


def reconciled(
    book: Book,
    view: GroupInView,
    plan: Plan,
    services: Services,
    *,
    product: Product | None,
    written: ChangeKind | None = None,
) -> ReconciledLine:
    """Return how a line group stands.

    Args:
        product: The group's, where it was read.
        written: The plan has just been written, to a PSA that changes a quantity so.
    """
    ledger = book.ledger(view.group.group_id)
    today = local_date(services.clock.now(), services.connections.psa(book.customer.psa))
    looked = Looked(view.members, view.agreement, view.lines, ledger, plan, today, product)
    if written is not None:
        looked = looked.written(written)
    line, planned, billed = looked.line, looked.planned, looked.billed
    difference = None if billed is None or planned is None else billed - planned
    cycle = view.agreement.cycle
    base = _of_members(book, view.group.group_id, view.members, services)
    found = replace(
        base,
        state=state_of(looked.plan, difference),
        reasons=short(reason.text for reason in looked.plan.reasons),
        planned=planned,
        explanation=short(plan.explanation),
        agreement_id=view.agreement.agreement_id,
        agreement_name=view.agreement.name,
        billed=billed,
        billable=is_billed(line),
        months=None if cycle is None else cycle.months,
    )
    if line is not None:
        return replace(
            found,
            line_id=line.line_id,
            product_name=line.product_name or ("" if product is None else product.name),
            unit_price=line.unit_price,
            unit_cost=line.unit_cost,
        )
    price = view.group.price.amount if view.group.price.kind is PriceKind.FIXED else None
    if product is None:
        return replace(found, unit_price=price)
    return replace(
        found,
        product_name=product.name,
        unit_price=product.price if price is None else price,
        unit_cost=product.cost,
    )


def unreadable(
    book: Book, group: LineGroup, members: tuple[Member, ...], reason: str, services: Services
) -> ReconciledLine:
    """Return a line group whose agreement cannot be used."""
    return replace(
        _of_members(book, group.group_id, members, services),
        state=LineState.BLOCKED,
        reasons=short([reason]),
        planned=total_seats(member.billed.seats for member in members),
        agreement_id=group.agreement_id,
    )


def unmapped(book: Book, services: Services) -> Iterator[ReconciledLine]:
    """Return the rows that have seats, or may have, and that nobody mapped or excluded."""
    for row in book.rows():
        counts = row.counts
        if book.is_decided(row) or (counts is not None and counts.enabled + counts.warning == 0):
            continue
        yield replace(
            _line(book, None, (row.row_id,), row.name, services),
            reasons=short([row.unknown] if row.unknown else []),
            active=_active(row, None),
            consumed=None if counts is None else counts.consumed,
        )


def _of_members(
    book: Book, group_id: GroupId, members: tuple[Member, ...], services: Services
) -> ReconciledLine:
    seen = {member.row_id: (book.row(member.row_id), member.mapping) for member in members}
    rows = [row for row, _ in seen.values()]
    return replace(
        _line(book, group_id, row_ids(members), license_name(members), services),
        active=total_seats(_active(row, mapping) for row, mapping in seen.values()),
        consumed=total_seats(
            None if row is None or row.counts is None else row.counts.consumed for row in rows
        ),
    )


def _line(
    book: Book,
    group_id: GroupId | None,
    rows: tuple[RowId, ...],
    name: str,
    services: Services,
) -> ReconciledLine:
    customer = book.customer
    return ReconciledLine(
        customer_id=customer.customer_id,
        customer_name=customer.name,
        psa=customer.psa,
        group_id=group_id,
        rows=rows,
        name=name,
        state=LineState.UNMAPPED,
        checked_at=services.clock.now(),
    )


def _active(row: LicenseRow | None, mapping: Mapping | None) -> int | None:
    if row is None or row.counts is None:
        return None
    grace = Grace.ONLY_WITHOUT_ACTIVE if mapping is None else mapping.grace
    trials = mapping is not None and mapping.count_trials
    return active_seats(row.counts, grace, count_trials=trials).seats


# What a report tells -----------------------------------------------------------------------------


def reconciliation_page(
    where: ReconciliationFilter, services: Services, *, continuation: str | None, limit: int
) -> Page[ReconciledLine]:
    """Return lines as they were last seen, by customer, a page at a time."""
    return services.reconciliation.page(where, continuation, limit)


def every_line(
    where: ReconciliationFilter, services: Services, continuation: str | None = None
) -> Iterator[ReconciledLine]:
    """Return all lines, by customer, without holding more than a page of them."""
    while True:
        page = services.reconciliation.page(where, continuation, _PAGE)
        yield from page.items
        continuation = page.continuation
        if continuation is None:
            return


def all_totals(where: ReconciliationFilter, services: Services) -> AllTotals:
    """Return the totals of all lines, by PSA connection."""
    seen: set[CustomerId] = set()

    def noted() -> Iterator[ReconciledLine]:
        for line in every_line(where, services):
            seen.add(line.customer_id)
            yield line

    totals = totals_of(noted())
    return AllTotals(totals, 0 if where.narrows else _not_seen(seen, services))


def customer_totals(
    where: ReconciliationFilter, services: Services, *, continuation: str | None, limit: int
) -> Page[CustomerTotals]:
    """Return each customer's totals, a page at a time."""
    customers = _by_customer(where, services, continuation)
    found = tuple(islice(customers, limit))
    more = next(customers, None)
    return Page(
        items=found,
        continuation=None
        if more is None
        else services.reconciliation.after_customer(found[-1].customer_id),
    )


def _by_customer(
    where: ReconciliationFilter, services: Services, continuation: str | None
) -> Iterator[CustomerTotals]:
    lines = every_line(where, services, continuation)
    for customer_id, own in groupby(lines, key=lambda line: line.customer_id):
        kept = list(own)
        for totals in totals_of(kept):
            yield CustomerTotals(customer_id, kept[-1].customer_name, totals)


def _not_seen(seen: set[CustomerId], services: Services) -> int:
    return sum(
        customer.state is CustomerState.ACTIVE and customer.customer_id not in seen
        for customer in services.customers.all()
    )
