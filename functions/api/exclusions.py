"""``/api/exclusions``: SKUs that no customer is billed for."""

from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.auth import Role
from functions.bodies import Body, Guid, Note, example
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, ok
from shared.domain.ids import SkuId
from shared.domain.mappings import GlobalExclusion
from shared.ports import Versioned
from shared.usecases.books import global_exclusions
from shared.usecases.exclusions import save_exclusions

blueprint = func.Blueprint()


class ExclusionBody(Body):
    """A SKU that is not billed, and why.

    Attributes:
        line: What becomes of lines that bill it; needed for a new one that has any.
    """

    sku_id: Guid
    reason: Note = ""
    line: Literal["end", "leave"] | None = None


class ExclusionsBody(Body):
    """The whole list."""

    model_config = example(
        items=[{"sku_id": "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "reason": "not resold"}]
    )

    items: Annotated[tuple[ExclusionBody, ...], Field(max_length=2000)]

    def to_domain(self) -> tuple[GlobalExclusion, ...]:
        """Return the list."""
        return tuple(GlobalExclusion(SkuId(one.sku_id), one.reason) for one in self.items)

    def leave_line(self) -> dict[SkuId, bool]:
        """Return whether lines stay as they are, for the SKUs of which that is said."""
        return {SkuId(x.sku_id): x.line == "leave" for x in self.items if x.line is not None}


@endpoint(
    blueprint, "GET", "api/exclusions", role=Role.VIEWER, gives=shapes.Exclusions, tagged=True
)
def get_exclusions(call: Call) -> func.HttpResponse:
    """Return the global exclusions; before some were saved, the SKUs that cost nothing."""
    return _shown(call, global_exclusions(call.services))


@endpoint(
    blueprint,
    "PUT",
    "api/exclusions",
    role=Role.ADMIN,
    gives=shapes.Exclusions,
    tagged=True,
    matches=True,
    takes=ExclusionsBody,
    outside=True,
)
def replace_exclusions(call: Call) -> func.HttpResponse:
    """Replace the global exclusions."""
    wanted = call.body(ExclusionsBody)
    saved = save_exclusions(
        wanted.to_domain(), wanted.leave_line(), call.services, if_match=call.if_match
    )
    return _shown(call, saved)


def _shown(call: Call, read: Versioned[tuple[GlobalExclusion, ...]]) -> func.HttpResponse:
    names = call.services.sku_names
    items = [
        {"sku_id": one.sku_id, "name": names.get(one.sku_id), "reason": one.reason}
        for one in read.value
    ]
    shown = {**views.listed(items), "seeded": not read.version}
    return ok(shown, etag=etag_of(read.version))
