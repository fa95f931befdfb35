"""Every other address: a page that says so."""

import azure.functions as func

from functions.auth import Role
from functions.pages.site import Visit, page
from shared.domain.errors import NotFoundError

blueprint = func.Blueprint()


# Its name sorts after all others, and after the API's own: the host takes the first that fits.
@page(blueprint, "", "{*address}", role=Role.VIEWER)
def unknown_page(_visit: Visit) -> func.HttpResponse:
    """Say that there is nothing."""
    raise NotFoundError("There is no page at this address, or it takes no such form.")
