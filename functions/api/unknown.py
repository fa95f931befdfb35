"""Every other address below ``/api``: a problem instead of the host's empty answer."""

import azure.functions as func

from functions.auth import Role
from functions.endpoints import Call, endpoint
from shared.domain.errors import NotFoundError

blueprint = func.Blueprint()


# Its name sorts after all others: the host takes the first function whose route fits.
@endpoint(blueprint, "", "api/{*address}", role=Role.VIEWER)
def unknown_address(_call: Call) -> func.HttpResponse:
    """Say that there is nothing."""
    raise NotFoundError("nothing answers this method at this address")
