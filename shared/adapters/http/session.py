"""One API of one connection, over a shared pool of kept connections."""

import logging
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from shared import exact_json
from shared.adapters.http.decision import (
    QUERY,
    READS,
    Failure,
    Garbled,
    NoAnswer,
    Refusal,
    Sent,
    error_for,
    header,
    may_repeat_now,
    safe_text,
    wait_asked,
)
from shared.domain.errors import SeatsyncError, SettingsError, UnexpectedPayloadError
from shared.exact_json import Json

logger = logging.getLogger(__name__)

USER_AGENT = "Seatsync"
MOST_PAGES = 1000

Parameters = Mapping[str, str | int]
Headers = Callable[[], Mapping[str, str]]
ErrorText = Callable[[Json], object]
OnStatus = Callable[[Sent, Refusal], SeatsyncError | None]
OnCall = Callable[[str, str, int | None, float, int], None]


def utc_now() -> datetime:
    """Return the real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long to wait, in seconds: for a connection, and for each part of the answer."""

    connect: float = 5.0
    read: float = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A success.

    Attributes:
        json: The parsed body; ``None`` when there is none (204).
        headers: By name, whatever their case.
    """

    json: Json
    headers: Mapping[str, str]
    status: int


def pooled_http(pool_size: int = 32) -> requests.Session:
    """Return a transport for any number of threads that keeps up to so many connections a host.

    It never repeats a call by itself and keeps no cookies.
    """
    # At DEBUG it logs whole addresses: a webhook's signature, the users that a query names.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    http = requests.Session()
    adapter = HTTPAdapter(pool_connections=8, pool_maxsize=pool_size, max_retries=0)
    http.mount("https://", adapter)
    http.mount("http://", adapter)
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return http


def base_url(text: str, setting: str, *, development: bool) -> str:
    """Return the address of an API without the slash at its end.

    Raises:
        SettingsError: It is no address, carries a user, a query or a fragment, or is plain http
            where that is not allowed. The message names the setting.
    """
    trimmed = text.strip().rstrip("/")
    try:
        parts = urlsplit(trimmed)
        prepared = requests.Request("GET", trimmed).prepare()
        port = parts.port
    except ValueError as error:  # requests' own are ValueErrors too
        raise SettingsError(f"{setting}: is not an address") from error
    if parts.scheme not in {"http", "https"} or not prepared.url or port == 0:
        raise SettingsError(f"{setting}: must begin with https://")
    if parts.scheme == "http" and not development:
        raise SettingsError(f"{setting}: must begin with https://; http is for Development only")
    if parts.username or parts.password or "@" in parts.netloc or parts.query or parts.fragment:
        raise SettingsError(f"{setting}: must be an address without user, query and fragment")
    return trimmed


def with_path(url: str, usual: str) -> str:
    """Return an API's address: with the usual path, unless it has one of its own."""
    trimmed = url.rstrip("/")
    return trimmed if urlsplit(trimmed).path else f"{trimmed}{usual}"


def fits_a_header(text: str) -> bool:
    """Return whether a vendor's token can be sent back in a header, and is one at all.

    What cannot would be quoted by the error that says so.
    """
    return text.isascii() and text.isprintable() and text.strip() == text != ""


def segment(text: str) -> str:
    """Return text as one segment of a path, whatever is in it."""
    return quote(text, safe="")


