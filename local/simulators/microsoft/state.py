"""What the Microsoft simulator knows: apps, tenants, what they bought, their users and groups.

The whole state is JSON in and out (``/_sim/state``); ``builders.py`` makes it from Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from local.simulators.common.messages import Json
from local.simulators.partnercenter.state import PartnerCenterState

GRAPH_PERMISSIONS = (
    "Organization.Read.All",
    "LicenseAssignment.Read.All",
    "User.Read.All",
    "GroupMember.Read.All",
    "Directory.Read.All",
    "DelegatedAdminRelationship.Read.All",
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Status(StrEnum):
    """The life of a subscription that isn't renewed, from first to last."""

    ENABLED = "Enabled"
    WARNING = "Warning"
    SUSPENDED = "Suspended"
    LOCKED_OUT = "LockedOut"
    DELETED = "Deleted"


class Secret(_Part):
    """A client secret; one without an expiry is always good."""

    value: str
    expires_at: datetime | None = None


class FederatedCredential(_Part):
    """Whose signed assertions stand for the app: a managed identity."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"
    certificate: str  # PEM, of the key that the issuer signs with


class App(_Part):
    """An app registration. Which tenants let it in is the tenants' business."""

    client_id: str
    secrets: list[Secret] = []
    certificates: list[str] = []  # PEM
    federated: list[FederatedCredential] = []


class RefreshToken(_Part):
    """What a partner's user got by signing in once; it is replaced at each use and ages 90 days."""

    value: str
    client_id: str
    expires_at: datetime


class Subscription(_Part):
    """One purchase of a SKU, a row of ``/directory/subscriptions``."""

    id: str
    sku_id: str
    sku_part_number: str
    total_licenses: int
    status: Status = Status.ENABLED
    commerce_subscription_id: str | None = None
    created_at: datetime | None = None
    next_lifecycle_at: datetime | None = None
    is_trial: bool = False
    owner_tenant_id: str | None = None  # the partner that sold it; the tenant itself when direct
    account_id: str | None = None  # the account its SKU row belongs to; the tenant when None


class Sku(_Part):
    """One row of ``/subscribedSkus``.

    Each number that is None follows from the tenant's subscriptions (units by status) or users
    (consumed); one that is given stays as it is, whatever they say.
    """

    sku_id: str
    sku_part_number: str
    applies_to: str = "User"
    capability_status: Status | None = None
    enabled: int | None = None
    warning: int | None = None
    suspended: int | None = None
    locked_out: int | None = None
    consumed: int | None = None
    account_id: str | None = None


class User(_Part):
    id: str
    display_name: str
    user_principal_name: str
    account_enabled: bool = True
    user_type: str = "Member"
    sku_ids: list[str] = []
    department: str | None = None
    office_location: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    company_name: str | None = None
    mail: str | None = None


class Group(_Part):
    """A group; its members are ids of users and groups of the tenant, or of its other objects."""

    id: str
    display_name: str
    member_ids: list[str] = []


class DirectoryThing(_Part):
    """A device or contact: counted among a group's members, never a user."""

    id: str
    display_name: str
    kind: str = "device"  # device | orgContact | servicePrincipal


class RawOverride(_Part):
    """Fields of a JSON row to replace or leave out, by dotted path (``prepaidUnits.enabled``)."""

    put: dict[str, Any] = {}
    remove: list[str] = []

    @field_validator("put")
    @classmethod
    def _without_decimals(cls, put: dict[str, Any]) -> dict[str, Any]:
        """Return fractions as floats: pydantic would dump a Decimal as text."""
        return {path: _undecimal(value) for path, value in put.items()}


def _undecimal(value: Json) -> Json:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _undecimal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_undecimal(inner) for inner in value]
    return value


