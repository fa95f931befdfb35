"""msal's application objects: one for each tenant that tokens are asked in."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared.adapters.http.session import fits_a_header
from shared.adapters.microsoft.clouds import Cloud
from shared.adapters.microsoft.login import LoginHttp
from shared.domain.errors import AccessDeniedError, UnexpectedPayloadError
from shared.domain.ids import TenantId

MOST_APPS = 100
"""How many tenants' objects are kept, some 10 KB each: more than are worked on at once. A day's
cycle signs in to each tenant anew in any case; one that is asked again and was dropped costs one
call more, for its addresses."""
_ODD_ANSWER = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""How msal fails at an answer that is not as it expects; what it says may quote the answer."""

T = TypeVar("T")


def told(connection: str, ask: Callable[[], T]) -> T:
    """Return what msal makes of the sign-in service's answer.

    Raises:
        UnexpectedPayloadError: msal cannot read the answer.
    """
    try:
        return ask()
    except _ODD_ANSWER:
        raise UnexpectedPayloadError(
            f"{connection}: the sign-in service's answer cannot be read"
        ) from None


def access_token(result: Mapping[str, Any]) -> str | None:
    """Return the token in a result of msal, or ``None`` when there is none that can be sent."""
    token = result.get("access_token")
    return token if isinstance(token, str) and fits_a_header(token) else None


class TenantApps:
    """The app registration as msal sees it from each tenant. Thread-safe."""

    def __init__(
        self,
        connection: str,
        *,
        client_id: str,
        credential: Callable[[], Any],
        cloud: Cloud,
        http: LoginHttp,
        cache: Callable[[], Any],
        most_apps: int = MOST_APPS,
    ) -> None:
        """Take the app.

        Args:
            connection: What errors call the connection.
            client_id: Of the app registration.
            credential: Returns what msal takes as ``client_credential``; called once, on first use.
            cloud: Where the app is registered.
            http: What msal calls with.
            cache: Returns the token cache that all tenants share; called once, on first use.
            most_apps: How many tenants' objects are kept; the least recently used go first.
        """
        self._connection = connection
        self._client_id = client_id
        self._credential = credential
        self._cloud = cloud
        self._http = http
        self._cache = cache
        self._most_apps = most_apps
        self._lock = threading.Lock()
        self._apps: OrderedDict[TenantId, Any] = OrderedDict()
        self._made: list[tuple[Any, Any]] = []

    def __len__(self) -> int:
        with self._lock:
            return len(self._apps)

    @property
    def cache(self) -> Any:  # noqa: ANN401 - msal has no types
        """The token cache, or ``None`` before the first use."""
        with self._lock:
            return self._made[0][0] if self._made else None

    def get(self, tenant_id: TenantId) -> Any:  # noqa: ANN401 - msal has no types
        """Return the tenant's object, which asks the service for the tenant's addresses.

        Raises:
            AccessDeniedError: There is no such tenant.
            UnexpectedPayloadError: The service's description lacks an address.
        """
        with self._lock:
            app = self._apps.get(tenant_id)
            if app is not None:
                self._apps.move_to_end(tenant_id)
                return app
            if not self._made:
                credential = self._credential()
                self._made.append((self._cache(), credential))
            cache, credential = self._made[0]
        app = self._new_app(tenant_id, cache, credential)  # asks the service: not under the lock
        with self._lock:
            app = self._apps.setdefault(tenant_id, app)
            while len(self._apps) > self._most_apps:
                self._apps.popitem(last=False)
        return app

    def drop(self, tenant_id: TenantId) -> None:
        """Forget the tenant's object, and with it the refusals that msal remembers."""
        with self._lock:
            self._apps.pop(tenant_id, None)

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
        except (AttributeError, LookupError, RuntimeError, TypeError):
            raise UnexpectedPayloadError(
                f"{self._connection}: the sign-in service's description lacks an address"
            ) from None
