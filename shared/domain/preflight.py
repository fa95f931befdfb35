"""Pre-flight: what stands in the way of billing on an agreement, before anything is written.

The planner judges again at each write; a pre-flight says beforehand, for a whole agreement, what it
would stumble over, and what it would bill without anybody having meant it.

Source: docs/psa-adapters.md, "What a pre-flight checks"
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Product,
    is_ours,
    marks,
)
from shared.domain.ids import AgreementId, CompanyId, CustomerId, LineId, RowId
from shared.domain.mappings import LineGroup


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    BLOCK = "block"  # nothing can be written until somebody acts
    WARN = "warn"  # an invoice may become other than somebody expects
    INFO = "info"  # good to know


class FindingKind(StrEnum):
    """What a pre-flight finds."""

    UNREADABLE = "unreadable"
    OTHER_COMPANY = "other_company"
    PROBLEM = "problem"
    INACTIVE = "inactive"
    ENDED = "ended"
    ENDS_BEFORE_COMMITMENT = "ends_before_commitment"
    UNKNOWN_CYCLE = "unknown_cycle"
    LONG_CYCLE = "long_cycle"
    UNKNOWN_INVOICED = "unknown_invoiced"
    NO_PRORATION = "no_proration"
    CHILD_AGREEMENT = "child_agreement"
    PARENT_AGREEMENT = "parent_agreement"
    PRODUCT = "product"
    SEVERAL_LINES = "several_lines"
    OTHER_TOOL = "other_tool"
    ENDING_LINE = "ending_line"
    LESS_INCLUDED = "less_included"
    NOT_WHOLE = "not_whole"
    COMPUTED = "computed"
    PRICE = "price"
    HALF_MADE = "half_made"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, in words that say what to do.

    Attributes:
        line_ids: The lines that it is about; none when it is about the agreement.
        row_ids: The rows that bill through what it is about.
    """

    kind: FindingKind
    severity: Severity
    text: str
    line_ids: tuple[LineId, ...] = ()
    row_ids: tuple[RowId, ...] = ()


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """The pre-flight of one agreement.

    Attributes:
        agreement: Its header; ``None`` when it could not be read.
        customer_ids: Customers of its company that are billed here.
        findings: The worst first.
    """

    agreement_id: AgreementId
    company_id: CompanyId | None
    agreement: Agreement | None
    customer_ids: tuple[CustomerId, ...]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; ``None`` without one."""
        return self.findings[0].severity if self.findings else None


@dataclass(frozen=True, slots=True)
class CommitmentEnd:
    """The last day that a row's seats are paid for at Microsoft, where that is not a guess."""

    row_id: RowId
    name: str
    ends: date


@dataclass(frozen=True, slots=True)
class BilledGroup:
    """A line group that bills, or is about to bill, on the agreement.

    Attributes:
        line_id: Its standing line; ``None`` before the first write.
        adopts: Whether its first line may be one that somebody else made.
        product: ``None`` when the catalogue has none with the profile's id.
        price: The price of a seat that the profile sets; ``None`` leaves it to the PSA.
    """

    group: LineGroup
    row_ids: tuple[RowId, ...]
    line_id: LineId | None
    adopts: bool
    product: Product | None
    price: Decimal | None
    commitments: tuple[CommitmentEnd, ...] = ()

    @property
    def takes_over(self) -> bool:
        """Whether it is still to find its line among those that are there."""
        return self.line_id is None and self.adopts

    def owns(self, line: AgreementLine) -> bool:
        """Return whether the line is the group's, by the ledger or by its mark."""
        return line.line_id == self.line_id or marks(self.group.group_id, line)


@dataclass(frozen=True, slots=True)
class PreflightRequest:
    """Everything a pre-flight depends on.

    Attributes:
        children: Agreements that name this one as their parent, where the PSA tells.
        groups: Of all customers of the agreement's company.
        today: The PSA's calendar date.
    """

    agreement: Agreement
    children: tuple[Agreement, ...]
    lines: tuple[AgreementLine, ...]
    groups: tuple[BilledGroup, ...]
    capabilities: Capabilities
    today: date


def findings_of(request: PreflightRequest) -> tuple[Finding, ...]:
    """Return what a person should know before lines of the agreement are written, worst first."""
    found = [*_of_header(request), *_of_groups(request), *_of_lines(request)]
    order = list(Severity)
    return tuple(sorted(found, key=lambda one: order.index(one.severity)))


# The agreement -----------------------------------------------------------------------------------


