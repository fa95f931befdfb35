"""What every site can do, and the words its story is told in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from starlette.applications import Starlette

DAY = timedelta(days=1)
PREFIX = "PSA"
SEPARATOR = "__"

READS = frozenset({"GET", "HEAD"})
READ_BY_POST = frozenset({"query", "token"})
"""Parts of addresses that are only read, whatever the method; more pages lie below them."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement's calendar.

    Attributes:
        starts: First day of the agreement.
        period_start, period_end: First and last day of the billing period that today is in.
        invoiced_through: Last day that is on an invoice already.
        next_invoice: As the PSA shows it.
        prorates: Where the PSA lets an agreement say so.
        ends: Last day, for one that has ended.
    """

    starts: date
    period_start: date
    period_end: date
    invoiced_through: date
    next_invoice: date
    annual: bool = False
    prorates: bool = True
    ends: date | None = None

    @property
    def not_invoiced_from(self) -> date:
        """First day that is on no invoice yet."""
        return self.invoiced_through + DAY


@dataclass(frozen=True, slots=True)
class Company:
    """Whom the PSA bills."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """What a line sells; price and cost are of one seat for a month."""

    number: int
    name: str
    price: str = "20.00"

    @property
    def cost(self) -> str:
        """What the MSP pays, made up: four fifths of the price."""
        return f"{Decimal(self.price) * 4 / 5:.2f}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What lines are on, however the PSA calls it."""

    number: int
    company: int
    terms: Terms
    name: str = "Microsoft 365"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is there before Seatsync comes.

    Attributes:
        mark: Another tool's, where the PSA has a place for it.
        later: Another quantity from a day on, where the PSA keeps quantities by day.
    """

    number: int
    agreement: int
    product: int
    quantity: int
    starts: date
    mark: str | None = None
    later: tuple[date, int] | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a site is told."""

    companies: Iterable[Company] = ()
    products: Iterable[Product] = ()
    agreements: Iterable[Agreement] = ()
    lines: Iterable[Line] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Seats that a PSA holds for some days; a line may hold several.

    Attributes:
        starts, ends: First and last day; ``None`` when open, or when the PSA has no days.
        mark: Of the tool that made the line.
    """

    agreement: int
    product: int
    quantity: int
    starts: date | None
    ends: date | None = None
    mark: str | None = field(default=None, compare=False)


class Site(ABC):
    """One kind of PSA.

    Attributes:
        name: As settings and simulators call it.
        title: As its vendor calls it.
        credentials: Settings of a connection with the keys that every simulator takes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]]

    @abstractmethod
    def records(self, story: Story) -> dict[str, list[Record]]:
        """Return the story as the simulator's state seeds it: records by kind."""

    @abstractmethod
    def held(self, state: Mapping[str, Any]) -> list[Held]:
        """Return the lines of a state that was dumped, in its order."""

    @abstractmethod
    def new_state(self) -> Any:  # noqa: ANN401 - each simulator has a state of its own
        """Return an empty state of the simulator."""

    @abstractmethod
    def app(self, state: Any) -> Starlette:  # noqa: ANN401 - as above
        """Return the simulator on a state, as an application."""

    def agreement_id(self, number: int) -> str:
        """Return how Seatsync calls an agreement of the story."""
        return str(number)

    def settings(self, url: str, connection: str = "main") -> dict[str, str]:
        """Return the settings that connect Seatsync to the site's simulator."""
        values = {
            "PROVIDER": self.name,
            "URL": url,
            "TIME_ZONE": "UTC",
            **self.credentials,
        }
        start = f"{PREFIX}{SEPARATOR}{connection}{SEPARATOR}"
        return {f"{start}{name}": value for name, value in values.items()}

    def dumped(self, story: Story) -> Record:
        """Return a state that holds the story and nothing else, as the control API takes it."""
        state = self.new_state()
        state.seed(**self.records(story))
        found: Record = state.dump()
        return found


def changes_something(method: str, path: str) -> bool:
    """Return whether a call of a PSA's API is a write."""
    return method not in READS and READ_BY_POST.isdisjoint(path.split("/"))


def day(moment: str | None) -> date | None:
    """Return the calendar date of a vendor's moment."""
    return None if moment is None else date.fromisoformat(moment[:10])


def in_order(found: Iterable[Held]) -> list[Held]:
    """Return what a PSA holds in the order that it is shown in."""
    return sorted(found, key=_order)


def _order(held: Held) -> tuple[int, int, date, int]:
    return held.agreement, held.product, held.starts or date.min, held.quantity
