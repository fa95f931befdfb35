"""A made-up MSP of any size: tenants with eight licences each, mapped, and in step with its PSA.

What the app knows is put into its tables by its own repositories, as if each line had been taken
over two months ago; only that it is written in batches, which no use case would need.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from local.sample.agreements import Kind, add_months, terms
from local.simulators.microsoft.builders import a_state, a_subscription, a_tenant, an_id
from local.simulators.microsoft.state import MicrosoftState, Subscription
from local.sites import site as told
from local.sites.site import Site, Story
from shared.adapters.clock import SystemClock
from shared.adapters.tables.repositories import repositories
from shared.adapters.tables.table import Create, Entity, Operation, Put, Table, Tables
from shared.domain.agreements import Agreement, AgreementLine
from shared.domain.customers import Customer, CustomerState
from shared.domain.ids import (
    AgreementId,
    CompanyId,
    ConnectionName,
    CustomerId,
    ProductId,
    ProfileId,
    RowId,
    SkuId,
    TenantId,
    sku_row,
)
from shared.domain.ledger import InForce, Ledger
from shared.domain.mappings import (
    Billable,
    BillingProfile,
    DescriptionOptions,
    ExistingLine,
    Mapping,
    OnDrift,
    PriceKind,
    PricePolicy,
    group_of,
)
from shared.domain.quantities import Grace
from shared.ports import PsaGateway, ReadsManyLines

LICENCES = 8
SEATS = 10
CHANGED_PART = 0.1
"""Of all lines; one of a tenant's at most, so that as many line groups have work at once."""

MAIN = ConnectionName("main")
_FIRST_COMPANY, _FIRST_PRODUCT, _FIRST_AGREEMENT, _FIRST_LINE = 1000, 100, 7000, 100_000
_TAKEN_OVER_BEFORE = timedelta(days=60)
_MONTHS_OLD = 3


@dataclass(frozen=True, slots=True)
class Fleet:
    """An MSP's customers by number, from 0."""

    tenants: int
    site: Site

    @property
    def lines(self) -> int:
        """How many lines its agreements have."""
        return self.tenants * LICENCES

    @property
    def changes(self) -> int:
        """How many lines change in a changed cycle."""
        return round(self.lines * CHANGED_PART)

    def changed(self) -> Iterator[tuple[str, str]]:
        """Return tenant and subscription of each purchase that a changed cycle finds grown."""
        for number in range(self.changes):
            yield self.purchase(number)

    def purchase(self, number: int) -> tuple[str, str]:
        """Return tenant and subscription of one of a customer's purchases."""
        return _tenant_id(number), _subscription(number, number % LICENCES).id

    def customer_id(self, number: int) -> CustomerId:
        """Return a customer's id."""
        return CustomerId(f"customer-{number:05}")

    def tenant_id(self, number: int) -> str:
        """Return the id of a customer's tenant."""
        return _tenant_id(number)

    @property
    def product_numbers(self) -> range:
        """The PSA's products, one for each licence."""
        return range(_FIRST_PRODUCT, _FIRST_PRODUCT + LICENCES)

    def microsoft(self) -> MicrosoftState:
        """Return what Microsoft holds."""
        tenants = [
            a_tenant(_name(number), [_subscription(number, which) for which in range(LICENCES)])
            for number in range(self.tenants)
        ]
        return a_state(*tenants)

    def story(self, today: date) -> Story:
        """Return what the PSA holds: a company, an agreement and its lines for each tenant."""
        numbers = range(self.tenants)
        whole = terms(Kind.IN_ADVANCE, today)
        # Autotask keeps a row for each line and period since the contract began.
        calendar = replace(whole, starts=add_months(whole.period_start, -_MONTHS_OLD))
        return Story(
            companies=[told.Company(_FIRST_COMPANY + n, _name(n)) for n in numbers],
            products=[told.Product(_FIRST_PRODUCT + k, _product_name(k)) for k in range(LICENCES)],
            agreements=[
                told.Agreement(_FIRST_AGREEMENT + n, _FIRST_COMPANY + n, calendar) for n in numbers
            ],
            lines=[
                told.Line(
                    _FIRST_LINE + n * LICENCES + k,
                    _FIRST_AGREEMENT + n,
                    _FIRST_PRODUCT + k,
                    SEATS,
                    calendar.starts,
                )
                for n in numbers
                for k in range(LICENCES)
            ],
        )

    def agreement_id(self, number: int) -> AgreementId:
        """Return how Seatsync calls the agreement of a customer."""
        return AgreementId(self.site.agreement_id(_FIRST_AGREEMENT + number))

    def store(self, tables: Tables, gateway: PsaGateway) -> None:
        """Fill the app's tables; the ids of products and lines are asked from the PSA."""
        collected = _CollectedTables(tables)
        kept = repositories(collected, SystemClock())
        now = datetime.now(UTC)
        products = {product.name: product.product_id for product in gateway.list_products()}
        profiles = [_profile(which, products) for which in range(LICENCES)]
        for profile in profiles:
            kept.profiles.add(profile)
        agreements = {one.agreement_id: one for one in gateway.list_agreements(None)}
        lines = _lines(gateway, tuple(agreements.values()))
        for number in range(self.tenants):
            agreement = agreements[self.agreement_id(number)]
            customer = self._customer(number, agreement.company_id, now)
            kept.customers.add(customer)
            own = {line.product_id: line for line in lines[agreement.agreement_id]}
            for profile, sku in zip(profiles, _SKUS, strict=True):
                mapping = _mapping(customer, sku_row(sku), profile, agreement.agreement_id, now)
                kept.mappings.put(None, mapping)
                kept.ledgers.save(
                    None, _ledger(mapping, profile, own[profile.product_id], agreement)
                )
        collected.write()

    def _customer(self, number: int, company_id: CompanyId, now: datetime) -> Customer:
        return Customer(
            customer_id=self.customer_id(number),
            name=_name(number),
            microsoft=MAIN,
            tenant_id=TenantId(_tenant_id(number)),
            psa=MAIN,
            company_id=company_id,
            filter=None,
            state=CustomerState.ACTIVE,
            split=frozenset(),
            added_by="bench",
            added_at=now - _TAKEN_OVER_BEFORE,
        )


