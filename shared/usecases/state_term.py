"""A person's word on how long a subscription is bought for.

It is kept with the customer. Partner Center's word wins where there is one; see
``shared/domain/commerce.py``.

Source: docs/adr/0015-evidence-of-terms.md
"""

from dataclasses import replace

from shared.domain.customers import Customer, CustomerState, StatedTerm
from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.ids import CustomerId, RowId, subscription_row
from shared.domain.licensing import RowKind
from shared.domain.terms import TermLength
from shared.ports import Services, Versioned
from shared.usecases.preview import book_with_rows, known_row
from shared.usecases.versions import check_version

WHAT = "this customer"


def state_term(
    customer_id: CustomerId,
    row_id: RowId,
    length: TermLength,
    services: Services,
    *,
    if_match: str | None,
    actor: str,
) -> Versioned[Customer]:
    """Keep what a person says of a subscription's term, in place of what was said before.

    Args:
        row_id: A subscription's, also while its licence is shown as one row.
        if_match: The version of the customer that the person saw; ``None`` asks for nothing.

    Raises:
        NotFoundError: There is no such customer or row.
        ConflictError: The row is no subscription, or the customer is deleted.
        StaleVersionError: Somebody saved the customer first.
        RetryableError, OperatorActionError: The tenant was never read, and cannot be now.
    """
    read = _read(customer_id, services, if_match)
    row = known_row(book_with_rows(read.value, services), row_id)
    if row.kind is not RowKind.SUBSCRIPTION:
        raise ConflictError("only a subscription has a term; name its own row, sub-<guid>")
    [subscription] = row.subscriptions
    said = StatedTerm(subscription.subscription_id, length, actor, services.clock.now())
    terms = sorted((*_others(read.value, row_id), said), key=lambda one: one.subscription_id)
    return services.customers.save(read, replace(read.value, terms=tuple(terms)))


def withdraw_term(
    customer_id: CustomerId, row_id: RowId, services: Services, *, if_match: str | None
) -> Versioned[Customer]:
    """Forget what a person said; the subscription need not be there any more.

    Raises:
        NotFoundError: There is no such customer, or nobody stated a term for the row.
        ConflictError: The customer is deleted.
        StaleVersionError: Somebody saved the customer first.
    """
    read = _read(customer_id, services, if_match)
    left = _others(read.value, row_id)
    if left == read.value.terms:
        raise NotFoundError(f"nobody stated a term for row {row_id}")
    return services.customers.save(read, replace(read.value, terms=left))


def _read(customer_id: CustomerId, services: Services, if_match: str | None) -> Versioned[Customer]:
    read = services.customers.get(customer_id)
    check_version(read.version, if_match, WHAT)
    if read.value.state is CustomerState.DELETED:
        raise ConflictError("the customer is deleted; add it again")
    return read


def _others(customer: Customer, row_id: RowId) -> tuple[StatedTerm, ...]:
    return tuple(t for t in customer.terms if subscription_row(t.subscription_id) != row_id)
