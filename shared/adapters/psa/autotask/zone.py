"""One Autotask site: where it is, and calls to it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import MOST_PAGES, ApiSession, OnCall, base_url, with_path
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    SettingsError,
    UnexpectedPayloadError,
)
from shared.exact_json import Json

T = TypeVar("T")
Filter = Mapping[str, Any]

API_PATH: Final = "/atservicesrest"
PAGE_SIZE: Final = 500
PARALLEL_CALLS: Final = 3
"""As many as Autotask lets an integration have under way to one endpoint."""

_VERSION: Final = "/V1.0/"
_THRESHOLD_WAIT: Final = timedelta(minutes=5)
"""How long to leave a site alone that all integrations together have called too often."""
_CHECK_KEYS: Final = (
    "Check the connection's user name, secret and integration code: they belong to an active "
    "API-only user."
)
_CHECK_USER: Final = (
    "Check the connection's user name and URL: Autotask knows no zone for this user."
)
_CHECK_LEVEL: Final = (
    "Give the API user's security level what is missing: Contracts, with all companies visible, "
    "and services and bundles under Admin."
)


@dataclass(frozen=True, slots=True)
class AutotaskConfig:
    """How to reach an Autotask site.

    Attributes:
        url: Where any user's zone can be asked for.
        time_zone: IANA time zone of the dates that the site bills by.
        units_to_zero: The site lets a service have no units.
        posted_periods: The site lets an adjustment begin in a period that is posted.
    """

    url: str
    user_name: str
    secret: str = field(repr=False)
    integration_code: str = field(repr=False)
    time_zone: str = "UTC"
    units_to_zero: bool = False
    posted_periods: bool = False


class ZonedApi:
    """Calls the zone that a site is in, and finds it anew when it has moved. Thread-safe.

    Raises:
        RateLimitError, UpstreamUnavailableError, UnknownOutcomeError, AccessDeniedError,
        RequestRefusedError, UnexpectedPayloadError: As ``ApiSession`` does. What Autotask finds
            wrong with a record comes as 500 with a list of reasons; that is a refusal too.
    """

    def __init__(
        self,
        connection: str,
        config: AutotaskConfig,
        http: requests.Session,
        *,
        now: Callable[[], datetime],
        on_call: OnCall | None = None,
    ) -> None:
        self.connection = connection
        self._config = config
        self._http = http
        self._now = now
        self._on_call = on_call
        self._lock = threading.Lock()
        self._found: _Site | None = None
        self._limits_lock = threading.Lock()
        self._limits: dict[str, threading.BoundedSemaphore] = {}

    def get_json(self, path: str, *, kind: str) -> Json:
        """Return what a GET answers; the path is below the version."""
        return self._call(path, lambda site: site.session.get_json(_VERSION + path, kind=kind))

    def send_json(self, method: str, path: str, body: Mapping[str, Any], *, kind: str) -> Json:
        """Write once. A null in a body breaks Autotask, so nulls are left out."""
        given = {name: value for name, value in body.items() if value is not None}

        def send(site: "_Site") -> Json:
            return site.session.send_json(method, _VERSION + path, given, kind=kind)

        return self._call(path, send)

    def records(
        self, entity: str, filters: Sequence[Filter], fields: Sequence[str], *, most: int = 0
    ) -> tuple[Payload, ...]:
        """Return the records of an entity that all conditions keep, ``id`` among their fields.

        Args:
            most: Return the first so many only; all when 0.

        Raises:
            UnexpectedPayloadError: The pages contradict each other, or lead elsewhere.
        """
        body = {
            "maxRecords": most or PAGE_SIZE,
            "includeFields": ["id", *fields],
            "filter": list(filters),
        }
        found: dict[int, Payload] = {}
        path: str | None = f"{entity}/query"
        seen: set[str] = set()
        while path is not None:
            if path in seen or len(seen) >= MOST_PAGES:
                raise UnexpectedPayloadError(f"{self.connection}: the pages of {entity} never end")
            seen.add(path)
            page, path = self._page(entity, path, body)
            for one in page:
                number = one["id"].whole()
                if number in found:
                    raise UnexpectedPayloadError(
                        f"{self.connection}: {entity} lists {number} twice"
                    )
                found[number] = one
            if most and len(found) >= most:
                break
        return tuple(found.values())

    def _page(
        self, entity: str, path: str, body: Mapping[str, Any]
    ) -> tuple[tuple[Payload, ...], str | None]:
        kind = f"autotask.{entity}.query"

        def ask(site: "_Site") -> tuple[tuple[Payload, ...], str | None]:
            answer = Payload(site.session.query_json(_VERSION + path, body, kind=kind))
            link = answer["pageDetails"]["nextPageUrl"].text_or_none()
            return answer["items"].items(), site.below_version(link) if link else None

        return self._call(entity, ask)

    def _call(self, path: str, call: Callable[["_Site"], T]) -> T:
        with self._limit(path.partition("/")[0]):
            site = self._site()
            try:
                return call(site)
            except _WrongKeysError:
                moved = self._moved_from(site)
                if moved is None:
                    raise
                return call(moved)

    def _limit(self, endpoint: str) -> threading.BoundedSemaphore:
        with self._limits_lock:
            limit = self._limits.get(endpoint)
            if limit is None:
                limit = self._limits[endpoint] = threading.BoundedSemaphore(PARALLEL_CALLS)
            return limit

    # The zone -------------------------------------------------------------------------------------

    def _site(self) -> "_Site":
        with self._lock:
            if self._found is None:
                self._found = self._discovered()
            return self._found

    def _moved_from(self, before: "_Site") -> "_Site | None":
        """Return the site in its new zone, or ``None`` when it is where it was."""
        with self._lock:
            if self._found is None or self._found.url == before.url:
                self._found = self._discovered()
            return None if self._found.url == before.url else self._found

    def _discovered(self) -> "_Site":
        config = self._config
        asking = ApiSession(
            self.connection,
            with_path(config.url, API_PATH),
            self._http,
            on_status=_unknown_user,
            on_call=self._on_call,
            remedy=_CHECK_USER,
            now=self._now,
        )
        answer = asking.get_json(
            "/v1.0/zoneInformation", {"user": config.user_name}, kind="autotask.zone"
        )
        url = Payload(answer)["url"].text().strip().rstrip("/")
        try:
            ours = _is_sibling(config.url, url)
            base_url(url, "url", development=True)
        except (ValueError, SettingsError):
            raise UnexpectedPayloadError(
                f"{self.connection}: $.url: expected the address of a zone"
            ) from None
        if not ours:
            raise UnexpectedPayloadError(f"{self.connection}: the zone lies at another vendor's")
        headers = {
            "ApiIntegrationCode": config.integration_code,
            "UserName": config.user_name,
            "Secret": config.secret,
        }
        session = ApiSession(
            self.connection,
            url,
            self._http,
            headers=lambda: headers,
            error_text=_reasons,
            on_status=_special,
            on_call=self._on_call,
            remedy=_CHECK_LEVEL,
            now=self._now,
        )
        return _Site(url, session)


@dataclass(frozen=True, slots=True)
class _Site:
    """A zone's address, and the session to it."""

    url: str
    session: ApiSession

    def below_version(self, link: str) -> str:
        """Return what a next link asks for; the case of its path may differ from the zone's."""
        try:
            parts = urlsplit(link)
        except ValueError:
            raise UnexpectedPayloadError(
                f"{self.session.connection}: a next link is no address"
            ) from None
        begins = parts.path.lower().find(_VERSION.lower())
        own = urlsplit(self.url).path
        path = parts.path[begins + len(_VERSION) :] if begins >= 0 else parts.path
        known = f"{parts.scheme}://{parts.netloc}{own}{_VERSION}{path}?{parts.query}"
        return self.session.below_base(known).removeprefix(_VERSION)


