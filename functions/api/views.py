"""How domain values look as JSON, where their own fields do not say it all."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from functions.responses import etag_of, jsonable, told
from shared.domain.agreements import Agreement, Operation, in_words
from shared.domain.alerts import AlertKind
from shared.domain.approvals import Approval
from shared.domain.commerce import joined, owner_of
from shared.domain.custom import CopyOf, CustomLicense, EntraUsers, GroupMembers
from shared.domain.customers import Customer, UserFilter
from shared.domain.forecast import Forecast
from shared.domain.foreign_lines import ForeignLine
from shared.domain.history import Change
from shared.domain.licensing import LicenseRow, Subscription
from shared.domain.mappings import BillingProfile, Mapping
from shared.domain.plans import Plan
from shared.domain.preferences import Preferences
from shared.domain.preflight import AgreementReport
from shared.domain.reconciliation import ReconciledLine
from shared.domain.runs import Run, RunItem, Totals
from shared.domain.staleness import is_stale
from shared.domain.trends import Trend as SeatTrend
from shared.exact_json import Json
from shared.ports import Page, Versioned
from shared.usecases.alerts import AlertView
from shared.usecases.approve import Decided
from shared.usecases.configuration import (
    Configuration,
    CustomerConfiguration,
    ImportedItem,
)
from shared.usecases.coverage import Coverage, SkuCoverage
from shared.usecases.customers import Added, Candidate
from shared.usecases.foreign_lines import ForeignPreview
from shared.usecases.overview import Overview
from shared.usecases.preview import CustomerView, GroupPreview, RowView
from shared.usecases.reconcile import AllTotals, CustomerTotals
from shared.usecases.undo_run import Undone

T = TypeVar("T")
Object = dict[str, Json]


def listed(items: Iterable[Object], continuation: str | None = None) -> Object:
    """Return a list, or a page of one."""
    return {"items": list(items), "continuation": continuation}


def paged(page: Page[T], view: Callable[[T], Object]) -> Object:
    """Return a page of a list."""
    return listed((view(item) for item in page.items), page.continuation)


def versioned(view: Object, version: str) -> Object:
    """Return a view with the entity tag to send as If-Match."""
    return {**view, "etag": etag_of(version)}


# Customers and what they hold --------------------------------------------------------------------


def customer(value: Customer) -> Object:
    """A customer."""
    return {**_object(value), "filter": _filter(value.filter)}


def candidate(value: Candidate) -> Object:
    """A tenant that is no customer yet."""
    return {
        "microsoft": value.microsoft,
        "psa": value.psa,
        "tenant_id": value.tenant.tenant_id,
        "name": value.tenant.name,
        "domain": value.tenant.domain,
        "company": jsonable(value.company),
        "score": value.score,
        "why": value.why,
        "sure": value.sure,
    }


def added(value: Added) -> Object:
    """What became of one of several customers to add."""
    return {
        "outcome": value.outcome.value,
        "customer": None if value.customer is None else customer(value.customer),
        "problem": None if value.problem is None else jsonable(told(value.problem)),
    }


def licenses(view: CustomerView) -> Object:
    """The company page, with the age of its numbers."""
    rows = [_row(view, row) for row in view.rows]
    reading = view.partner
    return {
        **listed(rows),
        "customer_id": view.customer.customer_id,
        "read_at": jsonable(view.read_at),
        "age_seconds": None if view.age is None else int(view.age.total_seconds()),
        "stale": view.stale,
        "problem": view.problem,
        "partner_center": None
        if reading is None
        else {"read_at": jsonable(reading.read_at), "problem": reading.problem},
        "not_in_tenant": [_object(one) for one in view.not_in_tenant],
    }


def _row(view: CustomerView, shown: RowView) -> Object:
    row, preview = shown.row, shown.preview
    plan = None if preview is None else preview.plan
    reasons = [] if plan is None else [reason.text for reason in plan.reasons]
    if preview is not None and preview.problem:
        reasons = [preview.problem]
    if row.unknown:
        reasons = [row.unknown, *(one for one in reasons if row.unknown not in one)]
    return {
        "customer_id": view.customer.customer_id,
        "row_id": row.row_id,
        "kind": row.kind.value,
        "name": row.name,
        "sku_id": row.sku_id,
        "sku_part_number": row.sku_part_number,
        "active": shown.active,
        "consumed": None if row.counts is None else row.counts.consumed,
        "unassigned": None if row.counts is None else row.counts.unassigned,
        "held_by_disabled": row.disabled,
        "held_by_guests": row.guests,
        "counts": _counts(row),
        "subscriptions": [_subscription(view, one) for one in row.subscriptions],
        "mapping": _current(shown),
        "proposal": None if shown.proposal is None else _object(shown.proposal),
        "planned": _planned(plan),
        "psa_quantity": None if plan is None else plan.before,
        "state": shown.state,
        "reasons": reasons,
        "read_at": jsonable(view.read_at),
    }


def _current(shown: RowView) -> Object | None:
    if shown.mapping is None:
        return None
    return versioned(mapping(shown.mapping), shown.mapping_version or "")


def _planned(plan: Plan | None) -> Object | None:
    if plan is None or plan.needed is None:
        return None
    return {"quantity": plan.needed, "explanation": list(plan.explanation)}


def _counts(row: LicenseRow) -> Object | None:
    return None if row.counts is None else _object(row.counts)


def _subscription(view: CustomerView, value: Subscription) -> Object:
    """A subscription; its term and how that is known, and Partner Center's part of it."""
    said = view.customer.stated_term(value.subscription_id)
    found = joined(value, view.partner, None if said is None else said.length)
    owner = owner_of(value, view.customer.tenant_id, view.partner_tenant_id)
    return {
        **_object(value),
        "owned_by": None if owner is None else owner.value,
        "term": None if found.term is None else _object(found.term),
        "stated_by_person": None if said is None else _object(said),
        "ends": jsonable(found.ends),
        "partner": None if found.partner is None else _object(found.partner),
        "notes": list(found.notes),
    }


