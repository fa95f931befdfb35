"""What the Admins set for everybody on the Settings page."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from shared.domain.digests import Routing
from shared.domain.guards import GuardSettings


class DefaultView(StrEnum):
    """What a customer's page lists, where nobody split or merged a licence by hand."""

    LICENSES = "licenses"
    SUBSCRIPTIONS = "subscriptions"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what happened is kept; what an open period or an undo needs is kept longer.

    Attributes:
        history_months: Changes that were written, decided approvals, cleared alerts, dismissals.
        runs_days: Runs and their items.
        trend_months: Seats by day.
    """

    history_months: int = 24
    runs_days: int = 90
    trend_months: int = 24


@dataclass(frozen=True, slots=True)
class Preferences:
    """All settings that are kept in the storage.

    Attributes:
        default_view: Only what is shown: switching it never changes what is billed.
    """

    guards: GuardSettings = field(default_factory=GuardSettings)
    default_view: DefaultView = DefaultView.LICENSES
    alert_routing: Routing = field(default_factory=Routing)
    retention: Retention = field(default_factory=Retention)


def months_before(day: date, months: int) -> date:
    """Return the day so many months earlier; a day that the month lacks becomes its 28th."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, min(day.day, 28))