class Tenant(_Part):
    """One Entra directory."""

    id: str
    name: str
    domains: list[str]
    # Which permissions each app (by client id) holds here: application ones, and those of an app
    # that acts for a partner's user.
    consents: dict[str, list[str]] = {}
    delegated_consents: dict[str, list[str]] = {}
    gdap_active: bool = True
    skus: list[Sku] = []
    subscriptions: list[Subscription] = []
    users: list[User] = []
    groups: list[Group] = []
    things: list[DirectoryThing] = []
    raw_sku_overrides: dict[str, RawOverride] = {}  # by SKU id
    raw_subscription_overrides: dict[str, RawOverride] = {}  # by subscription id

    def subscriptions_of(self, sku: Sku) -> Iterator[Subscription]:
        """Yield the subscriptions behind a SKU row."""
        for subscription in self.subscriptions:
            same_sku = subscription.sku_id.lower() == sku.sku_id.lower()
            if same_sku and self.account(subscription) == self.account(sku):
                yield subscription

    def account(self, row: Sku | Subscription) -> str:
        """Return the account that a row belongs to."""
        return row.account_id or self.id

    def units(self, sku: Sku, status: Status) -> int:
        """Return a SKU's units in one status: as given, or the sum over its subscriptions."""
        given = {
            Status.ENABLED: sku.enabled,
            Status.WARNING: sku.warning,
            Status.SUSPENDED: sku.suspended,
            Status.LOCKED_OUT: sku.locked_out,
        }.get(status)
        if given is not None:
            return given
        return sum(one.total_licenses for one in self.subscriptions_of(sku) if one.status is status)

    def consumed(self, sku: Sku) -> int:
        """Return how many units are assigned: as given, or the users that hold the SKU."""
        if sku.consumed is not None:
            return sku.consumed
        wanted = sku.sku_id.lower()
        return sum(wanted in {held.lower() for held in user.sku_ids} for user in self.users)

    def capability_status(self, sku: Sku) -> Status:
        """Return the SKU's status: as given, or the healthiest in which it has units."""
        if sku.capability_status is not None:
            return sku.capability_status
        return next((status for status in Status if self.units(sku, status)), Status.DELETED)

    def subscription(self, subscription_id: str) -> Subscription | None:
        wanted = subscription_id.lower()
        return next((one for one in self.subscriptions if one.id.lower() == wanted), None)


class Contract(_Part):
    """A row of the partner tenant's ``/contracts``. Its name and domain may be stale copies."""

    id: str
    customer_id: str
    display_name: str
    default_domain_name: str
    contract_type: str = "ResellerPartner"


class MicrosoftState(_Part):
    """Everything but the access tokens in circulation, which outlive a new state, as in reality."""

    apps: list[App] = []
    tenants: list[Tenant] = []
    partner_tenant_id: str | None = None
    contracts: list[Contract] = []
    delegated_admin_customer_ids: list[str] = []
    refresh_tokens: list[RefreshToken] = []
    partner_center: PartnerCenterState = Field(default_factory=PartnerCenterState)
    login_host: str = "login.microsoftonline.com"  # named in discovery documents
    graph_host: str = "graph.microsoft.com"
    token_lifetime_seconds: int = Field(default=3599, gt=0)
    seed: int = 0  # of the order in which batches answer

    def tenant(self, name: str) -> Tenant | None:
        """Return the tenant with this id or domain."""
        wanted = name.lower()
        for tenant in self.tenants:
            if wanted in {tenant.id.lower(), *(domain.lower() for domain in tenant.domains)}:
                return tenant
        return None

    def app(self, client_id: str) -> App | None:
        wanted = client_id.lower()
        return next((app for app in self.apps if app.client_id.lower() == wanted), None)


def add_seats(tenant: Tenant, sku_id: str, seats: int) -> Subscription:
    """Add seats (or remove, when negative) to the SKU's first enabled subscription.

    Units given by number on the SKU move along. Raises LookupError when the tenant has no enabled
    subscription of it, ValueError when there aren't so many seats to remove.
    """
    for subscription in tenant.subscriptions:
        same = subscription.sku_id.lower() == sku_id.lower()
        if same and subscription.status is Status.ENABLED:
            set_seats(tenant, subscription, subscription.total_licenses + seats)
            return subscription
    message = f"{tenant.name} has no enabled subscription of {sku_id}"
    raise LookupError(message)


def set_seats(tenant: Tenant, subscription: Subscription, seats: int) -> None:
    """Give a subscription so many seats; its SKU's units follow. Raises ValueError below zero."""
    if seats < 0:
        message = f"a subscription cannot have {seats} seats"
        raise ValueError(message)
    _move_given_units(
        tenant, subscription, subscription.status, seats - subscription.total_licenses
    )
    subscription.total_licenses = seats


def set_status(tenant: Tenant, subscription: Subscription, status: Status) -> None:
    """Move a subscription with its seats to another status."""
    seats = subscription.total_licenses
    _move_given_units(tenant, subscription, subscription.status, -seats)
    _move_given_units(tenant, subscription, status, seats)
    subscription.status = status


def _move_given_units(
    tenant: Tenant, subscription: Subscription, status: Status, seats: int
) -> None:
    """Change units that a SKU row states by number; derived ones follow by themselves."""
    field = {
        Status.ENABLED: "enabled",
        Status.WARNING: "warning",
        Status.SUSPENDED: "suspended",
        Status.LOCKED_OUT: "locked_out",
    }.get(status)
    for sku in tenant.skus:
        if field and subscription in tenant.subscriptions_of(sku):
            given = getattr(sku, field)
            if given is not None:
                setattr(sku, field, max(0, given + seats))
