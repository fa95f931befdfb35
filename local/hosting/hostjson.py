"""The options in ``host.json`` that the local host obeys."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
OVERRIDE_PREFIX = "AzureFunctionsJobHost__"

# The host hides a message this long while a function runs, whatever host.json says.
MESSAGE_LEASE_SECONDS = 600.0
DEVELOPMENT_MAX_POLLING_SECONDS = 2.0
MAX_POLLING_SECONDS = 60.0


class HostJsonError(ValueError):
    """``host.json`` cannot be read, or holds a value out of its bounds."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How queue triggers poll and retry.

    Attributes:
        new_batch_threshold: Fetch again when no more than this many messages are running.
        visibility_seconds: How long a failed message stays hidden before its next try.
        lease_seconds: How long a running message is hidden; renewed at half time.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_seconds: float = 0.0
    max_polling_seconds: float = MAX_POLLING_SECONDS
    base64: bool = True
    lease_seconds: float = MESSAGE_LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What ``host.json`` says."""

    route_prefix: str
    queues: QueueOptions


def read_host_json(
    path: Path,
    environment: Mapping[str, str],
    *,
    lease_seconds: float = MESSAGE_LEASE_SECONDS,
) -> HostOptions:
    """Return the options of a ``host.json``, with the host's own defaults.

    ``AzureFunctionsJobHost__extensions__queues__batchSize`` and the like in the environment
    win over the file, as they do in Azure.

    Raises:
        HostJsonError: The file is missing or malformed, or a value is out of its bounds.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise HostJsonError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise HostJsonError(f'{path}: expected "version": "2.0"')
    _override(document, environment)
    extensions = _section(document, "extensions")
    http, queues = _section(extensions, "http"), _section(extensions, "queues")
    development = environment.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
    polling = DEVELOPMENT_MAX_POLLING_SECONDS if development else MAX_POLLING_SECONDS
    encoding = str(queues.get("messageEncoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise HostJsonError(f"messageEncoding: '{encoding}' is neither base64 nor none")
    batch_size = _whole(queues, "batchSize", 16, 1, 32)
    return HostOptions(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        queues=QueueOptions(
            batch_size=batch_size,
            new_batch_threshold=_whole(
                queues,
                "newBatchThreshold",
                max(1, batch_size // 2) * (os.cpu_count() or 1),
                0,
                1000,
            ),
            max_dequeue_count=_whole(queues, "maxDequeueCount", 5, 1, 1000),
            visibility_seconds=_seconds(queues, "visibilityTimeout", 0.0),
            max_polling_seconds=max(0.1, _seconds(queues, "maxPollingInterval", polling)),
            base64=encoding == "base64",
            lease_seconds=lease_seconds,
        ),
    )


def _override(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if not name.startswith(OVERRIDE_PREFIX):
            continue
        *sections, key = name.removeprefix(OVERRIDE_PREFIX).split("__")
        target = document
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = value


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name, {})
    if not isinstance(section, Mapping):
        raise HostJsonError(f"{name}: expected an object")
    return section


def _whole(section: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    try:
        value = int(section.get(name, default))
    except (TypeError, ValueError) as error:
        raise HostJsonError(f"{name}: expected a whole number") from error
    if not low <= value <= high:
        raise HostJsonError(f"{name}: {value} is not in {low}-{high}")
    return value


def _seconds(section: Mapping[str, Any], name: str, default: float) -> float:
    text = section.get(name)
    if text is None:
        return default
    match = TIME_SPAN.fullmatch(str(text))
    if match is None:
        raise HostJsonError(f"{name}: '{text}' is not hh:mm:ss")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
