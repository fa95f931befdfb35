"""``/api/settings``: the thresholds that hold a plan for a person, and the default view."""

from typing import Annotated

import azure.functions as func
from pydantic import Field, StrictInt

from functions.api import shapes, views
from functions.auth import Role
from functions.bodies import Body, Seats, example
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, ok
from shared.domain.guards import GuardSettings
from shared.domain.preferences import DefaultView, Preferences
from shared.ports import Versioned
from shared.usecases.preferences import save_preferences

blueprint = func.Blueprint()

Percent = Annotated[StrictInt, Field(ge=0, le=10_000)]
Days = Annotated[StrictInt, Field(ge=0, le=31)]
_DEFAULTS = GuardSettings()


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


class SettingsBody(Body):
    """All settings that are kept in the storage."""

    model_config = example(guards={"fall_seats": 5, "fall_percent": 25}, default_view="licenses")

    guards: GuardsBody = GuardsBody()
    default_view: DefaultView = DefaultView.LICENSES

    def to_domain(self) -> Preferences:
        """Return the settings."""
        return Preferences(GuardSettings(**self.guards.model_dump()), self.default_view)


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
