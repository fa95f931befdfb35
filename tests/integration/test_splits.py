"""Split, merged and split again on every kind of agreement, before the last move took place too."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from tests.integration.stack import stack_in
from tests.integration.year import QUIET, TIME_ZONE, Row, Terms, Year

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

MONTH = Decimal("3775.80")  # divides by 28, 29, 30 and 31 days
ANNUM = Decimal("1335.90")  # divides by 365 and 366 days
IN_ARREARS = Terms(7002, "Monthly", date(2027, 1, 31), date(2028, 1, 30))
ANNUAL = Terms(7003, "Annual", date(2027, 3, 1), date(2028, 3, 1))
WHOLE_MONTHS = Terms(7004, "Monthly", date(2027, 1, 15), date(2028, 1, 15), prorates=False)
MONTH_AHEAD = Terms(7005, "Monthly", date(2027, 1, 1), date(2028, 2, 1), ahead=True)


def a_row(name, sku, terms, product, price, **options) -> Row:
    """A licence of two purchases, each with a product of its own once it is split."""
    return Row(
        name,
        sku,
        terms,
        product,
        price,
        {f"{name}1": 3, f"{name}2": 2},
        apart={f"{name}1": (product + 1, price * 2), f"{name}2": (product + 2, price / 2)},
        **options,
    )


ROWS = [
    a_row(
        "arrears",
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        IN_ARREARS,
        201,
        MONTH,
        credits=True,
        description={"changes": True, "term_and_end_date": True},
    ),
    a_row("ahead", "3b555118-da6a-4418-894f-7df1e2096870", MONTH_AHEAD, 211, MONTH),
    a_row("whole", "4b9405b0-7788-4568-add1-99614e613b69", WHOLE_MONTHS, 221, MONTH),
    a_row("annual", "05e9a617-0261-4cee-bb44-138d3ef5d965", ANNUAL, 231, ANNUM, taken_over=5),
    Row(
        QUIET,
        "66b55226-6b4f-492c-910c-a3b7a3c9d993",
        MONTH_AHEAD,
        209,
        MONTH,
        {QUIET: 7},
        starts=date(2100, 1, 1),
    ),
]

STORY = """
2028-01-10 | sync
2028-01-12 | arrears1 4 | arrears2 3 | ahead1 1 | whole1 0 | sync
2028-01-14 | split arrears | split ahead | split whole | split annual | sync
2028-01-15 | invoices | sync
2028-01-18 | arrears1 2 | ahead1 4 | whole1 2 | annual1 4 | sync
2028-01-31 | invoices | sync
2028-02-01 | invoices | sync
2028-02-05 | merge arrears | merge ahead | sync
2028-02-06 | arrears1 5 | ahead1 2 | whole2 5 | sync
2028-02-07 | split arrears | split ahead | sync                 # before the merge took place
2028-02-08 | arrears1 3 | ahead1 5 | sync | arrears1 4 | ahead1 3 | sync
2028-02-29 | invoices | sync
2028-03-05 | invoices | arrears1 6 | ahead1 6 | whole1 4 | annual1 5 | sync
2028-03-15 | invoices | sync
2028-03-20 | merge arrears | merge whole | arrears2 1 | sync
2028-04-05 | invoices | arrears1 5 | sync
2028-04-20 | invoices | ahead2 4 | whole1 3 | sync
2028-05-10 | invoices | sync
2028-06-05 | invoices | sync
2028-07-05 | invoices | sync
2028-08-05 | invoices | sync
2028-09-05 | invoices | sync
2029-03-01 | invoices | sync                                    # the annual period's dated lines
"""
LAST = {**dict.fromkeys((7002, 7004, 7005), date(2028, 7, 1)), 7003: date(2028, 3, 1)}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """The whole story, lived once for all tests of this file."""
    with stack_in(tmp_path_factory.mktemp("splits")) as stack:
        stack.environment["PSA__main__TIME_ZONE"] = TIME_ZONE
        year = Year(stack, {row.name: row for row in ROWS})
        year.begin(date(2028, 1, 10))
        year.play(STORY)
        yield year


def test_every_period_is_invoiced_as_the_day_oracle_says_to_the_cent(year):
    wrong, compared = year.differences(LAST)

    assert wrong == {}
    assert compared > 30


def test_what_a_preview_shows_is_what_is_sent_byte_for_byte(year):
    for one in year.exchanges:
        where = f"{one.day} {one.action}"
        assert one.sent_by_group == one.shown, where
        assert len(one.sent) == sum(len(group) for group in one.shown), where
    assert sum(len(one.sent) for one in year.exchanges) > 40
