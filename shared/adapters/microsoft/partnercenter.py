"""Partner Center REST v1 as ``PartnerSubscriptions``; only direct CSPs have it.

The app signs in as itself, in the partner's own tenant, whatever way customers are entered.
"""

import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TypeVar

import requests

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import (
    ApiSession,
    OnCall,
    base_url,
    fits_a_header,
    pooled_http,
    segment,
)
from shared.adapters.microsoft.auth import AppOnlyTokens, TenantTokens
from shared.adapters.microsoft.bearer import Bearer, DeniedError, with_token
from shared.adapters.microsoft.commitments import partner_subscriptions, reseller_customers
from shared.adapters.microsoft.config import MicrosoftConfig
from shared.adapters.microsoft.credentials import msal_credential
from shared.adapters.microsoft.login import LoginHttp
from shared.domain.commitments import PartnerSubscription
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    SeatsyncError,
    SettingsError,
    UnexpectedPayloadError,
)
from shared.domain.ids import ConnectionName, TenantId
from shared.exact_json import Json

T = TypeVar("T")

LARGEST_PAGE = 500
MOST_PAGES = 1000
_VERSION = "/v1"
_CONTINUATION = "MS-ContinuationToken"


class PartnerCenter:
    """A ``PartnerSubscriptions`` for one partner connection. Thread-safe."""

    def __init__(
        self, session: ApiSession, tokens: TenantTokens, *, partner_tenant_id: TenantId
    ) -> None:
        """Take the parts; ``partner_center`` chooses them.

        Args:
            session: Of Partner Center, made with ``partner_center_errors``.
            tokens: For Partner Center.
            partner_tenant_id: Where the tokens are asked for.
        """
        self._session = session
        self._tokens = tokens
        self._partner_tenant_id = partner_tenant_id

    def customers(self) -> tuple[DirectoryTenant, ...]:
        return self._signed_in(
            lambda bearer: reseller_customers(self._items("/customers", bearer, "customers"))
        )

    def subscriptions(self, tenant_id: TenantId) -> tuple[PartnerSubscription, ...]:
        path = f"/customers/{segment(tenant_id)}/subscriptions"
        return self._signed_in(
            lambda bearer: partner_subscriptions(self._items(path, bearer, "subscriptions"))
        )

    def _items(self, path: str, bearer: Bearer, kind: str) -> Iterator[Payload]:
        """Yield the items of a list, on all its pages. An empty page is not the last.

        Pages go on by a token, which we carry to the address we know. What a page says of counts
        and addresses is not needed.
        """
        headers = {
            **bearer,
            "MS-CorrelationId": str(uuid.uuid4()),
            "MS-Contract-Version": "v1",
        }
        query: dict[str, str | int] = {"size": LARGEST_PAGE} if path == "/customers" else {}
        seen: set[str] = set()
        while True:
            reply = self._session.get_json(
                path, query, headers=headers, kind=f"partnercenter.{kind}"
            )
            page = Payload(reply)
            yield from page["items"].items()
            token = _next_token(page)
            if token is None:
                return
            if not fits_a_header(token):
                raise UnexpectedPayloadError(f"{page.where}: expected a token for the next page")
            if token in seen or len(seen) >= MOST_PAGES:
                raise UnexpectedPayloadError(f"{self._session.connection}: a list has no end")
            seen.add(token)
            headers[_CONTINUATION] = token
            query["seekOperation"] = "Next"

    def _signed_in(self, work: Callable[[Bearer], T]) -> T:
        tenant_id = self._partner_tenant_id
        try:
            return with_token(self._tokens, tenant_id, work)
        except DeniedError as denied:
            raise AccessDeniedError(
                f"tenant {tenant_id}: {denied}", self._tokens.remedy(tenant_id, denied.permission)
            ) from None


class PartnerCenterTokens(AppOnlyTokens):
    """Tokens of the app for Partner Center, which knows no permissions but its own list of apps."""

    def remedy(self, tenant_id: TenantId, permission: str) -> str:
        del tenant_id, permission
        return (
            "Add the app to Partner Center (Account settings, App management), by a global admin "
            "of the partner. Without direct CSP there is no Partner Center API: then set "
            "PARTNER_CENTER to false."
        )


def partner_center(
    name: ConnectionName,
    config: MicrosoftConfig,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
) -> PartnerCenter | None:
    """Return Partner Center for a connection of the settings, or ``None`` where it is off.

    Args:
        http: The transport for Partner Center and sign-in, shared by all threads; a pool of its
            own when ``None``.
        on_call: Told kind, method, status and seconds of every call. Kinds:
            ``partnercenter.customers``, ``partnercenter.subscriptions``, ``login.token``,
            ``login.discovery``.

    Raises:
        SettingsError: An address cannot be used, or the cloud has no Partner Center.
    """
    if not config.partner_center:
        return None
    cloud, development = config.cloud, config.development
    setting = f"MICROSOFT__{name}__"
    if cloud.partner_center_host is None:
        raise SettingsError(f"{setting}PARTNER_CENTER: there is none in this cloud")
    url = base_url(
        config.partner_center_url or f"https://{cloud.partner_center_host}",
        f"{setting}PARTNER_CENTER_URL",
        development=development,
    ).removesuffix(_VERSION)
    login_url = (
        base_url(config.login_url, f"{setting}LOGIN_URL", development=development)
        if config.login_url
        else None
    )
    transport = http or pooled_http()
    tokens = PartnerCenterTokens(
        name,
        client_id=config.client_id,
        credential=lambda: msal_credential(name, config.credential, cloud),
        cloud=cloud,
        http=LoginHttp(name, transport, login_url=login_url, on_call=on_call),
        login_url=login_url,
        scope=f"https://{cloud.partner_center_host}/.default",
    )
    session = ApiSession(
        name,
        url + _VERSION,
        transport,
        error_text=_error_text,
        on_status=partner_center_errors,
        on_call=on_call,
        request_id_header="MS-RequestId",
    )
    return PartnerCenter(session, tokens, partner_tenant_id=config.tenant_id)


def partner_center_errors(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
    """Keep 401, 403 and 404 apart from the other refusals."""
    said = f": {refusal.text}" if refusal.text else ""
    message = f"{sent}: {refusal.status}{said}"
    if refusal.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return DeniedError(message, refusal.status, "")
    if refusal.status == HTTPStatus.NOT_FOUND:
        return NotFoundError(message)
    return None


def _error_text(body: Json) -> object:
    """Return the words of a refusal; those of a throttle are in another field."""
    return body.get("description") or body.get("message")


def _next_token(page: Payload) -> str | None:
    """Return the token of the next page, or ``None`` on the last.

    Raises:
        UnexpectedPayloadError: There is a next page, and no token for it.
    """
    links = page["links"]
    link = Payload(None) if links.is_null else links["next"]
    if link.is_null:
        return page["continuationToken"].text_or_none() or None
    headers = () if link["headers"].is_null else link["headers"].items()
    for header in headers:
        if header["key"].text().lower() == _CONTINUATION.lower():
            return header["value"].text()
    token = page["continuationToken"].text_or_none()
    if not token:
        raise UnexpectedPayloadError(f"{link.where}: there is a next page, and no token for it")
    return token
