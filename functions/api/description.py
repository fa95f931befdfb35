"""``/api/openapi.json``: the API in the words of OpenAPI, made of what the functions promise."""

from functools import cache
from typing import Any

import azure.functions as func

from functions import openapi
from functions.auth import Role
from functions.endpoints import Call, contracts, endpoint
from functions.responses import ok
from shared.version import VERSION

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "api/openapi.json", role=Role.VIEWER, gives=dict[str, Any])
def describe_api(_call: Call) -> func.HttpResponse:
    """Return this description."""
    return ok(description())


@cache
def description() -> openapi.Document:
    """Return the description of every address below ``/api``."""
    return openapi.document(
        (one for one in contracts() if one.method and one.route.startswith("api/")), VERSION
    )
