"""What Partner Center knows. It is part of the Microsoft simulator's state, so one file loads both.

``builders.py`` makes it from Python.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

LARGEST_PAGE = 500


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class PartnerSubscription(_Part):
    """One commitment. Its id is the commerce subscription id of Graph, perhaps in other letters."""

    id: str
    friendly_name: str
    quantity: int
    offer_id: str = "CFQ7TTC0LCHC:0002:CFQ7TTC0X7T2"
    product_type: str | None = "OnlineServicesNCE"  # None: bought in the legacy way
    unit_type: str = "Licenses"
    billing_type: str = "license"
    billing_cycle: str = "monthly"
    term_duration: str | None = "P1Y"
    status: str = "active"
    is_trial: bool = False
    auto_renew: bool = True
    created_at: datetime | None = None
    commitment_end: date | None = None  # the last day; None where there is no end
    next_quantity: int | None = None  # what the next term begins with
    # Fields of the JSON row to replace or leave out, to be as odd as the real one can be.
    raw_put: dict[str, Any] = {}
    raw_remove: list[str] = []


class PartnerCustomer(_Part):
    """A customer, whatever the partner is to it."""

    tenant_id: str
    company_name: str
    domain: str
    relationship: str = "reseller"  # none | reseller | advisor | syndication | microsoft_support
    subscriptions: list[PartnerSubscription] = []

    def subscription(self, subscription_id: str) -> PartnerSubscription | None:
        wanted = subscription_id.lower()
        return next((one for one in self.subscriptions if one.id.lower() == wanted), None)


class PartnerCenterState(_Part):
    """Everything; empty for a partner who is no direct CSP."""

    customers: list[PartnerCustomer] = []
    app_ids: list[str] | None = None  # the apps that Partner Center was told of; None: any
    largest_page: int = LARGEST_PAGE

    def customer(self, tenant_id: str) -> PartnerCustomer | None:
        wanted = tenant_id.lower()
        return next((one for one in self.customers if one.tenant_id.lower() == wanted), None)
