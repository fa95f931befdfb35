"""The shapes of the answers, for the API's description: ``views`` fills them.

Most are a domain value with a few fields more or less, and follow it by themselves. Nothing is
made of them at run time; the tests hold every answer against them.
"""

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from shared.domain import agreements, history, runs
from shared.domain.alerts import Alert as DomainAlert
from shared.domain.alerts import AlertKind, AlertState
from shared.domain.alerts import Dismissal as DomainDismissal
from shared.domain.approvals import Approval as DomainApproval
from shared.domain.commitments import PartnerSubscription
from shared.domain.custom import CustomLicense as DomainCustomLicense
from shared.domain.customers import Customer as DomainCustomer
from shared.domain.customers import CustomerState, StatedTerm
from shared.domain.forecast import ForecastItem as DomainForecastItem
from shared.domain.foreign_lines import EndOutcome
from shared.domain.ids import CustomerId, RowId, SkuId
from shared.domain.licensing import RowKind, SeatCounts
from shared.domain.licensing import Subscription as DomainSubscription
from shared.domain.mappings import BillingProfile
from shared.domain.mappings import Mapping as DomainMapping
from shared.domain.plans import PlanStatus
from shared.domain.preferences import Preferences
from shared.domain.preflight import Finding, Severity
from shared.domain.reconciliation import ReconciledLine as DomainReconciledLine
from shared.domain.terms import Term
from shared.domain.trends import Managed as DomainManaged
from shared.domain.trends import Trend as DomainTrend
from shared.usecases.configuration import ImportedItem as DomainImportedItem
from shared.usecases.connections import ConnectionTest as DomainConnectionTest
from shared.usecases.connections import ConnectionView
from shared.usecases.customers import AddOutcome
from shared.usecases.foreign_lines import Unread
from shared.usecases.proposals import Proposal
from shared.usecases.reconcile import AllTotals as DomainAllTotals
from shared.usecases.reconcile import CustomerTotals as DomainCustomerTotals
from shared.usecases.tenant_access import TenantAccess
from shared.usecases.undo_run import Undone

T = TypeVar("T")
Type = Any  # a type, or a union of some


class Shape(BaseModel):
    """A JSON object that has exactly these fields."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


def like(name: str, value: type, *, without: tuple[str, ...] = (), **more: Type) -> type[BaseModel]:
    """Return the shape of a domain value.

    Args:
        without: Fields that stay inside.
        more: Fields that are added, or look different, by name.
    """
    hints = get_type_hints(value)
    kept = {one.name: hints[one.name] for one in fields(value) if one.name not in without}
    made: dict[str, Any] = {key: (kind, ...) for key, kind in {**kept, **more}.items()}
    return create_model(name, __base__=Shape, **made)


class Listed(Shape, Generic[T]):
    """A list, or a page of one."""

    items: list[T]
    continuation: str | None


def many(item: Type) -> Type:
    """Return the shape of a list of such items, or a page of one."""
    return Listed[item]


# Customers and what they hold --------------------------------------------------------------------


class UserFilter(Shape):
    """Only what is given."""

    department: list[str] = []
    office: list[str] = []
    city: list[str] = []
    state: list[str] = []


Customer = like("Customer", DomainCustomer, filter=UserFilter | None)


class Candidate(Shape):
    """A tenant that is no customer yet."""

    microsoft: str
    psa: str
    tenant_id: str
    name: str
    domain: str
    company: agreements.Company | None
    score: int
    why: str
    sure: bool


class Refusal(Shape):
    """A problem with one of several things."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, str] = {}


class Added(Shape):
    """What became of one of several customers to add."""

    outcome: AddOutcome
    customer: Customer | None  # type: ignore[valid-type]  # made at run time
    problem: Refusal | None


Mapping = like("Mapping", DomainMapping, etag=str)
Subscription = like(
    "Subscription",
    DomainSubscription,
    owned_by=Literal["partner", "customer", "other"] | None,
    term=Term | None,
    stated_by_person=StatedTerm | None,
    ends=date | None,
    partner=PartnerSubscription | None,
    notes=list[str],
)


class Planned(Shape):
    """What a row's line group needs, and why."""

    quantity: int
    explanation: list[str]


class License(Shape):
    """A row of a customer's page."""

    customer_id: str
    row_id: str
    kind: RowKind
    name: str
    sku_id: str | None
    sku_part_number: str
    active: int | None
    consumed: int | None
    unassigned: int | None
    held_by_disabled: int | None
    held_by_guests: int | None
    counts: SeatCounts | None
    subscriptions: list[Subscription]  # type: ignore[valid-type]  # made at run time
    mapping: Mapping | None  # type: ignore[valid-type]  # made at run time
    proposal: Proposal | None
    planned: Planned | None
    psa_quantity: int | None
    state: Literal[
        "in_step", "change", "held", "blocked", "waiting", "unmapped", "excluded", "unknown"
    ]
    reasons: list[str]
    read_at: datetime | None


