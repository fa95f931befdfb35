"""``/api/customers``: whom the MSP bills."""

from http import HTTPStatus
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, JsonValue

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Flag, Guid, Key, Name, Nothing, checked, example
from functions.contracts import Query, flag
from functions.endpoints import PAGING, Call, endpoint
from functions.responses import created, etag_of, no_content, ok, path
from shared.domain.customers import Customer, CustomerState, UserFilter
from shared.domain.errors import InvalidInputError
from shared.domain.ids import CompanyId, ConnectionName, TenantId
from shared.ports import Versioned
from shared.usecases.customers import (
    Added,
    AddOutcome,
    BulkDraft,
    CustomerChanges,
    CustomerDraft,
    FilterChange,
    add_customer,
    add_customers,
    candidates,
    change_customer,
    delete_customer,
    list_customers,
)
from shared.usecases.preflight import preflight_customer

blueprint = func.Blueprint()

MOST_AT_ONCE = 500
CUSTOMER_EXAMPLE: dict[str, JsonValue] = {
    "name": "Contoso",
    "microsoft": "main",
    "tenant_id": "2f6d4ee1-8f4c-4a8e-9a37-3a1a5fbd0d11",
    "psa": "main",
    "company_id": "250",
}

Accepted = Annotated[tuple[Name, ...], Field(max_length=100)]


class FilterBody(Body):
    """Which users of a shared tenant are the customer's."""

    department: Accepted = ()
    office: Accepted = ()
    city: Accepted = ()
    state: Accepted = ()

    def to_domain(self) -> UserFilter | None:
        """Return the filter; one that accepts everybody is none."""
        given = UserFilter(self.department, self.office, self.city, self.state)
        return None if given == UserFilter() else given


class CustomerBody(Body):
    """A customer to add."""

    model_config = example(**CUSTOMER_EXAMPLE, filter={"department": ["Sales"]})

    name: Name
    microsoft: Key
    tenant_id: Guid
    psa: Key
    company_id: Key
    filter: FilterBody | None = None

    def to_draft(self) -> CustomerDraft:
        """Return what the use case takes."""
        return CustomerDraft(
            name=self.name,
            microsoft=ConnectionName(self.microsoft),
            tenant_id=TenantId(self.tenant_id),
            psa=ConnectionName(self.psa),
            company_id=CompanyId(self.company_id),
            filter=None if self.filter is None else self.filter.to_domain(),
        )


class BulkCustomerBody(CustomerBody):
    """One of several customers; ``share_company`` lets a second tenant have the same company."""

    share_company: Flag = False


class BulkBody(Body):
    """Several customers; each is checked on its own, and answered in its place."""

    model_config = example(items=[CUSTOMER_EXAMPLE])

    items: Annotated[tuple[dict[str, object], ...], Field(min_length=1, max_length=MOST_AT_ONCE)]


class ChangesBody(Body):
    """What to change of a customer; what is left out stays.

    ``filter`` may be ``null``: from then on all users of the tenant are the customer's.
    """

    model_config = example(state="paused")

    name: Name | None = None
    state: Literal["active", "paused"] | None = None
    filter: FilterBody | None = None
    accept_overlap: Flag | None = None

    def to_changes(self) -> CustomerChanges:
        """Return what the use case takes."""
        user_filter = None if self.filter is None else self.filter.to_domain()
        return CustomerChanges(
            name=self.name,
            state=None if self.state is None else CustomerState(self.state),
            filter=FilterChange(user_filter) if "filter" in self.model_fields_set else None,
            accept_overlap=self.accept_overlap,
        )


@endpoint(
    blueprint,
    "GET",
    "api/customers",
    role=Role.VIEWER,
    gives=many(shapes.Customer),
    query=(*PAGING, flag("deleted", "Deleted ones too.")),
)
def list_all_customers(call: Call) -> func.HttpResponse:
    """Return customers, a page at a time; deleted ones too with ``?deleted=true``."""
    page = list_customers(
        call.services,
        continuation=call.continuation,
        limit=call.limit,
        deleted=call.flag("deleted"),
    )
    return ok(views.paged(page, views.customer))


