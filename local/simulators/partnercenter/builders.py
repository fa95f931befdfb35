"""Builds what Partner Center knows from what Graph's tenants hold. All names are made up."""

from __future__ import annotations

from datetime import date, datetime

from local.simulators.microsoft.state import MicrosoftState, Status, Tenant
from local.simulators.partnercenter.state import (
    PartnerCenterState,
    PartnerCustomer,
    PartnerSubscription,
)

_STATUSES = {
    Status.ENABLED: "active",
    Status.WARNING: "expired",
    Status.SUSPENDED: "suspended",
    Status.LOCKED_OUT: "disabled",
    Status.DELETED: "deleted",
}


def a_partner_subscription(
    commerce_id: str,
    quantity: int = 10,
    *,
    name: str = "Microsoft 365 E5",
    term: str = "P1Y",
    billing_cycle: str = "monthly",
    commitment_end: date | None = date(2027, 1, 13),
    status: str = "active",
    is_trial: bool = False,
    auto_renew: bool = True,
    next_quantity: int | None = None,
    created_at: datetime | None = None,
) -> PartnerSubscription:
    """Return a commitment of the new commerce."""
    return PartnerSubscription(
        id=commerce_id,
        friendly_name=name,
        quantity=quantity,
        term_duration=term,
        billing_cycle=billing_cycle,
        commitment_end=commitment_end,
        status=status,
        is_trial=is_trial,
        auto_renew=auto_renew,
        next_quantity=next_quantity,
        created_at=created_at,
    )


def a_partner_customer(
    tenant_id: str,
    *subscriptions: PartnerSubscription,
    name: str = "Contoso",
    relationship: str = "reseller",
) -> PartnerCustomer:
    """Return a customer with these commitments."""
    slug = "".join(letter for letter in name.lower() if letter.isalnum())
    return PartnerCustomer(
        tenant_id=tenant_id,
        company_name=name,
        domain=f"{slug}.onmicrosoft.example",
        relationship=relationship,
        subscriptions=list(subscriptions),
    )


def partner_center_of(state: MicrosoftState, *, term: str = "P1Y") -> PartnerCenterState:
    """Return the other side of all that the partner sold: the same ids, in capital letters."""
    customers = []
    for contract in state.contracts:
        tenant = state.tenant(contract.customer_id)
        if tenant is not None:
            sold = _sold(tenant, state.partner_tenant_id, term)
            customers.append(
                PartnerCustomer(
                    tenant_id=tenant.id,
                    company_name=tenant.name,
                    domain=tenant.domains[-1],
                    subscriptions=sold,
                )
            )
    return PartnerCenterState(customers=customers)


def _sold(tenant: Tenant, partner: str | None, term: str) -> list[PartnerSubscription]:
    return [
        PartnerSubscription(
            id=one.commerce_subscription_id.upper(),
            friendly_name=one.sku_part_number,
            quantity=one.total_licenses,
            status=_STATUSES[one.status],
            is_trial=one.is_trial,
            created_at=one.created_at,
            term_duration=term,
            commitment_end=one.next_lifecycle_at.date() if one.next_lifecycle_at else None,
        )
        for one in tenant.subscriptions
        if one.commerce_subscription_id and one.owner_tenant_id == partner
    ]
