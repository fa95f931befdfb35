"""A year in the life of one customer, on real processes, with time travel.

Prices are chosen so that a day of any period costs whole cents: nothing hides behind rounding.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from local.simulators.common.records import Record
from local.simulators.connectwise.calendars import day as day_of
from tests.integration.stack import stack_in
from tests.integration.year import QUIET, TIME_ZONE, Row, Terms, Year

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

MONTH = Decimal("3775.80")  # divides by 28, 29, 30 and 31 days
ANNUM = Decimal("1335.90")  # divides by 365 and 366 days

IN_ADVANCE = Terms(7001, "Monthly", date(2027, 1, 1), date(2028, 2, 1))
IN_ARREARS = Terms(7002, "Monthly", date(2027, 1, 31), date(2028, 1, 30))
ANNUAL = Terms(7003, "Annual", date(2027, 7, 1), date(2028, 7, 1))
WHOLE_MONTHS = Terms(7004, "Monthly", date(2027, 1, 15), date(2028, 1, 15), prorates=False)
MONTH_AHEAD = Terms(7005, "Monthly", date(2027, 1, 1), date(2028, 2, 1), ahead=True)

ROWS = [
    Row(
        "premium",
        "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
        IN_ADVANCE,
        101,
        MONTH,
        {"premium": 10},
        description={"overwrite": "Your Office", "usernames": "comma", "changes": True},
    ),
    Row(
        "e5",
        "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        IN_ARREARS,
        102,
        MONTH,
        {"e5": 10},
        included=2,
        minimum=3,
        credits=True,
    ),
    Row(
        "e3",
        "05e9a617-0261-4cee-bb44-138d3ef5d965",
        ANNUAL,
        103,
        ANNUM,
        {"e3": 5},
        taken_over=5,
    ),
    Row(
        "flat",
        "4b9405b0-7788-4568-add1-99614e613b69",
        WHOLE_MONTHS,
        104,
        MONTH,
        {"flat": 6},
    ),
    Row(
        "late",
        "3b555118-da6a-4418-894f-7df1e2096870",
        MONTH_AHEAD,
        105,
        MONTH,
        {"late": 4},
        starts=date(2028, 4, 10),
        fixed=Decimal("7551.60"),
    ),
    Row(
        "visio",
        "c5928f49-12ba-48f7-ada3-0d743a3601d5",
        IN_ADVANCE,
        106,
        MONTH,
        {"visio": 3, "visio2": 2},
        apart={"visio": (107, Decimal("7551.60")), "visio2": (108, Decimal("1887.90"))},
    ),
    Row(
        QUIET,
        "66b55226-6b4f-492c-910c-a3b7a3c9d993",
        IN_ADVANCE,
        109,
        MONTH,
        {QUIET: 7},
        starts=date(2100, 1, 1),
    ),
]

STORY = """
2028-01-10 | sync                                     # new lines, one taken over, one not yet
2028-01-14 | premium 12 | sync                        # before its line's first invoice
2028-01-15 | invoices | sync
2028-01-20 | e5 12 | e3 7 | sync
2028-01-26 | premium 11 | sync
2028-01-31 | invoices | sync                          # arrears, a day late; its next period begins
2028-02-01 | invoices | sync
2028-02-10 | flat 9 | visio 4 | sync                  # flat waits for its next period
2028-02-14 | sync
2028-02-15 | invoices | sync
2028-02-17 | premium 14 | sync | premium 11 | e3 6 | sync   # up and down on one day
2028-02-24 | e5 9 | sync                              # a credit in a period that is not invoiced
2028-02-29 | e5 8 | premium 13 | invoices | sync      # arrears from the 31st: leap day
2028-03-01 | invoices | sync
2028-03-05 | premium 9 | sync                         # a fall without a credit
2028-03-11 | flat 7 | sync
2028-03-12 | premium 15 | sync                        # pays for what exceeds the month's highest
2028-03-13 | premium 13 | visio2 3 | sync
2028-03-20 | invoices | sync                          # flat, five days late
2028-03-28 | e5 15 | sync
2028-03-30 | invoices | sync                          # arrears, on the period's last day
2028-04-01 | premium 12 | cycle                       # April's invoice comes late
2028-04-03 | premium 14 | sync
2028-04-05 | invoices | sync
2028-04-09 | sync
2028-04-10 | sync                                     # the override start's day
2028-04-16 | late 5 | flat 8 | sync
2028-04-20 | invoices | e5 11 | sync
2028-04-30 | invoices | sync
2028-05-01 | invoices | late 6 | sync
2028-05-10 | renew premium 2029-05-10 | sync
2028-05-14 | premium 11 | sync                        # a fall that Microsoft allows
2028-05-15 | invoices | cycle
2028-05-22 | premium 36 | e3 9 | sync, premium waits
2028-05-23 | approve premium                          # somebody looks a day later
2028-05-24 | sync
2028-05-30 | invoices | sync
2028-06-01 | invoices | sync
2028-06-10 | visio2 4 | split visio | sync
2028-06-15 | invoices | sync
2028-06-20 | visio 6 | late 2 | sync                  # before the new lines begin
2028-06-30 | invoices | sync
2028-07-01 | invoices | visio2 3 | sync               # annual invoice; the new lines begin
2028-07-09 | visio 7 | visio2 5 | e3 12 | sync
2028-07-11 | premium 33 | e5 13 | sync
2028-07-15 | invoices | sync
2028-07-28 | e5 9 | sync
2028-08-02 | invoices | flat 0 | sync, flat waits | approve flat
2028-08-14 | sync
2028-08-15 | invoices | premium 31 | sync
2028-08-20 | e5 14 | late 0 | sync                    # then nobody syncs for seven weeks
2028-09-01 | invoices
2028-09-15 | invoices | premium 34 | visio2 2
2028-10-04 | invoices | e5 12
2028-10-09 | sync, e5 waits | approve e5
2028-10-11 | merge visio | sync
2028-10-15 | invoices | sync
2028-10-20 | flat 4 | visio 5 | sync
2028-10-30 | invoices | sync
2028-11-01 | invoices | sync                          # one line for both again
2028-11-05 | visio2 4 | sync                          # summer time ends
2028-11-12 | late 3 | e3 10 | sync
2028-11-15 | invoices | sync
2028-11-22 | e5 2 | sync, e5 waits | approve e5       # the minimum
2028-11-30 | invoices | sync
2028-12-01 | invoices | sync
2028-12-15 | invoices | premium 30 | sync
2028-12-18 | e5 6 | flat 5 | sync
2028-12-31 | invoices | premium 32 | sync
2029-01-01 | invoices | cycle
2029-01-15 | invoices | sync
2029-01-31 | invoices | sync
2029-02-01 | invoices | sync
2029-02-15 | invoices | sync
2029-03-01 | invoices | sync
2029-07-01 | invoices | sync                          # the annual period's dated lines
"""
LAST = {**dict.fromkeys((7001, 7002, 7004, 7005), date(2028, 12, 31)), 7003: date(2028, 7, 1)}
"""The last period of each agreement whose dated lines the story sees invoiced."""
ONE_DAY = timedelta(days=1)
END = date(2029, 7, 1)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """The whole year, lived once for all tests of this file."""
    with stack_in(tmp_path_factory.mktemp("year")) as stack:
        stack.environment["PSA__main__TIME_ZONE"] = TIME_ZONE
        year = Year(stack, {row.name: row for row in ROWS})
        year.begin(date(2028, 1, 10))
        year.play(STORY)
        yield year


def test_every_period_is_invoiced_as_the_day_oracle_says_to_the_cent(year):
    wrong, compared = year.differences(LAST)

    assert wrong == {}
    assert compared > 50


def test_what_a_preview_shows_is_what_is_sent_byte_for_byte(year):
    for one in year.exchanges:
        where = f"{one.day} {one.action}"
        assert one.sent_by_group == one.shown, where
        assert len(one.sent) == sum(len(group) for group in one.shown), where
    methods = Counter(sent.method for one in year.exchanges for sent in one.sent)
    assert methods["POST"] > 30
    assert methods["PATCH"] > 50
    assert methods["DELETE"] > 0
    assert any(one.action.startswith("approve") and one.sent for one in year.exchanges)


def test_on_no_day_is_a_row_billed_on_two_lines(year):
    """Nor a licence together with its subscriptions apart."""
    together, apart = {106}, {107, 108}
    seats: dict[date, Counter[int]] = defaultdict(Counter)
    for number, line in year.invoice_lines():
        if number == IN_ADVANCE.number and line["product_id"] in together | apart:
            for day in _days(date.fromisoformat(line["from"]), date.fromisoformat(line["to"])):
                seats[day][line["product_id"]] += int(line["quantity"])

    billed = {day: {product for product, n in of_day.items() if n} for day, of_day in seats.items()}
    both = {
        day: products
        for day, products in billed.items()
        if products & together and products & apart
    }
    assert both == {}
    changes = [
        day for day in sorted(billed) if billed[day] - billed.get(day - ONE_DAY, billed[day])
    ]
    assert changes == [date(2028, 7, 1), date(2028, 11, 1)]
    assert all(billed[day] for day in _days(date(2028, 1, 10), date(2028, 12, 31)))

    standing = Counter(
        (one["product"]["id"], day)
        for one in year.stack.psa.additions.values()
        for day in _days(day_of(one["effectiveDate"]), day_of(one.get("cancelledDate")) or END)
        if _is_standing(one)
    )
    assert {product for product, _ in standing} == {101, 102, 103, 104, 105, 106, 107, 108}
    assert [where for where, lines in standing.items() if lines > 1] == []


def test_nothing_is_written_before_the_override_start(year):
    first = next(
        one
        for one in year.stack.psa.audit
        if one["change"] == "create" and one["agreement_id"] == MONTH_AHEAD.number
    )

    # At 02:00 UTC it is the evening before in New York.
    assert first["at"].startswith("2028-04-11T02:00")
    assert first["after"]["effectiveDate"].startswith("2028-04-10")
    assert not any(one["product"]["id"] == 109 for one in year.stack.psa.additions.values())


def test_a_fall_is_marked_as_unlikely_unless_microsoft_allows_it(year):
    unlikely = {
        change["at"][:16]: any("unlikely" in step for step in change["why"])
        for change in year.history("premium")
    }

    assert unlikely["2028-03-06T02:00"]  # falls, and was neither raised nor renewed lately
    assert not unlikely["2028-05-15T02:00"]  # four days after the renewal


def test_the_simulators_saw_no_call_that_breaks_a_contract(year):
    assert year.stack.psa_simulator.violations == []
    assert year.stack.microsoft_simulator.violations == []


def _days(first: date, last: date) -> list[date]:
    return [first + number * ONE_DAY for number in range((last - first).days + 1)]


def _is_standing(addition: Record) -> bool:
    """A dated line's mark has dashes between its dates; a standing one's has only the group."""
    marker = addition.get("serialNumber", "").removeprefix("SEATSYNC-")
    return "-" not in marker
