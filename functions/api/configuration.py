"""``/api/configuration``: what people decided, as one file; it has no secrets and no state."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field

from functions.api import shapes, views
from functions.api.custom_licenses import CustomLicenseBody
from functions.api.customers import FilterBody
from functions.api.mappings import MappingBody
from functions.api.profiles import ProfileBody
from functions.api.settings import SettingsBody
from functions.auth import Role
from functions.bodies import Body, Day, Flag, Guid, Key, Name, Note, RowIdText, example
from functions.contracts import flag
from functions.endpoints import Call, endpoint
from functions.responses import ok
from shared.domain.custom import CustomLicense
from shared.domain.customers import Customer, CustomerState, StatedTerm
from shared.domain.errors import InvalidInputError
from shared.domain.ids import (
    AgreementId,
    CompanyId,
    ConnectionName,
    CustomerId,
    CustomLicenseId,
    ProfileId,
    RowId,
    SkuId,
    SubscriptionId,
    TenantId,
)
from shared.domain.mappings import GlobalExclusion, Mapping, RowExclusion
from shared.domain.terms import TermLength
from shared.usecases.configuration import (
    Action,
    Configuration,
    CustomerConfiguration,
    export_configuration,
    import_configuration,
)

blueprint = func.Blueprint()

ROUTE = "api/configuration"
SCHEMA = 1
LARGEST_FILE = 64 * 1024 * 1024
MOST_CUSTOMERS = 20_000
MOST_ROWS = 2000


class ConfiguredExclusion(Body):
    """A SKU that no customer is billed for."""

    sku_id: Guid
    reason: Note = ""


class ConfiguredProfile(ProfileBody):
    """A billing profile with its id, which mappings name."""

    model_config = example(
        profile_id="e5-monthly", name="E5 - Monthly", psa="main", product_id="101"
    )

    profile_id: Key


class ConfiguredTerm(Body):
    """What a person said of a subscription's term."""

    subscription_id: Guid
    length: TermLength


class ConfiguredLicense(CustomLicenseBody):
    """A custom licence with its id, which its row is named by."""

    model_config = example(
        license_id="managed", name="Managed users", source={"kind": "entra_users"}
    )

    license_id: Annotated[str, Field(pattern=r"^[a-z0-9]{1,40}$")]
    retired: Flag = False

    def to_custom_license(self, customer_id: CustomerId, actor: str, at: datetime) -> CustomLicense:
        """Return the custom licence."""
        draft = self.to_draft()
        return CustomLicense(
            customer_id=customer_id,
            license_id=CustomLicenseId(self.license_id),
            name=draft.name,
            source=draft.source,
            saved_by=actor,
            saved_at=at,
            retired=self.retired,
        )


class ConfiguredMapping(MappingBody):
    """A row's mapping; with ``effective_to`` one that it left."""

    model_config = example(
        row_id="sku-06ebc4ee-1bb5-47dd-8120-11324bc54e06",
        profile_id="e5-monthly",
        agreement_id="7001",
    )

    row_id: RowIdText
    effective_from: Day | None = None
    effective_to: Day | None = None

    def to_mapping(self, customer_id: CustomerId, actor: str, at: datetime) -> Mapping:
        """Return the mapping."""
        draft = self.to_draft()
        return Mapping(
            customer_id=customer_id,
            row_id=RowId(self.row_id),
            profile_id=ProfileId(draft.profile_id),
            agreement_id=AgreementId(draft.agreement_id),
            included=draft.included,
            minimum=draft.minimum,
            negative_prorate=draft.negative_prorate,
            override_start=draft.override_start,
            description=draft.description,
            grace=draft.grace,
            count_trials=draft.count_trials,
            existing_line=draft.existing_line,
            on_drift=draft.on_drift,
            saved_by=actor,
            saved_at=at,
            effective_from=self.effective_from,
            effective_to=self.effective_to,
        )


class ConfiguredRowExclusion(Body):
    """A row that is never billed."""

    row_id: RowIdText
    leave_line: Flag = False


class ConfiguredCustomer(Body):
    """A customer with all that people decided about its rows."""

    customer_id: Key
    name: Name
    microsoft: Key
    tenant_id: Guid
    psa: Key
    company_id: Key
    filter: FilterBody | None = None
    state: Literal["active", "paused"] = "active"
    split: Annotated[tuple[Guid, ...], Field(max_length=MOST_ROWS)] = ()
    merged: Annotated[tuple[Guid, ...], Field(max_length=MOST_ROWS)] = ()
    accept_overlap: Flag = False
    terms: Annotated[tuple[ConfiguredTerm, ...], Field(max_length=MOST_ROWS)] = ()
    custom_licenses: Annotated[tuple[ConfiguredLicense, ...], Field(max_length=MOST_ROWS)] = ()
    mappings: Annotated[tuple[ConfiguredMapping, ...], Field(max_length=MOST_ROWS)] = ()
    excluded_rows: Annotated[tuple[ConfiguredRowExclusion, ...], Field(max_length=MOST_ROWS)] = ()

    def to_domain(self, actor: str, at: datetime) -> CustomerConfiguration:
        """Return the customer; whoever imports it is who decides."""
        customer_id = CustomerId(self.customer_id)
        customer = Customer(
            customer_id=customer_id,
            name=self.name,
            microsoft=ConnectionName(self.microsoft),
            tenant_id=TenantId(self.tenant_id),
            psa=ConnectionName(self.psa),
            company_id=CompanyId(self.company_id),
            filter=None if self.filter is None else self.filter.to_domain(),
            state=CustomerState(self.state),
            split=frozenset(map(SkuId, self.split)),
            added_by=actor,
            added_at=at,
            accept_overlap=self.accept_overlap,
            merged=frozenset(map(SkuId, self.merged)),
            terms=tuple(
                StatedTerm(SubscriptionId(one.subscription_id), one.length, actor, at)
                for one in self.terms
            ),
        )
        return CustomerConfiguration(
            customer=customer,
            custom_licenses=tuple(
                one.to_custom_license(customer_id, actor, at) for one in self.custom_licenses
            ),
            mappings=tuple(one.to_mapping(customer_id, actor, at) for one in self.mappings),
            excluded_rows=tuple(
                RowExclusion(customer_id, RowId(one.row_id), one.leave_line, actor, at)
                for one in self.excluded_rows
            ),
        )


