"""Every module of pages: a new page is registered here."""

from functions.pages import (
    approvals,
    custom_licenses,
    customer,
    customers,
    mapping,
    overview,
    runs,
    static_files,
    unknown,
)

MODULES = (
    approvals,
    custom_licenses,
    customer,
    customers,
    mapping,
    overview,
    runs,
    static_files,
    unknown,
)
