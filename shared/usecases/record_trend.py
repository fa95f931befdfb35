"""Keep how seats go over time, and tell it.

Source:
    docs/adr/0027-trends-and-retention.md
"""

from datetime import date, timedelta
from decimal import Decimal

from shared.domain.ids import ConnectionName, CustomerId
from shared.domain.licensing import LicenseRow
from shared.domain.quantities import Grace, active_seats
from shared.domain.reconciliation import NOTHING, ReconciledLine, total_seats
from shared.domain.trends import EVERYBODY, LicenseSeats, Managed, Trend, TrendPoint, trend_of
from shared.ports import ReconciliationFilter, Services
from shared.usecases.books import Book
from shared.usecases.reconcile import every_line


def record_trend(book: Book, today: date, services: Services) -> None:
    """Keep today's seats of a customer, unless they are as they were."""
    rows: dict[str, list[LicenseRow]] = {}
    for row in book.rows():
        rows.setdefault(row.sku_id or row.row_id, []).append(row)
    licenses = tuple(
        LicenseSeats(
            key=key,
            name=book.names.get(found[0].sku_id, found[0].name)
            if found[0].sku_id
            else found[0].name,
            active=total_seats(_active(row) for row in found),
            consumed=total_seats(
                None if row.counts is None else row.counts.consumed for row in found
            ),
        )
        for key, found in sorted(rows.items())
    )
    _keep(TrendPoint(book.customer.customer_id, today, licenses), book.trend, services)


def record_total(services: Services) -> None:
    """Keep today's seats and money of all customers together, from what was last seen of each.

    One line whose seats are unknown makes the licence's seats unknown; an amount that is unknown
    makes its PSA's money unknown, which is then left out. What is billed on the mapped lines is
    kept beside it, with how many of them it is not known of.
    """
    managed: dict[ConnectionName, Managed] = {}
    seats: dict[str, tuple[int | None, int | None]] = {}
    money: dict[ConnectionName, Decimal | None] = {}
    for line in every_line(ReconciliationFilter(), services):
        active, consumed = seats.get(line.name, (0, 0))
        seats[line.name] = (
            total_seats((active, line.active)),
            total_seats((consumed, line.consumed)),
        )
        so_far, amount = money.get(line.psa, Decimal("0.00")), line.a_month(line.amount)
        money[line.psa] = None if so_far is None or amount is None else so_far + amount
        if line.group_id is not None:
            managed[line.psa] = _with_line(managed.get(line.psa), line)
    licenses = tuple(LicenseSeats(name, name, *seats[name]) for name in sorted(seats))
    known = tuple(sorted((psa, sum_) for psa, sum_ in money.items() if sum_ is not None))
    today = services.clock.now().date()
    together = tuple(managed[psa] for psa in sorted(managed))
    point = TrendPoint(EVERYBODY, today, licenses, known, together)
    _keep(point, services.trends.last(EVERYBODY), services)


def customer_trend(customer_id: CustomerId, services: Services, *, days: int) -> Trend:
    """Return a customer's seats of the last days.

    Raises:
        NotFoundError: There is no such customer.
    """
    services.customers.get(customer_id)
    return _trend(customer_id, services, days)


def total_trend(services: Services, *, days: int) -> Trend:
    """Return all customers' seats and money of the last days; excluded licences are left out."""
    return _trend(EVERYBODY, services, days)


def _with_line(so_far: Managed | None, line: ReconciledLine) -> Managed:
    seats, amount = line.billed, line.a_month(line.amount)
    old = so_far or Managed(line.psa, 0, 0, 0, NOTHING, 0)
    return Managed(
        psa=line.psa,
        lines=old.lines + 1,
        seats=old.seats + (seats or 0),
        seats_unknown=old.seats_unknown + (seats is None),
        amount=old.amount + (NOTHING if amount is None else amount),
        amount_unknown=old.amount_unknown + (amount is None),
    )


def _trend(owner: str, services: Services, days: int) -> Trend:
    last = services.clock.now().date()
    first = last - timedelta(days=days - 1)
    return trend_of(services.trends.since(owner, first), first, last)


def _keep(point: TrendPoint, last: TrendPoint | None, services: Services) -> None:
    if last is None or not last.same_as(point):
        services.trends.put(point)


def _active(row: LicenseRow) -> int | None:
    if row.counts is None:
        return None
    return active_seats(row.counts, Grace.ONLY_WITHOUT_ACTIVE, count_trials=False).seats
