"""Tokens for Microsoft's services, one for each tenant.

Source:
    docs/adr/0013-two-ways-into-a-tenant.md
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from shared.adapters.microsoft.apps import MOST_APPS, TenantApps, access_token, told
from shared.adapters.microsoft.clouds import Cloud
from shared.adapters.microsoft.login import LoginHttp
from shared.adapters.microsoft.refusals import AppAtLogin, SignInRefusal
from shared.domain.ids import TenantId

_REFUSED_HERE = frozenset({"unauthorized_client", "invalid_grant", "interaction_required"})


class TenantTokens(Protocol):
    """Access tokens by tenant, however they are got. Thread-safe.

    Raises:
        AccessDeniedError: The sign-in service refuses us; the remedy says whose turn it is.
        RateLimitError: It asked to wait.
        UpstreamUnavailableError: It cannot be reached or has a problem.
        UnexpectedPayloadError: It answered something else than its contract says.
    """

    def token(self, tenant_id: TenantId) -> str:
        """Return a token that is still good, from memory where there is one."""

    def renewed(self, tenant_id: TenantId) -> str:
        """Return a new token; the one in memory was refused."""

    def forget(self, tenant_id: TenantId) -> None:
        """Drop all that is kept of the tenant: its token, and refusals that msal remembers."""

    def remedy(self, tenant_id: TenantId, permission: str) -> str:
        """Return what a person should do when a token lacks the permission."""

    def consent_link(self, tenant_id: TenantId) -> str:
        """Return where an admin of the tenant lets the app in."""


class AppOnlyTokens:
    """Tokens of the app itself, which each customer's admin has consented to."""

    def __init__(
        self,
        connection: str,
        *,
        client_id: str,
        credential: Callable[[], Any],
        cloud: Cloud,
        http: LoginHttp,
        login_url: str | None = None,
        scope: str | None = None,
        most_apps: int = MOST_APPS,
    ) -> None:
        """Take the app.

        Args:
            connection: What errors call the connection.
            client_id: Of the app registration.
            credential: Returns what msal takes as ``client_credential``; called once, on first use.
            cloud: Where the app is registered.
            http: What msal calls with.
            login_url: Named in consent links instead of the cloud's host.
            scope: What the tokens are for; Graph when ``None``.
            most_apps: How many tenants' msal objects are kept, the least recently used go first.
        """
        self._client_id = client_id
        self._scope = scope or cloud.graph_scope
        self._at_login = AppAtLogin(connection, client_id, cloud, login_url)
        self._apps = TenantApps(
            connection,
            client_id=client_id,
            credential=credential,
            cloud=cloud,
            http=http,
            cache=_shared_cache,
            most_apps=most_apps,
        )

    def token(self, tenant_id: TenantId) -> str:
        app = self._app(tenant_id)
        result: Mapping[str, Any] = told(
            self._at_login.connection, lambda: app.acquire_token_for_client(scopes=[self._scope])
        )
        token = access_token(result)
        if token is not None:
            return token
        self.forget(tenant_id)
        refusal = SignInRefusal.of(result)
        here = refusal.no_consent or refusal.error in _REFUSED_HERE
        remedy = self._at_login.let_in(tenant_id) if here else None
        raise refusal.raised_for(self._at_login, tenant_id, remedy)

    def renewed(self, tenant_id: TenantId) -> str:
        self._drop_tokens(tenant_id)
        return self.token(tenant_id)

    def forget(self, tenant_id: TenantId) -> None:
        self._apps.drop(tenant_id)
        self._drop_tokens(tenant_id)

    def remedy(self, tenant_id: TenantId, permission: str) -> str:
        return (
            f"Give the app the application permission {permission} and let an admin of "
            f"the tenant consent to it, at {self.consent_link(tenant_id)}"
        )

    def consent_link(self, tenant_id: TenantId) -> str:
        return self._at_login.consent_link(tenant_id)

    def _app(self, tenant_id: TenantId) -> Any:  # noqa: ANN401 - msal has no types
        return self._apps.get(tenant_id)

    def _drop_tokens(self, tenant_id: TenantId) -> None:
        cache = self._apps.cache
        if cache is None:
            return
        wanted = {
            "client_id": self._client_id,
            "realm": tenant_id,
            "home_account_id": None,
        }
        for token in list(cache.search("AccessToken", query=wanted)):
            cache.remove_at(token)


def _shared_cache() -> Any:  # noqa: ANN401 - msal has no types
    """Return one token cache for all tenants; its keys hold the tenant."""
    import msal  # noqa: PLC0415 - slow to load, and not every request needs it

    return msal.SerializableTokenCache()
