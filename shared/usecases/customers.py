"""Add, change and remove customers, and find tenants that are not added yet."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.agreements import Company
from shared.domain.customers import (
    Customer,
    CustomerState,
    DirectoryTenant,
    UserFilter,
)
from shared.domain.errors import ConflictError, InvalidInputError, SeatsyncError
from shared.domain.history import Change
from shared.domain.ids import CompanyId, ConnectionName, CustomerId, RowId, TenantId
from shared.domain.matching import best_matches
from shared.ports import Page, Services, Versioned
from shared.usecases.compare_tenants import customer_is_removed, tenant_is_added
from shared.usecases.count_tenant import tenant_customers
from shared.usecases.versions import check_version


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """A customer as a person fills it in; the fields are those of ``Customer``."""

    name: str
    microsoft: ConnectionName
    tenant_id: TenantId
    psa: ConnectionName
    company_id: CompanyId
    filter: UserFilter | None


@dataclass(frozen=True, slots=True)
class FilterChange:
    """Another user filter, or none from now on."""

    filter: UserFilter | None


@dataclass(frozen=True, slots=True)
class CustomerChanges:
    """What to change of a customer; ``None`` leaves it as it is."""

    name: str | None = None
    state: CustomerState | None = None
    filter: FilterChange | None = None
    accept_overlap: bool | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tenant that is not a customer yet.

    Attributes:
        company: The best-matching PSA company, if any comes near.
        score: From 0 to 100.
        why: What matched, in words, and what makes it unsure.
        sure: Whether a person need not choose.
    """

    microsoft: ConnectionName
    psa: ConnectionName
    tenant: DirectoryTenant
    company: Company | None
    score: int
    why: str
    sure: bool


class AddOutcome(StrEnum):
    """What became of a customer among several to add."""

    CREATED = "created"
    EXISTS = "exists"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class BulkDraft:
    """One of several customers to add.

    Attributes:
        share_company: A person has said that the company is that of several tenants.
    """

    draft: CustomerDraft
    share_company: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one of several customers.

    Attributes:
        customer: The new one, or the one that is there already.
        problem: Why it was refused.
    """

    outcome: AddOutcome
    customer: Customer | None = None
    problem: SeatsyncError | None = None


def add_customer(draft: CustomerDraft, services: Services, *, actor: str) -> Versioned[Customer]:
    """Add a customer.

    Raises:
        InvalidInputError: A connection, tenant or company cannot be used; it says which.
        ConflictError: The same tenant is a customer with the same company or the same filter.
    """
    return _Adding(services, actor).add(draft)


def add_customers(
    drafts: Iterable[BulkDraft], services: Services, *, actor: str
) -> tuple[Added, ...]:
    """Add several customers, each on its own: one that is refused stops no other.

    One that is there already is found, so that repeating all of it adds nobody twice. A company
    that another tenant's customer has is refused unless a person said that they share it.
    """
    adding = _Adding(services, actor)
    return tuple(adding.added(one) for one in drafts)


class _Adding:
    """Adds customers one after the other; what they are checked against is read once."""

    def __init__(self, services: Services, actor: str) -> None:
        self._services = services
        self._actor = actor
        self._customers = [
            one for one in services.customers.all() if one.state is not CustomerState.DELETED
        ]
        self._companies: dict[ConnectionName, frozenset[CompanyId] | SeatsyncError] = {}

    def added(self, one: BulkDraft) -> Added:
        """Add a customer, find it, or say why not."""
        known = next((c for c in self._customers if _is_same(c, one.draft)), None)
        if known is not None:
            return Added(AddOutcome.EXISTS, known)
        try:
            if not one.share_company:
                self._check_company_is_free(one.draft)
            return Added(AddOutcome.CREATED, self.add(one.draft).value)
        except SeatsyncError as error:
            return Added(AddOutcome.REFUSED, problem=error)

    def add(self, draft: CustomerDraft) -> Versioned[Customer]:
        """Add a customer; see ``add_customer``."""
        services = self._services
        errors: dict[str, str] = {}
        if draft.microsoft not in services.connections.microsoft_names():
            errors["microsoft"] = "there is no such Microsoft connection"
        if draft.psa not in services.connections.psa_names():
            errors["psa"] = "there is no such PSA connection"
        elif draft.company_id not in self._companies_of(draft.psa):
            errors["company_id"] = "the PSA has no such company"
        if errors:
            raise InvalidInputError(errors)
        _check_users_are_free(
            (one for one in self._customers if one.tenant_id == draft.tenant_id), draft.filter
        )
        added = services.customers.add(
            Customer(
                customer_id=CustomerId(services.ids.new()),
                name=draft.name,
                microsoft=draft.microsoft,
                tenant_id=draft.tenant_id,
                psa=draft.psa,
                company_id=draft.company_id,
                filter=draft.filter,
                state=CustomerState.ACTIVE,
                split=frozenset(),
                added_by=self._actor,
                added_at=services.clock.now(),
            )
        )
        self._customers.append(added.value)
        tenant_is_added(draft.tenant_id, services)
        return added

    def _companies_of(self, psa: ConnectionName) -> frozenset[CompanyId]:
        """A PSA's companies; one that cannot be read is asked once, not for each customer."""
        if psa not in self._companies:
            try:
                found = self._services.connections.psa(psa).gateway.list_companies()
                self._companies[psa] = frozenset(one.company_id for one in found)
            except SeatsyncError as error:
                self._companies[psa] = error
        known = self._companies[psa]
        if isinstance(known, SeatsyncError):
            raise known
        return known

    def _check_company_is_free(self, draft: CustomerDraft) -> None:
        for other in self._customers:
            same = (other.psa, other.company_id) == (draft.psa, draft.company_id)
            if same and other.tenant_id != draft.tenant_id:
                raise ConflictError(
                    f"company {draft.company_id} is customer {other.name} ({other.customer_id}) "
                    "with another tenant; choose another company, or say that they share it"
                )


