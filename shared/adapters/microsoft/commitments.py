"""Partner Center's JSON as what the domain knows.

Numbers, texts and dates come in several forms; what is left out is ``None``, and never 0.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from shared.adapters.http.payload import Payload
from shared.adapters.microsoft.fields import cleaned, guid, lowered
from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import TenantId
from shared.domain.terms import TermLength

E = TypeVar("E", bound=StrEnum)

_RESELLER = "reseller"
_MICROSECOND = timedelta(microseconds=1)
_NO_YEARS = frozenset({"0001", "9999"})


def reseller_customers(rows: Iterable[Payload]) -> tuple[DirectoryTenant, ...]:
    """Return the customers that the partner resells to, by name.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind, or a customer came twice.
    """
    seen: set[str] = set()
    found: list[DirectoryTenant] = []
    for row in rows:
        tenant_id = TenantId(guid(row["id"]))
        if tenant_id in seen:
            raise UnexpectedPayloadError(f"{row.where}.id: came twice")
        seen.add(tenant_id)
        if lowered(row["relationshipToPartner"]) != _RESELLER:
            continue
        profile = row["companyProfile"]
        name = cleaned(profile["companyName"]) or tenant_id
        found.append(DirectoryTenant(tenant_id, name, cleaned(profile["domain"])))
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.tenant_id)))


def partner_subscriptions(rows: Iterable[Payload]) -> tuple[PartnerSubscription, ...]:
    """Return the subscriptions, in Partner Center's order.

    Raises:
        UnexpectedPayloadError: A field is of a wrong kind, or a subscription came twice.
    """
    found: dict[str, PartnerSubscription] = {}
    for row in rows:
        one = _subscription(row)
        if one.commerce_id in found:
            raise UnexpectedPayloadError(f"{row.where}.id: came twice")
        found[one.commerce_id] = one
    return tuple(found.values())


def _subscription(row: Payload) -> PartnerSubscription:
    commerce_id = guid(row["id"])
    scheduled = row["scheduledNextTermInstructions"]
    counts_seats = _counts_seats(row)
    next_quantity = None if scheduled.is_null else scheduled["quantity"].count_or_none()
    return PartnerSubscription(
        commerce_id=commerce_id,
        friendly_name=cleaned(row["friendlyName"]) or cleaned(row["offerName"]) or commerce_id,
        term=_term(row["termDuration"]),
        billing_cycle=_known(BillingCycle, lowered(row["billingCycle"])),
        commitment_end=_last_day(row),
        auto_renew=row["autoRenewEnabled"].flag_or_none(),
        quantity=row["quantity"].count_or_none() if counts_seats else None,
        status=_known(CommitmentStatus, lowered(row["status"])),
        is_trial=row["isTrial"].flag_or_none(),
        next_quantity=next_quantity if counts_seats else None,
    )


def _counts_seats(row: Payload) -> bool:
    """Return whether the quantity counts seats: Azure has one of ``Usage-based``."""
    billing, unit = lowered(row["billingType"]), lowered(row["unitType"]) or ""
    return billing == "license" or (billing != "usage" and unit.startswith("license"))


def _last_day(row: Payload) -> date | None:
    """Return the last day of the term: new offers name that day, old ones the moment after it."""
    field = row["commitmentEndDate"]
    if field.is_null:
        field = row["commitmentEndDateTime"]
    if field.is_null or field.text().strip()[:4] in _NO_YEARS:
        return None
    end = field.moment()
    return (end if _is_new_commerce(row) else end - _MICROSECOND).date()


def _is_new_commerce(row: Payload) -> bool:
    """Return whether the offer is a product, SKU and availability; old ones are one GUID."""
    return not row["productType"].is_null or ":" in (row["offerId"].text_or_none() or "")


def _term(duration: Payload) -> TermLength | None:
    try:
        return TermLength((duration.text_or_none() or "").strip().upper())
    except ValueError:
        return None  # none, or one that we do not know


def _known(kind: type[E], text: str | None) -> E | None:
    return next((member for member in kind if member.value == text), None)
