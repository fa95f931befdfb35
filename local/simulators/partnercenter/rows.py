"""The JSON rows of Partner Center, made from the state."""

from __future__ import annotations

from datetime import UTC, date, datetime

from local.simulators.common.messages import Json
from local.simulators.partnercenter.state import PartnerCustomer, PartnerSubscription

_NEVER = "9999-12-31"
_USUAL_CREATED = datetime(2026, 1, 14, 16, 57, 14, 498252, tzinfo=UTC)


def customer_row(customer: PartnerCustomer, *, alone: bool = False) -> Json:
    """Return a customer; one that is asked for alone says more."""
    row = {
        "id": customer.tenant_id,
        "companyProfile": {
            "tenantId": customer.tenant_id,
            "domain": customer.domain,
            "companyName": customer.company_name,
            "attributes": {"objectType": "CustomerCompanyProfile"},
        },
        "relationshipToPartner": customer.relationship,
        "attributes": {"objectType": "Customer"},
    }
    return row | {"allowDelegatedAccess": True} if alone else row


def subscription_row(customer: PartnerCustomer, one: PartnerSubscription) -> Json:
    created = (one.created_at or _USUAL_CREATED).astimezone(UTC)
    created_text = created.strftime("%Y-%m-%dT%H:%M:%S.%f") + "8Z"  # seven digits, as .NET has them
    own = f"/customers/{customer.tenant_id}/subscriptions/{one.id}"
    row: dict[str, Json] = {
        "id": one.id,
        "offerId": one.offer_id,
        "offerName": one.friendly_name,
        "friendlyName": one.friendly_name,
        "quantity": one.quantity,
        "unitType": one.unit_type,
        "hasPurchasableAddons": False,
        "creationDate": created_text,
        "effectiveStartDate": created_text,
        "commitmentEndDate": f"{one.commitment_end or _NEVER}T00:00:00Z",
        "commitmentEndDateTime": f"{one.commitment_end or _NEVER}T23:59:59Z",
        "status": one.status,
        "autoRenewEnabled": one.auto_renew,
        "isTrial": one.is_trial,
        "billingType": one.billing_type,
        "billingCycle": one.billing_cycle,
        "renewalTermDuration": "",
        "isMicrosoftProduct": True,
        "partnerId": "",
        "attentionNeeded": False,
        "actionTaken": False,
        "contractType": "subscription",
        "links": {"self": {"uri": own, "method": "GET", "headers": []}},
        "publisherName": "Microsoft Corporation",
        "orderId": f"{sum(one.id.encode()):012}",
        "attributes": {"objectType": "Subscription"},
    }
    if one.product_type is not None:
        row["productType"] = {"id": one.product_type, "displayName": one.product_type}
    if one.term_duration is not None:
        row["termDuration"] = one.term_duration
    if one.next_quantity is not None:
        row["scheduledNextTermInstructions"] = {
            "product": _product(one),
            "quantity": one.next_quantity,
        }
    row |= one.raw_put
    return {name: value for name, value in row.items() if name not in one.raw_remove}


def is_broken(customer: PartnerCustomer) -> bool:
    """Return whether rows of the customer may be broken on purpose."""
    return any(one.raw_put or one.raw_remove for one in customer.subscriptions)


def last_day(text: str) -> date | None:
    """Return a day that a form gave; nothing is no end. Raises ValueError."""
    return date.fromisoformat(text) if text.strip() else None


def _product(one: PartnerSubscription) -> Json:
    product, _, rest = one.offer_id.partition(":")
    sku, _, availability = rest.partition(":")
    return {
        "productId": product,
        "skuId": sku,
        "availabilityId": availability,
        "billingCycle": one.billing_cycle,
        "termDuration": one.term_duration or "",
    }
