"""The sign-in service: discovery documents and the OAuth 2.0 token endpoint."""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import jwt
from cryptography.x509 import load_pem_x509_certificate

from local.simulators.common.messages import Answer, Call
from local.simulators.microsoft.state import App, MicrosoftState, RefreshToken, Tenant
from local.simulators.microsoft.tokens import AccessToken, TokenStore

REFRESH_TOKEN_LIFETIME = timedelta(days=90)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
# The services a token can be asked for.
_RESOURCES = frozenset(
    {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
        "api.partnercenter.microsoft.com",
        "partner.partnercenterapi.microsoftonline.cn",
    }
)


class _Refused(Exception):  # noqa: N818 - an outcome, answered by the endpoint, never seen outside
    """The token endpoint says no."""

    def __init__(
        self, error: str, number: int, text: str, *, status: int = 400, suberror: str | None = None
    ) -> None:
        super().__init__(text)
        self.error = error
        self.number = number
        self.status = status
        self.suberror = suberror


@dataclass(slots=True)
class Login:
    """Answers everything under a tenant's name, and the instance discovery."""

    state: Callable[[], MicrosoftState]
    tokens: TokenStore
    clock: Callable[[], datetime]

    def answer(self, call: Call) -> Answer | None:
        """Return the answer to a sign-in call, or None when the path isn't the service's."""
        parts = call.full_path.strip("/").split("/")
        rest = "/".join(parts[1:])
        if call.full_path == "/common/discovery/instance":
            return self._instance_discovery()
        if rest == "v2.0/.well-known/openid-configuration" and call.method == "GET":
            return self._openid_configuration(parts[0])
        if rest == "oauth2/v2.0/token" and call.method == "POST":
            return self._token(parts[0], call)
        return None

    # --- discovery ---------------------------------------------------------------------------

    def _instance_discovery(self) -> Answer:
        host = self.state().login_host
        return Answer(
            200,
            {
                "tenant_discovery_endpoint": f"https://{host}/common/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
                ],
            },
        )

    def _openid_configuration(self, name: str) -> Answer:
        try:
            tenant_id = name if name in {"common", "organizations"} else self._known_tenant(name).id
        except _Refused as refused:
            return self._refusal(refused)
        root = f"https://{self.state().login_host}/{tenant_id}"
        return Answer(
            200,
            {
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
                "response_types_supported": ["code", "id_token", "code id_token"],
                "tenant_region_scope": None,
                "msgraph_host": self.state().graph_host,
            },
        )

    # --- tokens ------------------------------------------------------------------------------

    def _token(self, tenant_name: str, call: Call) -> Answer:
        form = call.form()
        try:
            tenant = self._known_tenant(tenant_name)
            app = self._authenticated_app(form, tenant)
            grant = form.get("grant_type")
            if grant == "client_credentials":
                return self._for_app(form, tenant, app)
            if grant == "refresh_token":
                return self._for_partner_user(form, tenant, app)
        except _Refused as refused:
            return self._refusal(refused)
        return self._refusal(
            _Refused("unsupported_grant_type", 70003, f"The grant type '{grant}' isn't supported.")
        )

    def _for_app(self, form: dict[str, str], tenant: Tenant, app: App) -> Answer:
        scopes = form.get("scope", "").split()
        if len(scopes) != 1 or not scopes[0].endswith("/.default"):
            text = f"The scope '{form.get('scope', '')}' isn't valid for client credentials."
            raise _Refused("invalid_scope", 1002012, text)
        audience = _audience(scopes[0], tenant)
        # Known here only for a partner's user, or at home: a token, but one that opens nothing.
        permissions = _consents_of(tenant.consents, app) or []
        return self._issued(tenant, app, audience, permissions)

    def _for_partner_user(self, form: dict[str, str], tenant: Tenant, app: App) -> Answer:
        state = self.state()
        now = self.clock()
        given = form.get("refresh_token", "")
        held = next((one for one in state.refresh_tokens if one.value == given), None)
        if held is None or held.client_id.lower() != app.client_id.lower():
            raise _Refused("invalid_grant", 9002313, "The refresh token isn't valid.")
        if held.expires_at <= now:
            text = "The refresh token has expired due to inactivity."
            raise _Refused("invalid_grant", 700082, text, suberror="bad_token")
        own = tenant.id == state.partner_tenant_id
        if not own and not tenant.gdap_active:
            text = f"The user account does not exist in tenant '{tenant.name}'."
            raise _Refused("invalid_grant", 50020, text)
        permissions = _consents_of(tenant.delegated_consents, app)
        if permissions is None:
            text = f"The user or administrator has not consented to use '{app.client_id}'."
            raise _Refused("invalid_grant", 65001, text, suberror="consent_required")
        asked = [scope for scope in form.get("scope", "").split() if scope not in _OPENID_SCOPES]
        if not asked:
            raise _Refused("invalid_scope", 70011, "The scope is missing.")
        audience = _audience(asked[0], tenant)
        rolled = RefreshToken(
            value=f"simr.{secrets.token_urlsafe(32)}",
            client_id=app.client_id,
            expires_at=now + REFRESH_TOKEN_LIFETIME,
        )
        state.refresh_tokens.append(rolled)
        extra = {"refresh_token": rolled.value, "scope": " ".join(asked)}
        return self._issued(tenant, app, audience, permissions, **extra)

    def _issued(
        self, tenant: Tenant, app: App, audience: str, permissions: list[str], **extra: str
    ) -> Answer:
        now = self.clock()
        lifetime = self.state().token_lifetime_seconds
        self.tokens.forget_expired(now)
        text = self.tokens.issue(
            AccessToken(
                tenant_id=tenant.id,
                client_id=app.client_id,
                audience=audience,
                permissions=frozenset(permissions),
                expires_at=now + timedelta(seconds=lifetime),
            )
        )
        issued = {
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": text,
        }
        headers = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
        return Answer(200, issued | extra, headers)

    # --- who is asking -----------------------------------------------------------------------

    def _known_tenant(self, name: str) -> Tenant:
        tenant = self.state().tenant(name)
        if tenant is None:
            raise _Refused("invalid_tenant", 90002, f"Tenant '{name}' not found.")
        return tenant

    def _authenticated_app(self, form: dict[str, str], tenant: Tenant) -> App:
        for name in ("grant_type", "client_id"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                raise _Refused("invalid_request", 900144, text)
        app = self.state().app(form["client_id"])
        known_here = app is not None and (
            _consents_of(tenant.consents, app) is not None
            or _consents_of(tenant.delegated_consents, app) is not None
            or tenant.id == self.state().partner_tenant_id
        )
        # A refresh token of a partner's user may be tried in any tenant; consent is checked later.
        if app is None or not (known_here or form["grant_type"] == "refresh_token"):
            text = (
                f"Application with identifier '{form['client_id']}' was not found in the directory "
                f"'{tenant.name}'."
            )
            raise _Refused("unauthorized_client", 700016, text)
        if form.get("client_assertion"):
            self._check_assertion(form, tenant, app)
        elif form.get("client_secret"):
            self._check_secret(form["client_secret"], app)
        else:
            text = "The request body must contain 'client_assertion' or 'client_secret'."
            raise _Refused("invalid_client", 7000218, text, status=401)
        return app

    def _check_secret(self, given: str, app: App) -> None:
        for secret in app.secrets:
            if hmac.compare_digest(secret.value.encode(), given.encode()):
                if secret.expires_at and secret.expires_at <= self.clock():
                    text = f"The provided client secret keys for app '{app.client_id}' are expired."
                    raise _Refused("invalid_client", 7000222, text, status=401)
                return
        text = f"Invalid client secret provided for app '{app.client_id}'."
        raise _Refused("invalid_client", 7000215, text, status=401)

    def _check_assertion(self, form: dict[str, str], tenant: Tenant, app: App) -> None:
        """Refuse an assertion unless a certificate of the app, or a trusted identity, signed it."""
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            text = "The client assertion type isn't supported."
            raise _Refused("invalid_request", 90023, text)
        assertion = form["client_assertion"]
        host = self.state().login_host
        own_audiences = [
            f"https://{host}/{name}/{end}"
            for name in (tenant.id, *tenant.domains)
            for end in ("oauth2/v2.0/token", "v2.0")
        ]
        expired = False
        trusted = [(pem, own_audiences, app.client_id, app.client_id) for pem in app.certificates]
        trusted += [
            (one.certificate, [one.audience], one.issuer, one.subject) for one in app.federated
        ]
        for pem, audience, issuer, subject in trusted:
            try:
                claims = jwt.decode(
                    assertion,
                    load_pem_x509_certificate(pem.encode()).public_key(),  # type: ignore[arg-type]  # RSA and EC are all the test apps use
                    algorithms=["RS256", "PS256", "ES256"],
                    audience=audience,
                    issuer=issuer,
                    options={"require": ["exp", "aud", "iss", "sub"], "verify_exp": False},
                )
            except jwt.InvalidTokenError:
                continue
            if claims["exp"] <= self.clock().timestamp():
                expired = True
            elif claims["sub"] == subject:
                return
        if expired:
            text = "Client assertion is not within its valid time range."
            raise _Refused("invalid_client", 700024, text, status=401)
        text = "Client assertion failed signature validation."
        raise _Refused("invalid_client", 700027, text, status=401)

    def _refusal(self, refused: _Refused) -> Answer:
        body = {
            "error": refused.error,
            "error_description": f"AADSTS{refused.number}: {refused}",
            "error_codes": [refused.number],
            "timestamp": self.clock().strftime("%Y-%m-%d %H:%M:%SZ"),
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
            "error_uri": f"https://{self.state().login_host}/error?code={refused.number}",
        }
        if refused.suberror:
            body["suberror"] = refused.suberror
        return Answer(HTTPStatus(refused.status), body)


def _audience(scope: str, tenant: Tenant) -> str:
    """Return the host of the service that a scope names. Raises _Refused for one unknown."""
    host = urlsplit(scope).hostname if "://" in scope else "graph.microsoft.com"
    if host not in _RESOURCES:
        resource = scope.removesuffix("/.default")
        text = f"The resource principal named {resource} was not found in '{tenant.name}'."
        raise _Refused("invalid_resource", 500011, text)
    return host


def _consents_of(consents: dict[str, list[str]], app: App) -> list[str] | None:
    wanted = app.client_id.lower()
    return next((held for client, held in consents.items() if client.lower() == wanted), None)
