"""The demo's sample: right on any day, and its rule agrees with the planner by another way."""

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from local.sample import microsoft
from local.sample.agreements import Kind, terms
from local.sample.customers import CUSTOMERS, Ending
from local.sample.microsoft import microsoft_state, row_id
from local.sample.psa import agreement_number, existing_lines, product_id, story
from local.sample.rule import differences, lines_due, seats_due
from local.sample.skus import SKUS, UNKNOWN_TO_MICROSOFTS_TABLE
from local.simulators.connectwise import calendars
from local.simulators.connectwise.state import PsaState
from local.sites.known import SITES
from local.sites.site import DAY, Held
from shared import exact_json
from shared.adapters.http.payload import Payload
from shared.adapters.psa.connectwise import additions, agreements
from shared.domain.agreements import Capabilities, ChangeKind, CreateLine, SetQuantity
from shared.domain.changing.kinds import KINDS
from shared.domain.ids import AgreementId, ProductId
from shared.domain.ledger import Ledger
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, Member, PlanRequest
from shared.domain.quantities import BilledQuantity
from tests.builders import CUSTOMER, a_group, a_mapping
from tests.unit.local.inprocess import in_process

ROOT = Path(__file__).parents[3]
NAMES = ROOT / "shared" / "adapters" / "microsoft" / "sku_names.csv"
A_DAY = date(2026, 3, 17)
# Each day of a leap year: month ends, first days and the 15th among them.
DAYS = [date(2028, 1, 1) + timedelta(days=number) for number in range(366)]

BY_HAND = {
    ("Aspen Sample Dental", "SPB"): 12,
    ("Birch Sample Bakery", "O365_BUSINESS_ESSENTIALS"): 8,
    ("Cedar Sample Legal", "SPB"): 20,
    ("Cedar Sample Legal", "Microsoft_365_Copilot"): 10,
    ("Dogwood Sample Clinic", "SPE_E3"): 15,
    ("Dogwood Sample Clinic", "EMS"): 2,
    ("Dogwood Sample Clinic", "DESKLESSPACK"): 3,
    ("Dogwood Sample Clinic", "PROJECTPROFESSIONAL"): 2,
    ("Elder Sample Builders", "SPE_E5"): 9,
    ("Ginkgo Sample Studios", "SPB"): 15,
    ("Linden Sample Foods", "SPB"): 10,
    ("Linden Sample Foods", "THREAT_INTELLIGENCE"): 5,
}

ON_17_MARCH = [
    # In advance: March is invoiced with 10, so 12 from April and 2 more for the rest of March.
    (7001, "SPB", 12, date(2023, 3, 1), None),
    (7001, "SPB", 2, A_DAY, date(2026, 3, 31)),
    # In arrears: March is not invoiced, and began with 28.
    (7032, "ENTERPRISEPACK", 28, date(2023, 3, 1), None),
    (7032, "ENTERPRISEPACK", 2, A_DAY, date(2026, 3, 31)),
    # Fewer seats in a month that has begun: nothing is credited.
    (7032, "PROJECT_P1", 5, date(2023, 3, 1), None),
    # A year from August: to its end.
    (7039, "SPB", 15, date(2022, 8, 1), None),
    (7039, "SPB", 3, A_DAY, date(2026, 7, 31)),
    # Whole months only: the new line waits for April.
    (7046, "EMSPREMIUM", 14, date(2023, 3, 1), None),
    (7046, "INTUNE_A", 14, date(2026, 4, 1), None),
    # Two licences on one line: 12 less 2 included, and 4.
    (7067, "SPB", 14, date(2023, 3, 1), None),
    (7067, "SPB", 3, A_DAY, date(2026, 3, 31)),
]


def told(psa, today):
    return SITES[psa].dumped(story(psa, today))


def licenses():
    return [(customer, license_) for customer in CUSTOMERS for license_ in customer.licenses]


def test_the_sample_has_twelve_customers_and_about_forty_licences():
    held = {license_.part_number for _, license_ in licenses()}

    assert len(CUSTOMERS) == 12
    assert held == set(SKUS)
    assert 40 <= len(held) <= 45


def test_names_and_ids_are_microsofts_but_for_the_one_that_it_does_not_know():
    with NAMES.open(encoding="utf-8") as file:
        known = {row["sku_id"]: row["display_name"] for row in csv.DictReader(file)}

    unknown = [sku for sku in SKUS.values() if sku.sku_id not in known]

    assert [sku.part_number for sku in unknown] == [UNKNOWN_TO_MICROSOFTS_TABLE]
    assert [sku.name for sku in SKUS.values() if known.get(sku.sku_id, sku.name) != sku.name] == []


def test_the_credentials_are_those_of_the_sample_settings():
    values = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]

    assert values["MICROSOFT__main__TENANT_ID"] == microsoft.PARTNER_TENANT_ID
    assert values["MICROSOFT__main__CLIENT_ID"] == microsoft.CLIENT_ID
    assert values["MICROSOFT__main__CLIENT_SECRET"] == microsoft.CLIENT_SECRET


