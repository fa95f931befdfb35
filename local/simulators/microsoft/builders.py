"""Builds states of the Microsoft simulator in a line or two. All names and ids are made up."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from local.simulators.microsoft.state import (
    GRAPH_PERMISSIONS,
    App,
    Contract,
    DirectoryThing,
    Group,
    MicrosoftState,
    RawOverride,
    Secret,
    Sku,
    Status,
    Subscription,
    Tenant,
    User,
)

CLIENT_ID = "5eed0000-0000-4000-8000-00000000a991"
CLIENT_SECRET = "made-up-secret"  # noqa: S105 - opens nothing but a simulator
PARTNER_TENANT_ID = "5eed0000-0000-4000-8000-0000000000aa"


def an_id(name: str) -> str:
    """Return a GUID that is always the same for one name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.example"))


def an_app(client_id: str = CLIENT_ID, *, secret: str = CLIENT_SECRET) -> App:
    """Return an app registration with one secret that never expires."""
    return App(client_id=client_id, secrets=[Secret(value=secret)])


def a_subscription(
    sku_id: str,
    seats: int,
    *,
    part_number: str = "SPB",
    name: str | None = None,
    status: Status | str = Status.ENABLED,
    trial: bool = False,
    created_at: datetime | None = None,
    next_lifecycle_at: datetime | None = None,
    owner_tenant_id: str | None = PARTNER_TENANT_ID,
    account_id: str | None = None,
) -> Subscription:
    """Return a purchase of so many seats. Its ids follow from ``name`` (the SKU and status)."""
    status = Status(status)
    named = name or f"{sku_id}-{status}-{'trial' if trial else 'paid'}-{account_id}"
    return Subscription(
        id=an_id(f"subscription-{named}"),
        commerce_subscription_id=an_id(f"commerce-{named}"),
        sku_id=sku_id,
        sku_part_number=part_number,
        total_licenses=seats,
        status=status,
        is_trial=trial,
        created_at=created_at or datetime(2026, 1, 14, 16, 57, 14, tzinfo=UTC),
        next_lifecycle_at=next_lifecycle_at,
        owner_tenant_id=owner_tenant_id,
        account_id=account_id,
    )


def a_user(name: str, *, domain: str = "example.com", sku_ids: Sequence[str] = ()) -> User:
    """Return an enabled member whose address is made from the name."""
    address = f"{name.lower().replace(' ', '.')}@{domain}"
    return User(
        id=an_id(f"user-{address}"),
        display_name=name,
        user_principal_name=address,
        mail=address,
        sku_ids=list(sku_ids),
    )


def a_group(name: str, members: Iterable[User | Group | DirectoryThing] = ()) -> Group:
    return Group(
        id=an_id(f"group-{name}"), display_name=name, member_ids=[member.id for member in members]
    )


def a_device(name: str) -> DirectoryThing:
    return DirectoryThing(id=an_id(f"device-{name}"), display_name=name)


def a_tenant(
    name: str,
    subscriptions: Sequence[Subscription] = (),
    *,
    tenant_id: str | None = None,
    domain: str | None = None,
    skus: Sequence[Sku] = (),
    users: Sequence[User] = (),
    groups: Sequence[Group] = (),
    things: Sequence[DirectoryThing] = (),
    consents: dict[str, list[str]] | None = None,
    raw_sku_overrides: dict[str, RawOverride] | None = None,
) -> Tenant:
    """Return a tenant that lets the usual app in, with a SKU row for each SKU it bought.

    Rows given in ``skus`` come first and stand for their SKU and account; the others are made with
    all their numbers following from the subscriptions and users.
    """
    own_id = tenant_id or an_id(f"tenant-{name}")
    rows = list(skus)
    known = {(row.sku_id.lower(), row.account_id or own_id) for row in rows}
    for bought in subscriptions:
        key = (bought.sku_id.lower(), bought.account_id or own_id)
        if key not in known:
            known.add(key)
            rows.append(
                Sku(
                    sku_id=bought.sku_id,
                    sku_part_number=bought.sku_part_number,
                    account_id=bought.account_id,
                )
            )
    slug = "".join(letter for letter in name.lower() if letter.isalnum())
    return Tenant(
        id=own_id,
        name=name,
        domains=[domain or f"{slug}.example", f"{slug}.onmicrosoft.example"],
        consents={CLIENT_ID: list(GRAPH_PERMISSIONS)} if consents is None else consents,
        skus=rows,
        subscriptions=list(subscriptions),
        users=list(users),
        groups=list(groups),
        things=list(things),
        raw_sku_overrides=raw_sku_overrides or {},
    )


def a_contract(tenant: Tenant, *, contract_type: str = "ResellerPartner") -> Contract:
    """Return the partner's contract with a customer's tenant."""
    return Contract(
        id=an_id(f"contract-{tenant.id}"),
        customer_id=tenant.id,
        display_name=tenant.name,
        default_domain_name=tenant.domains[0],
        contract_type=contract_type,
    )


def a_state(*customers: Tenant, apps: Sequence[App] | None = None, seed: int = 0) -> MicrosoftState:
    """Return a partner tenant, the usual app, and a contract with each customer."""
    partner = a_tenant("Example Partner", tenant_id=PARTNER_TENANT_ID)
    return MicrosoftState(
        apps=list(apps) if apps is not None else [an_app()],
        tenants=[partner, *customers],
        partner_tenant_id=PARTNER_TENANT_ID,
        contracts=[a_contract(tenant) for tenant in customers],
        delegated_admin_customer_ids=[tenant.id for tenant in customers],
        seed=seed,
    )