class PartnerReading(Shape):
    """When Partner Center was read."""

    read_at: datetime | None
    problem: str


class Licenses(Listed[License]):
    """The company page."""

    customer_id: str
    read_at: datetime | None
    age_seconds: int | None
    stale: bool
    problem: str
    partner_center: PartnerReading | None
    not_in_tenant: list[PartnerSubscription]


class EntraUsers(Shape):
    """All users of the tenant, or some of them."""

    kind: Literal["entra_users"]
    licensed_only: bool
    domain: str | None
    enabled_only: bool


class GroupMembers(Shape):
    """The users in a group."""

    kind: Literal["group_members"]
    group_id: str
    include_disabled: bool
    nested: bool


class CopyOf(Shape):
    """Other rows, added up."""

    kind: Literal["copy"]
    row_ids: list[str]


CustomLicense = like(
    "CustomLicense",
    DomainCustomLicense,
    without=("retired",),
    row_id=RowId,
    source=EntraUsers | GroupMembers | CopyOf,
    etag=str,
)


class CoveredUsers(Shape):
    """A tenant's licensed users."""

    licensed: int
    in_none: int
    in_several: int


class Sharing(Shape):
    """One customer's part of a tenant."""

    customer_id: str
    name: str
    state: CustomerState
    filter: UserFilter | None
    accept_overlap: bool
    users: int | None


class Overlap(Shape):
    """Customers with users in common."""

    customer_ids: list[str]
    users: int


class CustomerSeats(Shape):
    """Seats of one customer's users."""

    customer_id: CustomerId
    seats: int


class SkuCoverage(Shape):
    """One licence of a tenant over its customers."""

    sku_id: SkuId | None
    name: str
    consumed: int | None
    assigned: int
    in_customers: int
    adds_up: bool
    in_none: int
    in_several: int
    held_by_disabled: int
    held_by_guests: int
    customers: list[CustomerSeats]


class Coverage(Shape):
    """A tenant's users over its customers."""

    customer_id: str
    tenant_id: str
    shared: bool
    read_at: datetime | None
    consumed_at: datetime | None
    problem: str
    users: CoveredUsers | None
    customers: list[Sharing]
    overlaps: list[Overlap]
    skus: list[SkuCoverage]
    total: SkuCoverage | None


# The reconciliation ------------------------------------------------------------------------------

ReconciledLine = like(
    "ReconciledLine",
    DomainReconciledLine,
    without=("rows",),
    row_id=str | None,
    row_ids=list[str],
    difference=int | None,
    amount=Decimal | None,
    difference_amount=Decimal | None,
    cost=Decimal | None,
    margin=Decimal | None,
    amount_a_month=Decimal | None,
    difference_a_month=Decimal | None,
    margin_a_month=Decimal | None,
    stale=bool,
)
CustomerTotals = like("CustomerTotals", DomainCustomerTotals)
AllTotals = like("AllTotals", DomainAllTotals)


class Reconciliation(Listed[ReconciledLine]):  # type: ignore[valid-type] # made above
    """A page of lines, and the totals of all where they are asked for."""

    totals: AllTotals | None  # type: ignore[valid-type] # made above


Trend = like("Trend", DomainTrend)

# The configuration as a file --------------------------------------------------------------------

ImportedItem = like("ImportedItem", DomainImportedItem)


class Imported(Listed[ImportedItem]):  # type: ignore[valid-type] # made above
    """What became, or would become, of the items of a file; unchanged ones are only counted."""

    dry_run: bool
    counts: dict[str, int]


# Profiles, plans and the PSA ---------------------------------------------------------------------

Profile = like("BillingProfile", BillingProfile, etag=str)


class Exclusion(Shape):
    """A SKU that no customer is billed for."""

    sku_id: str
    name: str | None
    reason: str


class Exclusions(Listed[Exclusion]):
    """The whole list; ``seeded`` until somebody saves one."""

    seeded: bool


class Agreement(Shape):
    """An agreement's header."""

    agreement_id: str
    company_id: str
    name: str
    type: str
    active: bool
    starts: date | None
    ends: date | None
    cycle: str
    first_uninvoiced: date | None
    next_invoice: date | None
    prorates: bool
    problem: str | None
    parent_id: str | None
    read_at: datetime


def _operation(value: type) -> type[BaseModel]:
    word: Any = Literal[value.__name__]
    return like(value.__name__, value, operation=word, in_words=str)