def _is_same(customer: Customer, draft: CustomerDraft) -> bool:
    return (
        customer.microsoft,
        customer.tenant_id,
        customer.psa,
        customer.company_id,
        customer.filter,
    ) == (draft.microsoft, draft.tenant_id, draft.psa, draft.company_id, draft.filter)


def change_customer(
    customer_id: CustomerId,
    services: Services,
    *,
    if_match: str | None,
    changes: CustomerChanges,
) -> Versioned[Customer]:
    """Rename, pause or resume a customer, or say which users are its own.

    With another user filter an accepted overlap is forgotten: it was accepted of other users.

    Raises:
        NotFoundError: There is no such customer.
        StaleVersionError: Somebody saved it first.
        ConflictError: It is deleted, or another customer of the tenant has the same filter.
    """
    read = _read(customer_id, services, if_match)
    old = read.value
    if old.state is CustomerState.DELETED:
        raise ConflictError("the customer is deleted; add it again")
    new_filter = old.filter if changes.filter is None else changes.filter.filter
    accepts = old.accept_overlap
    if new_filter != old.filter:
        others = tenant_customers(old.tenant_id, services)
        _check_users_are_free((c for c in others if c.customer_id != customer_id), new_filter)
        accepts = False
    return services.customers.save(
        read,
        replace(
            old,
            name=old.name if changes.name is None else changes.name,
            state=old.state if changes.state is None else changes.state,
            filter=new_filter,
            accept_overlap=accepts if changes.accept_overlap is None else changes.accept_overlap,
        ),
    )


def delete_customer(customer_id: CustomerId, services: Services, *, if_match: str | None) -> None:
    """Stop syncing a customer; its history stays, and so do its lines in the PSA.

    Raises:
        NotFoundError: There is no such customer.
        StaleVersionError: Somebody saved it first.
    """
    read = _read(customer_id, services, if_match)
    if read.value.state is not CustomerState.DELETED:
        services.customers.save(read, replace(read.value, state=CustomerState.DELETED))
        customer_is_removed(read.value, services)
        services.reconciliation.replace(customer_id, ())


