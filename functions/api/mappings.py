"""``/api/customers/{customer_id}/mappings/{row_id}``: how a row is billed."""

import azure.functions as func

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Body, Day, Flag, Key, Seats, Text, example
from functions.contracts import Query, one_of
from functions.endpoints import Call, endpoint
from functions.responses import etag_of, no_content, ok
from shared.domain.errors import InvalidInputError
from shared.domain.ids import AgreementId, ProfileId
from shared.domain.mappings import (
    DescriptionOptions,
    ExistingLine,
    Mapping,
    OnDrift,
    UserLabel,
    Usernames,
)
from shared.domain.quantities import Grace
from shared.ports import Versioned
from shared.usecases.edit_mapping import (
    MappingDraft,
    delete_mapping,
    get_mapping,
    preview_row,
    save_mapping,
)

blueprint = func.Blueprint()

ROUTE = "api/customers/{customer_id}/mappings/{row_id}"


class DescriptionBody(Body):
    """What goes into the line's text on the invoice."""

    overwrite: Text | None = None
    usernames: Usernames = Usernames.NONE
    show_users_as: UserLabel = UserLabel.NAME
    term_and_end_date: Flag = False
    unassigned: Flag = False
    changes: Flag = False

    def to_domain(self) -> DescriptionOptions:
        """Return the options."""
        return DescriptionOptions(
            overwrite=self.overwrite,
            usernames=self.usernames,
            show_users_as=self.show_users_as,
            term_and_end_date=self.term_and_end_date,
            unassigned=self.unassigned,
            changes=self.changes,
        )


class MappingBody(Body):
    """A mapping in full: what is left out is as for a new one."""

    model_config = example(
        profile_id="6f1d",
        agreement_id="7001",
        included=0,
        minimum=5,
        negative_prorate=False,
        override_start="2026-12-01",
        description={"usernames": "list"},
        grace="only_without_active",
        count_trials=False,
        existing_line="adopt",
        on_drift="hold",
    )

    profile_id: Key
    agreement_id: Key
    included: Seats = 0
    minimum: Seats = 0
    negative_prorate: Flag = False
    override_start: Day | None = None
    description: DescriptionBody = DescriptionBody()
    grace: Grace = Grace.ONLY_WITHOUT_ACTIVE
    count_trials: Flag = False
    existing_line: ExistingLine = ExistingLine.ADOPT
    on_drift: OnDrift = OnDrift.HOLD

    def to_draft(self) -> MappingDraft:
        """Return what the use case takes."""
        return MappingDraft(
            profile_id=ProfileId(self.profile_id),
            agreement_id=AgreementId(self.agreement_id),
            included=self.included,
            minimum=self.minimum,
            negative_prorate=self.negative_prorate,
            override_start=self.override_start,
            description=self.description.to_domain(),
            grace=self.grace,
            count_trials=self.count_trials,
            existing_line=self.existing_line,
            on_drift=self.on_drift,
        )


@endpoint(blueprint, "GET", ROUTE, role=Role.VIEWER, gives=shapes.Mapping, tagged=True)
def get_row_mapping(call: Call) -> func.HttpResponse:
    """Return a row's mapping."""
    return _shown(get_mapping(call.customer_id, call.row_id, call.services))


@endpoint(
    blueprint,
    "PUT",
    ROUTE,
    role=Role.EDITOR,
    gives=shapes.Mapping,
    tagged=True,
    matches=True,
    takes=MappingBody,
    outside=True,
)
def save_row_mapping(call: Call) -> func.HttpResponse:
    """Map a row, or change its mapping."""
    draft = call.body(MappingBody).to_draft()
    saved = save_mapping(
        call.customer_id,
        call.row_id,
        draft,
        call.services,
        if_match=call.if_match,
        actor=call.actor,
    )
    return _shown(saved)


@endpoint(
    blueprint,
    "DELETE",
    ROUTE,
    role=Role.EDITOR,
    matches=True,
    query=(
        Query("line", "What becomes of its line; it ends unless told.", one_of("end", "leave")),
    ),
    outside=True,
)
def remove_row_mapping(call: Call) -> func.HttpResponse:
    """Take a row's mapping away; ``?line=leave`` leaves its line as it is, else the line ends."""
    delete_mapping(
        call.customer_id,
        call.row_id,
        call.services,
        if_match=call.if_match,
        leave_line=_leaves_line(call.query("line") or "end"),
    )
    return no_content()


@endpoint(
    blueprint,
    "POST",
    f"{ROUTE}/preview",
    role=Role.VIEWER,
    gives=many(shapes.Preview),
    takes=MappingBody,
    optional=True,
    outside=True,
)
def preview_row_mapping(call: Call) -> func.HttpResponse:
    """Return what a sync would send by the mapping in the body, or without one by the stored."""
    draft = call.optional_body(MappingBody)
    found = preview_row(
        call.customer_id,
        call.row_id,
        None if draft is None else draft.to_draft(),
        call.services,
        actor=call.actor,
    )
    return ok(views.listed(views.preview(one) for one in found))


def _leaves_line(text: str) -> bool:
    if text not in {"end", "leave"}:
        raise InvalidInputError({"line": "must be end or leave"})
    return text == "leave"


def _shown(read: Versioned[Mapping]) -> func.HttpResponse:
    return ok(views.versioned(views.mapping(read.value), read.version), etag=etag_of(read.version))
