"""Sets the sample up in Seatsync as a billing admin would: through its API, step by step."""

from dataclasses import dataclass

from local.api import Api, ApiError, Json
from local.sample.customers import CUSTOMERS, Billing, License, SampleCustomer
from local.sample.microsoft import row_id, tenant_id
from local.sample.psa import agreement_number, company_id, product_id
from local.sample.skus import SKUS
from local.sites.site import Site

CONNECTION = "main"


@dataclass(frozen=True, slots=True)
class Onboarded:
    """What Seatsync calls a customer of the sample."""

    customer: SampleCustomer
    customer_id: str


def add_customers(app: Api) -> list[Onboarded]:
    """Add the customers, each found among the tenants that wait to be added.

    Raises:
        ApiError: A tenant is not offered with its own company, or a call was refused.
    """
    offered = {one["tenant_id"]: one for one in app.items("/api/customers/candidates")}
    added = []
    for customer in CUSTOMERS:
        candidate = offered.get(tenant_id(customer), {})
        company = (candidate.get("company") or {}).get("company_id")
        if company != str(company_id(customer)):
            raise ApiError(f"{customer.name} was matched with company {company}")
        body = {
            "name": customer.name,
            "microsoft": CONNECTION,
            "tenant_id": tenant_id(customer),
            "psa": CONNECTION,
            "company_id": company,
        }
        answer = app.call("POST", "/api/customers", body)
        added.append(Onboarded(customer, answer["customer_id"]))
    return added


def add_profiles(app: Api) -> dict[str, str]:
    """Add a billing profile for each product; return their ids by part number."""
    sold = [sku for sku in SKUS.values() if sku.price is not None]
    bodies = [
        {
            "name": sku.name,
            "psa": CONNECTION,
            "product_id": str(product_id(sku.part_number)),
            "agreement_types": [],
            "price": {"kind": "psa"},
            "billable": "billable",
        }
        for sku in sold
    ]
    added = app.call("POST", "/api/billing-profiles", bodies)["items"]
    by_product = {profile["product_id"]: profile["profile_id"] for profile in added}
    return {sku.part_number: by_product[str(product_id(sku.part_number))] for sku in sold}


def exclude_free(app: Api) -> None:
    """Exclude the SKUs that nobody is billed for, beside those that are excluded already."""
    kept = [
        {"sku_id": item["sku_id"], "reason": item["reason"]}
        for item in app.items("/api/exclusions")
    ]
    known = {item["sku_id"] for item in kept}
    free = [
        {"sku_id": sku.sku_id, "reason": "free"}
        for sku in SKUS.values()
        if sku.price is None and sku.sku_id not in known
    ]
    if free:
        app.call("PUT", "/api/exclusions", {"items": kept + free})


def map_licenses(app: Api, site: Site, onboarded: Onboarded, profiles: dict[str, str]) -> int:
    """Map a customer's licences but the free ones, and return how many are mapped.

    Raises:
        ApiError: A licence is not listed, or a call was refused.
    """
    customer, base = onboarded.customer, f"/api/customers/{onboarded.customer_id}"
    listed = {row["row_id"] for row in app.items(f"{base}/licenses")}
    mapped = 0
    for license_ in customer.licenses:
        row = row_id(license_)
        if row not in listed:
            raise ApiError(f"{customer.name}: {license_.part_number} is not listed")
        if license_.billing is not None:
            number = agreement_number(customer, license_.billing.agreement)
            body = _mapping(license_, license_.billing, site.agreement_id(number), profiles)
            app.call("PUT", f"{base}/mappings/{row}", body)
            mapped += 1
    return mapped


def _mapping(
    license_: License, billing: Billing, agreement_id: str, profiles: dict[str, str]
) -> Json:
    return {
        "profile_id": profiles[billing.product or license_.part_number],
        "agreement_id": agreement_id,
        "included": billing.included,
        "minimum": billing.minimum,
        "negative_prorate": False,
        "override_start": None,
        "grace": "only_without_active",
        "count_trials": False,
        "existing_line": "adopt",
        "on_drift": "hold",
    }
