"""The sample as a state of the Microsoft simulator."""

from datetime import UTC, date, datetime, time, timedelta

from local.sample.customers import CUSTOMERS, License, Purchase, SampleCustomer
from local.sample.skus import SKUS
from local.simulators.microsoft.builders import (
    a_contract,
    a_subscription,
    a_tenant,
    a_user,
    an_app,
    an_id,
)
from local.simulators.microsoft.state import (
    GRAPH_PERMISSIONS,
    MicrosoftState,
    Sku,
    Status,
    Subscription,
    Tenant,
    User,
)

# As local.settings.sample.json has them.
PARTNER_TENANT_ID = "00000000-0000-4000-8000-000000000001"
CLIENT_ID = "00000000-0000-4000-8000-000000000002"
CLIENT_SECRET = "demo-secret"  # noqa: S105 - opens nothing but a simulator

_BOUGHT_AT = time(9, 30, tzinfo=UTC)


def microsoft_state(today: date) -> MicrosoftState:
    """Return the partner's tenant and its customers'."""
    tenants = [_tenant(customer, today) for customer in CUSTOMERS]
    partner = a_tenant(
        "Sample Partner", tenant_id=PARTNER_TENANT_ID, consents={CLIENT_ID: list(GRAPH_PERMISSIONS)}
    )
    return MicrosoftState(
        apps=[an_app(CLIENT_ID, secret=CLIENT_SECRET)],
        tenants=[partner, *tenants],
        partner_tenant_id=PARTNER_TENANT_ID,
        contracts=[a_contract(tenant) for tenant in tenants],
        delegated_admin_customer_ids=[tenant.id for tenant in tenants],
    )


def tenant_id(customer: SampleCustomer) -> str:
    """Return the id of the customer's tenant."""
    return an_id(f"tenant-{customer.name}")


def row_id(license_: License) -> str:
    """Return what Seatsync calls the licence's row."""
    return f"sku-{SKUS[license_.part_number].sku_id.lower()}"


def _tenant(customer: SampleCustomer, today: date) -> Tenant:
    return a_tenant(
        customer.name,
        [
            _subscription(customer, license_, number, today)
            for license_ in customer.licenses
            for number in range(len(license_.purchases))
        ],
        tenant_id=tenant_id(customer),
        skus=[
            Sku(
                sku_id=SKUS[license_.part_number].sku_id,
                sku_part_number=license_.spelled or license_.part_number,
                applies_to="Company" if license_.company else "User",
                consumed=license_.assigned,
            )
            for license_ in customer.licenses
        ],
        users=_users(customer),
        consents={CLIENT_ID: list(GRAPH_PERMISSIONS)},
    )


def _users(customer: SampleCustomer) -> list[User]:
    """Return as many users as the most used licence has; the first ones have all licences."""
    held = {
        SKUS[one.part_number].sku_id: one.assigned for one in customer.licenses if not one.company
    }
    return [
        a_user(
            f"Sample User {number + 1:03}",
            domain=f"{customer.name.lower().replace(' ', '')}.example",
            sku_ids=[sku for sku, assigned in held.items() if number < assigned],
        )
        for number in range(max(held.values(), default=0))
    ]


def _subscription(
    customer: SampleCustomer, license_: License, number: int, today: date
) -> Subscription:
    purchase = license_.purchases[number]
    created, next_lifecycle = _life(purchase, number, today)
    return a_subscription(
        SKUS[license_.part_number].sku_id,
        purchase.seats,
        part_number=license_.spelled or license_.part_number,
        name=f"{customer.name}-{license_.part_number}-{number}",
        status=purchase.status,
        trial=purchase.trial,
        created_at=created,
        next_lifecycle_at=next_lifecycle,
        owner_tenant_id=PARTNER_TENANT_ID,
    )


def _life(purchase: Purchase, number: int, today: date) -> tuple[datetime, datetime]:
    """Return when it was bought and when it changes next: some days ahead, never past."""
    days_left = {Status.ENABLED: 20, Status.WARNING: 12}.get(purchase.status, 60) + number
    term = timedelta(days=365 if purchase.annual else 30)
    ends = datetime.combine(today + timedelta(days=days_left), _BOUGHT_AT)
    return ends - term, ends
