"""A refusal of the sign-in service, and whose turn it is.

Only the OAuth error is a promise. Microsoft's numbers refine it where several causes share one
error, and a number that we do not know changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.adapters.http.decision import safe_text
from shared.adapters.microsoft.clouds import Cloud
from shared.domain.errors import AccessDeniedError, SeatsyncError, UpstreamUnavailableError
from shared.domain.ids import TenantId

_NO_TENANT = frozenset({90002})
_NO_CONSENT = frozenset({700016, 7000229, 65001})
_PASSING = frozenset({"temporarily_unavailable", "server_error"})


@dataclass(frozen=True, slots=True)
class AppAtLogin:
    """The app registration as remedies name it.

    Attributes:
        login_url: Named in consent links instead of the cloud's host.
    """

    connection: str
    client_id: str
    cloud: Cloud
    login_url: str | None = None

    def consent_link(self, tenant_id: TenantId) -> str:
        """Return where an admin of the tenant lets the app in."""
        address = self.login_url or f"https://{self.cloud.login_host}"
        return f"{address}/{tenant_id}/adminconsent?client_id={self.client_id}"

    def let_in(self, tenant_id: TenantId) -> str:
        """Return what to do when the tenant does not know the app."""
        return f"An admin of the tenant has to let the app in, at {self.consent_link(tenant_id)}"


@dataclass(frozen=True, slots=True)
class SignInRefusal:
    """What msal returned instead of a token.

    Attributes:
        codes: Microsoft's own numbers.
        said: Microsoft's own words, without the trace ids that follow them.
    """

    error: str
    codes: frozenset[int]
    said: str

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "SignInRefusal":
        """Return the refusal in a result of msal."""
        codes = result.get("error_codes")
        known = codes if isinstance(codes, list) else []
        return cls(
            error=safe_text(result.get("error")) or "no token and no error",
            codes=frozenset(code for code in known if isinstance(code, int)),
            said=_first_line(result.get("error_description")),
        )

    @property
    def no_consent(self) -> bool:
        """Whether the tenant does not know the app."""
        return bool(self.codes & _NO_CONSENT)

    def raised_for(
        self,
        app: AppAtLogin,
        tenant_id: TenantId,
        remedy: str | None,
        *,
        everywhere: bool = False,
    ) -> SeatsyncError:
        """Return the error.

        Args:
            remedy: For what only the way into the tenant can tell; ``None`` for the usual ones.
            everywhere: It is known to concern all tenants.
        """
        text = f"{self.error}: {self.said}" if self.said else self.error
        if self.error in _PASSING:
            return UpstreamUnavailableError(app.connection, f"sign-in: {text}")
        message = f"{app.connection}: sign-in to tenant {tenant_id} was refused: {text}"
        everywhere = everywhere or (remedy is None and self.error == "invalid_client")
        return AccessDeniedError(message, self._remedy(app, remedy), everywhere=everywhere)

    def _remedy(self, app: AppAtLogin, remedy: str | None) -> str:
        if self.codes & _NO_TENANT:
            return "Check the tenant's id. A tenant that was deleted cannot be read any more."
        if remedy is not None:
            return remedy
        if self.error == "invalid_client":
            return (
                f"Renew the secret or certificate of app {app.client_id} and the setting "
                f"MICROSOFT__{app.connection}__… that holds it. It concerns all tenants."
            )
        return f"Check the app registration {app.client_id} and the connection's settings."


def _first_line(description: object) -> str:
    text = description if isinstance(description, str) else ""
    return safe_text(text.split(" Trace ID:")[0].split("\r\n")[0].split("\n")[0])