def _filter(value: UserFilter | None) -> Object | None:
    if value is None:
        return None
    return {name: accepted for name, accepted in _object(value).items() if accepted}


_SOURCES = {EntraUsers: "entra_users", GroupMembers: "group_members", CopyOf: "copy"}


def custom_license(value: CustomLicense) -> Object:
    """A custom licence: the fields that are sent, the row it is, and who saved it when."""
    source = value.source
    fields = {"row_ids": list(source.rows)} if isinstance(source, CopyOf) else _object(source)
    return {
        "customer_id": value.customer_id,
        "license_id": value.license_id,
        "row_id": value.row_id,
        "name": value.name,
        "source": {"kind": _SOURCES[type(source)], **fields},
        "saved_by": value.saved_by,
        "saved_at": jsonable(value.saved_at),
    }


def coverage(value: Coverage) -> Object:
    """A tenant's users over its customers; numbers only, and no names of users."""
    found = value.tally
    return {
        "customer_id": value.customer.customer_id,
        "tenant_id": value.customer.tenant_id,
        "shared": value.shared,
        "read_at": None if found is None else jsonable(found.taken_at),
        "consumed_at": jsonable(value.snapshot_at),
        "problem": value.problem,
        "users": None
        if found is None
        else {
            "licensed": found.users,
            "in_none": found.users_in_none,
            "in_several": found.users_in_several,
        },
        "customers": [_sharing(value, one) for one in value.customers],
        "overlaps": [
            {"customer_ids": list(one.customers), "users": one.users} for one in value.overlaps
        ],
        "skus": [_sku_coverage(one) for one in value.skus],
        "total": None if found is None else _sku_coverage(value.total),
    }


def _sharing(value: Coverage, one: Customer) -> Object:
    share = None if value.tally is None else value.tally.share_of(one.customer_id)
    return {
        "customer_id": one.customer_id,
        "name": one.name,
        "state": one.state.value,
        "filter": _filter(one.filter),
        "accept_overlap": one.accept_overlap,
        "users": None if share is None or share.filter != one.filter else share.users,
    }


def _sku_coverage(value: SkuCoverage) -> Object:
    return {
        "sku_id": value.sku_id,
        "name": value.name,
        "consumed": value.consumed,
        "assigned": value.assigned,
        "in_customers": value.billed,
        "adds_up": value.adds_up,
        "in_none": value.in_none,
        "in_several": value.in_several,
        "held_by_disabled": value.disabled,
        "held_by_guests": value.guests,
        "customers": [
            {"customer_id": customer_id, "seats": seats} for customer_id, seats in value.by_customer
        ],
    }


# Profiles, mappings and plans --------------------------------------------------------------------


def profile(value: Versioned[BillingProfile]) -> Object:
    """A billing profile."""
    return versioned(_object(value.value), value.version)


