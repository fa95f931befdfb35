"""Seats over time: a point for each day on which something changed, and lines drawn between them.

Source:
    docs/adr/0027-trends-and-retention.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from shared.domain.ids import ConnectionName

DAY = timedelta(days=1)
EVERYBODY = "everybody"
"""Owns the points of all customers together; no customer's id has so few digits."""


@dataclass(frozen=True, slots=True)
class LicenseSeats:
    """Seats of one licence on a day.

    Attributes:
        key: The SKU, or the row of a custom licence.
        active, consumed: ``None`` when unknown.
    """

    key: str
    name: str
    active: int | None
    consumed: int | None


@dataclass(frozen=True, slots=True)
class Managed:
    """What is billed on the mapped lines of one PSA connection, in its currency.

    Attributes:
        seats: On the lines, as far as they are known; ``seats_unknown`` lines are not in it.
        amount: Billed a month, as far as it is known; ``amount_unknown`` lines are not in it.
    """

    psa: ConnectionName
    lines: int
    seats: int
    seats_unknown: int
    amount: Decimal
    amount_unknown: int

    @property
    def known_seats(self) -> int | None:
        """The seats, unless they are not known of any line: unknown is not zero."""
        return None if self.lines and self.seats_unknown == self.lines else self.seats

    @property
    def known_amount(self) -> Decimal | None:
        """The amount, unless it is not known of any line."""
        return None if self.lines and self.amount_unknown == self.lines else self.amount


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """What an owner had from a day on, until its next point.

    Attributes:
        owner: A customer's id, or ``EVERYBODY``.
        money: What is billed a month by PSA connection, where it is known of every line.
        managed: What is billed on mapped lines, by PSA connection; of ``EVERYBODY`` alone.
    """

    owner: str
    day: date
    licenses: tuple[LicenseSeats, ...]
    money: tuple[tuple[ConnectionName, Decimal], ...] = ()
    managed: tuple[Managed, ...] = ()

    def same_as(self, other: "TrendPoint") -> bool:
        """Return whether nothing changed between the two."""
        mine = self.licenses, self.money, self.managed
        return mine == (other.licenses, other.money, other.managed)


@dataclass(frozen=True, slots=True)
class Series:
    """One licence's seats, a value for each day; ``None`` where nothing is known."""

    key: str
    name: str
    active: tuple[int | None, ...]
    consumed: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Days in order, and for each of them every licence's seats and what was billed a month."""

    days: tuple[date, ...]
    series: tuple[Series, ...]
    money: Mapping[ConnectionName, tuple[Decimal | None, ...]]


def trend_of(points: Iterable[TrendPoint], first: date, last: date) -> Trend:
    """Return the values of each day from ``first`` to ``last``, both included.

    Args:
        points: The oldest first; one from before ``first`` tells what held on it.
    """
    ordered = list(points)
    days = tuple(first + number * DAY for number in range((last - first).days + 1))
    holding = [_on(ordered, day) for day in days]
    names = {one.key: one.name for point in ordered for one in point.licenses}
    by_day = [{} if p is None else {one.key: one for one in p.licenses} for p in holding]
    series = []
    for key, name in sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])):
        seen = [found.get(key) for found in by_day]
        series.append(
            Series(
                key,
                name,
                tuple(
                    _seats(point, None if one is None else one.active, one)
                    for point, one in zip(holding, seen, strict=True)
                ),
                tuple(
                    _seats(point, None if one is None else one.consumed, one)
                    for point, one in zip(holding, seen, strict=True)
                ),
            )
        )
    connections = sorted({name for point in ordered for name, _ in point.money})
    money = {
        name: tuple(None if point is None else dict(point.money).get(name) for point in holding)
        for name in connections
    }
    return Trend(days, tuple(series), money)


def _seats(
    point: TrendPoint | None, seats: int | None, license_: LicenseSeats | None
) -> int | None:
    """A licence that a known day does not name had no seats on it."""
    return 0 if point is not None and license_ is None else seats


def _on(points: list[TrendPoint], day: date) -> TrendPoint | None:
    return next((point for point in reversed(points) if point.day <= day), None)
