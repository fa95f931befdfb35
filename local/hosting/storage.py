"""The storage accounts that the app's connections name."""

from collections.abc import Mapping

from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential
from azure.storage.queue import QueueServiceClient

from local.hosting.settings import storage_setting


def queue_service(connection: str, environment: Mapping[str, str]) -> QueueServiceClient:
    """Return a client of the account's queues.

    Raises:
        SettingsError: The connection's setting is missing.
    """
    setting = storage_setting(connection, "queue", environment)
    if _is_address(setting):
        return QueueServiceClient(setting, credential=DefaultAzureCredential())
    return QueueServiceClient.from_connection_string(setting)


def table_service(connection: str, environment: Mapping[str, str]) -> TableServiceClient:
    """Return a client of the account's tables.

    Raises:
        SettingsError: The connection's setting is missing.
    """
    setting = storage_setting(connection, "table", environment)
    if _is_address(setting):
        return TableServiceClient(setting, credential=DefaultAzureCredential())
    return TableServiceClient.from_connection_string(setting)


def _is_address(setting: str) -> bool:
    return setting.startswith(("https://", "http://"))
