"""The JSON rows of Graph, made from the state."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

from local.simulators.common.messages import Json
from local.simulators.microsoft.builders import an_id
from local.simulators.microsoft.state import (
    DirectoryThing,
    Group,
    MicrosoftState,
    RawOverride,
    Sku,
    Status,
    Subscription,
    Tenant,
    User,
)

USER_DEFAULTS = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)


def sku_row(tenant: Tenant, sku: Sku) -> Json:
    row = {
        "accountName": tenant.name,
        "accountId": tenant.account(sku),
        "appliesTo": sku.applies_to,
        "capabilityStatus": tenant.capability_status(sku).value,
        "consumedUnits": tenant.consumed(sku),
        "id": f"{tenant.account(sku)}_{sku.sku_id}",
        "skuId": sku.sku_id,
        "skuPartNumber": sku.sku_part_number,
        "subscriptionIds": [one.id for one in tenant.subscriptions_of(sku)],
        "prepaidUnits": {
            "enabled": tenant.units(sku, Status.ENABLED),
            "suspended": tenant.units(sku, Status.SUSPENDED),
            "warning": tenant.units(sku, Status.WARNING),
            "lockedOut": tenant.units(sku, Status.LOCKED_OUT),
        },
        "servicePlans": _plans(sku.sku_part_number, sku.applies_to),
    }
    return _overridden(row, _override(tenant.raw_sku_overrides, sku.sku_id))


def subscription_row(tenant: Tenant, subscription: Subscription) -> Json:
    row = {
        "id": subscription.id,
        "commerceSubscriptionId": subscription.commerce_subscription_id,
        "createdDateTime": _moment(subscription.created_at),
        "isTrial": subscription.is_trial,
        "nextLifecycleDateTime": _moment(subscription.next_lifecycle_at),
        "ownerId": an_id(f"owner-{subscription.id}"),
        "ownerTenantId": subscription.owner_tenant_id,
        "ownerType": "User",
        "serviceStatus": _plans(subscription.sku_part_number, "User"),
        "skuId": subscription.sku_id,
        "skuPartNumber": subscription.sku_part_number,
        "status": subscription.status.value,
        "totalLicenses": subscription.total_licenses,
    }
    return _overridden(row, _override(tenant.raw_subscription_overrides, subscription.id))


def user_row(user: User) -> Json:
    given, _, surname = user.display_name.partition(" ")
    return {
        "id": user.id,
        "displayName": user.display_name,
        "givenName": given or None,
        "surname": surname or None,
        "userPrincipalName": user.user_principal_name,
        "mail": user.mail,
        "accountEnabled": user.account_enabled,
        "userType": user.user_type,
        "department": user.department,
        "officeLocation": user.office_location,
        "city": user.city,
        "state": user.state,
        "country": user.country,
        "companyName": user.company_name,
        "businessPhones": [],
        "jobTitle": None,
        "mobilePhone": None,
        "preferredLanguage": None,
        "assignedLicenses": [{"skuId": sku_id, "disabledPlans": []} for sku_id in user.sku_ids],
        "licenseAssignmentStates": [
            {
                "skuId": sku_id,
                "assignedByGroup": None,
                "state": "Active",
                "error": "None",
                "disabledPlans": [],
                "lastUpdatedDateTime": "2026-01-14T17:00:00Z",
            }
            for sku_id in user.sku_ids
        ],
    }


def group_row(group: Group) -> Json:
    return {
        "id": group.id,
        "displayName": group.display_name,
        "description": None,
        "groupTypes": [],
        "mailEnabled": False,
        "securityEnabled": True,
    }


def member_row(member: User | Group | DirectoryThing) -> Json:
    """Return a member as ``/members`` lists it: its type, and what all kinds have."""
    if isinstance(member, User):
        return {"@odata.type": "#microsoft.graph.user"} | user_row(member)
    if isinstance(member, Group):
        return {"@odata.type": "#microsoft.graph.group"} | group_row(member)
    kind = f"#microsoft.graph.{member.kind}"
    return {"@odata.type": kind, "id": member.id, "displayName": member.display_name}


def organization_row(state: MicrosoftState, tenant: Tenant) -> Json:
    partner = tenant.id == state.partner_tenant_id
    return {
        "id": tenant.id,
        "displayName": tenant.name,
        "countryLetterCode": "US",
        "tenantType": "AAD",
        "partnerTenantType": "valueAddedResellerPartnerDelegatedAdmin" if partner else None,
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": index == 0,
                "isInitial": index == len(tenant.domains) - 1,
                "name": domain,
                "type": "Managed",
            }
            for index, domain in enumerate(tenant.domains)
        ],
    }


def contract_rows(state: MicrosoftState) -> list[Json]:
    return [
        {
            "id": contract.id,
            "deletedDateTime": None,
            "contractType": contract.contract_type,
            "customerId": contract.customer_id,
            "defaultDomainName": contract.default_domain_name,
            "displayName": contract.display_name,
        }
        for contract in state.contracts
    ]


def delegated_customer_rows(state: MicrosoftState) -> list[Json]:
    rows = []
    for tenant_id in state.delegated_admin_customer_ids:
        tenant = state.tenant(tenant_id)
        rows.append(
            {
                "@odata.type": "#microsoft.graph.delegatedAdminCustomer",
                "id": tenant_id,
                "tenantId": tenant_id,
                "displayName": tenant.name if tenant else None,
            }
        )
    return rows


def is_overridden(tenant: Tenant) -> bool:
    """Return whether rows of the tenant may be broken on purpose."""
    return bool(tenant.raw_sku_overrides or tenant.raw_subscription_overrides)


def _plans(part_number: str, applies_to: str) -> Json:
    name = f"{part_number.strip()}_S"
    return [
        {
            "servicePlanId": an_id(f"plan-{name}"),
            "servicePlanName": name,
            "provisioningStatus": "Success",
            "appliesTo": applies_to,
        }
    ]


def _moment(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _override(overrides: dict[str, RawOverride], row_id: str) -> RawOverride | None:
    wanted = row_id.lower()
    return next((one for key, one in overrides.items() if key.lower() == wanted), None)


def _overridden(row: Json, override: RawOverride | None) -> Json:
    if override is None:
        return row
    changed = copy.deepcopy(row)
    for path, value in override.put.items():
        holder, name = _holder(changed, path)
        holder[name] = value
    for path in override.remove:
        holder, name = _holder(changed, path)
        holder.pop(name, None)
    return changed


def _holder(row: Json, path: str) -> tuple[Json, str]:
    *parents, name = path.split(".")
    for parent in parents:
        row = row.setdefault(parent, {})
    return row, name
