"""The storage account: one client for its tables and one for its queues in each process."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import getproxies

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.queue import QueueServiceClient
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from shared.domain.errors import (
    AccessDeniedError,
    OperatorActionError,
    SettingsError,
    UpstreamUnavailableError,
)

NAME = "storage"
"""The connection's name in errors."""

CONNECTIONS = 64
"""Kept open at once: the most threads a worker process is given."""

CONNECT_SECONDS = 5
READ_SECONDS = 30
PROBE_SECONDS = 3

# The queue library's own default is newer than what the emulator and some clouds know.
QUEUE_API_VERSION = "2025-11-05"

_HTTP_LOGGING = "azure.core.pipeline.policies.http_logging_policy"
_TOO_MANY, _REQUEST_TIMEOUT, _SERVER_ERROR = 429, 408, 500
_REFUSED = frozenset({401, 403})
# Answers that pass: a name that was deleted a moment ago is refused for about half a minute.
_PASSING_CODES = frozenset({"TableBeingDeleted", "QueueBeingDeleted"})


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """Where the storage is, and who we are there.

    Attributes:
        connection_string: Holds addresses and key; the addresses below are not used then.
        table_uri, queue_uri: Addresses, for a managed identity.
        client_id: Of a user-assigned identity; without one, whoever this process runs as.
        table_prefix: Begins the name of every table, so that tests can share an account.
    """

    connection_string: str | None = field(default=None, repr=False)
    table_uri: str | None = None
    queue_uri: str | None = None
    client_id: str | None = None
    table_prefix: str = ""

    @classmethod
    def named(cls, account_name: str, client_id: str | None = None) -> "StorageAccount":
        """Return the account of this name in the public cloud, for a managed identity."""
        return cls(
            table_uri=f"https://{account_name}.table.core.windows.net",
            queue_uri=f"https://{account_name}.queue.core.windows.net",
            client_id=client_id,
        )


class Transactions:
    """Counts every request that is sent to the storage, retries too, by service and method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """Count one request, such as ``tables GET``."""
        with self._lock:
            self._counts[kind] += 1

    @property
    def total(self) -> int:
        """All requests so far."""
        with self._lock:
            return self._counts.total()

    def by_kind(self) -> dict[str, int]:
        """Return the requests so far by service and method."""
        with self._lock:
            return dict(self._counts)


def table_service(
    account: StorageAccount,
    transactions: Transactions | None = None,
    *,
    before_each: Callable[[], None] | None = None,
) -> TableServiceClient:
    """Return the client of the account's tables; share it between threads.

    Args:
        before_each: Called before each request; it may wait.

    Raises:
        SettingsError: The account has neither a connection string nor an address for tables.
    """
    options = _options("tables", transactions, before_each) | {
        "retry_total": 3,
        "retry_connect": 2,
        "retry_backoff_factor": 0.2,
        "retry_backoff_max": 5,
    }
    if account.connection_string:
        return TableServiceClient.from_connection_string(account.connection_string, **options)
    if account.table_uri:
        return TableServiceClient(
            account.table_uri, credential=_credential(account.client_id), **options
        )
    raise _nowhere("__tableServiceUri")


def queue_service(
    account: StorageAccount,
    transactions: Transactions | None = None,
    *,
    before_each: Callable[[], None] | None = None,
) -> QueueServiceClient:
    """Return the client of the account's queues; share it between threads.

    Args:
        before_each: Called before each request; it may wait.

    Raises:
        SettingsError: The account has neither a connection string nor an address for queues.
    """
    options = _options("queues", transactions, before_each) | {
        "api_version": QUEUE_API_VERSION,
        "retry_total": 2,
        "initial_backoff": 1,
        "increment_base": 1,
        "random_jitter_range": 1,
    }
    if account.connection_string:
        return QueueServiceClient.from_connection_string(account.connection_string, **options)
    if account.queue_uri:
        return QueueServiceClient(
            account.queue_uri, credential=_credential(account.client_id), **options
        )
    raise _nowhere("__queueServiceUri")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the storage libraries' errors into ours; ``doing`` says what failed, in words.

    Errors that a caller expects (missing, exists, changed) must be caught inside the block.

    Raises:
        UpstreamUnavailableError: No answer, or one that says to come back later. A write may have
            happened; all our writes may be repeated.
        AccessDeniedError: The key or the identity may not do this.
        OperatorActionError: The storage refused for another reason.
    """
    try:
        yield
    except ClientAuthenticationError as error:
        raise _denied(doing) from error
    except HttpResponseError as error:
        raise _refusal(doing, error) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise UpstreamUnavailableError(NAME, f"{doing}: no answer") from error
    except AzureError as error:
        raise UpstreamUnavailableError(NAME, f"{doing}: {type(error).__name__}") from error


def error_code(error: HttpResponseError) -> str:
    """Return the storage's own name of the error, such as ``TableNotFound``."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _refusal(
    doing: str, error: HttpResponseError
) -> UpstreamUnavailableError | AccessDeniedError | OperatorActionError:
    status = error.status_code or 0
    code = error_code(error)
    if status in _REFUSED:
        return _denied(doing)
    if (
        status >= _SERVER_ERROR
        or status in {0, _TOO_MANY, _REQUEST_TIMEOUT}
        or code in _PASSING_CODES
    ):
        return UpstreamUnavailableError(NAME, f"{doing}: {status or 'no'} {code}".rstrip())
    return OperatorActionError(f"{NAME}: {doing}: refused with {status} {code}".rstrip())


def _denied(doing: str) -> AccessDeniedError:
    return AccessDeniedError(
        f"{NAME}: {doing}: access denied",
        remedy=(
            "check the account key, or give the app's identity the roles Storage Table Data "
            "Contributor and Storage Queue Data Contributor"
        ),
    )


def _nowhere(suffix: str) -> SettingsError:
    return SettingsError(
        "AzureWebJobsStorage: give a connection string, AzureWebJobsStorage__accountName, or "
        f"AzureWebJobsStorage{suffix}"
    )


def _credential(client_id: str | None) -> DefaultAzureCredential | ManagedIdentityCredential:
    if client_id:
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential()


def _options(
    service: str, transactions: Transactions | None, before_each: Callable[[], None] | None
) -> dict[str, Any]:
    # At INFO it logs each call with its headers, five times as much as all that we say.
    logging.getLogger(_HTTP_LOGGING).setLevel(logging.WARNING)
    session = requests.Session()
    adapter = _StorageAdapter(service, transactions, before_each)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    verify = session.merge_environment_settings("", {}, None, None, None)["verify"]
    # To look for a proxy at each call costs a fifth of it.
    session.trust_env = bool(getproxies())
    return {
        "transport": RequestsTransport(
            session=session,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            connection_verify=verify,
        )
    }


class _StorageAdapter(HTTPAdapter):
    """One pool of kept connections that also counts what is sent, and may wait before it."""

    def __init__(
        self,
        service: str,
        transactions: Transactions | None,
        before_each: Callable[[], None] | None,
    ) -> None:
        # The storage libraries decide what is sent again; urllib3 must not.
        once = Retry(total=False, redirect=False, raise_on_status=False)
        super().__init__(pool_connections=4, pool_maxsize=CONNECTIONS, max_retries=once)
        self._service = service
        self._transactions = transactions
        self._before_each = before_each

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 -- passed on as they are
        if self._before_each is not None:
            self._before_each()
        if self._transactions is not None:
            self._transactions.add(f"{self._service} {request.method}")
        return super().send(request, *args, **kwargs)