# Its name sorts before get_customer, whose route would take the word for an id.
@endpoint(
    blueprint,
    "GET",
    "api/customers/candidates",
    role=Role.VIEWER,
    gives=many(shapes.Candidate),
    query=(Query("psa", "The PSA connection whose companies are matched."),),
    outside=True,
)
def find_candidates(call: Call) -> func.HttpResponse:
    """Return tenants that are not customers yet, each with its best-matching company."""
    psa = call.query("psa")
    found = candidates(call.services, None if psa is None else ConnectionName(psa))
    return ok(views.listed(views.candidate(one) for one in found))


@endpoint(
    blueprint,
    "POST",
    "api/customers",
    role=Role.EDITOR,
    gives=shapes.Customer,
    status=HTTPStatus.CREATED,
    located=True,
    tagged=True,
    takes=CustomerBody,
    outside=True,
)
def add_new_customer(call: Call) -> func.HttpResponse:
    """Add a customer."""
    draft = call.body(CustomerBody).to_draft()
    added = add_customer(draft, call.services, actor=call.actor)
    location = path("customers", added.value.customer_id)
    return created(views.customer(added.value), location, etag=etag_of(added.version))


@endpoint(
    blueprint,
    "POST",
    "api/customers/bulk",
    role=Role.EDITOR,
    gives=many(shapes.Added),
    takes=BulkBody,
    outside=True,
)
def add_many_customers(call: Call) -> func.HttpResponse:
    """Add several customers, and say of each what became of it. Repeating it adds nobody twice."""
    drafts = [_draft(item) for item in call.body(BulkBody).items]
    given = [one for one in drafts if isinstance(one, BulkDraft)]
    outcomes = iter(add_customers(given, call.services, actor=call.actor))
    added = [next(outcomes) if isinstance(one, BulkDraft) else one for one in drafts]
    return ok(views.listed(views.added(one) for one in added))


@endpoint(
    blueprint,
    "GET",
    "api/customers/{customer_id}",
    role=Role.VIEWER,
    gives=shapes.Customer,
    tagged=True,
)
def get_customer(call: Call) -> func.HttpResponse:
    """Return a customer, also a deleted one."""
    return _shown(call.services.customers.get(call.customer_id))


@endpoint(
    blueprint,
    "PATCH",
    "api/customers/{customer_id}",
    role=Role.EDITOR,
    gives=shapes.Customer,
    tagged=True,
    matches=True,
    takes=ChangesBody,
)
def edit_customer(call: Call) -> func.HttpResponse:
    """Rename, pause or resume a customer, or say which users are its own."""
    saved = change_customer(
        call.customer_id,
        call.services,
        if_match=call.if_match,
        changes=call.body(ChangesBody).to_changes(),
    )
    return _shown(saved)


@endpoint(blueprint, "DELETE", "api/customers/{customer_id}", role=Role.EDITOR, matches=True)
def remove_customer(call: Call) -> func.HttpResponse:
    """Stop syncing a customer; its history and its lines in the PSA stay."""
    delete_customer(call.customer_id, call.services, if_match=call.if_match)
    return no_content()


@endpoint(
    blueprint,
    "POST",
    "api/customers/{customer_id}/preflight",
    role=Role.EDITOR,
    gives=many(shapes.AgreementReport),
    takes=Nothing,
    optional=True,
    outside=True,
)
def preflight_a_customer(call: Call) -> func.HttpResponse:
    """Say what stands in the way of billing on a customer's agreements; the PSA is only read."""
    call.body_or_nothing(Nothing)
    found = preflight_customer(call.customer_id, call.services)
    return ok(views.listed(views.preflight(one) for one in found))


def _draft(item: dict[str, object]) -> BulkDraft | Added:
    """One of several customers, or what is wrong with it."""
    try:
        body = checked(item, BulkCustomerBody)
    except InvalidInputError as error:
        return Added(AddOutcome.REFUSED, problem=error)
    return BulkDraft(body.to_draft(), body.share_company)


def _shown(read: Versioned[Customer]) -> func.HttpResponse:
    return ok(views.customer(read.value), etag=etag_of(read.version))
