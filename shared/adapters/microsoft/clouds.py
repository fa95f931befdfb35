"""Microsoft's clouds and their addresses. Tokens and app registrations do not cross clouds."""

from dataclasses import dataclass
from enum import StrEnum


class CloudName(StrEnum):
    """A cloud as the settings name it. GCC is part of ``global``."""

    GLOBAL = "global"
    GCC_HIGH = "gcc_high"
    DOD = "dod"
    CHINA = "china"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a cloud's services are.

    Attributes:
        partner_center_host: ``None`` where there is no Partner Center.
        token_exchange: What a managed identity asks a token for when it stands for an app.
    """

    login_host: str
    graph_host: str
    partner_center_host: str | None
    token_exchange: str

    @property
    def graph_scope(self) -> str:
        """The scope of a token for Graph, whatever address Graph is called at."""
        return f"https://{self.graph_host}/.default"


CLOUDS = {
    CloudName.GLOBAL: Cloud(
        login_host="login.microsoftonline.com",
        graph_host="graph.microsoft.com",
        partner_center_host="api.partnercenter.microsoft.com",
        token_exchange="api://AzureADTokenExchange",  # noqa: S106 - an audience, no secret
    ),
    CloudName.GCC_HIGH: Cloud(
        login_host="login.microsoftonline.us",
        graph_host="graph.microsoft.us",
        partner_center_host="api.partnercenter.microsoft.com",
        token_exchange="api://AzureADTokenExchangeUSGov",  # noqa: S106 - an audience, no secret
    ),
    CloudName.DOD: Cloud(
        login_host="login.microsoftonline.us",
        graph_host="dod-graph.microsoft.us",
        partner_center_host=None,
        token_exchange="api://AzureADTokenExchangeUSGov",  # noqa: S106 - an audience, no secret
    ),
    CloudName.CHINA: Cloud(
        login_host="login.chinacloudapi.cn",
        graph_host="microsoftgraph.chinacloudapi.cn",
        partner_center_host="partner.partnercenterapi.microsoftonline.cn",
        token_exchange="api://AzureADTokenExchangeChina",  # noqa: S106 - an audience, no secret
    ),
}
