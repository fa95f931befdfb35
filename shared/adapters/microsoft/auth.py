"""Tokens for Graph, one for each customer's tenant."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from shared.adapters.http.decision import safe_text
from shared.adapters.microsoft.clouds import Cloud
from shared.adapters.microsoft.login import LoginHttp
from shared.domain.errors import (
    AccessDeniedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId

MOST_APPS = 1000

# Only the OAuth error is a promise; the numbers refine it where two causes share one error.
_NO_CONSENT = frozenset({700016, 7000229, 65001})
_NO_TENANT = frozenset({90002})
_PASSING = frozenset({"temporarily_unavailable", "server_error"})
_REFUSED_HERE = frozenset({"unauthorized_client", "invalid_grant", "interaction_required"})


class TenantTokens(Protocol):
    """Access tokens for Graph by tenant, however they are got. Thread-safe.

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
            most_apps: How many tenants' msal objects are kept, the least recently used go first.
        """
        self._connection = connection
        self._client_id = client_id
        self._credential = credential
        self._cloud = cloud
        self._http = http
        self._login_address = login_url or f"https://{cloud.login_host}"
        self._most_apps = most_apps
        self._lock = threading.Lock()
        self._apps: OrderedDict[TenantId, Any] = OrderedDict()
        self._made_credential: list[Any] = []
        self._cache: Any = None

    def token(self, tenant_id: TenantId) -> str:
        app = self._app(tenant_id)
        result: Mapping[str, Any] = app.acquire_token_for_client(scopes=[self._cloud.graph_scope])
        token = result.get("access_token")
        if isinstance(token, str) and token:
            return token
        self.forget(tenant_id)
        raise self._refusal(tenant_id, result)

    def renewed(self, tenant_id: TenantId) -> str:
        self._drop_tokens(tenant_id)
        return self.token(tenant_id)

    def forget(self, tenant_id: TenantId) -> None:
        with self._lock:
            self._apps.pop(tenant_id, None)
        self._drop_tokens(tenant_id)

    def consent_link(self, tenant_id: TenantId) -> str:
        """Return where an admin of the tenant lets the app in."""
        return f"{self._login_address}/{tenant_id}/adminconsent?client_id={self._client_id}"

    def _app(self, tenant_id: TenantId) -> Any:  # noqa: ANN401 - msal has no types
        with self._lock:
            app = self._apps.get(tenant_id)
            if app is not None:
                self._apps.move_to_end(tenant_id)
                return app
            cache = self._shared_cache()
            credential = self._shared_credential()
        app = self._new_app(tenant_id, cache, credential)  # asks the service: not under the lock
        with self._lock:
            app = self._apps.setdefault(tenant_id, app)
            while len(self._apps) > self._most_apps:
                self._apps.popitem(last=False)
        return app

    def _new_app(self, tenant_id: TenantId, cache: Any, credential: Any) -> Any:  # noqa: ANN401 - msal has no types
        import msal  # noqa: PLC0415 - slow to load, and not every request needs it

        try:
            # No http_cache is shared: msal guards one with a lock of each app's own.
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=credential,
                authority=f"https://{self._cloud.login_host}/{tenant_id}",
                token_cache=cache,
                http_client=self._http,
                instance_discovery=False,
            )
        except ValueError:  # msal's own quotes the answer
            raise AccessDeniedError(
                f"{self._connection}: Microsoft knows no tenant {tenant_id}",
                "Check the tenant's id. A tenant that was deleted cannot be read any more.",
            ) from None
        except KeyError:
            raise UnexpectedPayloadError(
                f"{self._connection}: the sign-in service's description lacks an address"
            ) from None

    def _shared_cache(self) -> Any:  # noqa: ANN401 - msal has no types
        """Return the one token cache; its keys hold the tenant."""
        if self._cache is None:
            import msal  # noqa: PLC0415 - as above

            self._cache = msal.SerializableTokenCache()
        return self._cache

    def _shared_credential(self) -> Any:  # noqa: ANN401 - msal has no types
        if not self._made_credential:
            self._made_credential.append(self._credential())
        return self._made_credential[0]

    def _drop_tokens(self, tenant_id: TenantId) -> None:
        with self._lock:
            cache = self._cache
        if cache is None:
            return
        wanted = {
            "client_id": self._client_id,
            "realm": tenant_id,
            "home_account_id": None,
        }
        for token in list(cache.search("AccessToken", query=wanted)):
            cache.remove_at(token)

    def _refusal(self, tenant_id: TenantId, result: Mapping[str, Any]) -> SeatsyncError:
        error = safe_text(result.get("error")) or "no token and no error"
        codes = _codes(result)
        said = _first_line(result.get("error_description"))
        text = f"{error}: {said}" if said else error
        message = f"{self._connection}: sign-in to tenant {tenant_id} was refused: {text}"
        if error in _PASSING:
            return UpstreamUnavailableError(self._connection, f"sign-in: {text}")
        if codes & _NO_TENANT:
            remedy = "Check the tenant's id. A tenant that was deleted cannot be read any more."
        elif codes & _NO_CONSENT or error in _REFUSED_HERE:
            remedy = (
                f"An admin of the tenant has to let the app in, at {self.consent_link(tenant_id)}"
            )
        elif error == "invalid_client":
            remedy = (
                f"Renew the secret or certificate of app {self._client_id} and the setting "
                f"MICROSOFT__{self._connection}__… that holds it. It concerns all tenants."
            )
        else:
            remedy = f"Check the app registration {self._client_id} and the connection's settings."
        return AccessDeniedError(message, remedy)


def _codes(result: Mapping[str, Any]) -> frozenset[int]:
    codes = result.get("error_codes")
    return (
        frozenset(c for c in codes if isinstance(c, int))
        if isinstance(codes, list)
        else frozenset()
    )


def _first_line(description: object) -> str:
    """Return what the service says, without the trace ids that follow."""
    text = description if isinstance(description, str) else ""
    return safe_text(text.split(" Trace ID:")[0].split("\r\n")[0].split("\n")[0])
