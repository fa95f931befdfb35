"""Every module of pages: a new page is registered here."""

from functions.pages import (
    alerts,
    approvals,
    custom_licenses,
    customer,
    customers,
    exclusions,
    mapping,
    overview,
    profiles,
    runs,
    static_files,
    unknown,
)

MODULES = (
    alerts,
    approvals,
    custom_licenses,
    customer,
    customers,
    exclusions,
    mapping,
    overview,
    profiles,
    runs,
    static_files,
    unknown,
)