def mapping(value: Mapping) -> Object:
    """A mapping: the fields that are sent, and who saved it when."""
    return _object(value)


def preview(value: GroupPreview) -> Object:
    """A line group's plan: what a sync would send, or why nothing."""
    plan = value.plan
    shown: Object = {
        "group_id": value.group_id,
        "agreement_id": value.members[0].mapping.agreement_id if value.members else None,
        "agreement": None if value.agreement is None else agreement(value.agreement),
        "rows": [
            {
                "row_id": member.row_id,
                "name": member.name,
                "quantity": member.billed.seats,
                "explanation": list(member.billed.steps),
            }
            for member in value.members
        ],
    }
    if plan is None:
        return {
            **shown,
            "status": "unknown",
            **dict.fromkeys(("before", "after", "needed", "previous")),
            "reasons": [{"kind": "unreadable", "text": value.problem}],
            "explanation": [],
            "operations": [],
            "credits_due": [],
            "next_invoice": None,
        }
    return {
        **shown,
        "status": plan.status.value,
        "product_id": plan.group.product_id,
        "before": plan.before,
        "after": plan.after,
        "needed": plan.needed,
        "previous": plan.previous,
        "reasons": jsonable(plan.reasons),
        "explanation": list(plan.explanation),
        "operations": [operation(one) for one in plan.operations],
        "credits_due": jsonable(plan.credits_due),
        "next_invoice": None if value.forecast is None else forecast(value.forecast),
    }


def forecast(value: Forecast) -> Object:
    """What a line group adds to the next invoice; fractions as text, such as 15/31."""
    return {
        "period_start": jsonable(value.period_start),
        "period_end": jsonable(value.period_end),
        "items": [{**_object(item), "share": str(item.share)} for item in value.items],
        "total": jsonable(value.total),
    }


def operation(value: Operation) -> Object:
    """An operation with exactly the fields that would be sent, and what it does in words."""
    return {"operation": type(value).__name__, **_object(value), "in_words": in_words(value)}


def agreement(value: Agreement) -> Object:
    """An agreement's header."""
    return {
        "agreement_id": value.agreement_id,
        "company_id": value.company_id,
        "name": value.name,
        "type": value.type_name,
        "active": value.active,
        "starts": jsonable(value.starts),
        "ends": jsonable(value.ends),
        "cycle": value.cycle_name,
        "first_uninvoiced": jsonable(value.first_uninvoiced),
        "next_invoice": jsonable(value.next_invoice),
        "prorates": value.prorates,
        "problem": value.problem,
        "parent_id": value.parent_id,
        "read_at": jsonable(value.read_at),
    }


def preflight(value: AgreementReport) -> Object:
    """The pre-flight of an agreement, its worst finding first."""
    header = value.agreement
    return {
        "agreement_id": value.agreement_id,
        "company_id": value.company_id,
        "agreement": None if header is None else agreement(header),
        "customer_ids": list(value.customer_ids),
        "worst": jsonable(value.worst),
        "findings": jsonable(value.findings),
    }


def foreign(value: ForeignPreview) -> Object:
    """Lines of another tool, with what would happen to each."""
    return {
        **listed(_foreign_line(one) for one in value.lines),
        "unread": jsonable(value.unread),
        "fingerprint": value.fingerprint,
    }


def _foreign_line(value: ForeignLine) -> Object:
    line = value.line
    return {
        "customer_id": value.customer_id,
        "agreement_id": value.agreement_id,
        "agreement_name": value.agreement_name,
        "line_id": line.line_id,
        "product_id": line.product_id,
        "name": line.product_name or line.description,
        "marker": line.marker,
        "quantity": line.quantity,
        "starts": jsonable(line.starts),
        "ends": jsonable(line.ends),
        "outcome": value.outcome.value,
        "text": value.text,
        "warnings": list(value.warnings),
    }


# What happened -----------------------------------------------------------------------------------


def change(value: Change) -> Object:
    """An entry of the history."""
    return _with_rows(_object(value))


def decided(value: Decided) -> Object:
    """What became of one of several decisions."""
    return _object(value)


def approval(value: Approval) -> Object:
    """A held plan."""
    return {"approval_id": value.approval_id, **_with_rows(_object(value))}


