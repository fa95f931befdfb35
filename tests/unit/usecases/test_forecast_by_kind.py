"""What a preview says of the next invoice, for a PSA of each kind."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.domain.agreements import Capabilities, ChangeKind, QuantityStep
from shared.usecases.preview import preview_customer
from tests.builders import CUSTOMER, a_line
from tests.house import House
from tests.property.adjusted import AUTOTASK, POSTED_TOO
from tests.property.plain import PLAIN
from tests.property.rows_psa import rows_capabilities

MARCH_18, MARCH_31 = date(2026, 3, 18), date(2026, 3, 31)
APRIL, APRIL_30 = date(2026, 4, 1), date(2026, 4, 30)
DATED = Capabilities(ChangeKind.DATED_LINES, credits=True, description_limit=6000)


def a_house(capabilities: Capabilities) -> House:
    """Ten seats at 31.00; March is invoiced, and it is the 18th."""
    house = House().with_customer().with_mapping().holds(10)
    house.psa.capabilities = capabilities
    line = a_line(quantity=10)
    if capabilities.change is ChangeKind.DATED_ADJUSTMENTS:
        line = replace(line, starts=None, steps=(QuantityStep(date(2026, 1, 1), 10),))
    house.psa.add(line)
    house.cycle()
    return house.on(MARCH_18)


@pytest.mark.parametrize(
    ("capabilities", "items"),
    [
        # 31.00 × 14/31 = 14.00
        (DATED, [(12, APRIL, APRIL_30, "372.00"), (2, MARCH_18, MARCH_31, "28.00")]),
        (POSTED_TOO, [(12, APRIL, APRIL_30, "372.00"), (2, MARCH_18, MARCH_31, "28.00")]),
        # March is posted and closed: the change counts from April.
        (AUTOTASK, [(12, APRIL, APRIL_30, "372.00")]),
        # The row is not part of the quantity before the invoice: 31.00 × (14/31 + 1) = 45.00
        (
            rows_capabilities(negative=False),
            [(10, APRIL, APRIL_30, "310.00"), (2, MARCH_18, APRIL_30, "90.00")],
        ),
        (PLAIN, [(12, APRIL, APRIL_30, "372.00")]),
    ],
    ids=["dated lines", "adjustments, posted too", "adjustments", "rows", "plain"],
)
def test_two_seats_more_in_an_invoiced_month(capabilities, items):
    house = a_house(capabilities).holds(12)

    (preview,) = preview_customer(CUSTOMER, house.services, refresh=True)

    assert preview.forecast is not None
    found = [(i.quantity, i.first, i.last, str(i.amount)) for i in preview.forecast.items]
    assert sorted(found) == sorted(items)


@pytest.mark.parametrize(
    ("capabilities", "total"),
    [
        (DATED, "450.00"),
        (POSTED_TOO, "450.00"),
        (AUTOTASK, "310.00"),
        (rows_capabilities(negative=False), "450.00"),
        (PLAIN, "310.00"),
    ],
    ids=["dated lines", "adjustments, posted too", "adjustments", "rows", "plain"],
)
def test_a_new_line_in_an_invoiced_month(capabilities, total):
    house = House().with_customer().with_mapping().holds(10).on(MARCH_18)
    house.psa.capabilities = capabilities

    (preview,) = preview_customer(CUSTOMER, house.services, refresh=True)

    assert preview.forecast is not None
    assert preview.forecast.total == Decimal(total)
