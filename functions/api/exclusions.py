"""``/api/exclusions``: SKUs that no customer is billed for."""

from typing import Annotated

import azure.functions as func
from pydantic import Field

from functions.api import views
from functions.auth import Role
from functions.bodies import Body, Guid, Note
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, ok
from shared.domain.ids import SkuId
from shared.domain.mappings import GlobalExclusion
from shared.ports import Versioned
from shared.usecases.exclusions import save_exclusions

blueprint = func.Blueprint()


class ExclusionBody(Body):
    """A SKU that is not billed, and why."""

    sku_id: Guid
    reason: Note = ""


class ExclusionsBody(Body):
    """The whole list."""

    items: Annotated[tuple[ExclusionBody, ...], Field(max_length=2000)]

    def to_domain(self) -> tuple[GlobalExclusion, ...]:
        """Return the list."""
        return tuple(GlobalExclusion(SkuId(one.sku_id), one.reason) for one in self.items)


@endpoint(blueprint, "GET", "api/exclusions", role=Role.VIEWER)
def get_exclusions(call: Call) -> func.HttpResponse:
    """Return the global exclusions."""
    return _shown(call, call.services.exclusions.get())


@endpoint(blueprint, "PUT", "api/exclusions", role=Role.ADMIN)
def replace_exclusions(call: Call) -> func.HttpResponse:
    """Replace the global exclusions."""
    items = call.body(ExclusionsBody).to_domain()
    return _shown(call, save_exclusions(items, call.services, if_match=call.if_match))


def _shown(call: Call, read: Versioned[tuple[GlobalExclusion, ...]]) -> func.HttpResponse:
    names = call.services.sku_names
    items = [
        {"sku_id": one.sku_id, "name": names.get(one.sku_id), "reason": one.reason}
        for one in read.value
    ]
    return ok(views.listed(items), etag=etag_of(read.version))