class _WrongKeysError(AccessDeniedError):
    """401: the keys are wrong, or right in another zone."""


def _special(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return _WrongKeysError(f"{sent}: 401: the keys were refused", _CHECK_KEYS)
    body = refusal.body
    told = isinstance(body, dict) and isinstance(body.get("errors"), list) and body["errors"]
    if refusal.status != HTTPStatus.INTERNAL_SERVER_ERROR or not told:
        return None
    if "request threshold" in refusal.text.lower():
        return RateLimitError(sent.connection, _THRESHOLD_WAIT)
    return RequestRefusedError(f"{sent}: {refusal.text}")


def _unknown_user(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    if refusal.status != HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    return AccessDeniedError(f"{sent}: 500: no zone for the user", _CHECK_USER)


def _reasons(body: Json) -> str:
    return "; ".join(body["errors"])


def _is_sibling(asked: str, told: str) -> bool:
    """Return whether our keys may go to the address: the host that was asked, or one beside it."""
    ours, theirs = urlsplit(asked), urlsplit(told)
    if ours.scheme != theirs.scheme or not ours.hostname or not theirs.hostname:
        return False
    domain = ours.hostname.partition(".")[2]
    named = "." in domain and not domain[-1].isdigit()  # an address of numbers has no siblings
    beside = named and theirs.hostname.endswith(f".{domain}")
    return ours.netloc == theirs.netloc or (beside and ours.port == theirs.port)
