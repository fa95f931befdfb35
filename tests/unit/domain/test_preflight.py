"""What a pre-flight finds on one agreement, and how much it matters."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.agreements import AgreementLine, Capabilities, ChangeKind, standing_marker
from shared.domain.agreements import QuantityStep as Step
from shared.domain.ids import AgreementId
from shared.domain.mappings import PriceKind, PricePolicy
from shared.domain.periods import Cycle
from shared.domain.preflight import (
    BilledGroup,
    CommitmentEnd,
    FindingKind,
    PreflightRequest,
    Severity,
    findings_of,
)
from tests.builders import (
    E5_ROW,
    LINE,
    OTHER_LINE,
    OTHER_PRODUCT,
    TODAY,
    a_group,
    a_line,
    a_product,
    an_agreement,
    dollars,
)

DATED_LINES = Capabilities(ChangeKind.DATED_LINES, credits=True, description_limit=6000)
PLAIN = Capabilities(ChangeKind.PLAIN_QUANTITY, credits=False, description_limit=100)
OURS = standing_marker(a_group().group_id, 1)
FOREIGN_OURS = standing_marker(a_group(product_id=OTHER_PRODUCT).group_id, 1)


def billed(**fields: object) -> BilledGroup:
    group = BilledGroup(
        group=a_group(),
        row_ids=(E5_ROW,),
        line_id=None,
        adopts=True,
        product=a_product(),
        price=None,
    )
    return replace(group, **fields)  # type: ignore[arg-type]  # fields by name


def preflight(
    *lines: AgreementLine,
    groups: tuple[BilledGroup, ...] | None = None,
    children: tuple[str, ...] = (),
    capabilities: Capabilities = DATED_LINES,
    **header: object,
) -> list[tuple[str, str]]:
    """Return kind and severity of what is found."""
    request = PreflightRequest(
        agreement=an_agreement(**header),  # type: ignore[arg-type]  # fields by name
        children=tuple(an_agreement(AgreementId(one), name="Backup") for one in children),
        lines=lines,
        groups=(billed(),) if groups is None else groups,
        capabilities=capabilities,
        today=TODAY,
    )
    found = findings_of(request)
    assert all(one.text for one in found)
    return [(one.kind.value, one.severity.value) for one in found]


def test_an_agreement_that_is_ready_has_no_finding():
    assert preflight(a_line()) == []


@pytest.mark.parametrize(
    ("header", "finding"),
    [
        ({"problem": "it is billed one time only"}, ("problem", "block")),
        ({"active": False}, ("inactive", "block")),
        ({"ends": date(2026, 3, 16)}, ("ended", "block")),
        ({"cycle": None, "cycle_name": "Weekly"}, ("unknown_cycle", "block")),
        ({"first_uninvoiced": None}, ("unknown_invoiced", "block")),
        ({"cycle": Cycle(date(2026, 1, 1), 3)}, ("long_cycle", "warn")),
        ({"cycle": Cycle(date(2026, 1, 1), 12)}, ("long_cycle", "warn")),
        ({"prorates": False}, ("no_proration", "warn")),
        ({"parent_id": AgreementId("7000")}, ("child_agreement", "warn")),
        ({"children": ("7009",)}, ("parent_agreement", "warn")),
        ({"capabilities": PLAIN, "prorates": False}, ("no_proration", "info")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_agreement_itself_is_judged(header, finding):
    assert preflight(a_line(), **header) == [finding]


def test_an_agreement_that_ends_today_still_bills():
    assert preflight(ends=TODAY) == []


def test_what_a_problem_explains_already_is_not_said_twice():
    found = preflight(problem="it has no start date", cycle=None, first_uninvoiced=None)

    assert found == [("problem", "block")]


def test_the_worst_comes_first():
    found = preflight(prorates=False, active=False, cycle=Cycle(date(2026, 1, 1), 12))

    assert [severity for _, severity in found] == ["block", "warn", "warn"]


@pytest.mark.parametrize(
    ("agreement_ends", "committed_until", "found"),
    [
        (date(2026, 12, 31), date(2027, 1, 31), [("ends_before_commitment", "warn")]),
        (date(2027, 1, 31), date(2027, 1, 31), []),
        (None, date(2027, 1, 31), []),
    ],
    ids=["before", "on the day", "without an end"],
)
def test_an_agreement_has_to_last_as_long_as_the_commitment(agreement_ends, committed_until, found):
    group = billed(commitments=(CommitmentEnd(E5_ROW, "Microsoft 365 E5", committed_until),))

    assert preflight(groups=(group,), ends=agreement_ends) == found


@pytest.mark.parametrize("product", [None, a_product(active=False)], ids=["unknown", "inactive"])
@pytest.mark.parametrize(("line_id", "severity"), [(None, "block"), (LINE, "warn")])
def test_a_product_that_cannot_be_sold_blocks_only_a_new_line(product, line_id, severity):
    group = billed(product=product, line_id=line_id)

    assert preflight(a_line(), groups=(group,)) == [("product", severity)]


def test_several_lines_of_one_product_leave_nothing_to_take_over():
    assert preflight(a_line(), a_line(OTHER_LINE)) == [("several_lines", "block")]


def test_a_line_beside_ours_may_bill_the_same_seats_twice():
    found = preflight(a_line(marker=OURS), a_line(OTHER_LINE), groups=(billed(line_id=LINE),))

    assert found == [("several_lines", "warn")]


def test_ended_lines_and_lines_of_other_products_do_not_count():
    ended = a_line(OTHER_LINE, ends=date(2026, 2, 28), less_included=2)
    other = a_line(OTHER_LINE, product_id=OTHER_PRODUCT, less_included=2, quantity=None)

    assert preflight(a_line(), ended, other) == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"marker": "ACME-1"}, "other_tool"),
        ({"quantity": None}, "not_whole"),
        ({"less_included": 2}, "less_included"),
        ({"computed": True}, "computed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_the_row_waits_for_blocks_and_a_stranger_warns(fields, kind):
    line = replace(a_line(OTHER_LINE), **fields)
    waiting, settled = billed(), billed(line_id=LINE)

    assert (kind, "block") in preflight(line, groups=(waiting,))
    assert (kind, "warn") in preflight(a_line(marker=OURS), line, groups=(settled,))
    assert (kind, "warn") in preflight(line, groups=())


@pytest.mark.parametrize("marker", ["ACME-1", None], ids=["marked", "unmarked"])
def test_a_line_that_ends_lets_the_row_begin_after_it(marker):
    line = a_line(marker=marker, ends=date(2026, 3, 31), less_included=2)

    assert preflight(line) == [("ending_line", "info")]


def test_a_mapping_that_makes_its_own_line_is_not_blocked_by_another_tools():
    found = preflight(a_line(marker="ACME-1"), groups=(billed(adopts=False),))

    assert found == [("other_tool", "warn")]


def test_our_own_line_with_units_taken_off_blocks():
    line = a_line(marker=OURS, less_included=2)

    assert preflight(line, groups=(billed(line_id=LINE),)) == [("less_included", "block")]


@pytest.mark.parametrize(
    ("line_id", "price", "found"),
    [
        (LINE, "29.95", [("price", "warn")]),
        (None, "29.95", [("price", "warn")]),
        (LINE, "31.00", []),
        (LINE, "31", []),
    ],
    ids=["ours", "to be taken over", "the same", "the same, written otherwise"],
)
def test_a_price_that_the_profile_would_change_is_told(line_id, price, found):
    group = billed(line_id=line_id, price=dollars(price))

    assert preflight(a_line(), groups=(group,)) == found


def test_a_line_of_ours_without_units_was_interrupted():
    line = replace(a_line(marker=OURS), steps=(), quantity=0)

    assert preflight(line) == [("half_made", "warn")]
    assert preflight(replace(line, steps=(Step(TODAY, 10),), quantity=10)) == []


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, [("orphan", "warn")]),
        ({"quantity": 0}, []),
        ({"ends": date(2026, 3, 31)}, []),
    ],
    ids=["goes on", "bills nothing", "runs off"],
)
def test_a_line_with_our_mark_that_nothing_is_mapped_to_is_an_orphan(fields, found):
    line = replace(a_line(marker=FOREIGN_OURS, product_id=OTHER_PRODUCT), **fields)

    assert preflight(line) == found


def test_marks_of_every_kind_and_generation_belong_to_their_group():
    group = a_group()
    dated = "SEATSYNC-" + FOREIGN_OURS[len("SEATSYNC-") :]
    marks = [standing_marker(group.group_id, 1), standing_marker(group.group_id, 3)]

    assert [billed().owns(a_line(marker=mark)) for mark in marks] == [True, True]
    assert not billed().owns(a_line(marker=dated))
    assert not billed().owns(a_line(marker=f"{marks[0]}0"))
    assert not billed().owns(a_line(marker=None))


@pytest.mark.parametrize(
    ("policy", "of_product", "price"),
    [
        (PricePolicy(PriceKind.PSA), "31.00", None),
        (PricePolicy(PriceKind.FIXED, dollars("29.95")), None, "29.95"),
        (PricePolicy(PriceKind.PERCENT, dollars("-10")), "31.05", "27.95"),  # 27.945
        (PricePolicy(PriceKind.PERCENT, dollars("-10")), None, None),
    ],
    ids=["the PSA's", "fixed", "percent, half up", "percent of nothing"],
)
def test_a_price_policy_says_what_a_seat_costs(policy, of_product, price):
    product = None if of_product is None else dollars(of_product)

    assert policy.price(product) == (None if price is None else dollars(price))


def test_every_kind_has_a_severity_that_is_known():
    assert {*Severity} == {"block", "warn", "info"}
    assert len({*FindingKind}) == 22