Operation: Any = (
    _operation(agreements.CreateLine)
    | _operation(agreements.SetQuantity)
    | _operation(agreements.AdjustQuantity)
    | _operation(agreements.AddProrata)
    | _operation(agreements.EndLine)
    | _operation(agreements.RemoveLine)
    | _operation(agreements.SetDescription)
    | _operation(agreements.SetPrice)
)


class PreviewedRow(Shape):
    """A row of a line group."""

    row_id: str
    name: str
    quantity: int | None
    explanation: list[str]


class PreviewReason(Shape):
    """Why nothing would be written."""

    kind: str
    text: str


class CreditDue(Shape):
    """A credit that is reported."""

    starts: date
    ends: date
    seats: int


ForecastItem = like("ForecastItem", DomainForecastItem, share=str)


class Forecast(Shape):
    """A line group's part of the next invoice."""

    period_start: date
    period_end: date
    items: list[ForecastItem]  # type: ignore[valid-type]  # made at run time
    total: Decimal | None


class Preview(Shape):
    """What a sync would send for a line group, or why nothing."""

    group_id: str
    agreement_id: str | None
    agreement: Agreement | None
    rows: list[PreviewedRow]
    status: PlanStatus
    product_id: str = ""
    before: int | None
    after: int | None
    needed: int | None
    previous: int | None
    reasons: list[PreviewReason]
    explanation: list[str]
    operations: list[Operation]
    credits_due: list[CreditDue]
    next_invoice: Forecast | None


class AgreementReport(Shape):
    """The pre-flight of an agreement, its worst finding first."""

    agreement_id: str
    company_id: str | None
    agreement: Agreement | None
    customer_ids: list[str]
    worst: Severity | None
    findings: list[Finding]


class ForeignLine(Shape):
    """A line of another tool, and what would happen to it."""

    customer_id: str
    agreement_id: str
    agreement_name: str
    line_id: str
    product_id: str
    name: str
    marker: str
    quantity: int | None
    starts: date | None
    ends: date | None
    outcome: EndOutcome
    text: str
    warnings: list[str]


class ForeignLines(Listed[ForeignLine]):
    """What would be ended; the fingerprint names just that."""

    unread: list[Unread]
    fingerprint: str


# What happened -----------------------------------------------------------------------------------

Change = like("Change", history.Change, without=("rows",), row_id=RowId | None, row_ids=list[RowId])
Approval = like(
    "Approval",
    DomainApproval,
    without=("rows",),
    approval_id=str,
    row_id=RowId | None,
    row_ids=list[RowId],
)
Dismissal = like("Dismissal", DomainDismissal, without=("alert_id", "matter"))
Alert = like(
    "Alert",
    DomainAlert,
    without=("matter",),
    alert_id=str,
    state=AlertState,
    dismissal=Dismissal | None,
)
Run = like("Run", runs.Run, without=("totals",), items=runs.Totals)
RunItem = like(
    "RunItem",
    runs.RunItem,
    without=("rows", "message"),
    item_id=str,
    row_id=RowId | None,
    row_ids=list[RowId],
)


class Started(Shape):
    """The run that was started."""

    run_id: str


class EndingForeignLines(Started):
    """The run that ends lines of another tool, and what becomes of each."""

    items: list[ForeignLine]


class Undoing(Started):
    """The run that takes another one back, and what becomes of each line group."""

    items: list[Undone]


Settings = like("Settings", Preferences, etag=str)


class ConnectionTests(Listed[DomainConnectionTest]):
    """How each test went."""

    works: bool


Connection = ConnectionView


class TenantAccesses(Listed[TenantAccess]):
    """Tenants, those that cannot be read first; ``problem`` says why Microsoft's list is absent."""

    total: int
    problem: str


class Health(Shape):
    """Whether the app works."""

    status: Literal["ok", "unhealthy"]
    settings: str
    storage: str = ""
    queues: str = ""
    notifiers: dict[str, Literal["ok", "failing", "unused"]] = {}
    next_cycle: datetime | None = None
    last_cycle: Run | None = None  # type: ignore[valid-type]  # made at run time


# At a glance -------------------------------------------------------------------------------------


class AlertCount(Shape):
    """How many open alerts of a kind there are."""

    kind: AlertKind
    total: int


Managed = like("Managed", DomainManaged, seats=int | None, amount=Decimal | None)


class Overview(Shape):
    """What is going on; the worst kind of alert first."""

    approvals: Listed[Approval]  # type: ignore[valid-type]  # made at run time
    alerts: list[AlertCount]
    last_cycle: Run | None  # type: ignore[valid-type]  # made at run time
    next_cycle: datetime | None
    managed: list[Managed]  # type: ignore[valid-type]  # made at run time
    managed_since: date | None