_SKUS = tuple(SkuId(str(UUID(int=1_000_000 + which, version=4))) for which in range(LICENCES))


def _name(number: int) -> str:
    return f"Made-up Company {number:05}"


def _tenant_id(number: int) -> str:
    return an_id(f"tenant-{_name(number)}")


def _subscription(number: int, which: int) -> Subscription:
    name = f"{_name(number)}-{which}"
    return a_subscription(_SKUS[which], SEATS, part_number=f"SAMPLE_{which}", name=name)


def _product_name(which: int) -> str:
    return f"Licence {which}"


def _profile(which: int, products: dict[str, ProductId]) -> BillingProfile:
    return BillingProfile(
        profile_id=ProfileId(f"profile-{which}"),
        name=_product_name(which),
        psa=MAIN,
        product_id=products[_product_name(which)],
        agreement_types=(),
        price=PricePolicy(PriceKind.PSA),
        billable=Billable.BILLABLE,
    )


def _mapping(
    customer: Customer,
    row_id: RowId,
    profile: BillingProfile,
    agreement_id: AgreementId,
    now: datetime,
) -> Mapping:
    return Mapping(
        customer_id=customer.customer_id,
        row_id=row_id,
        profile_id=profile.profile_id,
        agreement_id=agreement_id,
        included=0,
        minimum=0,
        negative_prorate=False,
        override_start=None,
        description=DescriptionOptions(),
        grace=Grace.ONLY_WITHOUT_ACTIVE,
        count_trials=False,
        existing_line=ExistingLine.ADOPT,
        on_drift=OnDrift.HOLD,
        saved_by="bench",
        saved_at=now - _TAKEN_OVER_BEFORE,
    )


def _ledger(
    mapping: Mapping, profile: BillingProfile, line: AgreementLine, agreement: Agreement
) -> Ledger:
    taken_over = add_months(datetime.now(UTC).date().replace(day=1), -2)
    return Ledger(
        mapping.customer_id,
        group_of(mapping, profile).group_id,
        rows=(mapping.row_id,),
        line_id=line.line_id,
        adopted=True,
        last_written=SEATS,
        line_starts=line.starts or taken_over,
        in_force=(InForce(taken_over, SEATS),),
        as_of=taken_over,
        first_uninvoiced=agreement.first_uninvoiced,
        written_at=mapping.saved_at,
    )


_WRITERS = 8
"""Threads that fill the tables and read the PSA: both mostly wait."""


def _lines(
    gateway: PsaGateway, agreements: Sequence[Agreement]
) -> dict[AgreementId, tuple[AgreementLine, ...]]:
    if isinstance(gateway, ReadsManyLines):
        companies = {one.company_id for one in agreements}
        batches = gateway.list_with_lines(companies)
        found = {one.agreement_id: lines for batch in batches for one, lines in batch}
        return {number: lines for number, lines in found.items() if lines is not None}
    numbers = [one.agreement_id for one in agreements]
    with ThreadPoolExecutor(_WRITERS) as pool:
        return dict(zip(numbers, pool.map(gateway.list_lines, numbers), strict=True))


class _CollectedTables(Tables):
    """Tables whose writes wait, and are then made in as few transactions as they fit."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._collected: dict[str, _CollectedTable] = {}

    def table(self, name: str) -> Table:
        made = _CollectedTable(self._tables.table(name))
        return self._collected.setdefault(name, made)

    def write(self) -> None:
        """Make the writes."""
        for table in self._collected.values():
            table.write()


class _CollectedTable(Table):
    """One of them; nothing can be read from it."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._entities: list[Entity] = []

    def create(self, entity: Entity) -> str:
        self._entities.append(entity)
        return ""

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        for operation in operations:
            assert isinstance(operation, Create | Put)  # noqa: S101 - nothing is there yet
            self._entities.append(operation.entity)
        return [""] * len(operations)

    def write(self) -> None:
        """Make the writes."""
        by_partition = defaultdict(list)
        for entity in self._entities:
            by_partition[entity.partition].append(entity)
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(self._table.put_all, by_partition.values()))
        self._entities.clear()