def list_customers(
    services: Services,
    *,
    continuation: str | None,
    limit: int,
    deleted: bool = False,
    state: CustomerState | None = None,
) -> Page[Customer]:
    """Return customers by name, a page at a time.

    Args:
        deleted: Whether deleted ones are among them.
        state: Only those in this state.
    """
    found: list[Customer] = []
    while True:
        page = services.customers.list(continuation, limit - len(found))
        found += [one for one in page.items if deleted or _is_wanted(one.state, state)]
        continuation = page.continuation
        if continuation is None or len(found) == limit:
            return Page(tuple(found), continuation)


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the customers that a search found, by name.

    Attributes:
        total: How many were found altogether.
    """

    customers: tuple[Customer, ...]
    total: int


def search_customers(
    services: Services,
    *,
    text: str,
    state: CustomerState | None,
    first: int,
    limit: int,
    among: Container[CustomerId] | None = None,
) -> Found:
    """Return customers whose name, company or tenant holds the text, by name.

    Args:
        text: Compared without case; empty finds all.
        state: ``None`` finds all but the deleted ones.
        first: How many are passed over.
        among: Only those; ``None`` for all.
    """
    wanted = text.casefold().strip()
    found = [
        one
        for one in services.customers.all()
        if _is_wanted(one.state, state)
        and (among is None or one.customer_id in among)
        and (
            wanted in one.name.casefold()
            or wanted == one.company_id.casefold()
            or wanted == one.tenant_id
        )
    ]
    return Found(tuple(found[first : first + limit]), len(found))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The customers before and after one, by name; ``None`` at the ends.

    Attributes:
        waiting: The next one of which something asks for a person, from the start again at the end.
    """

    previous: Customer | None
    following: Customer | None
    waiting: Customer | None


def neighbours(
    customer_id: CustomerId, services: Services, asking: Container[CustomerId]
) -> Neighbours:
    """Return the customers around one that is not deleted.

    Args:
        asking: The customers of which something asks for a person.
    """
    shown = [
        one
        for one in services.customers.all()
        if one.state is not CustomerState.DELETED or one.customer_id == customer_id
    ]
    place = next((n for n, one in enumerate(shown) if one.customer_id == customer_id), None)
    if place is None:
        return Neighbours(None, None, None)
    around = [*shown[place + 1 :], *shown[:place]]
    return Neighbours(
        previous=shown[place - 1] if place else None,
        following=shown[place + 1] if place + 1 < len(shown) else None,
        waiting=next((one for one in around if one.customer_id in asking), None),
    )


def _is_wanted(state: CustomerState, wanted: CustomerState | None) -> bool:
    return state is wanted or (wanted is None and state is not CustomerState.DELETED)


def candidates(services: Services, psa: ConnectionName | None) -> tuple[Candidate, ...]:
    """Return the tenants that are not customers yet, each with its best-matching company.

    Args:
        psa: Whose companies are matched; ``None`` for the only PSA there is.

    Raises:
        InvalidInputError: None is named, and there are several.
        NotFoundError: There is no such PSA connection.
        RetryableError, OperatorActionError: A connection could not be read.
    """
    name = psa or _only_psa(services)
    companies = services.connections.psa(name).gateway.list_companies()
    customers = [c for c in services.customers.all() if c.state is not CustomerState.DELETED]
    known = {(c.microsoft, c.tenant_id) for c in customers}
    free = [
        (microsoft, tenant)
        for microsoft in services.connections.microsoft_names()
        for tenant in services.connections.microsoft(microsoft).list_tenants()
        if (microsoft, tenant.tenant_id) not in known
    ]
    matches = best_matches(
        [(tenant.name, tenant.domain) for _, tenant in free],
        companies,
        {c.company_id: c.name for c in customers if c.psa == name},
    )
    found = [
        Candidate(microsoft, name, tenant, match.company, match.score, match.why, match.sure)
        for (microsoft, tenant), match in zip(free, matches, strict=True)
    ]
    return tuple(sorted(found, key=lambda c: (c.tenant.name.casefold(), c.tenant.tenant_id)))


def customer_history(
    customer_id: CustomerId,
    row_id: RowId | None,
    services: Services,
    *,
    continuation: str | None,
    limit: int,
) -> Page[Change]:
    """Return a customer's changes, newest first, of one row if given.

    Raises:
        NotFoundError: There is no such customer.
    """
    services.customers.get(customer_id)
    return services.changes.of_customer(customer_id, continuation, limit, row_id)


def _check_users_are_free(others: Iterable[Customer], wanted: UserFilter | None) -> None:
    """Return at once unless another customer has exactly these users.

    Raises:
        ConflictError: It has.
    """
    for other in others:
        if other.filter == wanted:
            raise ConflictError(
                f"customer {other.name} ({other.customer_id}) already has this tenant's users; "
                "give both a user filter"
            )


def _only_psa(services: Services) -> ConnectionName:
    names = services.connections.psa_names()
    if len(names) != 1:
        raise InvalidInputError({"psa": f"is needed: there are {', '.join(names) or 'none'}"})
    return names[0]


def _read(customer_id: CustomerId, services: Services, if_match: str | None) -> Versioned[Customer]:
    read = services.customers.get(customer_id)
    check_version(read.version, if_match, "this customer")
    return read
