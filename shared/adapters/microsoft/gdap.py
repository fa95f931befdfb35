"""Tokens of the partner's service account, which enters customers by delegated admin (GDAP).

The account signs in once, by hand and with a second factor. What it gets is a refresh token, which
opens every customer that gave the account a role, and which rolls: each use gives a new one that
lasts another 90 days. The newest is kept in ``RefreshTokens``; the setting is only the first.

Source:
    docs/adr/0013-two-ways-into-a-tenant.md
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.microsoft.apps import MOST_APPS, TenantApps, access_token, told
from shared.adapters.microsoft.clouds import Cloud
from shared.adapters.microsoft.login import LoginHttp
from shared.adapters.microsoft.refusals import AppAtLogin, SignInRefusal
from shared.domain.errors import StaleVersionError
from shared.domain.ids import ConnectionName, TenantId, digest
from shared.ports import RefreshToken, RefreshTokens, Versioned

_SAVES = 5
_MARGIN = timedelta(minutes=5)  # before a token's end; a slow call must not outlive it
_USUAL_LIFETIME = 3600
_LONGEST_LIFETIME = 86_400
_TOKEN_AT_FAULT = frozenset({"invalid_grant", "interaction_required"})
_NOT_THERE = frozenset({50020, 50034, 50177, 51004, 90072})


@dataclass(frozen=True, slots=True)
class Held:
    """A refresh token in use, and the entry it was read from; ``None`` for the setting's."""

    value: str = field(repr=False)
    read: Versioned[RefreshToken] | None


class RollingToken:
    """The newest refresh token of a connection, shared by all workers."""

    def __init__(
        self,
        name: ConnectionName,
        first: str,
        kept: RefreshTokens,
        now: Callable[[], datetime],
    ) -> None:
        """Take the setting's token and where newer ones are.

        Args:
            first: From the settings. Another one than that from which the kept token descends
                is newer than all of them: somebody signed in again.
            now: The real time.
        """
        self._name = name
        self._first = first
        self._origin = digest("refresh token", first, length=32)
        self._kept = kept
        self._now = now

    def newest(self) -> Held:
        """Return the token to use."""
        read = self._kept.get(self._name)
        if read is not None and read.value.origin == self._origin:
            return Held(read.value.value, read)
        return Held(self._first, read)

    def keep(self, held: Held, value: str) -> None:
        """Keep what the use of a token gave, unless another worker has kept a newer one."""
        token = RefreshToken(value, self._origin, self._now())
        read = held.read
        for _ in range(_SAVES):
            try:
                self._kept.save(self._name, read, token)
            except StaleVersionError:
                read = self._kept.get(self._name)
            else:
                return
            if read is not None and _is_newer(read.value, token):
                return


