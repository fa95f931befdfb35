"""Graph's JSON of licences as what the domain knows.

Microsoft may leave any number out: that is ``None``, unknown, and never 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.adapters.http.payload import Payload
from shared.adapters.microsoft.fields import cleaned, guid, lowered
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import SkuId, SubscriptionId, TenantId
from shared.domain.licensing import Sku, Subscription, SubscriptionStatus

_STATUSES = {status.value: status for status in SubscriptionStatus}
# An advisor (BreadthPartner) helps a customer and sells nothing: there is nothing to bill.
_RESELLERS = frozenset({"ResellerPartner", "SyndicationPartner"})


def skus_of(rows: Iterable[Payload]) -> tuple[Sku, ...]:
    """Return the SKUs; rows of one SKU in several accounts are added up.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind, or a row came twice.
    """
    seen: set[tuple[str | None, SkuId]] = set()
    skus: dict[SkuId, Sku] = {}
    for row in rows:
        sku = _sku(row)
        key = (lowered(row["accountId"]), sku.sku_id)
        if key in seen:
            raise UnexpectedPayloadError(f"{row.where}.skuId: came twice in one account")
        seen.add(key)
        known = skus.get(sku.sku_id)
        skus[sku.sku_id] = _together(known, sku) if known else sku
    return tuple(skus.values())


def subscriptions_of(rows: Iterable[Payload]) -> tuple[Subscription, ...]:
    """Return the subscriptions.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind, or a row came twice.
    """
    found: dict[SubscriptionId, Subscription] = {}
    for row in rows:
        subscription = _subscription(row)
        if subscription.subscription_id in found:
            raise UnexpectedPayloadError(f"{row.where}.id: came twice")
        found[subscription.subscription_id] = subscription
    return tuple(found.values())


def reseller_tenants(contracts: Iterable[Payload]) -> tuple[DirectoryTenant, ...]:
    """Return the tenants that the partner resells to, by name.

    Names and domains are copies from the day of the contract: only the id tells tenants apart.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind.
    """
    found: dict[TenantId, DirectoryTenant] = {}
    for row in contracts:
        if row["contractType"].text_or_none() not in _RESELLERS:
            continue
        tenant_id = TenantId(guid(row["customerId"]))
        found.setdefault(
            tenant_id,
            DirectoryTenant(
                tenant_id=tenant_id,
                name=cleaned(row["displayName"]) or tenant_id,
                domain=cleaned(row["defaultDomainName"]),
            ),
        )
    return tuple(sorted(found.values(), key=lambda one: (one.name.casefold(), one.tenant_id)))


def check_organization(rows: Iterable[Payload], tenant_id: TenantId) -> None:
    """Make sure that the answers are of the tenant that was asked for.

    Raises:
        UnexpectedPayloadError: They are of another, or do not say.
    """
    ids = [lowered(row["id"]) for row in rows]
    if ids != [tenant_id]:
        raise UnexpectedPayloadError(f"the answer is not of tenant {tenant_id}")


def _sku(row: Payload) -> Sku:
    sku_id = SkuId(guid(row["skuId"]))
    units = _Units.of(row["prepaidUnits"])
    return Sku(
        sku_id=sku_id,
        sku_part_number=cleaned(row["skuPartNumber"]) or sku_id,
        applies_to=cleaned(row["appliesTo"]),
        enabled=units.enabled,
        warning=units.warning,
        suspended=units.suspended,
        locked_out=units.locked_out,
        consumed=row["consumedUnits"].count_or_none(),
    )


@dataclass(frozen=True, slots=True)
class _Units:
    enabled: int | None = None
    warning: int | None = None
    suspended: int | None = None
    locked_out: int | None = None

    @classmethod
    def of(cls, units: Payload) -> "_Units":
        if units.is_null:
            return cls()
        return cls(
            enabled=units["enabled"].count_or_none(),
            warning=units["warning"].count_or_none(),
            suspended=units["suspended"].count_or_none(),
            locked_out=units["lockedOut"].count_or_none(),
        )


def _together(one: Sku, other: Sku) -> Sku:
    return replace(
        one,
        enabled=_sum(one.enabled, other.enabled),
        warning=_sum(one.warning, other.warning),
        suspended=_sum(one.suspended, other.suspended),
        locked_out=_sum(one.locked_out, other.locked_out),
        consumed=_sum(one.consumed, other.consumed),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _subscription(row: Payload) -> Subscription:
    sku_id = SkuId(guid(row["skuId"]))
    total = row["totalLicenses"].count_or_none()
    is_trial = row["isTrial"].flag_or_none()
    owner = lowered(row["ownerTenantId"])
    if is_trial is None:
        # Perhaps a trial: how many of the SKU's seats are one cannot be told.
        total = None
    return Subscription(
        subscription_id=SubscriptionId(guid(row["id"])),
        commerce_id=lowered(row["commerceSubscriptionId"]),
        sku_id=sku_id,
        sku_part_number=cleaned(row["skuPartNumber"]) or sku_id,
        status=_STATUSES.get(row["status"].text_or_none() or ""),
        total_licenses=total,
        is_trial=is_trial is not False,
        created_at=row["createdDateTime"].moment_or_none(),
        next_lifecycle_at=row["nextLifecycleDateTime"].moment_or_none(),
        owner_tenant_id=TenantId(owner) if owner else None,
    )
