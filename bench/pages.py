"""How much longer a page takes to arrive when there is much more behind it.

Each page is asked for on two stacks side by side, a small MSP's and a large one's, turn and turn
about, so that whatever else the machine does meets both. The storage is the emulator; Microsoft and
the PSA are not asked, because the pages show what is stored.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import requests

from local.azurite import azurite
from local.processes import Processes, free_port, url_answers
from shared.adapters.storage import StorageAccount, table_service
from shared.adapters.tables.repositories import repositories
from shared.adapters.tables.table import Tables
from shared.domain.alerts import Alert, AlertKind
from shared.domain.customers import Customer, CustomerState
from shared.domain.ids import (
    CompanyId,
    ConnectionName,
    CustomerId,
    GroupId,
    RowId,
    SkuId,
    TenantId,
)
from shared.domain.licensing import Sku, TenantSnapshot
from shared.domain.reconciliation import LineState, ReconciledLine
from shared.ports import Clock, TenantRecord

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 3
ROUNDS = 25
PAGES = (
    "/",
    "/customers",
    "/customers/customer-0000",
    "/alerts",
    "/reconciliation",
    "/approvals",
    "/runs",
    "/exclusions",
    "/settings",
    "/customers?q=0001",
)
WANTED = 1.5
"""The larger MSP's page may take so many times as long as the smaller one's."""

MAIN = ConnectionName("main")


@dataclass(frozen=True)
class Size:
    """How much an MSP has: customers, each with an alert and a line, and rows of the first."""

    customers: int
    rows: int


SMALL, LARGE = Size(20, 20), Size(2000, 200)


@dataclass(frozen=True)
class Measured:
    """A page on both stacks: seconds of each request, and the size of the HTML."""

    page: str
    small: tuple[float, ...]
    large: tuple[float, ...]
    small_bytes: int
    large_bytes: int

    @property
    def ratio(self) -> float:
        """Medians, large against small."""
        return statistics.median(self.large) / statistics.median(self.small)

    def figures(self) -> dict[str, object]:
        """What is kept of it."""
        return {
            "page": self.page,
            "small_ms": round(statistics.median(self.small) * 1000, 1),
            "large_ms": round(statistics.median(self.large) * 1000, 1),
            "small_bytes": self.small_bytes,
            "large_bytes": self.large_bytes,
            "ratio": round(self.ratio, 2),
            "wanted": WANTED,
        }


class _Now:
    """A ``Clock`` for filling the storage."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_now(self) -> datetime:
        return datetime.now(UTC)


