"""Settings of the app: ``local.settings.json``, ``%NAME%`` references, storage connections."""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

REFERENCE = re.compile(r"%([^%]+)%")


class SettingsError(ValueError):
    """A settings file or a setting cannot be used."""


def read_local_settings(path: Path) -> dict[str, str]:
    """Return the ``Values`` of a ``local.settings.json``.

    Raises:
        SettingsError: The file is not JSON, is encrypted, or holds a value that is not text.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Values", {}), dict):
        raise SettingsError(f"{path}: expected an object with 'Values'")
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path}: encrypted settings are read by Core Tools only")
    values = document.get("Values", {})
    wrong = sorted(name for name, value in values.items() if not isinstance(value, str))
    if wrong:
        raise SettingsError(f"{path}: the values of {', '.join(wrong)} must be strings")
    return dict(values)


def apply_settings(values: Mapping[str, str], environment: MutableMapping[str, str]) -> list[str]:
    """Add the values to the environment; what is already there wins.

    Returns:
        The names that were left out because the environment has them.
    """
    kept = [name for name in values if name in environment]
    for name, value in values.items():
        environment.setdefault(name, value)
    environment.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    environment.setdefault("FUNCTIONS_WORKER_RUNTIME", "python")
    return kept


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Return the text with each ``%NAME%`` replaced by the setting of that name.

    Raises:
        SettingsError: A setting is missing.
    """

    def value_of(reference: re.Match[str]) -> str:
        try:
            return environment[reference[1]]
        except KeyError:
            raise SettingsError(f"setting '{reference[1]}' is missing") from None

    return REFERENCE.sub(value_of, text)


def storage_setting(connection: str, service: str, environment: Mapping[str, str]) -> str:
    """Return the connection string, or the service's address, that a connection names.

    Args:
        connection: Name of the connection; ``AzureWebJobs`` before it is tried too.
        service: ``queue`` or ``table``.

    Raises:
        SettingsError: No setting of that connection exists.
    """
    for name in (connection, f"AzureWebJobs{connection}"):
        for setting in (name, f"{name}__{service}ServiceUri"):
            if environment.get(setting):
                return environment[setting]
        if environment.get(f"{name}__accountName"):
            return f"https://{environment[f'{name}__accountName']}.{service}.core.windows.net"
    raise SettingsError(f"setting '{connection}' (or {connection}__{service}ServiceUri) is missing")
