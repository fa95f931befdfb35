"""What the Admins set for everybody on the Settings page."""

from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.digests import Routing
from shared.domain.guards import GuardSettings


class DefaultView(StrEnum):
    """What a customer's page lists, where nobody split or merged a licence by hand."""

    LICENSES = "licenses"
    SUBSCRIPTIONS = "subscriptions"


@dataclass(frozen=True, slots=True)
class Preferences:
    """All settings that are kept in the storage.

    Attributes:
        default_view: Only what is shown: switching it never changes what is billed.
    """

    guards: GuardSettings = field(default_factory=GuardSettings)
    default_view: DefaultView = DefaultView.LICENSES
    alert_routing: Routing = field(default_factory=Routing)
