"""``/api/settings``: the thresholds that hold a plan for a person."""

from typing import Annotated

import azure.functions as func
from pydantic import Field, StrictInt

from functions.api import views
from functions.auth import Role
from functions.bodies import Body, Seats
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, ok
from shared.domain.guards import GuardSettings
from shared.ports import Versioned
from shared.usecases.guard_settings import save_guards

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

    guards: GuardsBody = GuardsBody()


@endpoint(blueprint, "GET", "api/settings", role=Role.VIEWER)
def get_settings(call: Call) -> func.HttpResponse:
    """Return the settings."""
    return _shown(call.services.settings.guards())


@endpoint(blueprint, "PUT", "api/settings", role=Role.ADMIN)
def save_settings(call: Call) -> func.HttpResponse:
    """Replace the settings."""
    guards = GuardSettings(**call.body(SettingsBody).guards.model_dump())
    return _shown(save_guards(guards, call.services, if_match=call.if_match))


def _shown(read: Versioned[GuardSettings]) -> func.HttpResponse:
    return ok(views.versioned(views.settings(read.value), read.version), etag=etag_of(read.version))