def _of_header(request: PreflightRequest) -> Iterator[Finding]:
    agreement, today = request.agreement, request.today
    if agreement.problem is not None:
        yield Finding(FindingKind.PROBLEM, Severity.BLOCK, agreement.problem)
    if not agreement.active:
        text = "the agreement is not active; activate it, or map to another one"
        yield Finding(FindingKind.INACTIVE, Severity.BLOCK, text)
    if agreement.ends is not None and agreement.ends < today:
        text = f"the agreement ended on {agreement.ends}; prolong it, or map to another one"
        yield Finding(FindingKind.ENDED, Severity.BLOCK, text)
    yield from _of_periods(request)
    yield from _of_relatives(request)


def _of_periods(request: PreflightRequest) -> Iterator[Finding]:
    agreement = request.agreement
    if agreement.cycle is None:
        if agreement.problem is None:
            text = (
                f"billing cycle '{agreement.cycle_name}' is not monthly, quarterly or annual; "
                "choose one of these"
            )
            yield Finding(FindingKind.UNKNOWN_CYCLE, Severity.BLOCK, text)
        return
    if agreement.first_uninvoiced is None and agreement.problem is None:
        text = (
            "the PSA does not say through which day the agreement is invoiced; give it a next "
            "invoice date, and bill it in advance or in arrears"
        )
        yield Finding(FindingKind.UNKNOWN_INVOICED, Severity.BLOCK, text)
    if agreement.cycle.months != 1:
        text = (
            f"a billing period lasts {agreement.cycle.months} months: see that the price of a "
            "seat is for as long, and that a change may be charged to the period's end"
        )
        yield Finding(FindingKind.LONG_CYCLE, Severity.WARN, text)
    if request.capabilities.change is ChangeKind.PLAIN_QUANTITY:
        text = "this PSA knows no days: a change counts from the next invoice on, for all of it"
        yield Finding(FindingKind.NO_PRORATION, Severity.INFO, text)
    elif not agreement.prorates:
        text = (
            "proration is off: a change within a period is charged from the next period on; "
            "switch it on to charge it from its day"
        )
        yield Finding(FindingKind.NO_PRORATION, Severity.WARN, text)


def _of_relatives(request: PreflightRequest) -> Iterator[Finding]:
    parent = request.agreement.parent_id
    if parent is not None:
        text = (
            f"this is a child of agreement {parent}: see that the parent's next invoice date is "
            "the one that counts, and that only one of the two bills these licences"
        )
        yield Finding(FindingKind.CHILD_AGREEMENT, Severity.WARN, text)
    if request.children:
        names = ", ".join(f"{one.agreement_id} ({one.name})" for one in request.children)
        text = f"agreements {names} are children of this one: see that none bills the same licences"
        yield Finding(FindingKind.PARENT_AGREEMENT, Severity.WARN, text)


# What bills on it --------------------------------------------------------------------------------


def _of_groups(request: PreflightRequest) -> Iterator[Finding]:
    products = set()
    for group in request.groups:
        if group.group.product_id not in products:
            products.add(group.group.product_id)
            yield from _of_product(group)
        yield from _of_commitments(group, request.agreement)
        yield from _of_rivals(group, request)
        yield from _of_price(group, request)


def _of_product(group: BilledGroup) -> Iterator[Finding]:
    severity = Severity.BLOCK if group.line_id is None else Severity.WARN
    product = group.product
    if product is None:
        text = (
            f"the catalogue has no product {group.group.product_id}; choose another one in the "
            "billing profile"
        )
    elif not product.active:
        text = (
            f"product {product.code or product.name} is inactive; activate it, or choose another "
            "one in the billing profile"
        )
    else:
        return
    yield Finding(FindingKind.PRODUCT, severity, text, _own_line(group), group.row_ids)


def _of_commitments(group: BilledGroup, agreement: Agreement) -> Iterator[Finding]:
    for one in group.commitments:
        if agreement.ends is not None and agreement.ends < one.ends:
            text = (
                f"the agreement ends on {agreement.ends}, and {one.name} is bought until "
                f"{one.ends}: prolong the agreement, or these seats are paid and not billed"
            )
            kind = FindingKind.ENDS_BEFORE_COMMITMENT
            yield Finding(kind, Severity.WARN, text, _own_line(group), (one.row_id,))


def _of_rivals(group: BilledGroup, request: PreflightRequest) -> Iterator[Finding]:
    """Lines of the same product that nobody marked, besides the one line there should be."""
    rivals = tuple(one.line_id for one in _unowned(group, request) if not one.marker)
    names = ", ".join(rivals)
    if group.takes_over:
        if len(rivals) > 1:
            text = (
                f"lines {names} are of one product; end all but the one to take over, or let the "
                "mapping create a new one"
            )
            yield Finding(FindingKind.SEVERAL_LINES, Severity.BLOCK, text, rivals, group.row_ids)
    elif rivals:
        text = (
            f"line {names} of the same product is billed beside the mapped one; end it if it is "
            "for the same seats"
        )
        yield Finding(FindingKind.SEVERAL_LINES, Severity.WARN, text, rivals, group.row_ids)


