"""Valid domain objects: a test names only what it is about.

Everything plays on 17 March 2026. March is invoiced, April is not: a change today needs a dated
line for the rest of March, and April's standing quantity.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.domain.agreements import (
    Agreement,
    AgreementLine,
    Company,
    CreateLine,
    LineKind,
    Operation,
    Product,
    SetQuantity,
    standing_marker,
)
from shared.domain.alerts import Alert, AlertKind, Dismissal
from shared.domain.approvals import Approval, ApprovalState
from shared.domain.custom import CustomLicense, EntraUsers, PeopleCount, Source
from shared.domain.customers import Customer, CustomerState, DirectoryTenant, UserFilter
from shared.domain.descriptions import LineText
from shared.domain.digests import Delivery, DeliveryState, Digest, DigestSection
from shared.domain.history import Change
from shared.domain.ids import (
    AgreementId,
    CompanyId,
    ConnectionName,
    CustomerId,
    CustomLicenseId,
    GroupId,
    LineId,
    ProductId,
    ProfileId,
    RowId,
    RunId,
    SkuId,
    SubscriptionId,
    TenantId,
    custom_row,
    sku_row,
    subscription_row,
)
from shared.domain.intents import Intent
from shared.domain.ledger import Charged, InForce, Ledger
from shared.domain.licensing import (
    AssignedUser,
    Sku,
    Subscription,
    SubscriptionStatus,
    TenantSnapshot,
    UserDetails,
)
from shared.domain.mappings import (
    Billable,
    BillingProfile,
    DescriptionOptions,
    ExistingLine,
    GlobalExclusion,
    LineGroup,
    Mapping,
    OnDrift,
    PriceKind,
    PricePolicy,
    RowExclusion,
)
from shared.domain.periods import Cycle
from shared.domain.quantities import Grace
from shared.domain.reconciliation import LineState, ReconciledLine
from shared.domain.runs import ItemState, Run, RunItem, RunReason, RunState, tally
from shared.ports import LicenseSync, TenantRecord, TenantSync

MAIN = ConnectionName("main")

TENANT = TenantId("11111111-1111-4111-8111-111111111111")
OTHER_TENANT = TenantId("22222222-2222-4222-8222-222222222222")
PARTNER_TENANT = TenantId("99999999-9999-4999-8999-999999999999")
CUSTOMER = CustomerId("contoso")
OTHER_CUSTOMER = CustomerId("fabrikam")

E5 = SkuId("06ebc4ee-1bb5-47dd-8120-11324bc54e06")
BUSINESS_PREMIUM = SkuId("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46")
EXCHANGE = SkuId("4b9405b0-7788-4568-add1-99614e613b69")
PART_NUMBERS = {E5: "SPE_E5", BUSINESS_PREMIUM: "SPB", EXCHANGE: "EXCHANGESTANDARD"}
PRODUCT_NAMES = {
    E5: "Microsoft 365 E5",
    BUSINESS_PREMIUM: "Microsoft 365 Business Premium",
    EXCHANGE: "Exchange Online (Plan 1)",
}
E5_ROW = sku_row(E5)
BUSINESS_PREMIUM_ROW = sku_row(BUSINESS_PREMIUM)
SUBSCRIPTION = SubscriptionId("aaaaaaaa-0000-4000-8000-000000000001")
OTHER_SUBSCRIPTION = SubscriptionId("aaaaaaaa-0000-4000-8000-000000000002")
MANAGED_USERS = CustomLicenseId("managed")
MANAGED_USERS_ROW = custom_row(MANAGED_USERS)
EVERYBODY = EntraUsers(licensed_only=False, domain=None, enabled_only=False)
SUBSCRIPTION_ROW = subscription_row(SUBSCRIPTION)

COMPANY = CompanyId("250")
AGREEMENT = AgreementId("7001")
OTHER_AGREEMENT = AgreementId("7002")
PRODUCT = ProductId("101")
OTHER_PRODUCT = ProductId("102")
LINE = LineId("501")
OTHER_LINE = LineId("502")
PROFILE = ProfileId("e5-monthly")
RUN = RunId("run-1")
EDITOR = "editor@msp.example"

TODAY = date(2026, 3, 17)
NOW = datetime(2026, 3, 17, 9, 30, tzinfo=UTC)
MARCH = date(2026, 3, 1)
APRIL = date(2026, 4, 1)
MONTHLY = Cycle(anchor=date(2026, 1, 1), months=1)


def dollars(amount: str) -> Decimal:
    """Return an amount of money."""
    return Decimal(amount)


# Customers ---------------------------------------------------------------------------------------


def a_customer(
    customer_id: CustomerId = CUSTOMER,
    *,
    name: str = "Contoso",
    tenant_id: TenantId = TENANT,
    company_id: CompanyId = COMPANY,
    microsoft: ConnectionName = MAIN,
    psa: ConnectionName = MAIN,
    user_filter: UserFilter | None = None,
    state: CustomerState = CustomerState.ACTIVE,
    split: Iterable[SkuId] = (),
    added_at: datetime = NOW - timedelta(days=30),
    accept_overlap: bool = False,
) -> Customer:
    return Customer(
        customer_id=customer_id,
        name=name,
        microsoft=microsoft,
        tenant_id=tenant_id,
        psa=psa,
        company_id=company_id,
        filter=user_filter,
        state=state,
        split=frozenset(split),
        added_by=EDITOR,
        added_at=added_at,
        accept_overlap=accept_overlap,
    )


def a_directory_tenant(tenant_id: TenantId = TENANT, *, name: str = "Contoso") -> DirectoryTenant:
    return DirectoryTenant(tenant_id, name, f"{name.lower()}.example")


# What a tenant holds -----------------------------------------------------------------------------


def a_sku(
    sku_id: SkuId = E5,
    *,
    enabled: int | None = 10,
    warning: int | None = 0,
    suspended: int | None = 0,
    locked_out: int | None = 0,
    consumed: int | None = 0,
    absent_since: datetime | None = None,
    proven_absent: bool = False,
) -> Sku:
    return Sku(
        sku_id=sku_id,
        sku_part_number=PART_NUMBERS.get(sku_id, "OTHER"),
        applies_to="User",
        enabled=enabled,
        warning=warning,
        suspended=suspended,
        locked_out=locked_out,
        consumed=consumed,
        absent_since=absent_since,
        proven_absent=proven_absent,
    )


def a_subscription(
    subscription_id: SubscriptionId = SUBSCRIPTION,
    *,
    sku_id: SkuId = E5,
    status: SubscriptionStatus | None = SubscriptionStatus.ENABLED,
    total_licenses: int | None = 10,
    is_trial: bool = False,
    next_lifecycle_at: datetime | None = NOW + timedelta(days=20),
) -> Subscription:
    return Subscription(
        subscription_id=subscription_id,
        commerce_id=f"commerce-{subscription_id[-4:]}",
        sku_id=sku_id,
        sku_part_number=PART_NUMBERS.get(sku_id, "OTHER"),
        status=status,
        total_licenses=total_licenses,
        is_trial=is_trial,
        created_at=NOW - timedelta(days=345),
        next_lifecycle_at=next_lifecycle_at,
        owner_tenant_id=PARTNER_TENANT,
    )


def a_snapshot(
    skus: Iterable[Sku] | None = None,
    subscriptions: Iterable[Subscription] | None = None,
    *,
    tenant_id: TenantId = TENANT,
    taken_at: datetime = NOW,
) -> TenantSnapshot:
    """Return a snapshot; a SKU without a given subscription has none."""
    return TenantSnapshot(
        tenant_id=tenant_id,
        taken_at=taken_at,
        skus=(a_sku(),) if skus is None else tuple(skus),
        subscriptions=() if subscriptions is None else tuple(subscriptions),
    )


def a_tenant_record(
    snapshot: TenantSnapshot | None = None,
    *,
    tenant_id: TenantId = TENANT,
    failures: int = 0,
    failing_since: datetime | None = None,
    problem: str = "",
) -> TenantRecord:
    return TenantRecord(tenant_id, snapshot, failures, failing_since, problem)


def a_user(
    name: str, *sku_ids: SkuId, domain: str = "contoso.example", **details: Any
) -> AssignedUser:
    """Return a user with these licences, E5 if none are given, and with details."""
    address = f"{name.lower().replace(' ', '.')}@{domain}"
    return AssignedUser(name, address, frozenset(sku_ids or (E5,)), UserDetails(**details))


def a_custom_license(
    license_id: CustomLicenseId = MANAGED_USERS,
    *,
    customer_id: CustomerId = CUSTOMER,
    name: str = "Managed users",
    source: Source = EVERYBODY,
    retired: bool = False,
) -> CustomLicense:
    return CustomLicense(customer_id, license_id, name, source, EDITOR, NOW, retired)


def a_people_count(
    seats: int | None = 7,
    *,
    license_id: CustomLicenseId = MANAGED_USERS,
    customer_id: CustomerId = CUSTOMER,
    taken_at: datetime = NOW,
    problem: str = "",
) -> PeopleCount:
    return PeopleCount(customer_id, license_id, EVERYBODY, taken_at, seats, problem)


# Profiles and mappings ---------------------------------------------------------------------------


def a_profile(
    profile_id: ProfileId = PROFILE,
    *,
    name: str = "Microsoft 365 E5 - Monthly",
    psa: ConnectionName = MAIN,
    product_id: ProductId = PRODUCT,
    agreement_types: tuple[str, ...] = (),
    price: PricePolicy | None = None,
    billable: Billable = Billable.BILLABLE,
) -> BillingProfile:
    return BillingProfile(
        profile_id=profile_id,
        name=name,
        psa=psa,
        product_id=product_id,
        agreement_types=agreement_types,
        price=price or PricePolicy(PriceKind.PSA),
        billable=billable,
    )


def a_mapping(
    row_id: RowId = E5_ROW,
    *,
    customer_id: CustomerId = CUSTOMER,
    profile_id: ProfileId = PROFILE,
    agreement_id: AgreementId = AGREEMENT,
    included: int = 0,
    minimum: int = 0,
    negative_prorate: bool = False,
    override_start: date | None = None,
    description: DescriptionOptions | None = None,
    grace: Grace = Grace.ONLY_WITHOUT_ACTIVE,
    count_trials: bool = False,
    existing_line: ExistingLine = ExistingLine.ADOPT,
    on_drift: OnDrift = OnDrift.HOLD,
    saved_at: datetime = NOW - timedelta(days=20),
    effective_from: date | None = None,
    effective_to: date | None = None,
) -> Mapping:
    return Mapping(
        customer_id=customer_id,
        row_id=row_id,
        profile_id=profile_id,
        agreement_id=agreement_id,
        included=included,
        minimum=minimum,
        negative_prorate=negative_prorate,
        override_start=override_start,
        description=description or DescriptionOptions(),
        grace=grace,
        count_trials=count_trials,
        existing_line=existing_line,
        on_drift=on_drift,
        saved_by=EDITOR,
        saved_at=saved_at,
        effective_from=effective_from,
        effective_to=effective_to,
    )


def a_group(
    customer_id: CustomerId = CUSTOMER,
    *,
    psa: ConnectionName = MAIN,
    agreement_id: AgreementId = AGREEMENT,
    product_id: ProductId = PRODUCT,
    price: PricePolicy | None = None,
    billable: Billable = Billable.BILLABLE,
) -> LineGroup:
    return LineGroup(
        customer_id, psa, agreement_id, product_id, price or PricePolicy(PriceKind.PSA), billable
    )


GROUP: GroupId = a_group().group_id
OTHER_GROUP: GroupId = a_group(agreement_id=OTHER_AGREEMENT).group_id


def a_row_exclusion(
    row_id: RowId = E5_ROW, *, customer_id: CustomerId = CUSTOMER, leave_line: bool = False
) -> RowExclusion:
    return RowExclusion(customer_id, row_id, leave_line, EDITOR, NOW)


def a_global_exclusion(sku_id: SkuId = EXCHANGE, *, reason: str = "free") -> GlobalExclusion:
    return GlobalExclusion(sku_id, reason)


# The PSA -----------------------------------------------------------------------------------------


def a_company(
    company_id: CompanyId = COMPANY, *, name: str = "Contoso", website: str = ""
) -> Company:
    return Company(company_id, name, website)


def a_product(
    product_id: ProductId = PRODUCT,
    *,
    code: str = "M365-E5",
    name: str = "Microsoft 365 E5",
    price: Decimal | None = Decimal("31.00"),
    cost: Decimal | None = Decimal("25.00"),
    active: bool = True,
) -> Product:
    return Product(product_id, code, name, price, cost, active)


def an_agreement(
    agreement_id: AgreementId = AGREEMENT,
    *,
    company_id: CompanyId = COMPANY,
    name: str = "Cloud services",
    type_name: str = "Managed services",
    active: bool = True,
    starts: date | None = date(2026, 1, 1),
    ends: date | None = None,
    cycle: Cycle | None = MONTHLY,
    cycle_name: str = "Monthly",
    first_uninvoiced: date | None = APRIL,
    next_invoice: date | None = APRIL,
    prorates: bool = True,
    problem: str | None = None,
    read_at: datetime = NOW,
    parent_id: AgreementId | None = None,
) -> Agreement:
    return Agreement(
        agreement_id=agreement_id,
        company_id=company_id,
        name=name,
        type_name=type_name,
        active=active,
        starts=starts,
        ends=ends,
        cycle=cycle,
        cycle_name=cycle_name,
        first_uninvoiced=first_uninvoiced,
        next_invoice=next_invoice,
        prorates=prorates,
        problem=problem,
        read_at=read_at,
        parent_id=parent_id,
    )


def a_line(
    line_id: LineId = LINE,
    *,
    agreement_id: AgreementId = AGREEMENT,
    product_id: ProductId = PRODUCT,
    quantity: int | None = 10,
    starts: date | None = date(2026, 1, 1),
    ends: date | None = None,
    marker: str | None = None,
    description: str = "Microsoft 365 E5",
    less_included: int = 0,
    unit_price: Decimal | None = Decimal("31.00"),
    unit_cost: Decimal | None = Decimal("25.00"),
    billable: Billable = Billable.BILLABLE,
) -> AgreementLine:
    """Return a line that somebody made by hand; give a marker for one of ours."""
    return AgreementLine(
        agreement_id=agreement_id,
        line_id=line_id,
        product_id=product_id,
        quantity=quantity,
        starts=starts,
        ends=ends,
        marker=marker,
        description=description,
        less_included=less_included,
        unit_price=unit_price,
        unit_cost=unit_cost,
        billable=billable,
    )


def a_create(
    *,
    agreement_id: AgreementId = AGREEMENT,
    marker: str | None = None,
    kind: LineKind = LineKind.STANDING,
    product_id: ProductId = PRODUCT,
    quantity: int = 10,
    starts: date = TODAY,
    ends: date | None = None,
    unit_price: Decimal | None = None,
    description: str | None = None,
    billable: Billable = Billable.BILLABLE,
) -> CreateLine:
    return CreateLine(
        agreement_id=agreement_id,
        marker=marker or standing_marker(GROUP, 1),
        kind=kind,
        product_id=product_id,
        quantity=quantity,
        starts=starts,
        ends=ends,
        unit_price=unit_price,
        description=description,
        billable=billable,
    )


def a_quantity_change(before: int = 10, after: int = 12, *, line_id: LineId = LINE) -> SetQuantity:
    return SetQuantity(AGREEMENT, line_id, before, after)


# What Seatsync remembers -------------------------------------------------------------------------


def a_ledger(
    group_id: GroupId = GROUP,
    *,
    customer_id: CustomerId = CUSTOMER,
    rows: tuple[RowId, ...] = (E5_ROW,),
    line_id: LineId | None = LINE,
    adopted: bool = False,
    generation: int = 1,
    last_written: int | None = 10,
    line_starts: date | None = date(2026, 1, 1),
    started_under: date | None = date(2026, 1, 1),
    line_ends: date | None = None,
    in_force: tuple[InForce, ...] = (InForce(date(2026, 1, 1), 10),),
    charged: tuple[Charged, ...] = (Charged(MARCH, 10, 10),),
    opening: tuple[Charged, ...] = (Charged(MARCH, 10, 10),),
    as_of: date | None = date(2026, 3, 10),
    first_uninvoiced: date | None = APRIL,
    description: str | None = None,
    last_change: str | None = "change-0",
    written_at: datetime | None = NOW - timedelta(days=7),
) -> Ledger:
    """Return the ledger of a line of 10 that was last looked at a week ago."""
    return Ledger(
        customer_id=customer_id,
        group_id=group_id,
        rows=rows,
        line_id=line_id,
        adopted=adopted,
        generation=generation,
        last_written=last_written,
        line_starts=line_starts,
        started_under=started_under,
        line_ends=line_ends,
        in_force=in_force,
        charged=charged,
        opening=opening,
        as_of=as_of,
        first_uninvoiced=first_uninvoiced,
        description=description,
        last_change=last_change,
        written_at=written_at,
    )


def a_change(
    change_id: str = "change-1",
    *,
    customer_id: CustomerId = CUSTOMER,
    group_id: GroupId = GROUP,
    rows: tuple[RowId, ...] = (E5_ROW,),
    at: datetime = NOW,
    actor: str = "timer",
    run_id: RunId = RUN,
    before: int | None = 10,
    after: int | None = 12,
    result: str = "written",
) -> Change:
    return Change(
        change_id=change_id,
        customer_id=customer_id,
        group_id=group_id,
        rows=rows,
        license_name=PRODUCT_NAMES[E5],
        agreement_id=AGREEMENT,
        at=at,
        actor=actor,
        run_id=run_id,
        before=before,
        after=after,
        why=("12 enabled", "12 active"),
        operations=("quantity of line 501 from 10 to 12",),
        result=result,
    )


def an_intent(
    change: Change | None = None,
    operations: tuple[Operation, ...] | None = None,
    *,
    ledger: Ledger | None = None,
    first_uninvoiced: date = APRIL,
    created_at: datetime = NOW,
) -> Intent:
    change = change or a_change()
    return Intent(
        change=change,
        operations=(a_quantity_change(),) if operations is None else operations,
        ledger=ledger or a_ledger(change.group_id, customer_id=change.customer_id, last_written=12),
        first_uninvoiced=first_uninvoiced,
        created_at=created_at,
        follows="change-0",
    )


def a_run(
    run_id: RunId = RUN,
    *,
    reason: RunReason = RunReason.SCHEDULED,
    requested_by: str = "timer",
    state: RunState = RunState.RUNNING,
    started_at: datetime = NOW,
    finished_at: datetime | None = None,
    customers: int = 1,
    lines: int = 1,
    stop_reason: str | None = None,
) -> Run:
    """Return a run; a finished one is closed, with nothing in it."""
    return Run(
        run_id=run_id,
        reason=reason,
        requested_by=requested_by,
        state=state,
        started_at=started_at,
        finished_at=finished_at,
        customers=customers,
        lines=lines,
        stop_reason=stop_reason,
        totals=tally(()).totals if state is RunState.FINISHED else None,
    )


def an_item(
    group_id: GroupId | None = GROUP,
    *,
    run_id: RunId = RUN,
    customer_id: CustomerId = CUSTOMER,
    rows: tuple[RowId, ...] = (E5_ROW,),
    state: ItemState = ItemState.QUEUED,
    before: int | None = None,
    after: int | None = None,
    detail: str = "",
    updated_at: datetime = NOW,
    message: str = "",
) -> RunItem:
    """Return the item of a line group; ``None`` makes it the customer's own."""
    return RunItem(
        run_id=run_id,
        customer_id=customer_id,
        group_id=group_id,
        rows=rows if group_id else (),
        state=state,
        before=before,
        after=after,
        detail=detail,
        updated_at=updated_at,
        message=message,
    )


