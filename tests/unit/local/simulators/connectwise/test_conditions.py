"""The language of ``conditions``, a row for each thing it can say."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from local.simulators.connectwise.conditions import ConditionError, moment, parse
from local.simulators.connectwise.fields import Fields

AGREEMENT = {
    "id": 7001,
    "name": 'Managed "Gold" 100%',
    "company": {"id": 250, "identifier": "Contoso", "name": "Contoso Demo"},
    "cancelledFlag": False,
    "billAmount": Decimal("99.90"),
    "startDate": "2026-01-01T00:00:00Z",
    "nextInvoiceDate": "2026-04-01T00:00:00Z",
    "_info": {"lastUpdated": "2026-03-17T12:00:00Z"},
}
COMPANY = {"id": 250, "types": [{"id": 1, "name": "Customer"}, {"id": 2, "name": "Vendor"}]}

kind_of = Fields("Agreement").kind


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("id=7001", True),
        ("id = 7001", True),
        ("id!=7001", False),
        ("id<7001", False),
        ("id<=7001", True),
        ("id>-1", True),
        ("billAmount>=99.9", True),
        ("billAmount=99.91", False),
        ("company/id=250", True),
        ("company/id=250 and cancelledFlag=false", True),
        ("company/id=251 or cancelledFlag=false", True),
        ("id=1 OR company/id=250", True),
        # and binds tighter than or
        ("id=7001 or id=1 and id=2", True),
        ("(id=7001 or id=1) and id=2", False),
        ("not id=1", True),
        ("not (id=7001 or id=1)", False),
        ('company/name="contoso demo"', True),
        ('name="Managed \\"Gold\\" 100%"', True),
        ('company/name like "Contoso*"', True),
        ('company/name like "%demo"', True),
        ('company/name like "Contoso"', False),
        ('company/name not like "Fabrikam*"', True),
        ('name contains "gold"', True),
        ('name contains "100%"', True),
        ('name not contains "silver"', True),
        ("id in (1, 7001)", True),
        ("id not in (1,2)", True),
        ('company/identifier in ("contoso","fabrikam")', True),
        ("startDate=[2026-01-01T00:00:00Z]", True),
        ("startDate>[2025-12-31]", True),
        ("nextInvoiceDate<=[2026-04-01T00:00:00Z]", True),
        ("_info/lastUpdated>[2026-03-17T11:59:59Z]", True),
        # What is absent is found by null, and by nothing else.
        ("endDate=null", True),
        ("endDate!=null", False),
        ("startDate!=null", True),
        ("endDate<[2030-01-01]", False),
        ("endDate!=[2030-01-01]", False),
        ("not endDate<[2030-01-01]", False),
        ("endDate=null or endDate>[2026-03-17]", True),
        ("parentAgreement/id=null", True),
    ],
)
def test_a_condition_holds_or_not(condition, holds):
    assert parse(condition, kind_of)(AGREEMENT) is holds


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "id",
        "id=",
        "id=7001 and",
        "id==7001",
        "(id=7001",
        "id=7001)",
        "id=7001 id=1",
        "id in ()",
        "name='Gold'",
        "name=Gold",
        'id="7001"',
        "cancelledFlag=0",
        'startDate="2026-01-01"',
        "startDate>[yesterday]",
        "id like 7",
        "endDate<null",
        "Id=7001",
        "companyId=250",
        "company=250",
        "company/nope=1",
        "id=7001; drop",
    ],
)
def test_what_cannot_be_understood_is_refused(condition):
    with pytest.raises(ConditionError):
        parse(condition, kind_of)


def test_a_child_condition_looks_into_an_array():
    child_kind = Fields("Company").child_kind

    assert parse('types/name="vendor"', child_kind)(COMPANY)
    assert not parse('types/name="Partner"', child_kind)(COMPANY)
    assert not parse('types/name="vendor"', child_kind)({"id": 1, "types": []})


def test_arrays_are_for_child_conditions_and_plain_fields_are_not():
    with pytest.raises(ConditionError):
        parse('types/name="Vendor"', Fields("Company").kind)
    with pytest.raises(ConditionError):
        parse("id=250", Fields("Company").child_kind)


def test_a_moment_without_a_zone_is_utc():
    assert moment("2026-03-17") == datetime(2026, 3, 17, tzinfo=UTC)
