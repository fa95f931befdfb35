"""``/api/customers/{customer_id}/custom-licenses``: rows that count people or other rows."""

from http import HTTPStatus
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, StringConstraints

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Flag, Guid, Name, RowIdText, example
from functions.contracts import Query, one_of
from functions.endpoints import Call, endpoint
from functions.responses import created, etag_of, no_content, ok, path
from shared.domain import ids
from shared.domain.custom import CopyOf, CustomLicense, EntraUsers, GroupMembers
from shared.domain.errors import InvalidInputError
from shared.ports import Versioned
from shared.usecases.custom_licenses import (
    CustomLicenseDraft,
    add_custom_license,
    change_custom_license,
    delete_custom_license,
    get_custom_license,
    list_custom_licenses,
)

blueprint = func.Blueprint()

ROUTE = "api/customers/{customer_id}/custom-licenses"
ONE = f"{ROUTE}/{{license_id}}"
MOST_ROWS = 50


Domain = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
    ),
]
RowIds = Annotated[tuple[RowIdText, ...], Field(min_length=1, max_length=MOST_ROWS)]


class EntraUsersBody(Body):
    """All users of the tenant, or some of them."""

    kind: Literal["entra_users"]
    licensed_only: Flag = False
    domain: Domain | None = None
    enabled_only: Flag = False

    def to_domain(self) -> EntraUsers:
        """Return the source."""
        return EntraUsers(self.licensed_only, self.domain, self.enabled_only)


class GroupMembersBody(Body):
    """The users in a group; with ``nested`` those of the groups directly inside it too."""

    kind: Literal["group_members"]
    group_id: Guid
    include_disabled: Flag = False
    nested: Flag = False

    def to_domain(self) -> GroupMembers:
        """Return the source."""
        return GroupMembers(self.group_id, self.include_disabled, self.nested)


class CopyBody(Body):
    """The active seats of other rows, added up."""

    kind: Literal["copy"]
    row_ids: RowIds

    def to_domain(self) -> CopyOf:
        """Return the source; a row counts once, however often it is named."""
        return CopyOf(tuple(ids.RowId(one) for one in dict.fromkeys(self.row_ids)))


class CustomLicenseBody(Body):
    """A custom licence in full."""

    model_config = example(
        name="Managed users", source={"kind": "entra_users", "licensed_only": True}
    )

    name: Name
    source: Annotated[EntraUsersBody | GroupMembersBody | CopyBody, Field(discriminator="kind")]

    def to_draft(self) -> CustomLicenseDraft:
        """Return what the use case takes."""
        return CustomLicenseDraft(self.name, self.source.to_domain())


@endpoint(blueprint, "GET", ROUTE, role=Role.VIEWER, gives=many(shapes.CustomLicense))
def list_customs(call: Call) -> func.HttpResponse:
    """Return a customer's custom licences, by name; their numbers are on its licences' page."""
    found = list_custom_licenses(call.customer_id, call.services)
    return ok(views.listed(_view(one) for one in found))


@endpoint(
    blueprint,
    "POST",
    ROUTE,
    role=Role.EDITOR,
    gives=shapes.CustomLicense,
    status=HTTPStatus.CREATED,
    located=True,
    tagged=True,
    takes=CustomLicenseBody,
    outside=True,
)
def add_custom(call: Call) -> func.HttpResponse:
    """Make a custom licence."""
    draft = call.body(CustomLicenseBody).to_draft()
    added = add_custom_license(call.customer_id, draft, call.services, actor=call.actor)
    location = path("customers", call.customer_id, "custom-licenses", added.value.license_id)
    return created(_view(added), location, etag=etag_of(added.version))


@endpoint(blueprint, "GET", ONE, role=Role.VIEWER, gives=shapes.CustomLicense, tagged=True)
def get_custom(call: Call) -> func.HttpResponse:
    """Return a custom licence."""
    return _shown(get_custom_license(call.customer_id, call.license_id, call.services))


@endpoint(
    blueprint,
    "PUT",
    ONE,
    role=Role.EDITOR,
    gives=shapes.CustomLicense,
    tagged=True,
    matches=True,
    takes=CustomLicenseBody,
    outside=True,
)
def change_custom(call: Call) -> func.HttpResponse:
    """Rename a custom licence or let it count something else."""
    draft = call.body(CustomLicenseBody).to_draft()
    saved = change_custom_license(
        call.customer_id,
        call.license_id,
        draft,
        call.services,
        if_match=call.if_match,
        actor=call.actor,
    )
    return _shown(saved)


@endpoint(
    blueprint,
    "DELETE",
    ONE,
    role=Role.EDITOR,
    matches=True,
    query=(
        Query(
            "line", "What becomes of its line; needed when it is mapped.", one_of("end", "leave")
        ),
    ),
    outside=True,
)
def remove_custom(call: Call) -> func.HttpResponse:
    """Delete a custom licence; ``?line=end`` or ``?line=leave`` is needed when it is mapped."""
    line = call.query("line")
    if line not in {None, "end", "leave"}:
        raise InvalidInputError({"line": "must be end or leave"})
    delete_custom_license(
        call.customer_id,
        call.license_id,
        call.services,
        if_match=call.if_match,
        leave_line=None if line is None else line == "leave",
    )
    return no_content()


def _shown(read: Versioned[CustomLicense]) -> func.HttpResponse:
    return ok(_view(read), etag=etag_of(read.version))


def _view(read: Versioned[CustomLicense]) -> views.Object:
    return views.versioned(views.custom_license(read.value), read.version)