def an_approval(
    fingerprint: str = "plan-1",
    *,
    customer_id: CustomerId = CUSTOMER,
    group_id: GroupId = GROUP,
    rows: tuple[RowId, ...] = (E5_ROW,),
    approvable: bool = True,
    state: ApprovalState = ApprovalState.OPEN,
    before: int | None = 10,
    after: int | None = 2,
    run_id: RunId = RUN,
    raised_at: datetime = NOW,
) -> Approval:
    return Approval(
        customer_id=customer_id,
        group_id=group_id,
        rows=rows,
        license_name=PRODUCT_NAMES[E5],
        agreement_id=AGREEMENT,
        fingerprint=fingerprint,
        approvable=approvable,
        state=state,
        before=before,
        after=after,
        reasons=("falls from 10 to 2",),
        explanation=("2 enabled", "2 active"),
        operations=("quantity of line 501 from 10 to 2",),
        run_id=run_id,
        raised_at=raised_at,
    )


def a_reconciled_line(
    customer_id: CustomerId = CUSTOMER,
    group_id: GroupId | None = GROUP,
    **fields: Any,
) -> ReconciledLine:
    """Return an E5 line that bills 10 of 12 seats."""
    given: dict[str, Any] = {
        "customer_id": customer_id,
        "customer_name": "Contoso",
        "psa": MAIN,
        "group_id": group_id,
        "rows": (E5_ROW,),
        "name": "Microsoft 365 E5",
        "state": LineState.UNDER_BILLED,
        "checked_at": NOW,
        "active": 12,
        "consumed": 11,
        "planned": 12,
        "billed": 10,
        "unit_price": Decimal("20.00"),
        "unit_cost": Decimal("15.00"),
        "months": 1,
    }
    return ReconciledLine(**{**given, **fields})


