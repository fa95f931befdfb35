"""Customers by the dozen on one stack: each case of a test gets one of its own."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.simulators.microsoft.builders import a_subscription, a_tenant
from local.simulators.microsoft.state import Tenant
from local.sites import site
from local.sites.known import DEFAULT
from local.sites.site import Agreement, Company, Held, Product, Story
from tests.integration.gate import Gate, gate_of
from tests.integration.stack import BUSINESS_PREMIUM, MARCH, Stack, stack_in

ROW = f"sku-{BUSINESS_PREMIUM}"
STANDING_SINCE = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line in the PSA; ``marked`` says whether a Seatsync made it."""

    quantity: int
    starts: str | None
    ends: str | None
    marked: bool


@dataclass
class Scene:
    """A customer with Business Premium, mapped to one product on an agreement of its own.

    The agreement is billed monthly in advance, and invoiced through March 2026.
    """

    stack: Stack
    tables: TableServiceClient
    tenant: Tenant
    customer_id: str
    agreement_id: int

    def buy(self, seats: int) -> None:
        """Add seats at Microsoft, or take some away when negative."""
        self.stack.buy(self.tenant, BUSINESS_PREMIUM, seats)

    def sync(self, seconds: float = 60) -> dict[str, Any]:
        """Sync Now, and return the run once it is done."""
        return self.stack.sync(self.customer_id, seconds=seconds)

    @property
    def lines(self) -> list[Line]:
        """What the PSA holds on the agreement, in its order."""
        return [
            Line(one.quantity, _text(one.starts), _text(one.ends), _is_ours(one))
            for one in self.stack.held(self.agreement_id)
        ]

    @property
    def markers(self) -> list[str]:
        """The marks of the lines that Seatsync made."""
        return [one.mark for one in self.stack.held(self.agreement_id) if one.mark]

    @property
    def history(self) -> list[tuple[int | None, int | None]]:
        """Before and after of each change, the newest first."""
        found = self.stack.get(f"/api/customers/{self.customer_id}/history").json()["items"]
        return [(one["before"], one["after"]) for one in found]

    @property
    def planned(self) -> list[tuple[str, list[Any]]]:
        """What a sync would do now: the status and the operations of each line group."""
        found = self.stack.get(f"/api/customers/{self.customer_id}/preview").json()["items"]
        return [(one["status"], one["operations"]) for one in found]

    def left_over(self) -> list[str]:
        """Return the intents and leases that are still stored."""
        found = []
        for table, begins in (("books", "intent~"), ("leases", "")):
            client = self.tables.get_table_client(table)
            with contextlib.suppress(ResourceNotFoundError):
                partition = {"partition": self.customer_id}
                rows = client.query_entities("PartitionKey eq @partition", parameters=partition)
                keys = (row["RowKey"] for row in rows)
                found += [f"{table}: {row}" for row in keys if row.startswith(begins)]
        return found


@dataclass
class Scenes:
    """A stack with a gate, and a billing profile that all its customers use."""

    stack: Stack
    gate: Gate
    tables: TableServiceClient
    profile_id: str = ""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def arrange(self, *, seats: int, line: int | None = None) -> Scene:
        """Return one more customer, mapped and not synced yet.

        Args:
            line: Seats of the line that the agreement has already; none when ``None``.
        """
        number = next(self._numbers)
        company, agreement = 300 + number, 8000 + number
        if not self.profile_id:
            self.stack.tell(Story(products=[Product(101, "M365 Business Premium")]))
            self.profile_id = self.stack.add_profile()
        lines = []
        if line is not None:
            lines = [site.Line(500 + number, agreement, 101, line, STANDING_SINCE)]
        self.stack.tell(
            Story(
                companies=[Company(company, f"Contoso {number}")],
                agreements=[Agreement(agreement, company, MARCH)],
                lines=lines,
            )
        )
        tenant = a_tenant(f"Contoso {number}", [a_subscription(BUSINESS_PREMIUM, seats)])
        self.stack.add_tenant(tenant)
        customer_id = self.stack.add_customer(tenant, str(company))
        agreement_id = self.stack.site.agreement_id(agreement)
        self.stack.map_row(customer_id, ROW, self.profile_id, agreement_id)
        return Scene(self.stack, self.tables, tenant, customer_id, agreement)

    def adopted(self, *, seats: int) -> Scene:
        """Return one more customer, whose line of that many seats has been adopted."""
        scene = self.arrange(seats=seats, line=seats)
        scene.sync()
        self.stack.idle()
        return scene


@contextlib.contextmanager
def scenes_in(directory: Path, *, psa: str = DEFAULT, **environment: str) -> Iterator[Scenes]:
    """Run a stack behind a gate while the block runs; its hosts get this environment."""
    with stack_in(directory, psa) as stack:
        storage = stack.environment["AzureWebJobsStorage"]
        stack.environment |= environment
        with (
            TableServiceClient.from_connection_string(storage) as tables,
            gate_of(stack) as gate,
        ):
            yield Scenes(stack, gate, tables)


def _is_ours(held: Held) -> bool:
    return (held.mark or "").startswith("SEATSYNC-")


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
