"""``/api/settings``: what holds a plan for a person, the default view, and who is told when."""

from typing import Annotated

import azure.functions as func
from pydantic import Field, StrictInt

from functions.api import shapes, views
from functions.auth import Role
from functions.bodies import Body, Seats, example
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, ok
from shared.domain.alerts import AlertKind
from shared.domain.digests import USUAL, Frequency, Routing
from shared.domain.guards import GuardSettings
from shared.domain.preferences import DefaultView, Preferences, Retention
from shared.ports import Versioned
from shared.usecases.preferences import save_preferences

blueprint = func.Blueprint()

Percent = Annotated[StrictInt, Field(ge=0, le=10_000)]
Days = Annotated[StrictInt, Field(ge=0, le=31)]
Hour = Annotated[StrictInt, Field(ge=0, le=23)]
_DEFAULTS = GuardSettings()
_ROUTING = Routing()
Months = Annotated[StrictInt, Field(ge=1, le=120)]
_DEFAULTS = GuardSettings()
_KEPT = Retention()


class GuardsBody(Body):
    """The thresholds; what is left out is as at the beginning."""

    fall_seats: Seats = _DEFAULTS.fall_seats
    fall_percent: Percent = _DEFAULTS.fall_percent
    rise_seats: Seats = _DEFAULTS.rise_seats
    rise_percent: Percent = _DEFAULTS.rise_percent
    to_zero_from: Seats = _DEFAULTS.to_zero_from
    run_stop_percent: Percent = _DEFAULTS.run_stop_percent
    run_stop_lines: Seats = _DEFAULTS.run_stop_lines
    tenant_stop_percent: Percent = _DEFAULTS.tenant_stop_percent
    tenant_stop_tenants: Seats = _DEFAULTS.tenant_stop_tenants
    freeze_days: Days = _DEFAULTS.freeze_days


class RoutingBody(Body):
    """How soon alerts of each kind are told; a kind that is left out is as at the beginning."""

    kinds: dict[AlertKind, Frequency] = Field(default_factory=dict)
    hour: Hour = _ROUTING.hour

    def to_domain(self) -> Routing:
        """Return what differs from the usual, so that a better usual reaches everybody else."""
        differs = {kind: each for kind, each in self.kinds.items() if each is not USUAL[kind]}
        return Routing(differs, self.hour)


class RetentionBody(Body):
    """How long what happened is kept."""

    history_months: Months = _KEPT.history_months
    runs_days: Annotated[StrictInt, Field(ge=7, le=3650)] = _KEPT.runs_days
    trend_months: Months = _KEPT.trend_months


class SettingsBody(Body):
    """All settings that are kept in the storage."""

    model_config = example(
        guards={"fall_seats": 5, "fall_percent": 25},
        default_view="licenses",
        alert_routing={"kinds": {"renewal": "monthly", "held": "at_once"}, "hour": 6},
    )

    guards: GuardsBody = GuardsBody()
    default_view: DefaultView = DefaultView.LICENSES
    alert_routing: RoutingBody = RoutingBody()

    retention: RetentionBody = RetentionBody()

    def to_domain(self) -> Preferences:
        """Return the settings."""
        return Preferences(
            guards=GuardSettings(**self.guards.model_dump()),
            default_view=self.default_view,
            alert_routing=self.alert_routing.to_domain(),
            retention=Retention(**self.retention.model_dump()),
        )


@endpoint(blueprint, "GET", "api/settings", role=Role.VIEWER, gives=shapes.Settings, tagged=True)
def get_settings(call: Call) -> func.HttpResponse:
    """Return the settings."""
    return _shown(call.services.settings.get())


@endpoint(
    blueprint,
    "PUT",
    "api/settings",
    role=Role.ADMIN,
    gives=shapes.Settings,
    tagged=True,
    matches=True,
    takes=SettingsBody,
)
def save_settings(call: Call) -> func.HttpResponse:
    """Replace the settings."""
    wanted = call.body(SettingsBody).to_domain()
    return _shown(save_preferences(wanted, call.services, if_match=call.if_match))


def _shown(read: Versioned[Preferences]) -> func.HttpResponse:
    return ok(views.versioned(views.settings(read.value), read.version), etag=etag_of(read.version))