def alert(value: AlertView) -> Object:
    """An alert, and who dismissed it for how long."""
    shown = _object(value.alert)
    del shown["matter"]
    said = value.dismissal
    return {
        "alert_id": value.alert.alert_id,
        **shown,
        "state": value.state.value,
        "dismissal": None
        if said is None
        else {
            "reason": said.reason,
            "by": said.by,
            "at": jsonable(said.at),
            "until": jsonable(said.until),
        },
    }


def run(value: tuple[Run, Totals]) -> Object:
    """A run with its totals."""
    shown, totals = value
    view = _object(shown)
    del view["totals"]
    return {**view, "items": _object(totals)}


def undone(value: Undone) -> Object:
    """What became of a line group that was to be undone."""
    return _object(value)


def run_item(value: RunItem) -> Object:
    """An item of a run; its message stays inside."""
    view = _with_rows(_object(value))
    del view["message"]
    return {"item_id": value.item_id, **view}


def settings(value: Preferences) -> Object:
    """What the Admins set; the routing of every kind, as it is now."""
    routing = value.alert_routing
    kinds = {kind.value: routing.of(kind).value for kind in AlertKind}
    return {**_object(value), "alert_routing": {"kinds": kinds, "hour": routing.hour}}


# The reconciliation ------------------------------------------------------------------------------


def reconciled(value: ReconciledLine, now: datetime) -> Object:
    """A line as it was last seen; amounts are for its period unless they say a month."""
    return {
        **_with_rows(_object(value)),
        "difference": value.difference,
        "amount": value.amount,
        "difference_amount": value.difference_amount,
        "cost": value.cost,
        "margin": value.margin,
        "amount_a_month": value.a_month(value.amount),
        "difference_a_month": value.a_month(value.difference_amount),
        "margin_a_month": value.a_month(value.margin),
        "stale": is_stale(value.checked_at, now),
    }


def all_totals(value: AllTotals) -> Object:
    """Everything together, by PSA connection."""
    return _object(value)


def customer_totals(value: CustomerTotals) -> Object:
    """A customer's lines together."""
    return _object(value)


def trend(value: SeatTrend) -> Object:
    """Values by day."""
    return _object(value)


def overview(value: Overview, next_cycle: datetime | None) -> Object:
    """What is going on; the alerts are only counted."""
    last = value.last_cycle
    return {
        "approvals": paged(value.approvals, approval),
        "alerts": [{"kind": one.kind, "total": one.total} for one in value.alerts],
        "last_cycle": None if last is None else run(last),
        "next_cycle": next_cycle,
        "managed": [
            {
                **_object(one),
                "seats": one.known_seats,
                "amount": one.known_amount,
            }
            for one in value.managed
        ],
        "managed_since": value.managed_since,
    }


# The configuration as a file --------------------------------------------------------------------


def configuration(value: Configuration, schema: int) -> Object:
    """What people decided, in the form that is imported: without who and when."""
    exclusions, customers = value.exclusions, value.customers or ()
    return {
        "schema": schema,
        "settings": None if value.preferences is None else settings(value.preferences),
        "exclusions": None if exclusions is None else [_object(one) for one in exclusions],
        "billing_profiles": [_object(one) for one in value.profiles or ()],
        "customers": [_configured(one) for one in customers],
    }


def imported(value: ImportedItem) -> Object:
    """What becomes of an item of a configuration."""
    return _object(value)


def _configured(value: CustomerConfiguration) -> Object:
    own = customer(value.customer)
    return {
        **_without(own, "added_by", "added_at"),
        "terms": [_without(_object(one), "said_by", "said_at") for one in value.customer.terms],
        "custom_licenses": [
            {
                **_without(custom_license(one), *_OWNER, "row_id", "saved_by", "saved_at"),
                "retired": one.retired,
            }
            for one in value.custom_licenses
        ],
        "mappings": [
            _without(mapping(one), *_OWNER, "saved_by", "saved_at") for one in value.mappings
        ],
        "excluded_rows": [
            _without(_object(one), *_OWNER, "excluded_by", "excluded_at")
            for one in value.excluded_rows
        ],
    }


_OWNER = ("customer_id",)


def _without(view: Object, *names: str) -> Object:
    return {name: value for name, value in view.items() if name not in names}


def _with_rows(view: Object) -> Object:
    """Name the first row as ``row_id``: nearly every line group has only one."""
    rows = view.pop("rows")
    return {**view, "row_id": rows[0] if rows else None, "row_ids": rows}


def _object(value: object) -> Object:
    found: Object = jsonable(value)
    return found