@pytest.mark.parametrize(("name", "part_number"), BY_HAND)
def test_the_rule_bills_what_was_worked_out_by_hand(name, part_number):
    found = [
        seats_due(license_)
        for customer, license_ in licenses()
        if (customer.name, license_.part_number) == (name, part_number)
    ]

    assert found == [BY_HAND[name, part_number]]


def test_the_rule_holds_the_lines_that_were_worked_out_by_hand():
    due = lines_due("connectwise", A_DAY)

    for agreement, part_number, quantity, starts, ends in ON_17_MARCH:
        assert Held(agreement, product_id(part_number), quantity, starts, ends) in due
    touched = {(agreement, product_id(part)) for agreement, part, *_ in ON_17_MARCH}
    assert len([x for x in due if (x.agreement, x.product) in touched]) == len(ON_17_MARCH)


SEATS_ON_17_MARCH = {
    # Two more from today; for the last twelve days of a month, or of a year, alike.
    "autotask": [
        (7001, "SPB", 10, date(2023, 3, 1), date(2026, 3, 16)),
        (7001, "SPB", 12, A_DAY, None),
        (7032, "ENTERPRISEPACK", 28, date(2023, 3, 1), date(2026, 3, 16)),
        (7032, "ENTERPRISEPACK", 30, A_DAY, None),
        # Fewer from April, which is not said before its eve: nothing would take it back.
        (7032, "PROJECT_P1", 5, date(2023, 3, 1), None),
        (7019, "SPE_E3", 20, date(2023, 3, 1), None),
        (7046, "INTUNE_A", 14, A_DAY, None),
        # Another tool has planned ahead.
        (7061, "AAD_PREMIUM_P2", 8, date(2023, 3, 1), date(2026, 4, 30)),
        (7061, "AAD_PREMIUM_P2", 11, date(2026, 5, 1), None),
    ],
    "halopsa": [
        (7001, "SPB", 10, date(2023, 3, 1), None),
        (7001, "SPB", 2, A_DAY, None),
        (7032, "PROJECT_P1", 5, date(2023, 3, 1), None),
        (7019, "SPE_E3", 15, date(2023, 3, 1), None),
        (7046, "INTUNE_A", 14, A_DAY, None),
    ],
    "syncro": [
        (7001, "SPB", 12, None, None),
        (7032, "PROJECT_P1", 3, None, None),
        (7019, "SPE_E3", 15, None, None),
        (7046, "INTUNE_A", 14, None, None),
        (7061, "AAD_PREMIUM_P2", 3, None, None),
        (7061, "AAD_PREMIUM_P2", 8, None, None),
    ],
}


@pytest.mark.parametrize("psa", SEATS_ON_17_MARCH)
def test_each_psa_holds_the_same_seats_in_its_own_way(psa):
    expected = SEATS_ON_17_MARCH[psa]
    touched = {(agreement, product_id(part)) for agreement, part, *_ in expected}

    due = [one for one in lines_due(psa, A_DAY) if (one.agreement, one.product) in touched]

    assert sorted(due, key=str) == sorted(
        (Held(agreement, product_id(part), *rest) for agreement, part, *rest in expected), key=str
    )


@pytest.mark.parametrize("psa", SITES)
def test_what_is_there_before_is_held_before(psa):
    due = {(one.agreement, one.product) for one in lines_due(psa, A_DAY)}

    found = SITES[psa].held(told(psa, A_DAY))

    assert {(one.agreement, one.product) for one in found} <= due
    assert len(found) == len(list(existing_lines(psa, A_DAY))) + (psa == "autotask")


def test_what_cannot_be_billed_keeps_the_line_it_had():
    due = lines_due("connectwise", A_DAY)

    for customer, license_ in licenses():
        if license_.billing is not None and license_.billing.ending is not Ending.BILLED:
            own = [
                line.quantity
                for line in due
                if line.agreement == agreement_number(customer, license_.billing.agreement)
                and line.product == product_id(license_.part_number)
            ]
            assert own == [license_.billing.line]


def test_the_simulator_reads_the_same_calendar_on_any_day():
    for today in DAYS[::3]:
        state = PsaState()
        state.restore(told("connectwise", today))
        records = {one["name"]: one for one in state.agreements.values()}

        assert set(records) == {kind.value for kind in Kind}
        for kind in Kind:
            own = terms(kind, today)
            assert own.period_start <= today <= own.period_end
            assert calendars.invoiced_through(records[kind.value]) == own.invoiced_through


def test_states_survive_the_way_to_the_simulators():
    sent = exact_json.loads(exact_json.dumps(told("connectwise", A_DAY)))
    state = microsoft_state(A_DAY)

    PsaState().restore(sent)
    assert type(state).model_validate_json(state.model_dump_json()) == state


def test_no_subscription_is_past_its_next_change():
    today = date(2028, 2, 29)
    state = microsoft_state(today)

    for tenant in state.tenants:
        for subscription in tenant.subscriptions:
            assert subscription.created_at.date() < today < subscription.next_lifecycle_at.date()


