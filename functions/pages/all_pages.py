"""Every module of pages: a new page is registered here."""

from functions.pages import (
    alerts,
    approvals,
    connections,
    custom_licenses,
    customer,
    customers,
    exclusions,
    mapping,
    overview,
    profiles,
    reconciliation,
    runs,
    static_files,
    unknown,
)

MODULES = (
    alerts,
    approvals,
    connections,
    custom_licenses,
    customer,
    customers,
    exclusions,
    mapping,
    overview,
    profiles,
    reconciliation,
    runs,
    static_files,
    unknown,
)
