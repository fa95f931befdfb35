"""Every module of pages: a new page is registered here."""

from functions.pages import customers, overview, static_files, unknown

MODULES = (customers, overview, static_files, unknown)