@pytest.mark.parametrize(
    "today", [day for day in DAYS if day.day in {1, 14, 15, 16, 28, 29, 31}][::2]
)
def test_the_planner_comes_to_the_same_lines_by_its_own_way(today):
    assert differences(lines_due("connectwise", today), planned_lines(today)) == []


def planned_lines(today):
    """The sample's lines after what the planner would write, group by group."""
    state = PsaState()
    state.restore(told("connectwise", today))
    lines = {
        number: Held(one["agreementId"], one["product"]["id"], int(one["quantity"]), day_of(one))
        for number, one in state.additions.items()
    }
    for (agreement, product), members in groups().items():
        made = plan(request(state, agreement, product, members, today))
        if made.reasons:
            continue
        for operation in made.operations:
            if isinstance(operation, SetQuantity):
                number = int(operation.line_id)
                old = lines[number]
                lines[number] = Held(agreement, product, operation.after, old.starts)
            else:
                assert isinstance(operation, CreateLine)
                lines[max(lines) + 1] = Held(
                    agreement, product, operation.quantity, operation.starts, operation.ends
                )
    return list(lines.values())


def request(state, agreement, product, members, today):
    read_at = datetime.combine(today, datetime.min.time(), UTC)
    group = a_group(agreement_id=AgreementId(str(agreement)), product_id=ProductId(str(product)))
    return PlanRequest(
        group=group,
        members=members_of(members, AgreementId(str(agreement))),
        agreement=agreements.agreement(Payload(state.agreements[agreement]), read_at),
        lines=tuple(
            additions.line(Payload(one), AgreementId(str(agreement)))
            for one in state.additions_of(agreement)
        ),
        ledger=Ledger(CUSTOMER, group.group_id),
        today=today,
        capabilities=Capabilities(ChangeKind.DATED_LINES, credits=True, description_limit=6000),
        credit_mode=CreditMode.WRITE,
        product=None,
        owned_elsewhere=frozenset(),
    )


@pytest.mark.parametrize("psa", ["autotask", "halopsa", "syncro"])
@pytest.mark.parametrize("today", [date(2028, 2, day) for day in (1, 14, 15, 28, 29)], ids=str)
def test_what_the_planner_writes_to_each_psa_is_what_the_rule_says(psa, today):
    site, state = SITES[psa], SITES[psa].new_state()
    state.restore(told(psa, today))
    moment = datetime.combine(today, datetime.min.time(), UTC)
    state.now = lambda: moment
    clock = SimpleNamespace(now=lambda: moment, real_now=lambda: moment)
    with in_process(site, state, clock) as gateway:
        if gateway.capabilities.change not in KINDS:
            pytest.skip("this way to change a quantity is not planned yet")
        for (agreement, product), members in groups().items():
            header = gateway.get_agreement(AgreementId(site.agreement_id(agreement)))
            group = a_group(agreement_id=header.agreement_id, product_id=ProductId(str(product)))
            made = plan(
                PlanRequest(
                    group=group,
                    members=members_of(members, header.agreement_id),
                    agreement=header,
                    lines=gateway.list_lines(header.agreement_id),
                    ledger=Ledger(CUSTOMER, group.group_id),
                    today=today,
                    capabilities=gateway.capabilities,
                    credit_mode=CreditMode.WRITE,
                    product=None,
                    owned_elsewhere=frozenset(),
                )
            )
            for operation in () if made.reasons else made.operations:
                gateway.execute(operation)

    assert differences(lines_due(psa, today), site.held(state.dump())) == []


def groups():
    """The licences of each line group whose seats can be known."""
    found = {}
    for customer, license_ in licenses():
        billing = license_.billing
        if billing is not None and billing.ending is not Ending.UNKNOWN:
            key = (
                agreement_number(customer, billing.agreement),
                product_id(billing.product or license_.part_number),
            )
            found.setdefault(key, []).append(license_)
    return found


def members_of(licenses_, agreement_id):
    return tuple(
        Member(
            row_id(one),
            one.part_number,
            a_mapping(row_id(one), agreement_id=agreement_id),
            BilledQuantity(seats_due(one), ("by the rule",)),
        )
        for one in licenses_
    )


def day_of(addition):
    return date.fromisoformat(addition["effectiveDate"][:10])


def test_a_missing_a_foreign_and_a_double_line_are_told():
    line = Held(7001, 101, 12, A_DAY)
    other = Held(7001, 101, 10, A_DAY, A_DAY + DAY)

    assert differences([line], [line]) == []
    assert differences([line, other], [line]) == [
        "missing: agreement 7001, product 101: 10 from 2026-03-17 through 2026-03-18"
    ]
    assert differences([line], [line, other]) == [
        "not due: agreement 7001, product 101: 10 from 2026-03-17 through 2026-03-18"
    ]
    assert differences([line], [line, line]) == [
        "twice: agreement 7001, product 101: 12 from 2026-03-17"
    ]