class ApiSession:
    """Sends calls to one API and turns what comes back into values or errors. Thread-safe.

    A read whose connection fails is sent once more at once. A write is never repeated after it may
    have been sent. A wait that the API asks for is never slept through: it is the caller's.

    Raises:
        RateLimitError: 429.
        UpstreamUnavailableError: A read failed, or a write that was never sent.
        UnknownOutcomeError: A write may have happened.
        AccessDeniedError: 401 or 403.
        RequestRefusedError: Any other 4xx.
        UnexpectedPayloadError: A read was answered with something else than JSON.
    """

    def __init__(
        self,
        connection: str,
        base_url: str,
        http: requests.Session,
        *,
        headers: Headers | None = None,
        timeout: Timeout = Timeout(),
        error_text: ErrorText | None = None,
        on_status: OnStatus | None = None,
        on_call: OnCall | None = None,
        remedy: str = "Check the connection's address, keys and permissions.",
        request_id_header: str | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take the API's address and the transport.

        Args:
            connection: What errors call the API, and what pauses after a 429.
            base_url: As ``base_url()`` returns it.
            headers: Returns headers for every call, authorization among them.
            error_text: Returns the vendor's short words from the parsed body of a refusal, or
                anything else when there are none. It may fail on odd bodies.
            on_status: Returns the error for a refusal that means something special with this
                vendor, or ``None`` for the usual one.
            on_call: Told kind, method, status (``None`` without an answer), seconds and number
                of each try of every call.
            remedy: What a person should do after 401 and 403.
            request_id_header: The header in which the vendor takes a GUID of ours for each call.
            now: The real time, to which dates in ``Retry-After`` are compared.
        """
        self.connection = connection
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._headers = headers
        self._timeout = (timeout.connect, timeout.read)
        self._error_text = error_text
        self._on_status = on_status
        self._on_call = on_call
        self._remedy = remedy
        self._request_id_header = request_id_header
        self._now = now

    def get_json(
        self,
        path: str,
        params: Parameters | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        kind: str = "get",
    ) -> Json:
        """Return what a GET answers."""
        return self.get(path, params, headers=headers, kind=kind).json

    def get(
        self,
        path: str,
        params: Parameters | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        kind: str = "get",
    ) -> Reply:
        """Return what a GET answers, with its headers.

        Args:
            path: Below the base URL, beginning with a slash, or a link as ``below_base`` returns
                it.
            params: The query.
            headers: For this call, beside those of every call.
            kind: What ``on_call`` counts it as.
        """
        return self._call("GET", path, params=params, headers=headers, kind=kind)

    def query_json(
        self,
        path: str,
        body: object,
        *,
        headers: Mapping[str, str] | None = None,
        kind: str = "query",
    ) -> Json:
        """Return what a POST answers that only reads."""
        return self._call(QUERY, path, body=body, headers=headers, kind=kind).json

    def send_json(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        kind: str = "send",
    ) -> Json:
        """Write once, and return what the API answers; ``None`` when its answer has no body."""
        return self._call(
            method.upper(), path, params=params, body=body, headers=headers, kind=kind
        ).json

    def pages(
        self,
        path: str,
        params: Parameters | None = None,
        *,
        next_link: Callable[[Reply], str | None],
        headers: Mapping[str, str] | None = None,
        kind: str = "get",
    ) -> Iterator[Reply]:
        """Yield a list's pages, following its links; empty pages are no end.

        Raises:
            UnexpectedPayloadError: A link leads elsewhere or back, or there is no end to them.
        """
        reply = self.get(path, params, headers=headers, kind=kind)
        yield reply
        yield from self.more_pages(
            next_link(reply), next_link=next_link, headers=headers, kind=kind
        )

    def more_pages(
        self,
        link: str | None,
        *,
        next_link: Callable[[Reply], str | None],
        headers: Mapping[str, str] | None = None,
        kind: str = "get",
    ) -> Iterator[Reply]:
        """Yield the pages behind a link, as ``pages`` does."""
        seen: set[str] = set()
        while link is not None:
            path = self.below_base(link)
            if path in seen:
                raise UnexpectedPayloadError(f"{self.connection}: a next link came twice")
            if len(seen) >= MOST_PAGES:
                raise UnexpectedPayloadError(f"{self.connection}: more than {MOST_PAGES} pages")
            seen.add(path)
            reply = self.get(path, headers=headers, kind=kind)
            yield reply
            link = next_link(reply)

    def below_base(self, link: str) -> str:
        """Return the path and query of an absolute link, as the calls take it.

        Raises:
            UnexpectedPayloadError: The link leads out of the API, where no token may go.
        """
        try:
            own, other = urlsplit(self._base_url), urlsplit(link.strip())
        except ValueError:
            raise UnexpectedPayloadError(f"{self.connection}: a next link is no address") from None
        own_path = own.path.rstrip("/")
        same_host = _origin(own.scheme, own.netloc) == _origin(other.scheme, other.netloc)
        if not same_host or not other.path.startswith(f"{own_path}/") or ".." in other.path:
            raise UnexpectedPayloadError(f"{self.connection}: a next link leads to another address")
        path = other.path[len(own_path) :]
        return f"{path}?{other.query}" if other.query else path

    def refusal_of(self, status: int, headers: Mapping[str, str], body: Json) -> Refusal:
        """Return a refusal from its parts, as they come inside a batch too."""
        retry_after = wait_asked(header(headers, "Retry-After"), self._now())
        return Refusal(status, self._words(body), retry_after, body)

    def error_of(self, sent: Sent, failure: Failure) -> SeatsyncError:
        """Return the error that a failure is with this vendor."""
        if isinstance(failure, Refusal) and self._on_status:
            special = self._on_status(sent, failure)
            if special is not None:
                return special
        return error_for(sent, failure, self._remedy)

    def _call(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        params: Parameters | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        request_id = str(uuid.uuid4()) if self._request_id_header else ""
        sent = Sent(self.connection, method, path.partition("?")[0], request_id)
        request = self._http.prepare_request(
            requests.Request(
                "POST" if method == QUERY else method,
                self._base_url + path,
                headers=self._all_headers(headers, request_id, has_body=body is not None),
                params=dict(params or {}),
                data=None if body is None else exact_json.dumps(body).encode(),
                auth=as_it_is,
            )
        )
        tries = 0
        while True:
            tries += 1
            outcome, cause = self._try(request, sent, kind, tries)
            if isinstance(outcome, Reply):
                return outcome
            if not may_repeat_now(method, outcome, tries):
                raise self.error_of(sent, outcome) from cause

    def _all_headers(
        self, headers: Mapping[str, str] | None, request_id: str, *, has_body: bool
    ) -> dict[str, str]:
        all_headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if has_body:
            all_headers["Content-Type"] = "application/json"
        if self._request_id_header:
            all_headers[self._request_id_header] = request_id
        return all_headers | dict(self._headers() if self._headers else {}) | dict(headers or {})

    def _try(
        self, request: requests.PreparedRequest, sent: Sent, kind: str, attempt: int
    ) -> tuple[Reply | Failure, Exception | None]:
        """Send the call once; return its outcome, and the error behind it if there was one."""
        started = time.perf_counter()
        status: int | None = None
        try:
            options = self._http.merge_environment_settings(request.url, {}, None, None, None)
            response = self._http.send(
                request, timeout=self._timeout, allow_redirects=False, **options
            )
            status = response.status_code
        except requests.RequestException as error:
            return no_answer(error), error
        finally:
            seconds = time.perf_counter() - started
            logger.debug("%s: %s in %.3f s", sent, status or "no answer", seconds)
            if self._on_call:
                self._on_call(kind, request.method or "", status, seconds, attempt)
        return self._outcome(sent, response)

    def _outcome(
        self, sent: Sent, response: requests.Response
    ) -> tuple[Reply | Failure, Exception | None]:
        status, content = response.status_code, response.content
        success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        if success and not content.strip() and sent.method not in READS:
            return Reply(None, response.headers, status), None
        try:
            body = exact_json.loads(content)
        except ValueError as error:
            if success:
                # Neither the body nor the parser's error, which quotes it, may go any further.
                reason = "an HTML page" if content.lstrip()[:1] == b"<" else "no whole JSON"
                return Garbled(status, f"it holds {reason}"), None
            del error
            body = None
        if success:
            return Reply(body, response.headers, status), None
        return self.refusal_of(status, response.headers, body), None

    def _words(self, body: Json) -> str:
        if self._error_text is None or body is None:
            return ""
        try:
            return safe_text(self._error_text(body))
        except (LookupError, TypeError, AttributeError, ValueError, UnexpectedPayloadError):
            return ""  # a body of another shape; the status says enough


def as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Sign nothing: given as ``auth``, it keeps a .netrc from replacing our own header."""
    return request


def no_answer(error: requests.RequestException) -> NoAnswer:
    """Return what kind of failure an error of the transport is."""
    timed_out = isinstance(error, requests.Timeout)
    never_sent = _never_sent(error)
    if never_sent:
        reason = "no connection"
    elif timed_out:
        reason = "no answer in time"
    else:
        reason = "the connection broke"
    return NoAnswer(not never_sent, timed_out, f"{reason} ({type(error).__name__})")


def _never_sent(error: requests.RequestException) -> bool:
    """Return whether the request certainly never left: no address, no connection, no handshake."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(reason, SSLError):
        return any(isinstance(a, ssl.SSLCertVerificationError) for a in reason.args)
    return isinstance(reason, NewConnectionError)


def _origin(scheme: str, netloc: str) -> tuple[str, str]:
    default = {"https": ":443", "http": ":80"}.get(scheme.lower(), "")
    return scheme.lower(), netloc.lower().removesuffix(default)
