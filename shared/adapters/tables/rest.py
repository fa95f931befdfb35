"""The table service's REST calls, on kept connections: what an entity costs is mostly this.

The SDK's client spends five times the processor on a read, and twelve times on a transaction, which
it sends through an executor for each. A cycle is bound by the processor, so the calls are our own.
Errors are azure-core's, as the queues' library raises them.

Source:
    docs/adr/0031-our-own-table-calls.md
    https://learn.microsoft.com/en-us/rest/api/storageservices/table-service-rest-api
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Self
from urllib.parse import quote, urlsplit

import certifi
import urllib3
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from requests.utils import get_environ_proxies

from shared.adapters.storage import (
    CONNECT_SECONDS,
    CONNECTIONS,
    READ_SECONDS,
    StorageAccount,
    Transactions,
    credential_of,
    nowhere,
)

API_VERSION = "2020-12-06"
SCOPE = "https://storage.azure.com/.default"

MOST_TRIES, MOST_CONNECTS = 4, 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 5.0
RENEW_BEFORE_SECONDS = 300
"""A token is renewed so long before it ends."""

_ACCEPT = "application/json;odata=minimalmetadata"
_NO_CONTENT = ("Prefer", "return-no-content")
_REPEATED = frozenset({"GET", "PUT", "DELETE"})
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_PASSING_FOR_ALL = frozenset({500, 503, 504})
_LEAST_ERROR = 400
_PARAMETER = re.compile(r"@(\w+)")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_ETAG = re.compile(rb"(?mi)^etag: *(.+?)\r?$")
_ERRORS: Mapping[int, type[HttpResponseError]] = {
    401: ClientAuthenticationError,
    403: ClientAuthenticationError,
    404: ResourceNotFoundError,
    409: ResourceExistsError,
    412: ResourceModifiedError,
}

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A write of one entity, alone or in a transaction.

    Attributes:
        path: Below the account's address.
        headers: Its own, beside those of every request.
        body: JSON; empty for a removal.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class TableService:
    """One account's tables. Thread-safe; close it, or use it as a block."""

    def __init__(
        self,
        url: str,
        sign: Callable[[str], Mapping[str, str]],
        transactions: Transactions | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the account.

        Args:
            url: Without a slash at its end.
            sign: Returns the headers that let a request in, from its path.
        """
        self.url = url
        self._sign = sign
        self._transactions = transactions
        self._sleep = sleep
        self._path = urlsplit(url).path
        self._pool = _pool(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def get(self, table: str, partition: str, row: str) -> Stored:
        """Return an entity; its version is its ``odata.etag``."""
        found: Stored = json.loads(self._send(Request("GET", _entity_path(table, partition, row))))
        return found

    def query(
        self,
        table: str,
        condition: str,
        parameters: Mapping[str, str | int | bool],
        *,
        most: int,
        select: Sequence[str] | None = None,
    ) -> Iterator[Stored]:
        """Yield entities, a page of at most so many after another, each read when it is needed.

        Args:
            condition: OData; a parameter is a name behind an ``@``.
        """
        query = {"$filter": _PARAMETER.sub(lambda name: _literal(parameters[name[1]]), condition)}
        query["$top"] = str(most)
        if select:
            query["$select"] = ",".join(select)
        while True:
            text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
            answer = self._answer(Request("GET", f"{table}()"), text)
            yield from json.loads(answer.data)["value"]
            following = {
                name: value
                for name in ("NextPartitionKey", "NextRowKey")
                if (value := answer.headers.get(f"x-ms-continuation-{name}"))
            }
            if not following:
                return
            query |= following

    def write(self, request: Request) -> str:
        """Carry out one write, and return the entity's new version."""
        return str(self._answer(request).headers.get("ETag", ""))

    def transact(self, requests: Sequence[Request]) -> list[str]:
        """Carry out writes of one partition, all or none, and return the entities' versions."""
        batch, changes = f"batch_{uuid.uuid4()}", f"changeset_{uuid.uuid4()}"
        lines = [f"--{batch}", f"Content-Type: multipart/mixed; boundary={changes}", ""]
        for one in requests:
            lines += [
                f"--{changes}",
                "Content-Type: application/http",
                "Content-Transfer-Encoding: binary",
                "",
                f"{one.method} {self.url}/{one.path} HTTP/1.1",
                *(f"{name}: {value}" for name, value in (*_COMMON, *one.headers)),
                "",
                one.body,
            ]
        lines += [f"--{changes}--", f"--{batch}--", ""]
        kind = ("Content-Type", f"multipart/mixed; boundary={batch}")
        whole = Request("POST", "$batch", (kind,), "\r\n".join(lines))
        answered = self._send(whole)
        statuses = [int(found) for found in _STATUS.findall(answered)]
        refused = next((status for status in statuses if status >= _LEAST_ERROR), None)
        if refused is not None:
            raise _error(refused, answered[answered.find(b"{") :])
        return [found.decode("ascii") for found in _ETAG.findall(answered)]

    def create_table(self, table: str) -> None:
        """Create a table."""
        body = json.dumps({"TableName": table})
        self._send(Request("POST", "Tables", (_NO_CONTENT,), body))

    def probe(self, seconds: float) -> None:
        """Ask for one table's name, once."""
        self._answer(Request("GET", "Tables"), "$top=1", seconds=seconds)

    def _send(self, request: Request) -> bytes:
        return self._answer(request).data

    def _answer(
        self, request: Request, query: str = "", *, seconds: float | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Return a success.

        Args:
            seconds: How long to wait instead of the usual times, and then only once.
        """
        path = f"{self._path}/{request.path}"
        target = f"{self.url}/{request.path}{'?' if query else ''}{query}"
        tries = 0
        while True:
            tries += 1
            if self._transactions is not None:
                self._transactions.add(f"tables {request.method}")
            headers = {**dict(_COMMON), **dict(request.headers), **self._sign(path)}
            try:
                answer = self._pool.request(
                    request.method,
                    target,
                    body=request.body.encode() or None,
                    headers=headers,
                    timeout=urllib3.Timeout(
                        connect=seconds or CONNECT_SECONDS, read=seconds or READ_SECONDS
                    ),
                )
            except urllib3.exceptions.HTTPError as error:
                sent = not isinstance(error, _NEVER_SENT)
                most = MOST_TRIES if sent else MOST_CONNECTS
                if seconds or tries >= most or (sent and request.method not in _REPEATED):
                    kind = ServiceResponseError if sent else ServiceRequestError
                    raise kind(type(error).__name__) from error
                self._sleep(_wait(tries, None))
                continue
            if answer.status < _LEAST_ERROR:
                return answer
            if seconds or tries >= MOST_TRIES or not _passes(request.method, answer.status):
                raise _error(answer.status, answer.data)
            self._sleep(_wait(tries, answer.headers.get("Retry-After")))


def put(table: str, partition: str, row: str, entity: Stored, version: str = "") -> Request:
    """Return the write that replaces an entity: of this version, or whatever is there."""
    only = (("If-Match", version),) if version else ()
    return Request("PUT", _entity_path(table, partition, row), only, json.dumps(entity))


def insert(table: str, entity: Stored) -> Request:
    """Return the write that adds an entity."""
    return Request("POST", table, (_NO_CONTENT,), json.dumps(entity))


def remove(table: str, partition: str, row: str, version: str = "") -> Request:
    """Return the write that removes an entity: of this version, or whichever is there."""
    return Request("DELETE", _entity_path(table, partition, row), (("If-Match", version or "*"),))


def table_service(
    account: StorageAccount, transactions: Transactions | None = None
) -> TableService:
    """Return the client of the account's tables; share it between threads.

    Raises:
        SettingsError: The account has neither a connection string nor an address for tables.
    """
    if account.connection_string:
        return _of_connection_string(account.connection_string, transactions)
    if account.table_uri:
        signed = _Bearer(credential_of(account.client_id))
        return TableService(account.table_uri.rstrip("/"), signed.headers, transactions)
    raise nowhere("__tableServiceUri")


_COMMON = (
    ("Accept", _ACCEPT),
    ("Content-Type", "application/json"),
    ("DataServiceVersion", "3.0"),
    ("MaxDataServiceVersion", "3.0;NetFx"),
)
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)


class _SharedKey:
    """Signs with the account's key (SharedKeyLite)."""

    def __init__(self, account: str, key: bytes) -> None:
        self._account = account
        self._key = key

    def headers(self, path: str) -> dict[str, str]:
        date = formatdate(usegmt=True)
        text = f"{date}\n/{self._account}{path}"
        signature = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return {
            "x-ms-date": date,
            "x-ms-version": API_VERSION,
            "Authorization": f"SharedKeyLite {self._account}:"
            + base64.b64encode(signature).decode("ascii"),
        }


class _Bearer:
    """Signs with a token of an identity, which is kept until shortly before it ends."""

    def __init__(self, identity: TokenCredential, now: Callable[[], float] = time.time) -> None:
        self._identity = identity
        self._now = now
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def headers(self, path: str) -> dict[str, str]:
        del path
        return {
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": API_VERSION,
            "Authorization": f"Bearer {self._good_token()}",
        }

    def _good_token(self) -> str:
        with self._lock:
            if self._token is None or self._token.expires_on - self._now() < RENEW_BEFORE_SECONDS:
                self._token = self._identity.get_token(SCOPE)
            return self._token.token


def _of_connection_string(text: str, transactions: Transactions | None) -> TableService:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    name, key = parts.get("AccountName", ""), parts.get("AccountKey", "")
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    usual = f"{parts.get('DefaultEndpointsProtocol', 'https')}://{name}.table.{suffix}"
    try:
        decoded = base64.b64decode(key)
    except binascii.Error as error:
        raise nowhere("__tableServiceUri") from error
    url = parts.get("TableEndpoint", usual).rstrip("/")
    return TableService(url, _SharedKey(name, decoded).headers, transactions)


def _pool(url: str) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "retries": False,
        "ca_certs": certifi.where(),
        "cert_reqs": "CERT_REQUIRED",
    }
    parts = urlsplit(url)
    proxy = get_environ_proxies(url).get(parts.scheme)
    if proxy:
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _entity_path(table: str, partition: str, row: str) -> str:
    return f"{table}(PartitionKey='{_key(partition)}',RowKey='{_key(row)}')"


def _key(text: str) -> str:
    return quote(text.replace("'", "''"), safe="")


def _literal(value: str | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def _passes(method: str, status: int) -> bool:
    return status in (_PASSING if method in _REPEATED else _PASSING_FOR_ALL)


def _wait(tries: int, asked: str | None) -> float:
    if asked is not None and asked.isdigit():
        return min(float(asked), LONGEST_WAIT_SECONDS)
    return float(min(FIRST_WAIT_SECONDS * 2 ** (tries - 1), LONGEST_WAIT_SECONDS))


def _error(status: int, body: bytes) -> HttpResponseError:
    """Return the error of a refusal; its words are left out, for they may quote an entity."""
    try:
        found, _ = json.JSONDecoder().raw_decode(body.decode("utf-8", "replace"))
        code = str(found["odata.error"]["code"])
    except (ValueError, LookupError, TypeError):
        code = ""
    error = _ERRORS.get(status, HttpResponseError)(message=f"{status} {code}".rstrip())
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]  # as the queues' library does
    return error
