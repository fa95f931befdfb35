"""``/api/health``: open to everybody, so that a monitor needs no key; it names no secrets."""

from http import HTTPStatus

import azure.functions as func

from functions.api import shapes, views
from functions.endpoints import open_endpoint
from functions.responses import ok, unavailable
from shared import bootstrap
from shared.domain.errors import SettingsError
from shared.usecases.health import check_health, next_cycle

blueprint = func.Blueprint()


@open_endpoint(
    blueprint,
    "GET",
    "api/health",
    gives=shapes.Health,
    also={HTTPStatus.SERVICE_UNAVAILABLE: shapes.Health},
)
def check_app_health(_request: func.HttpRequest) -> func.HttpResponse:
    """Say whether settings and storage are right, and how the last cycle went."""
    try:
        found = check_health(bootstrap.services())
    except SettingsError as error:
        return unavailable({"status": "unhealthy", "settings": str(error)})
    body = {
        "status": "ok" if found.healthy else "unhealthy",
        "settings": "ok",
        "storage": found.tables,
        "queues": found.queues,
        "notifiers": found.notifiers,
        "next_cycle": next_cycle(
            bootstrap.environment().sync_schedule, bootstrap.services().clock.real_now()
        ),
        "last_cycle": None if found.last_cycle is None else views.run(found.last_cycle),
    }
    return ok(body) if found.healthy else unavailable(body)