def an_alert(
    kind: AlertKind = AlertKind.HELD,
    *,
    customer_id: CustomerId | None = CUSTOMER,
    row_id: RowId | None = E5_ROW,
    subject: str = GROUP,
    text: str = "falls from 10 to 2; approve or reject it",
    raised_at: datetime = NOW,
    cleared_at: datetime | None = None,
) -> Alert:
    return Alert(kind, customer_id, row_id, subject, text, raised_at, cleared_at)


def a_dismissal() -> Dismissal:
    alert = an_alert()
    return Dismissal(
        alert_id=alert.alert_id,
        matter=alert.matter,
        reason="a test tenant",
        by=EDITOR,
        at=NOW,
        until=NOW + timedelta(days=14),
    )


def a_delivery(delivery_id: str = "d1") -> Delivery:
    return Delivery(
        delivery_id=delivery_id,
        notifier="billing",
        digest=Digest("Seatsync: urgent, 1 alert", (DigestSection("Failed", ("no",)),)),
        state=DeliveryState.DUE,
        created_at=NOW,
        next_try_at=NOW,
        give_up_at=NOW + timedelta(days=1),
    )


# Messages ----------------------------------------------------------------------------------------


def a_tenant_sync(
    *,
    run_id: RunId = RUN,
    tenant_id: TenantId = TENANT,
    microsoft: ConnectionName = MAIN,
    customer_ids: tuple[CustomerId, ...] = (CUSTOMER,),
    row_id: RowId | None = None,
    agreements: tuple[Agreement, ...] = (),
    attempt: int = 1,
) -> TenantSync:
    return TenantSync(run_id, tenant_id, microsoft, customer_ids, row_id, agreements, attempt)


def a_license_sync(
    *,
    run_id: RunId = RUN,
    customer_id: CustomerId = CUSTOMER,
    group_id: GroupId = GROUP,
    agreement_id: AgreementId = AGREEMENT,
    agreement: Agreement | None = None,
    text: LineText | None = None,
    approval_id: str | None = None,
    undo_of: str | None = None,
    attempt: int = 1,
) -> LicenseSync:
    return LicenseSync(
        run_id,
        customer_id,
        group_id,
        agreement_id,
        agreement,
        text=text,
        approval_id=approval_id,
        undo_of=undo_of,
        attempt=attempt,
    )
