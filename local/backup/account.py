"""Which storage account a backup is of, and who we are there."""

import argparse
import os
from pathlib import Path

from azure.data.tables import TableServiceClient

from local.hosting.settings import apply_settings, read_local_settings
from local.hosting.storage import table_service

STORAGE = "AzureWebJobsStorage"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the account."""
    parser.add_argument(
        "--account",
        help="the storage account's name, entered as whom `az login` signed in; without it, what "
        f"{STORAGE} says in the environment or in --settings",
    )
    parser.add_argument("--settings", type=Path, help="a local.settings.json")


def service_of(arguments: argparse.Namespace) -> TableServiceClient:
    """Return the client of the account's tables.

    Raises:
        SettingsError: Nothing names an account.
    """
    environment = dict(os.environ)
    if arguments.account:
        return table_service(STORAGE, {f"{STORAGE}__accountName": arguments.account})
    if arguments.settings:
        apply_settings(read_local_settings(arguments.settings), environment)
    return table_service(STORAGE, environment)
