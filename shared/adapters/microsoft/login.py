"""The transport below msal: time-outs, one more try, and errors before msal keeps or logs them."""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import requests

from shared import exact_json
from shared.adapters.http.decision import (
    QUERY,
    Garbled,
    NoAnswer,
    Refusal,
    Sent,
    error_for,
    may_repeat_now,
    wait_asked,
)
from shared.adapters.http.session import USER_AGENT, OnCall, Timeout, as_it_is, no_answer, utc_now

logger = logging.getLogger(__name__)

_TIMEOUT = Timeout(connect=5.0, read=30.0)


class LoginHttp:
    """What msal takes as ``http_client``. A token request only reads, so it may run twice.

    Raises (through msal, which lets them pass):
        RateLimitError: 429. msal would answer from memory until the wait is over.
        UpstreamUnavailableError: No answer, or 5xx.
        UnexpectedPayloadError: Something else than JSON, which msal would log as a whole.
    """

    def __init__(
        self,
        connection: str,
        http: requests.Session,
        *,
        login_url: str | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        """Take the transport.

        Args:
            connection: What errors call the service, and what pauses after a 429.
            http: Shared by all threads.
            login_url: Where every call goes, whatever host msal or a discovery document names;
                ``None`` to let them go where they are sent.
            on_call: Told of every call, as ``ApiSession`` does.
        """
        self._connection = connection
        self._http = http
        self.login_url = login_url
        self._on_call = on_call

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> requests.Response:
        """Return an answer below 500 that holds JSON."""
        request = requests.Request("GET", url, params=params, headers=dict(headers or {}))
        return self._send(request, "login.discovery")

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> requests.Response:
        """Return an answer below 500 that holds JSON."""
        request = requests.Request(
            "POST", url, params=params, data=data, headers=dict(headers or {})
        )
        return self._send(request, "login.token")

    def close(self) -> None:
        """Leave the transport open: it is shared."""

    def _send(self, request: requests.Request, kind: str) -> requests.Response:
        request.url = self._address(request.url)
        request.headers = {**request.headers, "User-Agent": USER_AGENT}
        request.auth = as_it_is
        prepared = self._http.prepare_request(request)
        method = "GET" if request.method == "GET" else QUERY
        sent = Sent(self._connection, method, urlsplit(prepared.url or "").path)
        tries = 0
        while True:
            tries += 1
            outcome = self._try(prepared, sent, kind, tries)
            if isinstance(outcome, requests.Response):
                return outcome
            failure, cause = outcome
            if not may_repeat_now(method, failure, tries):
                raise error_for(sent, failure, remedy="") from cause

    def _try(
        self, prepared: requests.PreparedRequest, sent: Sent, kind: str, attempt: int
    ) -> requests.Response | tuple[NoAnswer | Garbled | Refusal, Exception | None]:
        started = time.perf_counter()
        status: int | None = None
        try:
            options = self._http.merge_environment_settings(prepared.url, {}, None, None, None)
            response = self._http.send(
                prepared,
                timeout=(_TIMEOUT.connect, _TIMEOUT.read),
                allow_redirects=False,
                **options,
            )
            status = response.status_code
        except requests.RequestException as error:
            return no_answer(error), error
        finally:
            seconds = time.perf_counter() - started
            logger.debug("%s: %s in %.3f s", sent, status or "no answer", seconds)
            if self._on_call:
                self._on_call(kind, prepared.method or "", status, seconds, attempt)
        throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        if throttled or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = wait_asked(response.headers.get("Retry-After"), utc_now())
            return Refusal(status, retry_after=wait), None
        try:
            # As msal reads it: what it cannot read, tokens among it, it writes to the log.
            if isinstance(exact_json.loads(response.text), dict):
                return response
        except ValueError:
            pass
        return Garbled(status, "it holds no JSON object"), None

    def _address(self, url: str) -> str:
        if self.login_url is None:
            return url
        parts, own = urlsplit(url), urlsplit(self.login_url)
        path = own.path.rstrip("/") + parts.path
        return urlunsplit((own.scheme, own.netloc, path, parts.query, ""))
