"""Every module of pages: a new page is registered here."""

from functions.pages import (
    alerts,
    api_docs,
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
    settings,
    static_files,
    unknown,
)

MODULES = (
    alerts,
    api_docs,
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
    settings,
    static_files,
    unknown,
)