class ConfigurationBody(Body):
    """The file. A part that is absent or ``null`` stays as it is."""

    model_config = example(
        schema=SCHEMA,
        billing_profiles=[
            {"profile_id": "e5-monthly", "name": "E5 - Monthly", "psa": "main", "product_id": "101"}
        ],
        customers=[
            {
                "customer_id": "contoso",
                "name": "Contoso",
                "microsoft": "main",
                "tenant_id": "11111111-1111-4111-8111-111111111111",
                "psa": "main",
                "company_id": "250",
                "mappings": [
                    {
                        "row_id": "sku-06ebc4ee-1bb5-47dd-8120-11324bc54e06",
                        "profile_id": "e5-monthly",
                        "agreement_id": "7001",
                    }
                ],
            }
        ],
    )

    version: Annotated[Literal[1], Field(alias="schema")]
    settings: SettingsBody | None = None
    exclusions: Annotated[tuple[ConfiguredExclusion, ...], Field(max_length=2000)] | None = None
    billing_profiles: (
        Annotated[tuple[ConfiguredProfile, ...], Field(max_length=MOST_ROWS)] | None
    ) = None
    customers: (
        Annotated[tuple[ConfiguredCustomer, ...], Field(max_length=MOST_CUSTOMERS)] | None
    ) = None

    def to_domain(self, actor: str, at: datetime) -> Configuration:
        """Return the configuration.

        Raises:
            InvalidInputError: Something is named twice.
        """
        _check_once(self)
        return Configuration(
            preferences=None if self.settings is None else self.settings.to_domain(),
            exclusions=None
            if self.exclusions is None
            else tuple(GlobalExclusion(SkuId(x.sku_id), x.reason) for x in self.exclusions),
            profiles=None
            if self.billing_profiles is None
            else tuple(one.to_domain(one.profile_id) for one in self.billing_profiles),
            customers=None
            if self.customers is None
            else tuple(one.to_domain(actor, at) for one in self.customers),
        )


@endpoint(blueprint, "GET", ROUTE, role=Role.VIEWER, gives=ConfigurationBody)
def export_everything(call: Call) -> func.HttpResponse:
    """Return all that people decided, in a stable order: profiles, mappings, exclusions, customers,
    custom licences and settings. Secrets, ledgers and history are not in it.
    """
    return ok(views.configuration(export_configuration(call.services), SCHEMA))


@endpoint(
    blueprint,
    "POST",
    ROUTE,
    role=Role.ADMIN,
    gives=shapes.Imported,
    takes=ConfigurationBody,
    query=(
        flag("dry_run", "Only say what would become of each item."),
        flag("remove", "Also remove what the file does not name."),
    ),
)
def import_everything(call: Call) -> func.HttpResponse:
    """Bring the configuration to what the file says, all or nothing; lines are never touched."""
    wanted = call.body(ConfigurationBody, most=LARGEST_FILE)
    dry_run = call.flag("dry_run")
    items = import_configuration(
        wanted.to_domain(call.actor, call.services.clock.now()),
        call.services,
        remove=call.flag("remove"),
        dry_run=dry_run,
        actor=call.actor,
    )
    counts = Counter(one.action for one in items)
    shown = (views.imported(one) for one in items if one.action is not Action.UNCHANGED)
    return ok(
        {
            "dry_run": dry_run,
            "counts": {action.value: counts[action] for action in Action},
            **views.listed(shown),
        }
    )


def _check_once(file: ConfigurationBody) -> None:
    """Return at once when no id is given twice."""
    seen: dict[tuple[str, ...], str] = {}
    errors: dict[str, str] = {}

    def once(place: str, *key: str) -> None:
        if key in seen:
            errors[place] = f"is the same as {seen[key]}"
        seen.setdefault(key, place)

    for number, profile in enumerate(file.billing_profiles or ()):
        once(f"billing_profiles.{number}.profile_id", "profile", profile.profile_id)
    for number, exclusion in enumerate(file.exclusions or ()):
        once(f"exclusions.{number}.sku_id", "exclusion", exclusion.sku_id)
    for number, customer in enumerate(file.customers or ()):
        place, own = f"customers.{number}", customer.customer_id
        once(f"{place}.customer_id", "customer", own)
        for place_of, one in enumerate(customer.custom_licenses):
            once(f"{place}.custom_licenses.{place_of}.license_id", "custom", own, one.license_id)
        for place_of, row in enumerate(customer.excluded_rows):
            once(f"{place}.excluded_rows.{place_of}.row_id", "excluded", own, row.row_id)
        for place_of, mapping in enumerate(customer.mappings):
            last = "" if mapping.effective_to is None else mapping.effective_to.isoformat()
            target = (mapping.profile_id, mapping.agreement_id) if last else ()
            key = ("mapping", own, mapping.row_id, last, *target)
            once(f"{place}.mappings.{place_of}.row_id", *key)
    if errors:
        raise InvalidInputError(errors)
