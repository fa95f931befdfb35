"""``/api/billing-profiles``: which PSA product a row bills as."""

from http import HTTPStatus
from typing import Annotated

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.api.shapes import many
from functions.auth import Role
from functions.bodies import Amount, Body, Key, Name, checked, example
from functions.endpoints import Call, endpoint
from functions.responses import created, etag_of, no_content, ok, path
from shared.domain.ids import ConnectionName, ProductId, ProfileId
from shared.domain.mappings import Billable, BillingProfile, PriceKind, PricePolicy
from shared.ports import Versioned
from shared.usecases.profiles import add_profile, add_profiles, delete_profile, save_profile

blueprint = func.Blueprint()

ROUTE = "api/billing-profiles"
MOST_AT_ONCE = 500


class PriceBody(Body):
    """What a seat costs: the amount is given for a fixed or percent price."""

    kind: PriceKind
    amount: Amount | None = None


class ProfileBody(Body):
    """A billing profile in full."""

    model_config = example(
        name="M365 Business Premium - Monthly",
        psa="main",
        product_id="101",
        agreement_types=[],
        price={"kind": "psa"},
        billable="billable",
    )

    name: Name
    psa: Key
    product_id: Key
    agreement_types: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    price: PriceBody = PriceBody(kind=PriceKind.PSA)
    billable: Billable = Billable.BILLABLE

    def to_domain(self, profile_id: str = "") -> BillingProfile:
        """Return the profile."""
        return BillingProfile(
            profile_id=ProfileId(profile_id),
            name=self.name,
            psa=ConnectionName(self.psa),
            product_id=ProductId(self.product_id),
            agreement_types=self.agreement_types,
            price=PricePolicy(self.price.kind, self.price.amount),
            billable=self.billable,
        )


Profiles = Annotated[list[ProfileBody], Field(min_length=1, max_length=MOST_AT_ONCE)]


@endpoint(blueprint, "GET", ROUTE, role=Role.VIEWER, gives=many(shapes.Profile))
def list_profiles(call: Call) -> func.HttpResponse:
    """Return all billing profiles, by name."""
    return ok(views.listed(views.profile(one) for one in call.services.profiles.all()))


@endpoint(
    blueprint,
    "POST",
    ROUTE,
    role=Role.EDITOR,
    gives=shapes.Profile | many(shapes.Profile),
    status=HTTPStatus.CREATED,
    located=True,
    tagged=True,
    takes=ProfileBody | Profiles,
    outside=True,
)
def add_billing_profiles(call: Call) -> func.HttpResponse:
    """Add a billing profile, or every one of a list."""
    document = call.document()
    return _add_several(call, document) if isinstance(document, list) else _add_one(call, document)


@endpoint(
    blueprint, "GET", f"{ROUTE}/{{profile_id}}", role=Role.VIEWER, gives=shapes.Profile, tagged=True
)
def get_profile(call: Call) -> func.HttpResponse:
    """Return a billing profile."""
    return _shown(call.services.profiles.get(call.profile_id))


@endpoint(
    blueprint,
    "PUT",
    f"{ROUTE}/{{profile_id}}",
    role=Role.EDITOR,
    gives=shapes.Profile,
    tagged=True,
    matches=True,
    takes=ProfileBody,
    outside=True,
)
def replace_profile(call: Call) -> func.HttpResponse:
    """Replace a billing profile."""
    draft = call.body(ProfileBody).to_domain(call.profile_id)
    return _shown(save_profile(draft, call.services, if_match=call.if_match))


@endpoint(blueprint, "DELETE", f"{ROUTE}/{{profile_id}}", role=Role.EDITOR, matches=True)
def remove_profile(call: Call) -> func.HttpResponse:
    """Remove a billing profile that no row is mapped to."""
    delete_profile(call.profile_id, call.services, if_match=call.if_match)
    return no_content()


def _add_one(call: Call, document: object) -> func.HttpResponse:
    added = add_profile(checked(document, ProfileBody).to_domain(), call.services)
    location = path("billing-profiles", added.value.profile_id)
    return created(views.profile(added), location, etag=etag_of(added.version))


def _add_several(call: Call, document: object) -> func.HttpResponse:
    drafts = [body.to_domain() for body in checked(document, Profiles)]
    added = add_profiles(drafts, call.services)
    return created(views.listed(views.profile(one) for one in added), path("billing-profiles"))


def _shown(read: Versioned[BillingProfile]) -> func.HttpResponse:
    return ok(views.profile(read), etag=etag_of(read.version))