def _of_price(group: BilledGroup, request: PreflightRequest) -> Iterator[Finding]:
    line = _line_of(group, request)
    if line is None or group.price is None or line.unit_price == group.price:
        return
    text = (
        f"a seat of line {line.line_id} costs {line.unit_price}, and the billing profile says "
        f"{group.price}: the next sync asks whether to change it"
    )
    yield Finding(FindingKind.PRICE, Severity.WARN, text, (line.line_id,), group.row_ids)


def _line_of(group: BilledGroup, request: PreflightRequest) -> AgreementLine | None:
    """The group's line, or the only one that it would take over."""
    own = [one for one in request.lines if one.line_id == group.line_id]
    if own:
        return own[0]
    fitting = _unowned(group, request) if group.takes_over else []
    return fitting[0] if len(fitting) == 1 else None


def _unowned(group: BilledGroup, request: PreflightRequest) -> list[AgreementLine]:
    """Lines of the group's product that somebody else made, and that nobody took over."""
    return [
        line
        for line in request.lines
        if line.product_id == group.group.product_id
        and line.bills_after(request.today)
        and not is_ours(line)
        and not any(one.owns(line) for one in request.groups)
    ]


def _own_line(group: BilledGroup) -> tuple[LineId, ...]:
    return () if group.line_id is None else (group.line_id,)


# Lines -------------------------------------------------------------------------------------------


def _of_lines(request: PreflightRequest) -> Iterator[Finding]:
    for line in request.lines:
        if not line.bills_after(request.today):
            continue
        if is_ours(line):
            yield from _of_ours(line, request)
        if _concerns(line, request):
            yield from _of_contents(line, request)


def _of_ours(line: AgreementLine, request: PreflightRequest) -> Iterator[Finding]:
    ids = (line.line_id,)
    if line.steps == ():
        text = (
            f"line {line.line_id} is ours and has no units: a write was interrupted in between; "
            "press Sync Now, which finishes it"
        )
        yield Finding(FindingKind.HALF_MADE, Severity.WARN, text, ids)
    mapped = any(one.owns(line) for one in request.groups)
    if not mapped and line.ends is None and line.quantity != 0:
        text = (
            f"line {line.line_id} carries our mark {line.marker}, and no mapping bills through it: "
            "nobody keeps its quantity right; end it in the PSA, or map its licence again"
        )
        yield Finding(FindingKind.ORPHAN, Severity.WARN, text, ids)


def _concerns(line: AgreementLine, request: PreflightRequest) -> bool:
    """Whether a mapped row has to do with the line; all lines count where nothing is mapped."""
    return not request.groups or any(
        one.owns(line) or one.group.product_id == line.product_id for one in request.groups
    )


def _of_contents(line: AgreementLine, request: PreflightRequest) -> Iterator[Finding]:
    using = _using(line, request)
    if using and line.ends is not None and not any(one.owns(line) for one in using):
        rows = tuple(row for one in using for row in one.row_ids)
        text = f"line {line.line_id} ends on {line.ends}: the mapped row begins on the day after"
        yield Finding(FindingKind.ENDING_LINE, Severity.INFO, text, (line.line_id,), rows)
        return
    severity = Severity.BLOCK if using else Severity.WARN
    rows = tuple(dict.fromkeys(row for one in using for row in one.row_ids))
    for kind, text in _contents(line, request):
        yield Finding(kind, severity, text, (line.line_id,), rows)


def _using(line: AgreementLine, request: PreflightRequest) -> list[BilledGroup]:
    """The groups that bill through the line, or that wait for what becomes of it."""
    owners = [one for one in request.groups if one.owns(line)]
    if owners or is_ours(line):
        return owners
    return [
        one for one in request.groups if one.takes_over and one.group.product_id == line.product_id
    ]


def _contents(line: AgreementLine, request: PreflightRequest) -> Iterator[tuple[FindingKind, str]]:
    name = f"line {line.line_id}"
    owned = any(one.owns(line) for one in request.groups)
    if line.marker and not is_ours(line) and not owned:
        yield (
            FindingKind.OTHER_TOOL,
            f"{name} carries the mark {line.marker} of another tool; end it there or by 'end "
            "foreign lines' before the mapped row starts, and switch that tool off",
        )
    if line.computed:
        yield (
            FindingKind.COMPUTED,
            f"the PSA computes the quantity of {name}, so nobody may write it; make it a plain "
            "quantity there, or end it and let the mapping create a new line",
        )
    elif line.quantity is None:
        yield (
            FindingKind.NOT_WHOLE,
            f"{name} holds a fraction of a seat; set it to a whole number",
        )
    if line.less_included:
        yield (
            FindingKind.LESS_INCLUDED,
            f"{name} takes {line.less_included} off in the PSA; set that to 0 there, and give the "
            "mapping its included seats",
        )
