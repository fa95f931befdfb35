"""A Microsoft connection as the settings describe it."""

from dataclasses import dataclass, field

from shared.adapters.microsoft.clouds import CLOUDS, Cloud, CloudName
from shared.domain.ids import TenantId


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret of the app registration."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of the app registration, with its private key.

    Attributes:
        source: The path of a PEM or PFX file, or the text of one: PEM as it is, PFX in base64, as
            Key Vault gives it.
        password: Of the PFX or the key; ``None`` without one.
    """

    source: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """A managed identity that the app registration trusts (a federated credential).

    Attributes:
        client_id: Of a user-assigned identity; ``None`` for the system-assigned one.
    """

    client_id: str | None = None


Credential = ClientSecret | Certificate | ManagedIdentity


@dataclass(frozen=True, slots=True)
class MicrosoftConfig:
    """The partner's app, and where to reach Microsoft.

    Attributes:
        tenant_id: The partner's own tenant, which lists the customers' ones.
        login_url: Where all sign-in calls go instead of the cloud's host; ``None`` for the cloud's.
        graph_url: Instead of ``https://graph.microsoft.com``; ``None`` for the cloud's.
        refresh_token: The first one of the partner's service account, which then enters customers'
            tenants by delegated admin (GDAP); ``None`` when the app itself does.
        partner_center: The partner is a direct CSP, who has Partner Center's API.
        partner_center_url: Instead of ``https://api.partnercenter.microsoft.com``; ``None`` for the
            cloud's.
        development: Plain http is allowed in the addresses.
    """

    tenant_id: TenantId
    client_id: str
    credential: Credential
    cloud_name: CloudName = CloudName.GLOBAL
    login_url: str | None = None
    graph_url: str | None = None
    refresh_token: str | None = field(default=None, repr=False)
    partner_center: bool = False
    partner_center_url: str | None = None
    development: bool = False

    @property
    def cloud(self) -> Cloud:
        """The cloud's addresses."""
        return CLOUDS[self.cloud_name]