def measure() -> list[Measured]:
    """Return each page's figures."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
        small = running.enter_context(_stack(Path(directory) / "small", SMALL))
        large = running.enter_context(_stack(Path(directory) / "large", LARGE))
        return [_compared(page, small, large) for page in PAGES]


def table(found: list[Measured]) -> str:
    """Return the figures as lines for a terminal."""
    lines = [f"{'page':34} {'small':>10} {'large':>10} {'ratio':>6}  wanted <= {WANTED}"]
    for one in found:
        figures = one.figures()
        verdict = "yes" if one.ratio <= WANTED else "NO"
        lines.append(
            f"{one.page:34} {figures['small_ms']:>7} ms {figures['large_ms']:>7} ms "
            f"{figures['ratio']:>6}  {verdict}"
        )
    about = f"{SMALL.customers} and {LARGE.customers} customers; {SMALL.rows} and {LARGE.rows} rows"
    return "\n".join([about, *lines])


def _compared(page: str, small: str, large: str) -> Measured:
    for _ in range(WARM_UP):
        first, second = _fetch(small + page), _fetch(large + page)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        # Turn and turn about, each first as often as the other.
        for which in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            _fetch((small, large)[which] + page)
            times[which].append(time.perf_counter() - began)
    return Measured(page, tuple(times[0]), tuple(times[1]), len(first), len(second))


def _fetch(url: str) -> bytes:
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    return answer.content


@contextlib.contextmanager
def _stack(logs: Path, size: Size) -> Iterator[str]:
    logs.mkdir()
    with azurite(log=logs / "azurite.log") as storage, Processes() as processes:
        with table_service(StorageAccount(storage.connection_string)) as service:
            _fill(Tables(service), size, _Now())
        port = free_port()
        processes.start(
            "host",
            [sys.executable, "-m", "local", "host", "--port", str(port)],
            environment=_environment(storage.connection_string),
            directory=ROOT,
            log=logs / "host.log",
            ready=url_answers(f"http://127.0.0.1:{port}/api/health"),
        )
        yield f"http://127.0.0.1:{port}"


def _fill(tables: Tables, size: Size, clock: Clock) -> None:
    kept = repositories(tables, clock)
    customers = [_customer(number, clock) for number in range(size.customers)]
    for customer in customers:
        kept.customers.add(customer)
    kept.alerts.put(_alert(customer, clock) for customer in customers)
    kept.reconciliation.put(_line(customer, clock) for customer in customers)
    kept.snapshots.save(None, TenantRecord(_tenant(0), _snapshot(size.rows, clock)))


def _customer(number: int, clock: Clock) -> Customer:
    return Customer(
        customer_id=CustomerId(f"customer-{number:04}"),
        name=f"Sample Company {number:04}",
        microsoft=MAIN,
        tenant_id=_tenant(number),
        psa=MAIN,
        company_id=CompanyId(str(1000 + number)),
        filter=None,
        state=CustomerState.ACTIVE,
        split=frozenset(),
        added_by="bench",
        added_at=clock.now(),
    )


def _alert(customer: Customer, clock: Clock) -> Alert:
    text = f"{customer.name} has 5 seats without a billing profile"
    row = RowId("sku-00000000-0000-4000-9000-000000000000")
    kind = AlertKind.MISSING_PROFILE
    return Alert(kind, customer.customer_id, row, "", text, clock.real_now())


def _line(customer: Customer, clock: Clock) -> ReconciledLine:
    return ReconciledLine(
        customer_id=customer.customer_id,
        customer_name=customer.name,
        psa=MAIN,
        group_id=GroupId("0123456789abcdef"),
        rows=(RowId("sku-00000000-0000-4000-9000-000000000000"),),
        name="Sample licence",
        state=LineState.IN_STEP,
        checked_at=clock.real_now(),
        active=5,
        consumed=5,
        planned=5,
        billed=5,
        unit_price=Decimal("20.00"),
        months=1,
    )


def _tenant(number: int) -> TenantId:
    return TenantId(f"00000000-0000-4000-8000-{number:012}")


def _snapshot(rows: int, clock: Clock) -> TenantSnapshot:
    skus = tuple(
        Sku(
            sku_id=SkuId(f"00000000-0000-4000-9000-{number:012}"),
            sku_part_number=f"SAMPLE_{number:03}",
            applies_to="User",
            enabled=number + 1,
            warning=0,
            suspended=0,
            locked_out=0,
            consumed=number,
        )
        for number in range(rows)
    )
    return TenantSnapshot(_tenant(0), clock.now(), skus, ())


def _environment(storage: str) -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsStorage": storage,
        "SYNC_SCHEDULE": "0 0 0 29 2 *",
        "MICROSOFT__main__TENANT_ID": "00000000-0000-4000-8000-000000000001",
        "MICROSOFT__main__CLIENT_ID": "00000000-0000-4000-8000-000000000002",
        "MICROSOFT__main__CLIENT_SECRET": "bench",
        "MICROSOFT__main__LOGIN_URL": nowhere,
        "MICROSOFT__main__GRAPH_URL": nowhere,
        "PSA__main__PROVIDER": "syncro",
        "PSA__main__URL": nowhere,
        "PSA__main__API_TOKEN": "bench",
    }
