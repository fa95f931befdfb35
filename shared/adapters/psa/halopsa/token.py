"""Access tokens of HaloPSA: client credentials, kept until shortly before they end."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import requests

from shared import exact_json
from shared.adapters.http.decision import QUERY, Garbled, Refusal, Sent, error_for, wait_asked
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import (
    USER_AGENT,
    OnCall,
    Timeout,
    as_it_is,
    fits_a_header,
    no_answer,
)
from shared.domain.errors import AccessDeniedError, RateLimitError, UnexpectedPayloadError

EARLIER: Final = timedelta(seconds=60)
"""A token is renewed so long before it ends."""
_PATH: Final = "/token"
_LONGEST_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Application:
    """An API application of HaloPSA.

    Attributes:
        auth_url: The authorisation server, as the API details page shows it.
        tenant: As that page shows it; hosted instances have one.
        scopes: Separated by blanks.
    """

    auth_url: str
    tenant: str | None
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "all"


class TokenSource:
    """Gets tokens, one at a time. Thread-safe."""

    def __init__(
        self,
        connection: str,
        application: Application,
        http: requests.Session,
        now: Callable[[], datetime],
        *,
        remedy: str,
        throttled: timedelta,
        on_call: OnCall | None = None,
    ) -> None:
        """Take the application.

        Args:
            now: The real time.
            remedy: What a person should do when no token is given.
            throttled: How long to wait after a 429 that does not say.
            on_call: As ``ApiSession`` takes it.
        """
        self._connection = connection
        self._application = application
        self._http = http
        self._now = now
        self._remedy = remedy
        self._throttled = throttled
        self._on_call = on_call
        self._lock = threading.Lock()
        self._token = ""
        self._ends: datetime | None = None

    def headers(self) -> Mapping[str, str]:
        """Return the header that signs a call.

        Raises:
            AccessDeniedError: HaloPSA gives no token.
            RateLimitError: It asks to wait.
            UpstreamUnavailableError: It does not answer.
            UnexpectedPayloadError: Its answer cannot be read.
        """
        with self._lock:
            if self._ends is None or self._ends <= self._now():
                self._token, lifetime = self._fetched()
                self._ends = self._now() + max(lifetime - EARLIER, lifetime / 2)
            return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """Let the next call get a new token."""
        with self._lock:
            self._ends = None

    def _fetched(self) -> tuple[str, timedelta]:
        sent = Sent(self._connection, QUERY, "/auth/token")
        answer = self._asked(sent)
        if answer.status_code != HTTPStatus.OK:
            self._refused(sent, answer)
        try:
            found = Payload(exact_json.loads(answer.content))
        except ValueError:
            # The parser's error quotes what it could not read.
            reason = "it holds no whole JSON"
            raise error_for(sent, Garbled(answer.status_code, reason), self._remedy) from None
        lifetime = timedelta(seconds=min(found["expires_in"].count(), _LONGEST_SECONDS))
        token = found["access_token"].text()
        if not fits_a_header(token):
            raise UnexpectedPayloadError(f"{sent}: the token is not one")
        return token, lifetime

    def _asked(self, sent: Sent) -> requests.Response:
        one, timeout = self._application, Timeout()
        started = time.perf_counter()
        status: int | None = None
        try:
            answer = self._http.post(
                f"{one.auth_url.rstrip('/')}{_PATH}",
                data={
                    "grant_type": "client_credentials",
                    "client_id": one.client_id,
                    "client_secret": one.client_secret,
                    "scope": one.scopes,
                },
                params={} if one.tenant is None else {"tenant": one.tenant},
                headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
                timeout=(timeout.connect, timeout.read),
                allow_redirects=False,
                auth=as_it_is,
            )
            status = answer.status_code
        except requests.RequestException as error:
            raise error_for(sent, no_answer(error), self._remedy) from error
        finally:
            if self._on_call:
                seconds = time.perf_counter() - started
                self._on_call("halopsa.token", "POST", status, seconds, 1)
        return answer

    def _refused(self, sent: Sent, answer: requests.Response) -> None:
        status = answer.status_code
        wait = wait_asked(answer.headers.get("Retry-After"), self._now())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitError(self._connection, wait or self._throttled)
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise AccessDeniedError(f"{sent}: {status}: no token was given", self._remedy)
        raise error_for(sent, Refusal(status), self._remedy)
