"""What ConnectWise's agreements and additions mean: tables."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.adapters.http.payload import Payload
from shared.adapters.psa.connectwise import additions
from shared.adapters.psa.connectwise.agreements import agreement
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import AgreementId
from shared.domain.mappings import Billable
from shared.domain.periods import Cycle

READ_AT = datetime(2026, 3, 17, 9, 30, tzinfo=UTC)
HEADER = {
    "id": 7001,
    "name": "Microsoft 365",
    "type": {"id": 20, "name": "Managed Services"},
    "company": {"id": 250, "identifier": "Contoso", "name": "Contoso"},
    "agreementStatus": "Active",
    "cancelledFlag": False,
    "startDate": "2025-11-15T00:00:00Z",
    "noEndingDateFlag": True,
    "billingCycle": {"id": 2, "name": "Monthly"},
    "billStartDate": "2026-01-01T00:00:00Z",
    "nextInvoiceDate": "2026-04-01T00:00:00Z",
    "periodType": "Current",
    "prorateFlag": True,
}
ADDITION = {
    "id": 501,
    "product": {"id": 101, "identifier": "E5"},
    "quantity": Decimal("10.00"),
    "lessIncluded": 0,
    "unitPrice": Decimal("31.00"),
    "unitCost": Decimal("25.00"),
    "billCustomer": "Billable",
    "effectiveDate": "2026-03-17T00:00:00Z",
    "serialNumber": "SEATSYNC-1",
    "invoiceDescription": "10 seats",
}


def header(**changes):
    return agreement(Payload(HEADER | changes), READ_AT)


def line(**changes):
    return additions.line(Payload(ADDITION | changes), AgreementId("7001"))


@pytest.mark.parametrize(
    ("name", "months"),
    [
        ("Monthly", 1),
        ("monthly ", 1),
        ("Quarterly", 3),
        ("Annual", 12),
        ("Annually", 12),
        ("YEARLY", 12),
        ("Weekly", None),
        ("Semi-Annual", None),
        ("2 Months", None),
        ("", None),
    ],
)
def test_a_cycle_is_known_by_its_name(name, months):
    read = header(billingCycle={"id": 9, "name": name})

    expected = None if months is None else Cycle(date(2026, 1, 1), months)
    assert (read.cycle, read.cycle_name) == (expected, name)
    assert (read.first_uninvoiced is None) is (months is None)


@pytest.mark.parametrize("missing", [None, {"id": 2}, {"id": 2, "name": None}])
def test_an_agreement_without_a_cycle_has_none(missing):
    assert header(billingCycle=missing).cycle is None


@pytest.mark.parametrize(
    ("bill_start", "start", "anchor"),
    [
        ("2026-01-31T00:00:00Z", "2025-11-15T00:00:00Z", date(2026, 1, 31)),
        (None, "2025-11-15T00:00:00Z", date(2025, 11, 15)),
        ("", "2025-11-15T00:00:00Z", date(2025, 11, 15)),
        ("0001-01-01T00:00:00Z", "2025-11-15T00:00:00Z", date(2025, 11, 15)),
    ],
)
def test_periods_run_from_the_billing_start_else_from_the_start(bill_start, start, anchor):
    read = header(billStartDate=bill_start, startDate=start)

    assert read.cycle == Cycle(anchor, 1)
    assert read.starts == date(2025, 11, 15)


# Anchored on 1 January 2026, or on the 31st; the dates are those of the next invoice.
@pytest.mark.parametrize(
    ("anchor", "cycle", "period_type", "next_invoice", "expected"),
    [
        ("2026-01-01", "Monthly", "Current", "2026-04-01T00:00:00Z", date(2026, 4, 1)),
        ("2026-01-01", "Monthly", "Current", "2026-04-30T00:00:00Z", date(2026, 4, 1)),  # arrears
        ("2026-01-01", "Monthly", "Current", "2026-03-31T00:00:00Z", date(2026, 3, 1)),
        ("2026-01-01", "Monthly", "Future", "2026-04-01T00:00:00Z", date(2026, 5, 1)),
        ("2026-01-01", "Monthly", "Future", "2026-03-31T00:00:00Z", date(2026, 4, 1)),
        ("2026-01-31", "Monthly", "Current", "2026-02-28T00:00:00Z", date(2026, 2, 28)),
        ("2026-01-31", "Monthly", "Current", "2026-03-30T00:00:00Z", date(2026, 2, 28)),
        ("2026-01-31", "Monthly", "Future", "2026-02-28T00:00:00Z", date(2026, 3, 31)),
        ("2026-01-01", "Quarterly", "Current", "2026-05-20T00:00:00Z", date(2026, 4, 1)),
        ("2026-01-01", "Annual", "Future", "2026-12-31T00:00:00Z", date(2027, 1, 1)),
        ("2026-01-01", "Monthly", "Current", "2026-04-01", date(2026, 4, 1)),  # without a time
        ("2026-01-01", "Monthly", "Both", "2026-04-01T00:00:00Z", None),
        ("2026-01-01", "Monthly", "Undefined", "2026-04-01T00:00:00Z", None),
        ("2026-01-01", "Monthly", None, "2026-04-01T00:00:00Z", None),
        ("2026-01-01", "Monthly", "Current", None, None),
        ("2026-01-01", "Monthly", "Current", "", None),
        ("2026-01-01", "Monthly", "Current", "0001-01-01T00:00:00Z", None),
        ("2026-01-01", "Weekly", "Current", "2026-04-01T00:00:00Z", None),
    ],
)
def test_the_first_period_without_an_invoice(anchor, cycle, period_type, next_invoice, expected):
    read = header(
        billStartDate=f"{anchor}T00:00:00Z",
        billingCycle={"id": 1, "name": cycle},
        periodType=period_type,
        nextInvoiceDate=next_invoice,
    )

    assert read.first_uninvoiced == expected
    assert read.problem is None


@pytest.mark.parametrize(
    ("status", "cancelled", "active"),
    [
        ("Active", False, True),
        ("Active", None, True),
        ("Active", True, False),
        ("Cancelled", False, False),
        ("Expired", False, False),
        ("Inactive", False, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_only_an_active_agreement_is_billed(status, cancelled, active):
    assert header(agreementStatus=status, cancelledFlag=cancelled).active is active


@pytest.mark.parametrize(
    ("end", "endless", "expected"),
    [
        ("2026-12-31T00:00:00Z", False, date(2026, 12, 31)),
        ("2026-12-31T00:00:00Z", None, date(2026, 12, 31)),
        ("2026-12-31T00:00:00Z", True, None),
        ("9999-12-31T00:00:00Z", False, None),
        (None, False, None),
    ],
)
def test_an_end_date_counts_unless_it_is_switched_off(end, endless, expected):
    assert header(endDate=end, noEndingDateFlag=endless).ends == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"oneTimeFlag": True}, "one time"),
        ({"billOneTimeFlag": True}, "one time"),
        ({"nextInvoiceDate": "next month"}, "nextInvoiceDate"),
        ({"nextInvoiceDate": "2026-02-30T00:00:00Z"}, "nextInvoiceDate"),
        ({"startDate": 20260101}, "startDate"),
        ({"startDate": None, "billStartDate": None}, "no start date"),
    ],
)
def test_what_cannot_be_billed_says_why(changes, words):
    assert words in (header(**changes).problem or "")


@pytest.mark.parametrize("field", ["id", "name", "company"])
def test_a_header_without_what_names_it_is_refused(field):
    with pytest.raises(UnexpectedPayloadError, match=field):
        header(**{field: None})


def test_a_missing_prorate_flag_means_no():
    assert header(prorateFlag=None).prorates is False


@pytest.mark.parametrize(
    ("given", "expected"),
    [(10, 10), (Decimal("10.00"), 10), (-3, -3), (0, 0), (Decimal("2.5"), None), (None, None)],
)
def test_a_fraction_of_a_seat_is_no_quantity(given, expected):
    assert line(quantity=given).quantity == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(None, 0), (0, 0), (2, 2), (Decimal("2.0"), 2), (Decimal("0.5"), 1)]
)
def test_no_included_unit_is_overlooked(given, expected):
    assert line(lessIncluded=given).less_included == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("SEATSYNC-1", "SEATSYNC-1"), (" X ", "X"), ("", None), ("  ", None), (None, None)],
)
def test_an_empty_serial_number_is_no_marker(given, expected):
    assert line(serialNumber=given).marker == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Billable", Billable.BILLABLE),
        ("DoNotBill", Billable.DO_NOT_BILL),
        ("NoCharge", Billable.NO_CHARGE),
        (None, Billable.BILLABLE),
    ],
)
def test_how_the_customer_is_billed(given, expected):
    assert line(billCustomer=given).billable is expected


def test_an_unknown_way_to_bill_is_refused_by_name_of_the_field():
    with pytest.raises(UnexpectedPayloadError, match="billCustomer") as caught:
        line(billCustomer="Sometimes")

    assert "Sometimes" not in str(caught.value)


def test_the_cancelled_date_is_the_last_billed_day():
    read = line(cancelledDate="2026-03-31T00:00:00Z")

    assert (read.starts, read.ends) == (date(2026, 3, 17), date(2026, 3, 31))


def test_what_a_line_may_lack():
    read = line(
        unitPrice=None, unitCost=None, effectiveDate=None, invoiceDescription=None, cancelledDate=""
    )

    assert (read.unit_price, read.unit_cost, read.starts, read.ends) == (None,) * 4
    assert (read.description, read.product_name) == ("", "")


@pytest.mark.parametrize("field", ["id", "product"])
def test_a_line_without_what_names_it_is_refused(field):
    with pytest.raises(UnexpectedPayloadError, match=field):
        line(**{field: None})