class GdapTokens:
    """A ``TenantTokens`` of the partner's service account."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        client_id: str,
        credential: Callable[[], Any],
        cloud: Cloud,
        http: LoginHttp,
        refresh_token: RollingToken,
        now: Callable[[], datetime],
        login_url: str | None = None,
        most_apps: int = MOST_APPS,
    ) -> None:
        """Take the app and the account's token.

        Args:
            connection: What errors call the connection.
            client_id: Of the app registration.
            credential: Returns what msal takes as ``client_credential``; called once, on first use.
            cloud: Where the app is registered.
            http: What msal calls with.
            now: The real time, which tokens age by.
            login_url: Named in consent links instead of the cloud's host.
            most_apps: How many tenants' tokens are kept, the least recently used go first.
        """
        self._connection = connection
        self._scope = cloud.graph_scope
        self._at_login = AppAtLogin(connection, client_id, cloud, login_url)
        self._refresh_token = refresh_token
        self._now = now
        self._most_apps = most_apps
        self._apps = TenantApps(
            connection,
            client_id=client_id,
            credential=credential,
            cloud=cloud,
            http=http,
            cache=_no_cache,
            most_apps=most_apps,
        )
        self._lock = threading.Lock()
        self._tokens: OrderedDict[TenantId, tuple[str, datetime]] = OrderedDict()

    def token(self, tenant_id: TenantId) -> str:
        with self._lock:
            found = self._tokens.get(tenant_id)
            if found is not None and self._now() < found[1]:
                self._tokens.move_to_end(tenant_id)
                return found[0]
        return self._exchanged(tenant_id)

    def renewed(self, tenant_id: TenantId) -> str:
        return self._exchanged(tenant_id)

    def forget(self, tenant_id: TenantId) -> None:
        self._apps.drop(tenant_id)
        with self._lock:
            self._tokens.pop(tenant_id, None)

    def remedy(self, tenant_id: TenantId, permission: str) -> str:
        return (
            f"Give the app the delegated permission {permission}, consented to for the tenant at "
            f"{self.consent_link(tenant_id)}, and give the service account a role such "
            "as Global Reader in the tenant's delegated admin relationship."
        )

    def consent_link(self, tenant_id: TenantId) -> str:
        return self._at_login.consent_link(tenant_id)

    def _exchanged(self, tenant_id: TenantId) -> str:
        """Trade the refresh token for an access token, and keep the refresh token that follows."""
        held = self._refresh_token.newest()
        asked_at = self._now()
        result = self._asked(tenant_id, held)
        if _is_spent(result):
            # Perhaps another worker has used it meanwhile, and kept its successor.
            newer = self._refresh_token.newest()
            if newer.value != held.value:
                held, result = newer, self._asked(tenant_id, newer)
        token = access_token(result)
        if token is None:
            self.forget(tenant_id)
            raise self._refused(tenant_id, SignInRefusal.of(result))
        successor = result.get("refresh_token")
        if isinstance(successor, str) and successor and successor != held.value:
            self._refresh_token.keep(held, successor)
        self._remember(tenant_id, token, asked_at + _lifetime(result) - _MARGIN)
        return token

    def _asked(self, tenant_id: TenantId, held: Held) -> Mapping[str, Any]:
        app = self._apps.get(tenant_id)
        result: Mapping[str, Any] = told(
            self._connection,
            lambda: app.acquire_token_by_refresh_token(held.value, scopes=[self._scope]),
        )
        if "access_token" not in result:
            self._apps.drop(tenant_id)  # msal answers from memory after a refusal
        return result

    def _remember(self, tenant_id: TenantId, token: str, until: datetime) -> None:
        with self._lock:
            self._tokens[tenant_id] = (token, until)
            self._tokens.move_to_end(tenant_id)
            while len(self._tokens) > self._most_apps:
                self._tokens.popitem(last=False)

    def _refused(self, tenant_id: TenantId, refusal: SignInRefusal) -> Exception:
        remedy: str | None = None
        everywhere = False
        if refusal.no_consent or refusal.error == "unauthorized_client":
            remedy = (
                "Consent to the app for the tenant in Partner Center, or let an admin of the "
                f"tenant do it, at {self._at_login.consent_link(tenant_id)}"
            )
        elif refusal.codes & _NOT_THERE:
            remedy = (
                "Renew the delegated admin relationship (GDAP) with the tenant, and see that the "
                "service account has a role in it such as Global Reader."
            )
        elif refusal.error in _TOKEN_AT_FAULT:
            everywhere = True
            remedy = (
                "Sign in again as the partner's service account, with its second factor, and put "
                f"the new refresh token into MICROSOFT__{self._connection}__REFRESH_TOKEN. "
                "It concerns all tenants."
            )
        return refusal.raised_for(self._at_login, tenant_id, remedy, everywhere=everywhere)


def _is_spent(result: Mapping[str, Any]) -> bool:
    """Return whether the refresh token itself was refused, as far as the answer tells."""
    refusal = SignInRefusal.of(result)
    elsewhere = refusal.no_consent or refusal.codes & _NOT_THERE
    return refusal.error in _TOKEN_AT_FAULT and not elsewhere


def _is_newer(there: RefreshToken, ours: RefreshToken) -> bool:
    return there.origin == ours.origin and there.obtained_at >= ours.obtained_at


def _lifetime(result: Mapping[str, Any]) -> timedelta:
    try:
        seconds = int(result.get("expires_in", _USUAL_LIFETIME))
    except (TypeError, ValueError):
        seconds = _USUAL_LIFETIME
    return timedelta(seconds=min(max(seconds, 0), _LONGEST_LIFETIME))


def _no_cache() -> Any:  # noqa: ANN401 - msal has no types
    """Return a token cache that keeps nothing: msal's would keep refresh tokens for good."""
    import msal  # noqa: PLC0415 - slow to load, and not every request needs it

    cache = msal.TokenCache()
    cache.add = lambda *_, **__: None
    return cache
