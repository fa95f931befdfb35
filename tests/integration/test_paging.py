"""Lists of an MSP that has grown: each page one query of one partition, in constant memory."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local.azurite import azurite as run_azurite
from shared.adapters.storage import StorageAccount, Transactions, table_service
from shared.adapters.tables import paging
from shared.adapters.tables.customers import name_row
from shared.adapters.tables.keys import newest_first
from shared.adapters.tables.remembered import STAMP
from shared.adapters.tables.repositories import Repositories, repositories
from shared.adapters.tables.table import Tables
from shared.ports import Page
from tests.builders import CUSTOMER, NOW, a_change, a_customer
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.stack

CUSTOMERS = 10_000
CHANGES = 100_000
LARGEST_PAGE = 500
MEGABYTE = 1_000_000
FILE = "__azurite_db_table__.json"

T = TypeVar("T")


@dataclass(frozen=True)
class Grown:
    """A storage that holds all that, and what it is asked."""

    kept: Repositories
    transactions: Transactions


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    directory = tmp_path_factory.mktemp("grown")
    transactions = Transactions()
    # One of each is stored as the app does it; the emulator's file then gets copies of them,
    # because to send 110,000 would take most of a minute.
    with run_azurite(directory) as emulator, _service(emulator.connection_string) as service:
        kept = repositories(Tables(service), FakeClock())
        kept.customers.add(a_customer())
        kept.changes.add(a_change())
    _multiply(directory / FILE)
    with (
        run_azurite(directory) as emulator,
        _service(emulator.connection_string, transactions) as service,
    ):
        yield Grown(repositories(Tables(service), FakeClock()), transactions)


def _service(connection_string: str, transactions: Transactions | None = None) -> Any:
    return table_service(StorageAccount(connection_string), transactions)


def _multiply(file: Path) -> None:
    document = json.loads(file.read_text("utf-8"))
    named = name_row(a_customer()).removesuffix(CUSTOMER)
    rows: dict[str, Callable[[int], tuple[str, str]]] = {
        "$customers": lambda number: (f"{named}c{number:05}", CUSTOMER),
        "$changes": lambda number: (_change_row(number), "change-1"),
    }
    amounts = {"$customers": CUSTOMERS, "$changes": CHANGES}
    for ending, row_of in rows.items():
        [table] = [one for one in document["collections"] if one["name"].endswith(ending)]
        _copy(table, amounts[ending], row_of)
    file.write_text(json.dumps(document), "utf-8")


def _change_row(number: int) -> str:
    """The key of the n-th newest change."""
    return f"{newest_first(NOW - timedelta(minutes=number))}~{number:06}"


def _row(entity: dict[str, Any]) -> str:
    return str(entity["RowKey"])


def _copy(table: dict[str, Any], amount: int, row_of: Callable[[int], tuple[str, str]]) -> None:
    # Of a customer, which is stored twice, the entity that lists go through comes last; behind it
    # stands only the stamp of the last change.
    template = max((one for one in table["data"] if one["RowKey"] < STAMP), key=_row)
    table["data"] = []
    for number in range(amount):
        row, was = row_of(number)
        name = row.rpartition("~")[2]
        properties = {**template["properties"], "RowKey": row}
        properties["data"] = properties["data"].replace(f'"{was}"', f'"{name}"', 1)
        copy = {**template, "RowKey": row, "properties": properties, "$loki": number + 1}
        table["data"].append(copy)
    table["maxId"] = amount
    # The copies are in the order of their keys, and share a partition.
    for index in table["binaryIndices"].values():
        index["values"] = list(range(amount))


def walk(
    grown: Grown, turn: Callable[[str | None], Page[T]]
) -> tuple[list[T], list[int], list[int]]:
    """Turn all pages, and return the first entry of each, their sizes and what each asked."""
    firsts, sizes, asked = [], [], []
    continuation: str | None = None
    while True:
        before = grown.transactions.total
        page = turn(continuation)
        asked.append(grown.transactions.total - before)
        firsts.append(page.items[0])
        sizes.append(len(page.items))
        continuation = page.continuation
        if continuation is None:
            return firsts, sizes, asked


def peak_of(turn: Callable[[], object]) -> int:
    """Return the most bytes that a page took while it was turned."""
    turn()  # what is loaded once is not the page's
    tracemalloc.start()
    try:
        turn()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_thousand_customers_take_one_query_a_page(grown, capsys):
    customers = grown.kept.customers

    firsts, sizes, asked = walk(grown, lambda after: customers.list(after, LARGEST_PAGE))

    assert sum(sizes) == CUSTOMERS
    assert set(asked) == {1}
    assert [one.customer_id for one in firsts] == sorted(one.customer_id for one in firsts)
    say(capsys, f"{CUSTOMERS} customers: {len(asked)} pages of {LARGEST_PAGE}, a query each")


def test_a_hundred_thousand_changes_take_one_query_a_page(grown, capsys):
    changes = grown.kept.changes
    asked, found = [], []
    # Every tenth page, each by the token that the page before it gives.
    starts = range(LARGEST_PAGE, CHANGES, 10 * LARGEST_PAGE)

    for start in starts:
        before = grown.transactions.total
        page = changes.of_customer(CUSTOMER, paging.token(_change_row(start - 1)), LARGEST_PAGE)
        asked.append(grown.transactions.total - before)
        found.append([int(one.change_id) for one in page.items])
        assert page.continuation == paging.token(_change_row(start + LARGEST_PAGE - 1))

    assert set(asked) == {1}
    assert found == [list(range(start, start + LARGEST_PAGE)) for start in starts]
    say(capsys, f"{CHANGES} changes: pages of {LARGEST_PAGE}, a query each")


def test_the_last_page_says_that_it_is_the_last(grown):
    last = paging.token(_change_row(CHANGES - LARGEST_PAGE - 1))

    page = grown.kept.changes.of_customer(CUSTOMER, last, LARGEST_PAGE)

    assert (len(page.items), page.continuation) == (LARGEST_PAGE, None)


def test_a_page_takes_the_same_memory_wherever_it_is(grown, capsys):
    changes = grown.kept.changes
    first = changes.of_customer(CUSTOMER, None, LARGEST_PAGE)
    second = changes.of_customer(CUSTOMER, first.continuation, LARGEST_PAGE)

    peaks = [
        peak_of(lambda after=after: changes.of_customer(CUSTOMER, after, LARGEST_PAGE))
        for after in (None, first.continuation, second.continuation)
    ]

    assert max(peaks) < 8 * MEGABYTE
    assert max(peaks) < 1.2 * min(peaks)
    say(capsys, f"a page of {LARGEST_PAGE} changes: {max(peaks) / MEGABYTE:.1f} MB at most")


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201 - the figure is the point
