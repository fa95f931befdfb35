"""Customers: whom the MSP bills. One PSA company, one tenant, and perhaps a part of its users."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.ids import (
    CompanyId,
    ConnectionName,
    CustomerId,
    SkuId,
    SubscriptionId,
    TenantId,
)
from shared.domain.terms import TermLength


class CustomerState(StrEnum):
    """Whether a customer is synced."""

    ACTIVE = "active"
    PAUSED = "paused"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users of a shared tenant belong to a customer; all given fields must match.

    Attributes:
        department, office, city, state: Accepted values, compared without case or the blanks
            around them.
    """

    department: tuple[str, ...] = ()
    office: tuple[str, ...] = ()
    city: tuple[str, ...] = ()
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatedTerm:
    """What a person says of how long a subscription is bought for."""

    subscription_id: SubscriptionId
    length: TermLength
    said_by: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom the MSP bills.

    Attributes:
        split: SKUs whose subscriptions somebody made rows of their own.
        merged: SKUs that somebody made one row, whatever the default view is.
        accept_overlap: A person has said that the customer is billed although some of its users
            are another customer's too; without that, such a customer is billed nothing new.
        terms: Of subscriptions, by a person's word; at most one each.
    """

    customer_id: CustomerId
    name: str
    microsoft: ConnectionName
    tenant_id: TenantId
    psa: ConnectionName
    company_id: CompanyId
    filter: UserFilter | None
    state: CustomerState
    split: frozenset[SkuId]
    added_by: str
    added_at: datetime
    accept_overlap: bool = False
    merged: frozenset[SkuId] = frozenset()
    terms: tuple[StatedTerm, ...] = ()

    def stated_term(self, subscription_id: SubscriptionId) -> StatedTerm | None:
        """Return what a person said of the subscription, or ``None`` when nobody did."""
        return next((one for one in self.terms if one.subscription_id == subscription_id), None)


@dataclass(frozen=True, slots=True)
class DirectoryTenant:
    """A customer tenant that the partner's tenant lists."""

    tenant_id: TenantId
    name: str
    domain: str


def sorted_as(name: str) -> str:
    """Return the name as lists sort it: without case, accents, and blanks around it."""
    apart = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))


def by_name(customer: Customer) -> tuple[str, str]:
    """Return what customers are sorted by."""
    return sorted_as(customer.name), customer.customer_id
